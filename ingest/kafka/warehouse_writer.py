"""The second step of a worker: events of a batch are decoded and stored."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from panelstream.ingest.events import pipeline
from panelstream.ingest.events.pipeline import Pipeline, Prepared
from panelstream.ingest.kafka import records
from panelstream.ingest.kafka.batch import RecordBatch
from panelstream.models.events.log_gap import LogGap, ReadPosition
from panelstream.models.timestamps import utc_now
from panelstream.models.warehouse.ledger import Batch

_REFRESH_SECONDS = 60.0

T = TypeVar("T")
OpenPipeline = Callable[[], Pipeline]
"""Opens the warehouse, wherever it is now: after a restart it may have moved."""


class WarehouseWriter:
    """Writes through a pipeline, in a thread, so that the group's heartbeats go on."""

    _pipeline: Pipeline | None = None

    def __init__(self, open_pipeline: OpenPipeline) -> None:
        self._open_pipeline = open_pipeline
        self._refreshed_at = float("-inf")
        # Each of several threads would keep memory for its own largest batch.
        self._thread = ThreadPoolExecutor(1)

    async def open(self) -> None:
        """Open the warehouse; raises what `open_pipeline` raises."""
        self._pipeline = await self._in_thread(self._open_pipeline)
        self._refreshed_at = time.monotonic()

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline into the open warehouse."""
        assert self._pipeline, "the warehouse is opened first"
        return self._pipeline

    @property
    def is_stale(self) -> bool:
        """Whether what the pipeline knows of consent is to be read again."""
        return time.monotonic() - self._refreshed_at > _REFRESH_SECONDS

    async def refresh(self) -> None:
        """Read again what the pipeline knows of consent."""
        began = time.monotonic()
        await self._in_thread(lambda: self.pipeline.refresh())
        self._refreshed_at = began

    async def prepare(self, topic: str, batch: RecordBatch) -> Prepared:
        """Decode the events of a batch; stores nothing."""

        def decode() -> Prepared:
            unreadable = batch.unreadable_periods(utc_now())
            raw = records.raw_events(topic, batch.records, unreadable, batch.log_ids)
            return self.pipeline.prepare(raw)

        return await self._in_thread(decode)

    async def append(self, prepared: Prepared) -> Batch:
        """Store events; a change of consent among them makes the pipeline stale."""
        stored = await self._in_thread(lambda: self.pipeline.append(prepared))
        if pipeline.changes_consent(stored):
            self._refreshed_at = float("-inf")
        return stored

    async def record_gaps(self, gaps: Sequence[LogGap]) -> None:
        """Record gaps of the log."""
        await self._in_thread(lambda: self.pipeline.record_gaps(gaps))

    async def record_positions(self, positions: Sequence[ReadPosition]) -> None:
        """Record how far the log is read."""
        await self._in_thread(lambda: self.pipeline.record_positions(positions))

    async def read_positions(self, topic: str) -> list[ReadPosition]:
        """How far a topic had been read."""
        return await self._in_thread(lambda: self.pipeline.read_positions(topic))

    async def reopen(self) -> None:
        """Open the warehouse again: after a restart it may be in another place."""
        await self._in_thread(self._replace_pipeline)

    def _replace_pipeline(self) -> None:
        with contextlib.suppress(Exception):
            replacement, previous = self._open_pipeline(), self.pipeline
            self._pipeline = replacement
            previous.close()

    async def count_events(self) -> Mapping[str, int]:
        """The settled counts of the whole warehouse."""
        return await self._in_thread(lambda: self.pipeline.stored_counts())

    async def count_letters(self) -> Mapping[str, int]:
        """The open dead letters of the whole warehouse, by reason."""
        return await self._in_thread(lambda: self.pipeline.open_letters())

    async def close(self) -> None:
        """Close the warehouse, if it was opened."""
        if self._pipeline:
            await self._in_thread(self._pipeline.close)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, work)
