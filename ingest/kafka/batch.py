"""A batch: the records between two writes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from aiokafka import ConsumerRecord, TopicPartition

from panelstream.ingest.kafka import records
from panelstream.models.events.event import Position

KafkaRecord: TypeAlias = ConsumerRecord[bytes, bytes]


@dataclass
class RecordBatch:
    """Records since the last write, and the next offset of each partition."""

    records: list[KafkaRecord] = field(default_factory=list)
    unreadable: list[Position] = field(default_factory=list)
    offsets: dict[TopicPartition, int] = field(default_factory=dict)
    size: int = 0
    """Bytes of the values."""

    def add(self, partition: TopicPartition, fetched: Sequence[KafkaRecord]) -> None:
        """Add records of one partition, in their order."""
        self.records.extend(fetched)
        self.offsets[partition] = fetched[-1].offset + 1
        self.size += sum(len(record.value or b"") for record in fetched)

    def add_unreadable(self, partition: TopicPartition, offset: int) -> None:
        """Add a record that cannot be decoded."""
        origin = records.origin(partition.topic, partition.partition)
        self.unreadable.append(Position(origin, offset))
        self.offsets[partition] = offset + 1

    def by_position(self) -> dict[tuple[str, int], KafkaRecord]:
        """The records by origin and offset."""
        return {record_key(records.position(record)): record for record in self.records}


def record_key(position: Position) -> tuple[str, int]:
    """What identifies the record of an event: its origin and offset."""
    return position.origin, position.line
