"""The first step of a worker: records from Kafka become a batch."""

import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError, OffsetOutOfRangeError

from panelstream.ingest.kafka import clients
from panelstream.ingest.kafka.batch import RecordBatch
from panelstream.ingest.kafka.position_check import CheckedPositions
from panelstream.ingest.kafka.retries import Lifetime, Retries
from panelstream.models.errors import Unreachable
from panelstream.models.settings.kafka import WorkerSettings

_AWAY = (Unreachable, KafkaError)
_AT_ONCE = 200
"""Records fetched before looking how many bytes they are; of a hundred events, 5 MB."""
_SINGLE_RECORDS = 10_000
"""Records that are fetched one at a time where one of them cannot be decoded."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.02
"""Between two looks at a client that had nothing: short while it fetches."""


class BatchReader:
    """Reads batches that are bounded by bytes and by age.

    `_single`: records of a partition that are still fetched one at a time. `_suspects`:
    the offset of a partition at which decoding failed last.
    """

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
        self._single: dict[TopicPartition, int] = {}
        self._suspects: dict[TopicPartition, int] = {}

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
        """Add what is ready of every partition, one by one; whether there was anything.

        Asked for all partitions at once, the client drops what it has fetched of the
        others when one of them holds a record that it cannot decode.
        """
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
        limit = 1 if partition in self._single else _AT_ONCE
        try:
            fetched = await self._consumer.getmany(partition, max_records=limit)
        except OffsetOutOfRangeError:
            self._positions.suspect(partition)
            return False
        except Exception as error:
            if not clients.is_undecodable(error):
                raise
            return await self._skip_undecodable(partition, batch)
        partition_records = fetched.get(partition, ())
        position = await self._positions.advance(partition, partition_records)
        if position is None:
            return False
        batch.positions[partition] = position
        batch.add(partition_records)
        if partition_records:
            self._fetch_more_at_once(partition, len(partition_records))
        return bool(partition_records)

    async def _skip_undecodable(
        self, partition: TopicPartition, batch: RecordBatch
    ) -> bool:
        """Skip exactly the record that cannot be decoded.

        The client says that there is one in what it fetched, not which. Fetched one at
        a time, those before it come first. What then fails may still be the end of the
        batch before; what fails again when fetched again from there is the record.
        """
        self._single.setdefault(partition, _SINGLE_RECORDS)
        # The partition may belong to another worker since then.
        with contextlib.suppress(IllegalStateError):
            offset = await self._consumer.position(partition)
            if self._suspects.get(partition) == offset:
                self._consumer.seek(partition, offset + 1)
                await self._add_unreadable(partition, offset, batch)
                self._single[partition] = 1
            self._suspects[partition] = offset
        return True

    async def _add_unreadable(
        self, partition: TopicPartition, offset: int, batch: RecordBatch
    ) -> None:
        position = await self._positions.advance(partition, ())
        if position is not None:
            batch.add_unreadable(partition, replace(position, offset=offset))
            batch.positions[partition] = position

    def _fetch_more_at_once(self, partition: TopicPartition, fetched: int) -> None:
        """Fetch many at a time again after the bad record, or if there is none."""
        self._suspects.pop(partition, None)
        remaining = self._single.get(partition, 0) - fetched
        if remaining <= 0:
            self._single.pop(partition, None)
        else:
            self._single[partition] = remaining
