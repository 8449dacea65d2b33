"""The Faust app that moves events from Kafka to the warehouse, at least once each.

A step a class: `BatchReader` reads records by bytes and by age, `WarehouseWriter`
stores their events, `DeadLetterSender` sends on what was rejected, `Offsets` commits.
An offset is committed only when every event before it is stored or a dead letter.
Faust gives the process, its signals and its pages; its own streams are not used, as
they acknowledge what was not stored (`docs/how-to/streaming.md` says why).
"""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import tempfile
import time
from typing import Any

import faust
import faust.app
import pyarrow as pa
import pyarrow.compute as pc
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import IllegalStateError, KafkaError

from panelstream.ingest.events.pipeline import Prepared
from panelstream.ingest.kafka import clients
from panelstream.ingest.kafka.batch import RecordBatch
from panelstream.ingest.kafka.batch_reader import BatchReader
from panelstream.ingest.kafka.dead_letter_sender import DeadLetterSender
from panelstream.ingest.kafka.metrics import Health, WorkerMetrics
from panelstream.ingest.kafka.offsets import COMMIT_SECONDS, Offsets
from panelstream.ingest.kafka.reject_limit import RejectLimit
from panelstream.ingest.kafka.retries import Retries, log
from panelstream.ingest.kafka.warehouse_writer import OpenPipeline, WarehouseWriter
from panelstream.models.errors import Unreachable
from panelstream.models.settings.kafka import KafkaSettings, WorkerSettings
from panelstream.models.warehouse.ledger import Batch

_LAG_SECONDS = 2.0
_COUNT_SECONDS, _COUNT_SHARE = 30.0, 20
_GRACE_SECONDS = 20.0


class StreamlessApp(faust.App):
    """A Faust app without streams."""

    class BootStrategy(faust.app.BootStrategy):
        """Starts no consumer, producer or leader of Faust's own."""

        enable_kafka = False


class EventWorker(faust.Service):
    """Reads batches, stores them, commits; ends by itself only with `failure` set."""

    offsets: Offsets
    dead_letters: DeadLetterSender

    def __init__(
        self,
        kafka: KafkaSettings,
        settings: WorkerSettings,
        open_pipeline: OpenPipeline,
        limit: RejectLimit | None,
    ) -> None:
        super().__init__()
        self.kafka, self.settings, self.limit = kafka, settings, limit
        self.metrics = WorkerMetrics()
        self.health = Health(time.monotonic())
        self.failure: Exception | None = None
        self.retries = Retries(self, self.health)
        self.warehouse = WarehouseWriter(open_pipeline)
        self.counted_at, self.count_cost = float("-inf"), 0.0
        self._ended = asyncio.Event()

    async def on_stop(self) -> None:
        """Wait until the last batch is written, or cannot be for now."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._ended.wait(), _GRACE_SECONDS)

    @faust.Service.task
    async def run(self) -> None:
        """The whole life of a worker."""
        consumer, producer = clients.consumer(self.kafka), clients.producer(self.kafka)
        self.offsets = Offsets(consumer)
        self.dead_letters = DeadLetterSender(producer, self.kafka.dead_topic)
        reader = BatchReader(consumer, self.settings, self)
        try:
            # Not a member of the group before there is a warehouse to write to.
            await self.retries.until_done(self.warehouse.open, "warehouse", Unreachable)
            if self.should_stop:
                return
            await consumer.start()
            await producer.start()
            self.health.ready = True
            while not self.should_stop:
                batch = await reader.read_batch(self.housekeeping)
                if batch.offsets:
                    await self.process(batch)
        except KafkaError as error:
            self.fail(clients.unreachable(self.kafka, error))
        except Exception as error:
            self.fail(error)
        finally:
            self.health.ready = False
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
        for client in (consumer, producer):
            with contextlib.suppress(KafkaError, asyncio.TimeoutError):
                await asyncio.wait_for(client.stop(), COMMIT_SECONDS)
        await self.warehouse.close()

    async def process(self, batch: RecordBatch) -> None:
        """Store a batch and commit it, or leave both for later."""
        if await self.store(batch):
            await self.offsets.commit(batch.offsets)

    async def store(self, batch: RecordBatch) -> bool:
        """Whether the events of a batch are stored, or dead letters, for good."""
        began = time.monotonic()
        if self.warehouse.is_stale:
            await self.retries.until_done(
                self.refresh, "warehouse", recover=self.warehouse.reopen
            )
        prepared = await self.warehouse.prepare(self.kafka.topic, batch)
        if self.limit:
            self.limit.check(prepared.batch.counts)
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
            await self.dead_letters.send_to_dead_letter_topic(stored.rejections, batch)
            return True

        return bool(await self.retries.until_done(send, "Kafka", KafkaError))

    def report_progress(self, stored: Batch, seconds: float) -> None:
        """Show that a batch is stored."""
        self.health.progress_at = time.monotonic()
        newest = pc.max(stored.events["occurred_at"]).as_py()
        self.metrics.stored(stored.counts, seconds, newest, time.time())

    async def housekeeping(self) -> None:
        """What can wait until there is nothing else to do."""
        if self.offsets.are_uncommitted:
            await self.offsets.commit()
        if time.monotonic() >= self.counted_at + _COUNT_SECONDS + self.count_cost:
            await self.count()

    async def count(self) -> None:
        """Count what the warehouse holds; where that takes long, seldom."""
        began = time.monotonic()
        with contextlib.suppress(Exception):
            self.metrics.holds(await self.warehouse.count_events())
        self.counted_at = time.monotonic()
        self.count_cost = _COUNT_SHARE * (self.counted_at - began)

    @faust.Service.timer(_LAG_SECONDS)
    async def measure_lag(self) -> None:
        """Measure how far behind this worker is."""
        if not self.health.ready:
            return
        with contextlib.suppress(KafkaError, IllegalStateError, asyncio.TimeoutError):
            lags = await asyncio.wait_for(self.offsets.lags(), COMMIT_SECONDS)
            self.metrics.behind(lags)
            self.health.records_behind = sum(lags.values())
            if not self.health.records_behind:
                self.health.progress_at = time.monotonic()


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
    _log_to_stderr()
    clients.describe_topics(kafka)
    _require_free_address(settings)
    service = EventWorker(
        kafka, settings, open_pipeline, RejectLimit() if limit else None
    )
    with tempfile.TemporaryDirectory() as folder:
        worker = faust.Worker(
            _app(kafka, settings, service, folder),
            service,
            quiet=True,
            override_logging=False,
            redirect_stdouts=False,
            loop=asyncio.get_event_loop_policy().get_event_loop(),
        )
        with contextlib.suppress(SystemExit):
            worker.execute_from_commandline()
    if service.failure:
        raise service.failure


def _app(
    kafka: KafkaSettings, settings: WorkerSettings, service: EventWorker, folder: str
) -> StreamlessApp:
    app = StreamlessApp(
        kafka.group,
        broker=[f"kafka://{server}" for server in kafka.servers],
        broker_credentials=_credentials(kafka),
        datadir=folder,
        web_bind=settings.host,
        web_port=settings.port,
    )
    _add_pages(app, service)
    return app


def _credentials(kafka: KafkaSettings) -> Any:
    security, context = kafka.security, kafka.security.ssl_context()
    if security.protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=security.username,
            password=security.password,
            mechanism=security.mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None


def _add_pages(app: StreamlessApp, service: EventWorker) -> None:
    @app.page("/health")
    async def health(self: Any, request: Any) -> Any:
        report = service.health.report(time.monotonic())
        return self.json(report, status=200 if report["status"] == "ok" else 503)

    @app.page("/ready")
    async def ready(self: Any, request: Any) -> Any:
        report = service.health.report(time.monotonic())
        return self.json(report, status=200 if report["ready"] else 503)

    @app.page("/metrics")
    async def metrics(self: Any, request: Any) -> Any:
        return self.bytes(service.metrics.text(), content_type="text/plain")


def _require_free_address(settings: WorkerSettings) -> None:
    """Raise `Unreachable` if the address of the pages is in use, before Faust starts."""
    try:
        with socket.create_server((settings.host, settings.port)):
            pass
    except OSError as error:
        raise Unreachable(
            f"PANELSTREAM_WORKER_ADDRESS: cannot listen on {settings.host}:"
            f"{settings.port} ({error.strerror}); another worker may use it: give each "
            f"its own"
        ) from None


class _WithoutValues(logging.Formatter):
    """Says of an exception only its type: its text may quote an event."""

    def formatException(self, ei: Any) -> str:
        return str(ei[0].__name__)


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _WithoutValues("%(asctime)s %(levelname)s %(name)s %(message)s")
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("mode").setLevel(logging.ERROR)
    log.setLevel(logging.INFO)
