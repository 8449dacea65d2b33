"""What the platform sends: events singly and by the hundred, again, in conflict; poison.

The same seed sends the same. Identities are numbered; the same id under two sources
is two events.
"""

import asyncio
import contextlib
import json
import random
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaProducer

from panelstream.ingest.kafka import clients, records
from panelstream.models.settings.kafka import KafkaSettings
from tests.faults.ledger import Fate, Identity, Ledger, Letter

AT = datetime(2025, 1, 1, tzinfo=UTC)
SOURCES = ("u2plus.web", "u2plus.app")
PEOPLE = 500
WITHDRAWN = "wim"
"""Withdrew from collection before anything was sent."""

UNSTORABLE = "unstorable"
"""What ids begin with that the engine is told to refuse."""

_KINDS = ("signed_in", "story_viewed", "story_posted", "cycle_posted", "column_posted")
_BATCH = 100
_AT_ONCE = 5
_TICK = 0.05
_PATIENCE = 300.0
_HUGE = 10_000_000

Entry = tuple[Identity, Fate]

_BAD: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("unknown_type", {"type": "u2plus.never_heard_of"}),
    ("invalid_data", {"data": {"text": "dear diary"}}),
    ("unsupported_version", {"schemaversion": 99}),
    ("time_in_future", {"time": "2999-01-01T00:00:00Z"}),
    ("time_unparsable", {"time": "the day before yesterday"}),
    ("missing_subject", {"subject": None}),
    ("not_cloudevent", {"specversion": "0.3"}),
    ("not_storable", {}),
)
"""What is wrong with an event: the reason that must be found, and what is changed."""


@dataclass(frozen=True)
class Record:
    """One Kafka record: the fate of each event in it, and the letters it must give.

    `letters`: reason and index in the batch (None: the whole record).
    """

    value: bytes | None
    events: Sequence[Entry] = ()
    letters: Sequence[tuple[str, int | None]] = ()
    conflicts: Sequence[Identity] = ()
    repeats: bool = False


@dataclass
class Traffic:
    """Makes records, one after the other."""

    seed: int
    number: int = 0
    batches: int = 0
    spoilt: int = 0
    poisons: int = 0
    again: deque[Record] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)

    def __iter__(self) -> Iterator[Record]:
        """Records without end."""
        while True:
            self.batches += 1
            yield from self._some(self.batches)

    def _some(self, turn: int) -> Iterator[Record]:
        """A batch and, now and then, what else a platform sends."""
        batch = self._batch(spoilt=turn % 20 == 3, refused=turn % 10 == 5)
        yield batch
        if turn % 20 == 7:
            self.again.append(batch)
        if turn % 20 == 11:
            yield self._conflicting(batch)
        if turn % 20 == 15:
            yield from (self._single() for _ in range(5))
        if turn % 20 == 18:
            yield self._poison()
        if self.again and self._rng.random() < 0.05:
            again = self.again.popleft()
            yield Record(again.value, again.events, repeats=True)

    def _batch(self, spoilt: bool = False, refused: bool = False) -> Record:
        made = [self._good() for _ in range(_BATCH)]
        letters: list[tuple[str, int | None]] = []
        if refused:
            made.append(self._refused())
        if spoilt:
            index = self._rng.randrange(_BATCH)
            reason, made[index] = self._spoil()
            letters.append((reason, index))
        return Record(_array(made), [one for one, _ in made], letters)

    def _single(self) -> Record:
        fate, text = self._good()
        return Record(text.encode(), [fate])

    def _conflicting(self, batch: Record) -> Record:
        """Ten events of a batch once more, with other content under their ids."""
        entries = batch.events[:10]
        made = [
            (one, _event(one[0], "someone-else", AT, "signed_up")) for one in entries
        ]
        return Record(_array(made), entries, (), [one for one, _ in entries])

    def _good(self) -> tuple[Entry, str]:
        number = self.number
        self.number += 1
        identity = Identity(SOURCES[number % 2], f"e{number // 2}")
        at = AT + timedelta(seconds=number % 10_000_000)
        person, kind = f"p{number % PEOPLE}", _KINDS[number % len(_KINDS)]
        return (identity, Fate.STORED), _event(identity, person, at, kind)

    def _refused(self) -> tuple[Entry, str]:
        identity = Identity(SOURCES[0], f"refused{self.number}")
        return (identity, Fate.REFUSED), _event(identity, WITHDRAWN, AT, "signed_in")

    def _spoil(self) -> tuple[str, tuple[Entry, str]]:
        """An event that is rejected: for what it says, or by the engine."""
        self.spoilt += 1
        reason, change = _BAD[self.spoilt % len(_BAD)]
        name = UNSTORABLE if reason == "not_storable" else "bad"
        identity = Identity(SOURCES[1], f"{name}{self.number}")
        text = _changed(_event(identity, "p1", AT, "signed_in"), change)
        return reason, ((identity, Fate.REJECTED), text)

    def _poison(self) -> Record:
        """A record that is of no use as a whole, by turns."""
        self.poisons += 1
        whole = _array([self._good() for _ in range(_BATCH)])
        future = _event(Identity(SOURCES[0], "future"), "p1", AT, "signed_in")
        ways: Sequence[tuple[str, bytes | None]] = (
            ("not_json", b"nonsense"),
            ("not_json", whole[: len(whole) // 2]),
            ("not_json", b"\x00\x00\x00\x00\x01" + whole),
            ("not_json", None),
            ("unsupported_version", _changed(future, {"schemaversion": 99}).encode()),
        )
        reason, value = ways[self.poisons % len(ways)]
        if self.poisons % 50 == 7:
            reason, value = "too_large", b'{"x":"' + b"x" * _HUGE + b'"}'
        return Record(value, (), [(reason, None)])


def withdrawal() -> tuple[Entry, str]:
    """The event by which somebody withdraws, before all others."""
    identity = Identity("u2plus", "withdrawal")
    text = _event(identity, WITHDRAWN, AT - timedelta(days=1), "signed_in")
    change = {"type": "study.consent_withdrawn", "data": {"level": "collection"}}
    return (identity, Fate.STORED), _changed(text, change)


def _event(identity: Identity, person: str, at: datetime, kind: str) -> str:
    return (
        f'{{"specversion":"1.0","id":"{identity.id}","source":"{identity.source}",'
        f'"type":"u2plus.{kind}","time":"{at:%Y-%m-%dT%H:%M:%SZ}",'
        f'"subject":"{person}"}}'
    )


def _changed(text: str, change: Mapping[str, Any]) -> str:
    return json.dumps({**json.loads(text), **change})


def _array(made: Sequence[tuple[Entry, str]]) -> bytes:
    return ("[" + ",".join(text for _, text in made) + "]").encode()


class Sender:
    """Sends at a pace in a thread of its own, each record until it is acknowledged."""

    def __init__(
        self, kafka: KafkaSettings, traffic: Traffic, ledger: Ledger, rate: float
    ) -> None:
        self.kafka, self.traffic, self.ledger = kafka, traffic, ledger
        self.rate, self.least = rate, 0
        self.failure: Exception | None = None
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._producer: AIOKafkaProducer | None = None
        self._starting: asyncio.Future[None]

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self, least: int) -> None:
        """Go on until `least` events are sent, as fast as can be; then end."""
        self.least, self.rate = least, float("inf")
        self._enough.set()
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            raise TimeoutError("the sender does not end")
        if self.failure:
            raise self.failure

    def _run(self) -> None:
        try:
            asyncio.run(self._send_all())
        except Exception as error:
            self.failure = error

    async def _send_all(self) -> None:
        began, stream = time.monotonic(), iter(self.traffic)
        try:
            while not self._enough.is_set() or self.ledger.sent.total() < self.least:
                if self.ledger.sent.total() > (time.monotonic() - began) * self.rate:
                    await asyncio.sleep(_TICK)
                    continue
                some = [next(stream) for _ in range(_AT_ONCE)]
                await asyncio.gather(*[self._send(entry) for entry in some])
        finally:
            if self._producer:
                await self._drop(self._producer)

    async def _send(self, record: Record) -> None:
        """Until the broker says that it has it: it may have it twice then."""
        end = time.monotonic() + _PATIENCE
        while True:
            producer = await self._connected()
            try:
                sent = await producer.send_and_wait(
                    self.kafka.topic, record.value, key=None if record.value else b"k"
                )
            except Exception:
                if time.monotonic() > end:
                    raise
                self.ledger.uncertain.update(reason for reason, _ in record.letters)
                await self._drop(producer)
                await asyncio.sleep(1)
            else:
                origin = records.origin(sent.topic, sent.partition)
                enter(self.ledger, record, origin, sent.offset)
                return

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            made = self._producer = clients.producer(self.kafka)
            self._starting = asyncio.ensure_future(made.start())
        producer = self._producer
        with contextlib.suppress(Exception):
            await asyncio.shield(self._starting)
        return producer

    async def _drop(self, producer: AIOKafkaProducer) -> None:
        if producer != self._producer:
            return
        self._producer = None
        with contextlib.suppress(Exception):
            await asyncio.wait_for(producer.stop(), 5)


def enter(ledger: Ledger, record: Record, origin: str, offset: int) -> None:
    """Enter a record that the broker has."""
    ledger.records += 1
    for identity, fate in record.events:
        ledger.fates[identity] = fate
        ledger.sent[fate] += 1
    ledger.sent[Fate.REJECTED] += sum(index is None for _, index in record.letters)
    ledger.letters |= {Letter(why, origin, offset, at) for why, at in record.letters}
    ledger.conflicts.update(record.conflicts)
    if record.repeats:
        ledger.resent += sum(fate is Fate.STORED for _, fate in record.events)
