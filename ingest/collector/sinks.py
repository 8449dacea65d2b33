"""Where events become durable: Kafka, or the warehouse where there is no Kafka."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from panelstream.ingest.collector.checks import Checked
from panelstream.ingest.events import pipeline
from panelstream.ingest.events.pipeline import Pipeline, Prepared
from panelstream.ingest.kafka import clients
from panelstream.ingest.kafka.send_files import BATCH_EVENTS, HEADERS
from panelstream.models.errors import Unreachable
from panelstream.models.events.event import Rejection
from panelstream.models.settings.kafka import KafkaSettings

ORIGIN = "collector"
"""What arrivals by HTTP are counted under."""

_REFRESH_SECONDS = 60.0
_STOP_SECONDS = 5.0

_Result = TypeVar("_Result")


class Away(Exception):
    """The sink does not take events just now; what was sent must be sent again."""


@dataclass(frozen=True)
class Written:
    """What became of events that passed the checks, but for those now durable."""

    refused: int = 0
    rejections: Sequence[Rejection] = ()


class EventSink(Protocol):
    """Makes events durable."""

    name: str

    async def start(self) -> None:
        """Connect. Raises `Unreachable` where that cannot be, `Away` to wait for it."""

    async def write(self, checked: Checked) -> Written:
        """Return once the events are durable; raises `Away` where they may not be."""

    async def probe(self) -> None:
        """Raises `Away` while the sink does not answer; repairs what it can."""

    async def stop(self) -> None:
        """Close the sink."""


class KafkaEventSink:
    """Sends events by the hundred, as an idempotent producer with acks=all."""

    name = "Kafka"

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._producer: AIOKafkaProducer
        self._spoilt = False
        self._ending: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Connect a producer. Raises `Unreachable`."""
        self._producer = clients.producer(self._kafka)
        try:
            await self._producer.start()
        except clients.ERRORS as error:
            await self._let_go()
            raise clients.unreachable(self._kafka, error) from None

    async def write(self, checked: Checked) -> Written:
        """Return once every replica in sync has every event.

        Who withdrew is for the worker to know, so nothing is refused here.
        """
        producer, topic = self._producer, self._kafka.topic
        try:
            sent = [
                await producer.send(topic, value, headers=HEADERS)
                for value in _records(checked.lines)
            ]
            for outcome in await asyncio.gather(*sent, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome
        except (KafkaError, OSError) as error:
            # An idempotent producer may be of no use after an error: a new one is.
            self._spoilt = True
            raise Away from error
        return Written()

    async def probe(self) -> None:
        """Check that a broker answers; after an error, connect again."""
        try:
            if self._spoilt:
                await self._let_go()
                await self.start()
                self._spoilt = False
            if not await self._producer.client.force_metadata_update():
                raise Away
        except (KafkaError, OSError, Unreachable) as error:
            raise Away from error

    async def stop(self) -> None:
        """Let what is under way arrive, for some seconds."""
        await self._let_go()

    async def _let_go(self) -> None:
        """Wait a little; what the producer still holds it goes on sending meanwhile."""
        ending = asyncio.create_task(_stopped(self._producer))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        await asyncio.wait({ending}, timeout=_STOP_SECONDS)


@dataclass(frozen=True)
class _Waiting:
    checked: Checked
    written: "asyncio.Future[Written]"


class WarehouseEventSink:
    """Writes down the one path; what arrives during a write goes together in the next."""

    name = "warehouse"
    _opened: Pipeline | None = None

    def __init__(self, open_pipeline: Callable[[], Pipeline]) -> None:
        self._open = open_pipeline
        self._refreshed_at = 0.0
        self._waiting: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None]
        # The engine is not faster with more, and each would keep memory of its own.
        self._thread = ThreadPoolExecutor(1)

    async def start(self) -> None:
        """Open the warehouse. Raises `Away` while it cannot be reached."""
        self._writer = asyncio.create_task(self._write_on())
        try:
            await self._in_thread(self._reopen)
        except Unreachable as error:
            raise Away from error

    async def write(self, checked: Checked) -> Written:
        """Return once the events are in the log and the rejected among dead letters."""
        written: asyncio.Future[Written] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(checked, written))
        self._wake.set()
        return await written

    async def probe(self) -> None:
        """Find the warehouse again: what was restarted may be in another place."""
        try:
            await self._in_thread(self._reopen)
        except Exception as error:
            raise Away from error

    async def stop(self) -> None:
        """Finish the write under way, and give the warehouse free."""
        self._writer.cancel()
        if self._opened:
            await self._in_thread(self._opened.close)
        self._thread.shutdown(wait=False)

    async def _write_on(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            group, self._waiting = self._waiting, []
            await self._write_group(group)

    async def _write_group(self, group: Sequence[_Waiting]) -> None:
        outcomes: Sequence[Written | Exception]
        try:
            outcomes = await self._in_thread(lambda: self._write(group))
        except Exception as error:
            # Whatever it is, the events are not known to be stored.
            outcomes = [_away(error) for _ in group]
        for request, outcome in zip(group, outcomes, strict=True):
            _tell(request.written, outcome)

    def _write(self, group: Sequence[_Waiting]) -> Sequence[Written | Exception]:
        """Write a group as one batch; what became of each of its members."""
        if time.monotonic() - self._refreshed_at > _REFRESH_SECONDS:
            self._refresh()
        prepared = [self._prepared(entry) for entry in group]
        sound = [entry for entry in prepared if isinstance(entry, Prepared)]
        if not sound:
            return [entry for entry in prepared if isinstance(entry, Exception)]
        batch = self._pipeline.append(pipeline.join_batches(ORIGIN, sound))
        if pipeline.changes_consent(batch):
            self._refresh()
        return [
            _own(entry, batch.rejections) if isinstance(entry, Prepared) else entry
            for entry in prepared
        ]

    def _prepared(self, request: _Waiting) -> Prepared | Exception:
        """A defect that one request meets is that request's alone."""
        try:
            return self._pipeline.prepare(request.checked.raw)
        except Exception as error:
            return error

    def _refresh(self) -> None:
        self._pipeline.refresh()
        self._refreshed_at = time.monotonic()

    @property
    def _pipeline(self) -> Pipeline:
        assert self._opened, "nothing is written before the warehouse is open"
        return self._opened

    def _reopen(self) -> None:
        opened, previous = self._open(), self._opened
        self._opened, self._refreshed_at = opened, time.monotonic()
        if previous:
            previous.close()

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, work)


def _records(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Events as JSON arrays of a hundred, which the worker takes fastest."""
    ahead = iter(lines)
    while some := list(islice(ahead, BATCH_EVENTS)):
        yield b"[" + b",".join(some) + b"]"


def _own(prepared: Prepared, rejections: Sequence[Rejection]) -> Written:
    """What was refused of a request, and what of it the engine would not store."""
    late = [
        rejection
        for rejection in rejections
        if rejection.reason == "not_storable"
        and rejection.position.origin == prepared.raw.origin
    ]
    return Written(prepared.batch.counts.refused, late)


async def _stopped(producer: AIOKafkaProducer) -> None:
    with contextlib.suppress(KafkaError):
        await producer.stop()


def _away(error: Exception) -> Exception:
    away = Away()
    away.__cause__ = error
    return away


def _tell(written: "asyncio.Future[Written]", outcome: Written | Exception) -> None:
    if written.done():
        return
    if isinstance(outcome, Exception):
        written.set_exception(outcome)
    else:
        written.set_result(outcome)
