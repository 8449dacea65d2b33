"""Sends traffic at a pace, each record until it is acknowledged."""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count

from aiokafka import AIOKafkaProducer

from panelstream.ingest.kafka import clients
from panelstream.models.settings.kafka import PRODUCER, KafkaSettings
from panelstream.models.timestamps import EARLIEST
from tests.faults.ledger import Ledger, Record
from tests.faults.traffic import Step, Traffic, Transaction

_AT_ONCE = 5
_TICK = 0.05
_PATIENCE = 300.0
_TRANSACTION_SECONDS = 30.0
_NUMBERS = count()


class Sender:
    """Sends in a thread of its own; `orders`: what to send next, besides."""

    def __init__(
        self, kafka: KafkaSettings, traffic: Traffic, ledger: Ledger, rate: float
    ) -> None:
        self.kafka, self.traffic, self.ledger = kafka, traffic, ledger
        self.rate, self.least = rate, 0
        self.failure: Exception | None = None
        self.orders: deque[Callable[[], Step]] = deque()
        self._enough, self._held = threading.Event(), threading.Event()
        self._quiet = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._producer: AIOKafkaProducer | None = None
        self._transactional: AIOKafkaProducer | None = None
        self._starting: asyncio.Future[None]

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing is sent, nothing is under way, and nothing is connected."""
        self._quiet.clear()
        self._held.set()
        try:
            while not self._quiet.wait(1):
                self._raise()
            yield
        finally:
            self._held.clear()

    def finish(self, least: int) -> None:
        """Go on until `least` events are sent, as fast as can be; then end."""
        self.least, self.rate = least, float("inf")
        self._enough.set()
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            raise TimeoutError("the sender does not end")
        self._raise()

    def _raise(self) -> None:
        if self.failure:
            raise self.failure

    def _run(self) -> None:
        try:
            asyncio.run(self._send_all())
        except Exception as error:
            self.failure = error

    async def _send_all(self) -> None:
        stream = iter(self.traffic)
        # A pause is not made up for.
        tokens, at = 0.0, time.monotonic()
        try:
            while not self._enough.is_set() or self.ledger.sent.total() < self.least:
                now = time.monotonic()
                tokens, at = min(tokens + (now - at) * self.rate, self.rate), now
                if self._held.is_set():
                    await self._disconnect()
                    self._quiet.set()
                if self._held.is_set() or tokens <= 0:
                    await asyncio.sleep(_TICK)
                    continue
                before = self.ledger.sent.total()
                steps = [next(stream) for _ in range(_AT_ONCE)]
                steps += [self.orders.popleft()() for _ in range(len(self.orders))]
                await asyncio.gather(*map(self._take, steps))
                # What was ordered is besides the pace.
                tokens -= min(self.ledger.sent.total() - before, self.rate)
        finally:
            await self._disconnect()

    async def _take(self, step: Step) -> None:
        if isinstance(step, Transaction):
            await self._transact(step)
        else:
            await self._send(step)

    async def _send(self, record: Record, uncertain: bool = False) -> None:
        """Until the broker says that it has it: it may have it twice then."""
        end = time.monotonic() + _PATIENCE
        while True:
            producer = await self._connected()
            try:
                sent = await producer.send_and_wait(
                    self.kafka.topic,
                    record.value,
                    key=None if record.value else b"k",
                    timestamp_ms=_milliseconds(record),
                )
            except Exception:
                if time.monotonic() > end:
                    raise
                uncertain = True
                await self._drop(producer)
                await asyncio.sleep(1)
            else:
                self.ledger.enter(record, sent.partition, sent.offset, uncertain)
                return

    async def _transact(self, transaction: Transaction) -> None:
        """Commit or abort; what cannot be committed is sent without a transaction."""
        try:
            sent = await asyncio.wait_for(
                self._try_transaction(transaction), _TRANSACTION_SECONDS
            )
        except Exception:
            producer, self._transactional = self._transactional, None
            await _stop(producer)
            sent = []
        for record, place in zip(transaction.records, sent, strict=False):
            self.ledger.enter(record, *place)
        for record in transaction.records[len(sent) :]:
            if transaction.commit:
                await self._send(record, uncertain=True)
            else:
                self.ledger.enter(record, None)

    async def _try_transaction(self, transaction: Transaction) -> list[tuple[int, int]]:
        """Partition and offset of each record."""
        producer = self._transactional
        if producer is None:
            producer = self._transactional = AIOKafkaProducer(
                **self.kafka.connection(),
                **PRODUCER,
                transactional_id=f"faults-{next(_NUMBERS)}",
                transaction_timeout_ms=10_000,
            )
            await producer.start()
        await producer.begin_transaction()
        futures = [
            await producer.send(
                self.kafka.topic, record.value, timestamp_ms=_milliseconds(record)
            )
            for record in transaction.records
        ]
        sent = await asyncio.gather(*futures)
        if transaction.commit:
            await producer.commit_transaction()
        else:
            await producer.abort_transaction()
        return [(entry.partition, entry.offset) for entry in sent]

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            made = self._producer = clients.producer(self.kafka)
            self._starting = asyncio.ensure_future(made.start())
        producer = self._producer
        with contextlib.suppress(Exception):
            await asyncio.shield(self._starting)
        return producer

    async def _drop(self, producer: AIOKafkaProducer | None) -> None:
        if producer == self._producer:
            self._producer = None
            await _stop(producer)

    async def _disconnect(self) -> None:
        await self._drop(self._producer)
        producer, self._transactional = self._transactional, None
        await _stop(producer)


async def _stop(producer: AIOKafkaProducer | None) -> None:
    if producer:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(producer.stop(), 5)


def _milliseconds(record: Record) -> int:
    return (record.at - EARLIEST) // timedelta(milliseconds=1)
