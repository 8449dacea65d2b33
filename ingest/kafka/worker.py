"""The Faust app that takes events from Kafka to the warehouse, at least once each.

Its service owns the consumer: it gathers records by bytes and by age, sends them
down the one path, and commits an offset only when every event before it is stored or
a dead letter. Faust gives the process, its signals and its pages; its own streams are
not used, as they acknowledge what was not stored (`docs/how-to/streaming.md` says why).
"""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import faust
import faust.app
import pyarrow as pa
import pyarrow.compute as pc
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import (
    IllegalStateError,
    KafkaError,
    MessageSizeTooLargeError,
)

from panelstream.ingest.events import pipeline
from panelstream.ingest.events.pipeline import Pipeline
from panelstream.ingest.kafka import clients, records
from panelstream.ingest.kafka.metrics import Health, Metrics
from panelstream.models.errors import PanelstreamError, Unreachable
from panelstream.models.events.event import Counts, Position, Rejection
from panelstream.models.settings.kafka import KafkaSettings, WorkerSettings
from panelstream.models.warehouse.ledger import Batch

LIMIT_EVENTS, LIMIT_LEAST, LIMIT_SHARE = 10_000, 1_000, 0.95
"""A worker stops when of the last 10,000 events (of at least 1,000) 95 % are rejected."""

_AT_ONCE = 200
"""Records taken before looking how many bytes they are; of a hundred events, 5 MB."""
_CAREFUL_RECORDS = 10_000
_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.02
"""Between two looks at a client that had nothing: short while it fetches."""

_LAG_SECONDS = 2.0
_REFRESH_SECONDS = 60.0
_COUNT_SECONDS, _COUNT_SHARE = 30.0, 20
_FIRST_DELAY, _LONGEST_DELAY = 0.2, 5.0
_COMMIT_SECONDS = 10.0
_GRACE_SECONDS = 20.0

_log = logging.getLogger("panelstream.worker")

_Result = TypeVar("_Result")
OpenPipeline = Callable[[], Pipeline]
"""Opens the warehouse, found anew each time: it may come back in another place."""


class TooManyRejected(PanelstreamError):
    """Nearly everything is rejected: rather a wrong deployment than wrong events."""


class Sink(faust.App):
    """A Faust app without streams."""

    class BootStrategy(faust.app.BootStrategy):
        """Starts no consumer, producer or leader of Faust's own."""

        enable_kafka = False


@dataclass
class Gathered:
    """Records since the last write, and the offset to go on from in each partition."""

    records: list[ConsumerRecord[bytes, bytes]] = field(default_factory=list)
    unreadable: list[Position] = field(default_factory=list)
    offsets: dict[TopicPartition, int] = field(default_factory=dict)
    size: int = 0

    def add(
        self, place: TopicPartition, found: Sequence[ConsumerRecord[bytes, bytes]]
    ) -> None:
        """Take records of one partition, in their order."""
        self.records.extend(found)
        self.offsets[place] = found[-1].offset + 1
        self.size += sum(len(entry.value or b"") for entry in found)

    def skip(self, place: TopicPartition, offset: int) -> None:
        """Take a record that cannot be decoded."""
        origin = records.origin(place.topic, place.partition)
        self.unreadable.append(Position(origin, offset))
        self.offsets[place] = offset + 1

    def by_position(self) -> dict[tuple[str, int], ConsumerRecord[bytes, bytes]]:
        """The records by origin and offset."""
        return {_key(records.position(record)): record for record in self.records}


class Limit:
    """Watches the share of rejected events."""

    def __init__(self) -> None:
        self._recent: deque[Counts] = deque()

    def check(self, counts: Counts) -> None:
        """Raises `TooManyRejected` when nearly everything of late was rejected."""
        self._recent.append(counts)
        while self._received - self._recent[0].received >= LIMIT_EVENTS:
            self._recent.popleft()
        rejected = sum(entry.rejected for entry in self._recent)
        if self._received >= LIMIT_LEAST and rejected >= LIMIT_SHARE * self._received:
            reasons = sum(self._recent, Counts()).reasons
            most = max(reasons, key=lambda reason: reasons[reason])
            raise TooManyRejected(
                f"{rejected:,} of the last {self._received:,} events were rejected, most "
                f"as {most}: stopped before taking more; nothing of the last batch is "
                f"committed. Mend the catalogue or the code and start again, or take "
                f"them as dead letters with --no-limit"
            )

    @property
    def _received(self) -> int:
        return sum(entry.received for entry in self._recent)


class Writer(faust.Service):
    """Gathers, writes, commits; ends by itself only with `failure` set."""

    def __init__(
        self,
        kafka: KafkaSettings,
        settings: WorkerSettings,
        open_pipeline: OpenPipeline,
        limit: Limit | None,
    ) -> None:
        super().__init__()
        self.kafka, self.settings = kafka, settings
        self.open_pipeline, self.limit = open_pipeline, limit
        self.metrics = Metrics()
        self.health = Health(time.monotonic())
        self.failure: Exception | None = None
        self.pipeline = open_pipeline()
        self.uncommitted: dict[TopicPartition, int] = {}
        self.careful: dict[TopicPartition, int] = {}
        self.suspects: dict[TopicPartition, int] = {}
        self.refreshed_at = time.monotonic()
        self.counted_at, self.count_cost = float("-inf"), 0.0
        self.consumer: AIOKafkaConsumer[bytes, bytes]
        self.producer: AIOKafkaProducer
        self._ended = asyncio.Event()
        # Of several threads each would keep memory of its own for its largest batch.
        self._thread = ThreadPoolExecutor(1)

    async def on_stop(self) -> None:
        """Wait until what was gathered is written, or cannot be for now."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._ended.wait(), _GRACE_SECONDS)

    @faust.Service.task
    async def run(self) -> None:
        """The whole life of a writer."""
        self.consumer = clients.consumer(self.kafka)
        self.producer = clients.producer(self.kafka)
        try:
            await self.consumer.start()
            await self.producer.start()
            self.health.ready = True
            while not self.should_stop:
                await self.take(await self.gather())
        except KafkaError as error:
            self.fail(clients.unreachable(self.kafka, error))
        except Exception as error:
            self.fail(error)
        finally:
            self.health.ready = False
            await self.leave()
            self._ended.set()

    def fail(self, error: Exception) -> None:
        """End the process as SIGTERM would; the error is told when all is closed."""
        self.failure = error
        signal.raise_signal(signal.SIGTERM)

    async def leave(self) -> None:
        """Leave the group at once, so that others need not wait for a timeout."""
        for client in (self.consumer, self.producer):
            with contextlib.suppress(KafkaError, asyncio.TimeoutError):
                await asyncio.wait_for(client.stop(), _COMMIT_SECONDS)
        await self.in_thread(self.pipeline.close)

    async def gather(self) -> Gathered:
        """Records until they are many, old, or the worker is told to stop."""
        gathered, until, pause = Gathered(), float("inf"), _FIRST_PAUSE
        while not self.should_stop and gathered.size < self.settings.max_bytes:
            result = await self.fetch(gathered)
            if gathered.offsets and until == float("inf"):
                until = time.monotonic() + self.settings.max_age
            if time.monotonic() >= until:
                break
            if result:
                pause = _FIRST_PAUSE
                continue
            if not gathered.offsets:
                await self.housekeeping()
            await self.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        return gathered

    async def fetch(self, gathered: Gathered) -> bool:
        """What lies ready of every partition, one by one; whether there was anything.

        Asked for all partitions at once, the client drops what it has taken of the
        others when one of them holds a record that it cannot decode.
        """
        result = False
        for place in sorted(self.consumer.assignment()):
            result |= await self.fetch_partition(place, gathered)
            if gathered.size >= self.settings.max_bytes:
                break
        return result

    async def fetch_partition(self, place: TopicPartition, gathered: Gathered) -> bool:
        limit = 1 if place in self.careful else _AT_ONCE
        try:
            got = await self.consumer.getmany(place, max_records=limit)
        except Exception as error:
            if not clients.is_undecodable(error):
                raise
            return await self.undecodable(place, gathered)
        result = got.get(place, ())
        if result:
            gathered.add(place, result)
            self.relax(place, len(result))
        return bool(result)

    async def undecodable(self, place: TopicPartition, gathered: Gathered) -> bool:
        """Skip exactly the record that cannot be decoded.

        The client says that there is one in what it fetched, not which. Taken one at a
        time, those before it come first. What then fails may still be the end of the
        batch before; what fails again when fetched anew from there is the record.
        """
        self.careful.setdefault(place, _CAREFUL_RECORDS)
        with contextlib.suppress(IllegalStateError):  # somebody else's since then
            offset = await self.consumer.position(place)
            if self.suspects.get(place) == offset:
                gathered.skip(place, offset)
                self.consumer.seek(place, offset + 1)
                self.careful[place] = 1
            self.suspects[place] = offset
        return True

    def relax(self, place: TopicPartition, found: int) -> None:
        """Fetch many at a time again after the bad record, or if there is none."""
        self.suspects.pop(place, None)
        left = self.careful.get(place, 0) - found
        if left <= 0:
            self.careful.pop(place, None)
        else:
            self.careful[place] = left

    async def take(self, gathered: Gathered) -> None:
        """Write what was gathered and commit it, or leave both for later."""
        if gathered.offsets and await self.write(gathered):
            self.uncommitted |= gathered.offsets
            await self.commit()

    async def write(self, gathered: Gathered) -> bool:
        """Whether the events of some records are stored, or dead letters, for good."""
        began = time.monotonic()
        if began - self.refreshed_at > _REFRESH_SECONDS:
            await self.insist(lambda: self.pipeline.refresh(), "warehouse")
            self.refreshed_at = began
        raw = await self.in_thread(
            records.raw_events, self.kafka.topic, gathered.records, gathered.unreadable
        )
        prepared = await self.in_thread(self.pipeline.prepare, raw)
        if self.limit:
            self.limit.check(prepared.batch.counts)
        batch = await self.insist(lambda: self.pipeline.append(prepared), "warehouse")
        if batch is None or not await self.bury(batch.rejections, gathered):
            return False
        self.progress(batch, time.monotonic() - began)
        if pipeline.changes_consent(batch):
            self.refreshed_at = float("-inf")
        return True

    def progress(self, batch: Batch, seconds: float) -> None:
        self.health.progress_at = time.monotonic()
        newest = pc.max(batch.events["occurred_at"]).as_py()
        self.metrics.stored(batch.counts, seconds, newest, time.time())

    async def in_thread(self, work: Callable[..., _Result], *given: Any) -> _Result:
        """Do heavy work in a thread, so that the group's heartbeats go on."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, work, *given)

    async def insist(self, work: Callable[[], _Result], party: str) -> _Result | None:
        """Do something in a thread until it succeeds; None if told to stop meanwhile."""
        delay = _FIRST_DELAY
        while True:
            try:
                made = await self.in_thread(work)
            except Exception as error:
                self.metrics.retries.inc()
                self.await_party(party, error)
            else:
                self.health.waiting_for = ""
                return made
            if self.should_stop:
                return None
            await self.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY)
            await self.in_thread(self.reopen)

    def await_party(self, party: str, error: Exception) -> None:
        """Say once that we wait; never what the error quotes."""
        if self.health.waiting_for != party:
            said = (
                str(error) if isinstance(error, Unreachable) else type(error).__name__
            )
            _log.warning("waiting for the %s: %s", party, said)
        self.health.waiting_for = party

    def reopen(self) -> None:
        """Find the warehouse again: what was restarted may be in another place."""
        with contextlib.suppress(Exception):
            opened, closed = self.open_pipeline(), self.pipeline
            self.pipeline = opened
            closed.close()

    async def bury(self, rejections: Sequence[Rejection], gathered: Gathered) -> bool:
        """Whether all dead letters are safe in their topic."""
        delay = _FIRST_DELAY
        while rejections:
            try:
                await self.send_dead(rejections, gathered)
            except KafkaError as error:
                self.await_party("Kafka", error)
            else:
                self.health.waiting_for = ""
                break
            if self.should_stop:
                return False
            await self.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY)
        return True

    async def send_dead(
        self, rejections: Sequence[Rejection], gathered: Gathered
    ) -> None:
        result = gathered.by_position()
        for start in range(0, len(rejections), 1_000):
            await asyncio.gather(
                *[
                    self.send_letter(rejection, result.get(_key(rejection.position)))
                    for rejection in rejections[start : start + 1_000]
                ]
            )

    async def send_letter(
        self, rejection: Rejection, record: ConsumerRecord[bytes, bytes] | None
    ) -> None:
        """Send one event with its record's key and headers, and why it is here."""
        value = (
            records.element(record.value, rejection.position.index) if record else None
        )
        own = records.foreign(record.headers) if record else []
        # The client takes no record that has neither key nor value.
        why, key = records.why(rejection), (record.key if record else None) or b""
        send, topic = self.producer.send_and_wait, self.kafka.dead_topic
        try:
            await send(topic, value, key=key, headers=[*own, *why])
        except MessageSizeTooLargeError:
            # It stays where it is; the position tells where.
            await send(topic, None, key=key, headers=why)

    async def commit(self) -> None:
        """Commit what is stored; after a failure with the next batch, or when idle."""
        mine = self.consumer.assignment()
        offsets = {place: at for place, at in self.uncommitted.items() if place in mine}
        if offsets:
            try:
                await asyncio.wait_for(self.consumer.commit(offsets), _COMMIT_SECONDS)
            except (TimeoutError, KafkaError) as error:
                # A later commit says more; the group's next owner reads again.
                _log.info("offsets are not committed yet: %s", type(error).__name__)
                return
        self.uncommitted = {}

    async def housekeeping(self) -> None:
        """What can wait until there is nothing else to do."""
        if self.uncommitted:
            await self.commit()
        if time.monotonic() >= self.counted_at + _COUNT_SECONDS + self.count_cost:
            await self.count()

    async def count(self) -> None:
        """Learn what the warehouse holds; where that takes long, seldom."""
        began = time.monotonic()
        with contextlib.suppress(Exception):
            self.metrics.holds(await self.in_thread(self.pipeline.stored_counts))
        self.counted_at = time.monotonic()
        self.count_cost = _COUNT_SHARE * (self.counted_at - began)

    @faust.Service.timer(_LAG_SECONDS)
    async def measure(self) -> None:
        """Look how far behind this worker is."""
        if not self.health.ready:
            return
        with contextlib.suppress(KafkaError, IllegalStateError, asyncio.TimeoutError):
            lags = await asyncio.wait_for(self.lags(), _COMMIT_SECONDS)
            self.metrics.behind(lags)
            self.health.records_behind = sum(lags.values())
            if not self.health.records_behind:
                self.health.progress_at = time.monotonic()

    async def lags(self) -> dict[int, int]:
        places = list(self.consumer.assignment())
        ends = await self.consumer.end_offsets(places)
        return {
            place.partition: ends[place] - await self.next_offset(place)
            for place in places
        }

    async def next_offset(self, place: TopicPartition) -> int:
        """The first offset that is not stored."""
        committed = await self.consumer.committed(place)
        if committed is None:
            starts = await self.consumer.beginning_offsets([place])
            committed = starts[place]
        return max(int(committed), self.uncommitted.get(place, 0))


def run_worker(
    kafka: KafkaSettings,
    settings: WorkerSettings,
    open_pipeline: OpenPipeline,
    limit: bool = True,
) -> None:
    """Work until told to stop (SIGTERM, SIGINT).

    Raises `Unreachable` where Kafka, a topic, the warehouse or the address of the
    pages cannot be had, `TooManyRejected` when nearly everything is rejected.
    """
    # Arrow's own allocator keeps what a batch took: 140 MB more than this one.
    pa.set_memory_pool(pa.system_memory_pool())
    _log_to_stderr()
    clients.describe_topics(kafka)
    _claim(settings)
    writer = Writer(kafka, settings, open_pipeline, Limit() if limit else None)
    with tempfile.TemporaryDirectory() as folder:
        worker = faust.Worker(
            _app(kafka, settings, writer, folder),
            writer,
            quiet=True,
            override_logging=False,
            redirect_stdouts=False,
            loop=asyncio.get_event_loop_policy().get_event_loop(),
        )
        with contextlib.suppress(SystemExit):
            worker.execute_from_commandline()
    if writer.failure:
        raise writer.failure


def _app(
    kafka: KafkaSettings, settings: WorkerSettings, writer: Writer, folder: str
) -> Sink:
    app = Sink(
        kafka.group,
        broker=[f"kafka://{server}" for server in kafka.servers],
        broker_credentials=_credentials(kafka),
        datadir=folder,
        web_bind=settings.host,
        web_port=settings.port,
    )
    _add_pages(app, writer)
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


def _add_pages(app: Sink, writer: Writer) -> None:
    @app.page("/health")
    async def health(self: Any, request: Any) -> Any:
        report = writer.health.report(time.monotonic())
        return self.json(report, status=200 if report["status"] == "ok" else 503)

    @app.page("/ready")
    async def ready(self: Any, request: Any) -> Any:
        report = writer.health.report(time.monotonic())
        return self.json(report, status=200 if report["ready"] else 503)

    @app.page("/metrics")
    async def metrics(self: Any, request: Any) -> Any:
        return self.bytes(writer.metrics.text(), content_type="text/plain")


def _key(position: Position) -> tuple[str, int]:
    return position.origin, position.line


def _claim(settings: WorkerSettings) -> None:
    """See that the address of the pages is free, while that can be said in one line."""
    try:
        with socket.create_server((settings.host, settings.port)):
            pass
    except OSError as error:
        raise Unreachable(
            f"PANELSTREAM_WORKER_ADDRESS: {settings.host}:{settings.port} cannot be "
            f"had ({error.strerror}); another worker may have it: give each its own"
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
    _log.setLevel(logging.INFO)
