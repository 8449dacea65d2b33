"""The Faust app that moves events from Kafka to the warehouse, at least once each.

A step a class: `BatchReader` reads records by bytes and by age, `WarehouseWriter`
stores their events, `DeadLetterSender` sends on what was rejected, `Offsets` commits.
An offset is committed only when every event before it is stored or a dead letter.
Faust gives the process, its signals and its pages; its own streams are not used, as
they acknowledge what was not stored (`docs/how-to/streaming.md` says why).
"""

import asyncio
import contextlib
import gc
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import faust
import faust.app
import pyarrow as pa
import pyarrow.compute as pc
from aiokafka import (
    AIOKafkaConsumer,
    AIOKafkaProducer,
    ConsumerRebalanceListener,
    TopicPartition,
)
from aiokafka.errors import IllegalStateError, KafkaError

from panelstream.ingest.events.pipeline import Prepared
from panelstream.ingest.kafka import clients
from panelstream.ingest.kafka.batch import RecordBatch
from panelstream.ingest.kafka.batch_reader import BatchReader
from panelstream.ingest.kafka.bounded_decoders import use_bounded_decoders
from panelstream.ingest.kafka.dead_letter_sender import DeadLetterSender
from panelstream.ingest.kafka.faust_process import (
    app_options,
    require_free_address,
    run_app,
)
from panelstream.ingest.kafka.metrics import CONTENT_TYPE, Health, WorkerMetrics
from panelstream.ingest.kafka.offsets import COMMIT_SECONDS, Offsets
from panelstream.ingest.kafka.position_check import CheckedPositions
from panelstream.ingest.kafka.rejection_brake import (
    WINDOW_EVENTS,
    Kind,
    RejectionBrake,
)
from panelstream.ingest.kafka.retries import Retries, Waits, log
from panelstream.ingest.kafka.warehouse_writer import OpenPipeline, WarehouseWriter
from panelstream.models.errors import Unreachable
from panelstream.models.events.log_gap import LogGap, ReadPosition
from panelstream.models.settings.kafka import KafkaSettings, WorkerSettings
from panelstream.models.timestamps import utc_now
from panelstream.models.warehouse.ledger import Batch

_LAG_SECONDS = 2.0
_COUNT_SECONDS, _COUNT_SHARE = 30.0, 20
_INSPECT_SECONDS = 30.0
_PARKED_SECONDS = 60.0
_RECORD_SECONDS = 60.0
_HAND_OVER_SECONDS = 3.0
_COLLECT_SECONDS = 10.0
_NEVER = 1 << 30
_GRACE_SECONDS = 20.0


class StreamlessApp(faust.App):
    """A Faust app without streams."""

    class BootStrategy(faust.app.BootStrategy):
        """Starts no consumer, producer or leader of Faust's own."""

        enable_kafka = False


class EventWorker(faust.Service):
    """Reads batches, stores them, commits; ends by itself only with `failure` set."""

    offsets: Offsets
    positions: CheckedPositions
    dead_letters: DeadLetterSender

    def __init__(
        self,
        kafka: KafkaSettings,
        settings: WorkerSettings,
        open_pipeline: OpenPipeline,
        stops: bool,
    ) -> None:
        super().__init__()
        self.kafka, self.settings = kafka, settings
        self.brake = RejectionBrake(stops)
        self.metrics = WorkerMetrics()
        self.health = Health(time.monotonic())
        self.failure: Exception | None = None
        self.waits = Waits(self.health)
        self.retries = Retries(self, self.health, self.waits)
        self.warehouse = WarehouseWriter(open_pipeline)
        self.batch = RecordBatch()
        self.behind_since: float | None = None
        self.counted_at, self.count_cost = float("-inf"), 0.0
        self.parked_at = self.recorded_at = self.collected_at = float("-inf")
        self._ended = asyncio.Event()

    async def on_stop(self) -> None:
        """Wait until the last batch is written, or cannot be for now."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._ended.wait(), _GRACE_SECONDS)

    @faust.Service.task
    async def run(self) -> None:
        """The whole life of a worker."""
        consumer, producer = clients.consumer(self.kafka), clients.producer(self.kafka)
        self.offsets = Offsets(consumer, self.metrics.commit_failures.inc)
        self.positions = CheckedPositions(
            consumer, self.kafka, self.offsets, self.recall
        )
        self.dead_letters = DeadLetterSender(producer, self.kafka.dead_topic)
        try:
            # Not a member of the group before there is a warehouse to write to.
            await self.retries.until_done(self.warehouse.open, "warehouse", Unreachable)
            if self.should_stop:
                return
            consumer.subscribe([self.kafka.topic], listener=Assignments(self))
            await consumer.start()
            await producer.start()
            self.health.is_member = True
            await self.move(consumer)
        except KafkaError as error:
            self.fail(clients.unreachable(self.kafka, error))
        except Exception as error:
            self.fail(error)
        finally:
            self.health.is_member = False
            await self.leave(consumer, producer)
            self._ended.set()

    def fail(self, error: Exception) -> None:
        """End the process as SIGTERM would; the error is reported when all is closed."""
        self.failure = error
        signal.raise_signal(signal.SIGTERM)

    async def leave(
        self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer
    ) -> None:
        """Leave the group at once, so that others need not wait for a timeout."""
        stops = [
            asyncio.wait_for(client.stop(), COMMIT_SECONDS)
            for client in (producer, consumer)
        ]
        await asyncio.gather(*stops, return_exceptions=True)
        await self.warehouse.close()

    async def move(self, consumer: AIOKafkaConsumer) -> None:
        """Read, store and commit, batch by batch, until told to stop."""
        reader = BatchReader(
            consumer, self.positions, self.settings, self, self.retries
        )
        while not self.should_stop:
            self.drop_batch()
            await reader.read_batch(self.batch, self.housekeeping)
            if self.batch.positions:
                await self.process(self.batch)
        if "warehouse" not in self.health.waiting_for:
            await self.record_positions()

    def drop_batch(self) -> None:
        """Forget the last batch; garbage is collected while there is little to look at."""
        self.batch = RecordBatch()
        if time.monotonic() >= self.collected_at + _COLLECT_SECONDS:
            gc.collect()
            self.collected_at = time.monotonic()

    async def recall(self) -> Sequence[ReadPosition]:
        """How far the warehouse says that the topic was read.

        Raises `Unreachable` if told to stop before there is an answer.
        """
        known = await self.retries.until_done(
            lambda: self.warehouse.read_positions(self.kafka.topic),
            "warehouse",
            recover=self.warehouse.reopen,
        )
        if known is None:
            raise Unreachable("the warehouse did not answer")
        return known

    async def record_positions(self) -> None:
        """Record how far the log is read, for when Kafka has forgotten the commits.

        Without waiting long: the group waits for a worker that hands partitions over.
        """
        positions = [
            position.recorded(partition)
            for partition, position in self.offsets.committed.items()
        ]
        self.recorded_at = time.monotonic()
        with contextlib.suppress(Exception):
            if positions:
                recording = self.warehouse.record_positions(positions)
                await asyncio.wait_for(recording, _HAND_OVER_SECONDS)

    async def process(self, batch: RecordBatch) -> None:
        """Store a batch and commit it, or leave both for later."""
        if await self.store(batch):
            await self.offsets.commit(batch.positions)
            if time.monotonic() >= self.recorded_at + _RECORD_SECONDS:
                await self.record_positions()

    async def store(self, batch: RecordBatch) -> bool:
        """Whether a batch is stored for good: its gaps, its events or dead letters."""
        if batch.gaps and not await self.record_gaps(batch):
            return False
        return not batch.has_events or await self.store_events(batch)

    async def record_gaps(self, batch: RecordBatch) -> bool:
        """Whether the gaps of the log are recorded; only then what follows is committed."""
        gaps = batch.closed_gaps(utc_now())

        async def record() -> bool:
            await self.warehouse.record_gaps(gaps)
            return True

        recorded = await self.retries.until_done(
            record, "warehouse", recover=self.warehouse.reopen
        )
        for gap in gaps if recorded else ():
            self.metrics.lost(gap)
            log.warning(gap_line(gap), extra={"fields": asdict(gap)})
        return bool(recorded)

    async def store_events(self, batch: RecordBatch) -> bool:
        """Whether the events of a batch are stored, or dead letters, for good."""
        began = time.monotonic()
        if self.warehouse.is_stale:
            await self.retries.until_done(
                self.refresh, "warehouse", recover=self.warehouse.reopen
            )
        prepared = await self.warehouse.prepare(self.kafka.topic, batch)
        self.brake.check(prepared.batch)
        stored = await self.retries.until_done(
            lambda: self.append(prepared), "warehouse", recover=self.warehouse.reopen
        )
        if stored is None or not await self.send_dead_letters(stored, batch):
            return False
        self.report_progress(stored, time.monotonic() - began)
        return True

    async def refresh(self) -> None:
        """Read consent again; a failure is counted."""
        with self.metrics.retries.count_exceptions():
            await self.warehouse.refresh()

    async def append(self, prepared: Prepared) -> Batch:
        """Store events; a failure is counted."""
        with self.metrics.retries.count_exceptions():
            return await self.warehouse.append(prepared)

    async def send_dead_letters(self, stored: Batch, batch: RecordBatch) -> bool:
        """Whether the rejected events of a batch are in the topic of dead letters."""
        if not stored.rejections:
            return True

        async def send() -> bool:
            return await self.dead_letters.send_to_dead_letter_topic(
                stored.rejections, batch, lambda: self.should_stop
            )

        return bool(await self.retries.until_done(send, "Kafka", KafkaError))

    def report_progress(self, stored: Batch, seconds: float) -> None:
        """Show that a batch is stored."""
        newest = pc.max(stored.events["occurred_at"]).as_py()
        self.metrics.stored(stored.counts, seconds, newest, time.time())
        parked = self.brake.parked
        self.metrics.parks(Counter(kind.reason for kind in parked))
        if parked and time.monotonic() >= self.parked_at + _PARKED_SECONDS:
            self.parked_at = time.monotonic()
            log.warning(parked_line(parked))

    async def housekeeping(self) -> None:
        """What can wait until there is nothing else to do."""
        self.health.turned_at = time.monotonic()
        if self.offsets.are_uncommitted:
            await self.offsets.commit()
        if time.monotonic() >= self.counted_at + _COUNT_SECONDS + self.count_cost:
            await self.count()

    async def count(self) -> None:
        """Count what the warehouse holds; where that takes long, seldom."""
        began = time.monotonic()
        with contextlib.suppress(Exception):
            self.metrics.holds(await self.warehouse.count_events())
            self.metrics.leaves_open(await self.warehouse.count_letters())
        self.counted_at = time.monotonic()
        self.count_cost = _COUNT_SHARE * (self.counted_at - began)

    @faust.Service.timer(_LAG_SECONDS)
    async def measure_lag(self) -> None:
        """Measure how far behind this worker is; it waits for Kafka if that is away."""
        if self.health.is_member:
            with contextlib.suppress(IllegalStateError):
                await self.ask_ends()
        self.metrics.waits(self.health.waiting_for)

    async def ask_ends(self) -> None:
        """Ask Kafka where the log ends, also where there is nothing to read."""
        try:
            ends = await asyncio.wait_for(self.offsets.ends(), COMMIT_SECONDS)
        except (TimeoutError, KafkaError) as error:
            away = clients.unreachable(self.kafka, error)
            self.waits.begin("measuring", "Kafka", away)
            self.forget_lag()
            return
        self.waits.end("measuring")
        if not self.offsets.has_partitions(self.kafka.topic):
            gone = Unreachable(f"the topic {self.kafka.topic} has none now")
            self.waits.begin("assignment", "partitions", gone)
            self.forget_lag()
            return
        self.waits.end("assignment")
        lags = self.offsets.lags(ends)
        self.metrics.behind(lags)
        self.health.records_behind = sum(lags.values())
        self.measure_age()

    def forget_lag(self) -> None:
        """While Kafka does not answer, the last figures say nothing."""
        self.health.records_behind = self.health.seconds_behind = None
        self.metrics.forget_lag()

    def measure_age(self) -> None:
        """The age of the oldest record that is not stored."""
        now = time.time()
        if not self.health.records_behind:
            self.behind_since = None
        elif self.behind_since is None:
            self.behind_since = now
        oldest = self.batch.oldest if self.behind_since else None
        age = max(0.0, now - (oldest or self.behind_since or now))
        self.health.seconds_behind = age
        self.metrics.seconds_behind.set(age)

    @faust.Service.timer(_INSPECT_SECONDS)
    async def inspect_log(self) -> None:
        """Look whether the log still continues where it is read."""
        if self.health.is_member:
            with contextlib.suppress(Unreachable):
                await self.positions.inspect()


class Assignments(ConsumerRebalanceListener):  # type: ignore[misc]  # untyped
    """Notes which partitions the group gives a worker, and takes from it."""

    def __init__(self, worker: EventWorker) -> None:
        self._worker = worker

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """What is read next of them begins where another worker may have committed.

        How far they are read is recorded now: whoever has them next may be told to stop
        before it has read anything.
        """
        if revoked:
            await self._worker.record_positions()
        self._worker.positions.forget(revoked)
        self._worker.offsets.forget(revoked)

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Say what this worker reads."""
        kafka = self._worker.kafka
        self._worker.metrics.rebalances.inc()
        numbers = sorted(partition.partition for partition in assigned)
        log.info(
            "reading topic %s as group %s, partitions %s",
            kafka.topic,
            kafka.group,
            ", ".join(map(str, numbers)) or "none",
        )


def gap_line(gap: LogGap) -> str:
    """A gap of the log, for the log."""
    return (
        f"gap in {gap.topic}[{gap.partition}] ({gap.reason}): {_missing(gap)}; events from "
        f"{gap.unknown_from:%Y-%m-%dT%H:%M:%SZ} to "
        f"{gap.unknown_until:%Y-%m-%dT%H:%M:%SZ} are not known"
    )


def _missing(gap: LogGap) -> str:
    """What cannot be read; of a log that is gone its end is not known."""
    if gap.reason == "retention":
        return (
            f"offsets {gap.from_offset} to {gap.until_offset - 1} were deleted before "
            f"they were read"
        )
    log_that_is_gone = (
        "an earlier topic of this name"
        if gap.reason == "topic_recreated"
        else "the log that the broker lost"
    )
    return (
        f"{log_that_is_gone} was read up to offset {gap.from_offset}, and what followed "
        f"there is gone; the log is read from its beginning"
    )


def parked_line(parked: Mapping[Kind, int]) -> str:
    """Kinds of events that are rejected, for the log: sources and types may be anything."""
    reasons = ", ".join(sorted({kind.reason for kind in parked}))
    return (
        f"nearly all events of {len(parked)} kinds (source, type, reason) are rejected "
        f"and set apart: {reasons} ({sum(parked.values()):,} of the last "
        f"{WINDOW_EVENTS:,}); 'panelstream dead-letters list' names them"
    )


def run_worker(
    kafka: KafkaSettings,
    settings: WorkerSettings,
    open_pipeline: OpenPipeline,
    limit: bool = True,
) -> None:
    """Move events until told to stop (SIGTERM, SIGINT).

    Raises `Unreachable` where Kafka, a topic or the warehouse cannot be reached, or the
    address of the pages is in use; `TooManyRejected` when nearly everything is
    rejected.
    """
    # Arrow's own allocator keeps the memory of a batch: 140 MB more than this one.
    pa.set_memory_pool(pa.system_memory_pool())
    collect_seldom()
    use_bounded_decoders()
    clients.describe_topics(kafka)
    require_free_address(settings)
    service = EventWorker(kafka, settings, open_pipeline, limit)
    with tempfile.TemporaryDirectory() as folder:
        app = StreamlessApp(kafka.group, **app_options(kafka, settings, folder))
        _add_pages(app, service)
        run_app(app, service)
    if service.failure:
        raise service.failure


def collect_seldom() -> None:
    """Leave all but young garbage to `drop_batch`.

    Looking through the objects of 80,000 rejected events takes a tenth of a second and
    more, in which nothing else runs; Python would do it several times a batch.
    """
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _NEVER)


def _add_pages(app: StreamlessApp, service: EventWorker) -> None:
    @app.page("/health")
    async def health(self: Any, request: Any) -> Any:
        report = service.health.liveness(time.monotonic())
        return self.json(report, status=200 if report["status"] == "ok" else 503)

    @app.page("/ready")
    async def ready(self: Any, request: Any) -> Any:
        report = service.health.readiness()
        return self.json(report, status=200 if report["ready"] else 503)

    @app.page("/metrics")
    async def metrics(self: Any, request: Any) -> Any:
        # aiohttp takes no character set with a type of content.
        headers = {"Content-Type": CONTENT_TYPE}
        return self.bytes(service.metrics.text(), headers=headers)
