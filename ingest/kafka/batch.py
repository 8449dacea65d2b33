"""A batch: the records between two writes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from aiokafka import ConsumerRecord, TopicPartition

from panelstream.ingest.kafka import records
from panelstream.ingest.kafka.log_positions import (
    TICK,
    LogPosition,
    OpenGap,
    instant,
)
from panelstream.models.events.event import Position
from panelstream.models.events.log_gap import GapReason, LogGap
from panelstream.models.events.unknown_period import Period, period_before

KafkaRecord: TypeAlias = ConsumerRecord[bytes, bytes]


@dataclass(frozen=True)
class UnreadableRecord:
    """A record that cannot be decoded, of which even the time is unknown.

    `time`: of the last record before it, in milliseconds, if one was read; `rank`: how
    many records of the batch were read before it.
    """

    partition: TopicPartition
    position: Position
    time: int | None
    rank: int


@dataclass
class RecordBatch:
    """Records since the last write, the positions after them, and gaps before them."""

    records: list[KafkaRecord] = field(default_factory=list)
    unreadable: list[UnreadableRecord] = field(default_factory=list)
    positions: dict[TopicPartition, LogPosition] = field(default_factory=dict)
    gaps: list[OpenGap] = field(default_factory=list)
    size: int = 0
    """Bytes of the values."""

    @property
    def log_ids(self) -> dict[str, str]:
        """The id of the log of each partition, by the partition's name in positions."""
        return {
            records.origin(partition.topic, partition.partition): position.log_id
            for partition, position in self.positions.items()
        }

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
        place = Position(origin, position.offset, origin_id=position.log_id)
        self.unreadable.append(
            UnreadableRecord(partition, place, position.time, len(self.records))
        )

    def add_gap(
        self,
        partition: TopicPartition,
        before: LogPosition,
        position: LogPosition,
        reason: GapReason,
    ) -> None:
        """Add a gap: the log does not continue at `before`, but at `position`.

        Nothing is read of a partition before its gap is in the batch.
        """
        until = position.offset if reason == "retention" else before.offset
        self.gaps.append(OpenGap(partition, before.offset, until, before.time, reason))

    def closed_gaps(self, now: datetime) -> list[LogGap]:
        """The gaps, each up to the first record that was read after it."""
        return [
            gap.closed(self._time_after(gap.partition, 0), now) for gap in self.gaps
        ]

    def unreadable_periods(self, now: datetime) -> dict[Position, Period | None]:
        """When the events of each unreadable record took place; None: at any time."""
        return {entry.position: self._period(entry, now) for entry in self.unreadable}

    def _period(self, entry: UnreadableRecord, now: datetime) -> Period | None:
        """From a day before the last record before it to the first one after it."""
        following = self._time_after(entry.partition, entry.rank)
        if entry.time is None:
            return None
        start, _ = period_before(instant(entry.time))
        end = now if following is None else instant(following)
        return start, max(end, instant(entry.time)) + TICK

    def _time_after(self, partition: TopicPartition, rank: int) -> int | None:
        following = self.records[rank:]
        times = [
            record.timestamp
            for record in following
            if (record.topic, record.partition) == partition
        ]
        return times[0] if times else None

    def by_position(self) -> dict[tuple[str, int], KafkaRecord]:
        """The records by origin and offset."""
        return {record_key(records.position(record)): record for record in self.records}


def record_key(position: Position) -> tuple[str, int]:
    """What identifies the record of an event: its origin and offset."""
    return position.origin, position.line
