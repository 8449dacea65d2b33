"""A batch: the records between two writes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from aiokafka import ConsumerRecord, TopicPartition

from panelstream.ingest.kafka import records
from panelstream.ingest.kafka.log_positions import LogPosition, OpenGap
from panelstream.models.events.event import Position
from panelstream.models.events.log_gap import GapReason, LogGap

KafkaRecord: TypeAlias = ConsumerRecord[bytes, bytes]


@dataclass
class RecordBatch:
    """Records since the last write, the positions after them, and gaps before them."""

    records: list[KafkaRecord] = field(default_factory=list)
    unreadable: list[Position] = field(default_factory=list)
    positions: dict[TopicPartition, LogPosition] = field(default_factory=dict)
    gaps: list[OpenGap] = field(default_factory=list)
    size: int = 0
    """Bytes of the values."""

    @property
    def topic_id(self) -> str:
        """The id of the topic, as it was last looked up; empty for an empty batch."""
        return next((entry.topic_id for entry in self.positions.values()), "")

    @property
    def has_events(self) -> bool:
        """Whether there is anything to store."""
        return bool(self.records or self.unreadable)

    @property
    def oldest(self) -> float | None:
        """The time of the oldest record, in seconds."""
        times = [record.timestamp for record in self.records]
        return min(times) / 1000 if times else None

    def add(self, fetched: Sequence[KafkaRecord]) -> None:
        """Add records of one partition, in their order."""
        self.records.extend(fetched)
        self.size += sum(len(record.value or b"") for record in fetched)

    def add_unreadable(self, partition: TopicPartition, position: LogPosition) -> None:
        """Add a record that cannot be decoded: the one at the position."""
        origin = records.origin(partition.topic, partition.partition)
        place = Position(origin, position.offset, origin_id=position.topic_id)
        self.unreadable.append(place)

    def add_gap(
        self,
        partition: TopicPartition,
        before: LogPosition,
        position: LogPosition,
        reason: GapReason,
    ) -> None:
        """Add a gap: the log does not continue at `before`, but at `position`."""
        until = position.offset if reason == "retention" else before.offset
        gap = OpenGap(
            partition, before.offset, until, before.time, reason, len(self.records)
        )
        self.gaps.append(gap)

    def closed_gaps(self, now: datetime) -> list[LogGap]:
        """The gaps, each up to the first record that was read after it."""
        return [gap.closed(self._time_after(gap), now) for gap in self.gaps]

    def _time_after(self, gap: OpenGap) -> int | None:
        following = self.records[gap.rank :]
        times = [
            record.timestamp
            for record in following
            if (record.topic, record.partition) == gap.partition
        ]
        return times[0] if times else None

    def by_position(self) -> dict[tuple[str, int], KafkaRecord]:
        """The records by origin and offset."""
        return {record_key(records.position(record)): record for record in self.records}


def record_key(position: Position) -> tuple[str, int]:
    """What identifies the record of an event: its origin and offset."""
    return position.origin, position.line
