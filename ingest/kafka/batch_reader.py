"""The first step of a worker: records from Kafka become a batch."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from panelstream.ingest.kafka.batch import RecordBatch
from panelstream.ingest.kafka.position_check import CheckedPositions
from panelstream.ingest.kafka.record_fetcher import RecordFetcher
from panelstream.ingest.kafka.retries import Lifetime, Retries
from panelstream.models.errors import Unreachable
from panelstream.models.settings.kafka import WorkerSettings

_AWAY = (Unreachable, KafkaError)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.02
"""Between two looks at a client that had nothing: short while it fetches."""


class BatchReader:
    """Reads batches that are bounded by bytes and by age."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        positions: CheckedPositions,
        settings: WorkerSettings,
        lifetime: Lifetime,
        retries: Retries,
    ) -> None:
        self._consumer, self._settings = consumer, settings
        self._positions, self._lifetime, self._retries = positions, lifetime, retries
        self._fetcher = RecordFetcher(consumer)

    async def read_batch(
        self, batch: RecordBatch, when_idle: Callable[[], Awaitable[None]]
    ) -> None:
        """Fill a batch until it is large, old, or the worker is told to stop.

        `when_idle` runs while there is nothing to read. What was read of a log is
        written before a partition's log is checked: it may be another log then.
        """
        until, pause = float("inf"), _FIRST_PAUSE
        while not self._lifetime.should_stop and self._has_room(batch):
            if batch.has_events and self._positions.unchecked:
                break
            has_new = await self._fetch(batch)
            if batch.positions and until == float("inf"):
                until = time.monotonic() + self._settings.max_age
            if time.monotonic() >= until:
                break
            if has_new:
                pause = _FIRST_PAUSE
                continue
            if not batch.positions:
                await when_idle()
            await self._lifetime.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _has_room(self, batch: RecordBatch) -> bool:
        return batch.size < self._settings.max_bytes

    async def _fetch(self, batch: RecordBatch) -> bool:
        """Add what is ready of every partition; whether there was anything."""
        has_new = False
        check = self._positions.check
        await self._retries.until_done(lambda: check(batch), "Kafka", _AWAY)
        for partition in sorted(self._consumer.assignment()):
            if partition not in self._positions:
                continue
            has_new |= await self._fetch_partition(partition, batch)
            if not self._has_room(batch):
                break
        return has_new

    async def _fetch_partition(
        self, partition: TopicPartition, batch: RecordBatch
    ) -> bool:
        try:
            fetched = await self._fetcher.fetch(partition)
        except OffsetOutOfRangeError:
            self._positions.suspect(partition)
            return False
        position = await self._positions.advance(partition, fetched.records)
        if position is not None:
            batch.positions[partition] = position
            batch.add(fetched.records)
            if fetched.skipped is not None:
                unreadable = replace(position, offset=fetched.skipped)
                batch.add_unreadable(partition, unreadable)
        return not fetched.is_empty
