"""The positions of the assigned partitions, each checked against the log before use."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from panelstream.ingest.kafka import clients
from panelstream.ingest.kafka.batch import KafkaRecord, RecordBatch
from panelstream.ingest.kafka.log_positions import (
    LogPosition,
    TopicLog,
    find_gap,
    first_position,
    restart,
)
from panelstream.ingest.kafka.offsets import Offsets
from panelstream.models.events.log_gap import GapReason, ReadPosition
from panelstream.models.settings.kafka import KafkaSettings

Recall = Callable[[], Awaitable[Sequence[ReadPosition]]]
"""Asks the warehouse how far the topic had been read."""

_PATIENCE = 5.0
"""Seconds for the last records to be fetched; a log that has none left is not older."""
_FETCH_MS = 100


class CheckedPositions:
    """What is read of each partition; none is read before it was checked."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        settings: KafkaSettings,
        offsets: Offsets,
        recall: Recall,
    ) -> None:
        self._consumer, self._settings = consumer, settings
        self._offsets, self._recall = offsets, recall
        self._positions: dict[TopicPartition, LogPosition] = {}
        self._suspects: set[TopicPartition] = set()

    def __contains__(self, partition: TopicPartition) -> bool:
        return partition in self._positions and partition not in self._suspects

    @property
    def unchecked(self) -> set[TopicPartition]:
        """Partitions of this worker that are new or suspect."""
        return {entry for entry in self._consumer.assignment() if entry not in self}

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Partitions that may be another worker's: they begin at their next commit."""
        for partition in partitions:
            self._positions.pop(partition, None)

    def suspect(self, partition: TopicPartition) -> None:
        """A partition whose log may not continue is checked before more is read."""
        self._suspects.add(partition)

    async def inspect(self) -> None:
        """Suspect the partitions whose log does not continue where they are read.

        Raises `Unreachable` while Kafka cannot be asked.
        """
        positions = dict(self._positions)
        log = await asyncio.to_thread(clients.read_log, self._settings)
        self._suspects.update(
            partition
            for partition, position in positions.items()
            if partition.partition in log
            and find_gap(position, log, partition.partition)
        )

    async def advance(
        self, partition: TopicPartition, fetched: Sequence[KafkaRecord]
    ) -> LogPosition | None:
        """The position after records, and after offsets that hold none.

        None if it is where it was, or the partition was reassigned meanwhile.
        """
        previous = self._positions.get(partition)
        with contextlib.suppress(IllegalStateError):
            offset = await self._consumer.position(partition)
            if previous is None or previous is not self._positions.get(partition):
                return None
            if fetched:
                last = fetched[-1]
                position = previous.after(last.offset, last.timestamp, offset)
            else:
                position = replace(previous, offset=max(offset, previous.offset))
            self._positions[partition] = position
            return None if position == previous else position
        return None

    async def check(self, batch: RecordBatch) -> None:
        """Check what is new or suspect; gaps, and positions after them, join a batch.

        Raises `Unreachable` or `KafkaError` while Kafka cannot be asked.
        """
        unchecked = self.unchecked
        if not unchecked:
            return
        log = await asyncio.to_thread(clients.read_log, self._settings)
        # A topic that is just being deleted or created has none yet: later.
        unchecked = {entry for entry in unchecked if entry.partition in log}
        previous = await self._last_positions(unchecked, log)
        gaps = {
            part: find_gap(previous[part], log, part.partition) for part in unchecked
        }
        gaps |= await self._replaced(
            {part: previous[part] for part in unchecked if not gaps[part]}, log
        )
        for partition, position in previous.items():
            with contextlib.suppress(IllegalStateError):
                self._begin(partition, position, log, gaps[partition], batch)
        self._suspects -= unchecked

    async def _last_positions(
        self, partitions: Collection[TopicPartition], log: TopicLog
    ) -> dict[TopicPartition, LogPosition]:
        """Where partitions are to be read on: by us, the group's commits, the warehouse."""
        uncommitted = [
            partition
            for partition in partitions
            if partition not in self._positions
            and partition.partition not in log.commits
        ]
        recalled = {
            TopicPartition(stored.topic, stored.partition): LogPosition.recall(stored)
            for stored in (await self._recall() if uncommitted else ())
        }
        now = int(time.time() * 1000)
        first = {part: first_position(log, part.partition, now) for part in uncommitted}
        committed = {
            TopicPartition(self._settings.topic, number): LogPosition.parse(commit)
            for number, commit in log.commits.items()
        }
        positions = first | recalled | committed | self._positions
        return {partition: positions[partition] for partition in partitions}

    def _begin(
        self,
        partition: TopicPartition,
        previous: LogPosition,
        log: TopicLog,
        reason: GapReason | None,
        batch: RecordBatch,
    ) -> None:
        is_new = (
            partition not in self._positions and partition.partition not in log.commits
        )
        position = replace(previous, topic_id=log.topic_id)
        if reason or is_new:
            position = restart(previous, log, partition.partition, reason)
        if reason:
            batch.add_gap(partition, previous, position, reason)
        self._consumer.seek(partition, position.offset)
        self._positions[partition] = position
        batch.positions[partition] = position
        self._offsets.begin(partition, position)

    async def _replaced(
        self, positions: Mapping[TopicPartition, LogPosition], log: TopicLog
    ) -> dict[TopicPartition, GapReason]:
        """Partitions that do not hold the record any more that was read last."""
        retained = {
            partition: position
            for partition, position in positions.items()
            if position.last_offset >= log.starts[partition.partition]
        }
        records = await self._fetch(
            {part: position.last_offset for part, position in retained.items()}
        )
        return {
            partition: "log_lost"
            for partition, record in records.items()
            if record is None
            or record.offset != retained[partition].last_offset
            or record.timestamp != retained[partition].time
        }

    async def _fetch(
        self, offsets: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, KafkaRecord | None]:
        """The records at offsets, or the next ones; None: there is none any more.

        Without partitions that did not answer in time, or cannot be decoded.
        """
        records: dict[TopicPartition, KafkaRecord | None] = {}
        with contextlib.suppress(IllegalStateError):
            for partition, offset in offsets.items():
                self._consumer.seek(partition, offset)
        end, pending = time.monotonic() + _PATIENCE, set(offsets)
        while pending and time.monotonic() < end:
            for partition in sorted(pending):
                try:
                    fetched = await self._consumer.getmany(
                        partition, timeout_ms=_FETCH_MS, max_records=1
                    )
                except Exception as error:
                    if isinstance(error, KafkaError) and not clients.is_undecodable(
                        error
                    ):
                        raise
                    pending.discard(partition)
                    continue
                if partition in fetched:
                    records[partition] = fetched[partition][0]
                    pending.discard(partition)
                elif await self._consumer.position(partition) > offsets[partition]:
                    # What is there are ends of transactions, or what they took back.
                    records[partition] = None
                    pending.discard(partition)
        return records
