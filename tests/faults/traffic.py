"""What the platform sends: events singly and by the hundred, again, in conflict; poison.

The same seed sends the same. Identities are numbered; the same id under two sources
is two events. Time passes with the number of the event, and a record has the time of
its newest. Weeks are by turns clean, with bad events whose person can be read, and
with some that make everybody's use unknown: a panel has known and unknown cells.
"""

import json
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.faults.ledger import Act, Blind, Defect, Entry, Fate, Identity, Record

ZONE = ZoneInfo("Asia/Tokyo")
AT = datetime(2024, 1, 1, tzinfo=ZONE).astimezone(UTC)
"""A Monday, long before any test runs."""

SOURCES = ("u2plus.web", "u2plus.app")
PEOPLE = [f"p{number}" for number in range(50)]
WITHDRAWN = "wim"
"""Withdrew from collection before anything was sent."""

UNSTORABLE = "unstorable"
"""What ids begin with that the engine is told to refuse."""

KINDS: Mapping[str, str] = {
    "signed_in": "sign_in",
    "story_viewed": "story",
    "story_posted": "story",
    "cycle_posted": "cycle",
    "column_posted": "column",
}
"""The types that are sent, and the function of each."""

FUNCTIONS = ("sign_in", "story", "cycle", "column", "funcan")
"""Those of the panel; nobody ever uses the last."""

DAY, WEEK = timedelta(days=1), timedelta(days=7)
_BATCH = 100
_PERSONAL, _GENERAL = 40, 4
"""How many bad events, or records, a week of the kind has."""
_SELDOM = 40
"""Of so many bad events the engine refuses one: it takes a batch many halvings."""

_LEVELS, _HUGE = 3_000, 10_000_000
_GIANT, _GIANT_BAD = 90_000, 0.94

Made = tuple[Entry, str]


@dataclass(frozen=True)
class Transaction:
    """Records that are committed together, or taken back."""

    records: Sequence[Record]
    commit: bool


Step = Record | Transaction
Personal = tuple[str, Mapping[str, Any], bool]

_PERSONAL_BAD: Sequence[Personal] = (
    ("unknown_type", {"type": "u2plus.never_heard_of"}, True),
    ("invalid_data", {"data": {"text": "dear diary"}}, True),
    ("unsupported_version", {"schemaversion": 99}, True),
    ("time_in_future", {"time": "2999-01-01T00:00:00Z"}, False),
    ("time_unparsable", {"time": "the day before yesterday"}, False),
    ("not_cloudevent", {"specversion": "0.3"}, True),
)
"""What is wrong with an event whose person can be read: the reason that must be found,
what is changed, and whether its time can be read."""
_NOT_STORABLE: Personal = ("not_storable", {}, True)

Spoil = tuple[Callable[[str], str], bool]
_UNREADABLE: Sequence[Spoil] = (
    (lambda text: text.replace('"subject":"', r'"subject":"\udc80'), False),
    (lambda text: text[:-1] + ',"data":{"x":NaN}}', True),
    (lambda text: text[:-1] + ',"data":' + "[" * _LEVELS + "]" * _LEVELS + "}", True),
)
"""What makes an event of a batch no JSON: half a character, no number, depth; and
whether the subject is still whole, as type and time are."""


@dataclass
class Traffic:
    """Makes records, one after the other; `per_week`: about how many events a week."""

    seed: int
    per_week: int
    number: int = 0
    batches: int = 0
    spoilt: int = 0
    poisons: int = 0
    posts: int = 0
    transactions: int = 0
    again: deque[Record] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)
        self._step = timedelta(seconds=WEEK.total_seconds() // self.per_week)

    def __iter__(self) -> Iterator[Step]:
        """Records without end."""
        while True:
            self.batches += 1
            yield from self._some(self.batches)

    @property
    def week(self) -> int:
        """Which week it is, from 0."""
        return week_of(self._now())

    def _now(self) -> datetime:
        return self._time(max(0, self.number - 1))

    def _time(self, number: int) -> datetime:
        return AT + number * self._step

    def _some(self, turn: int) -> Iterator[Step]:
        """A batch and, now and then, what else a platform sends."""
        first = self.number
        batch = self._batch(refused=turn % 10 == 5, spoil=turn % 20 not in (7, 11))
        yield batch
        if turn % 20 == 7:
            self.again.append(batch)
        if turn % 20 == 11:
            yield self._conflicting(first)
        if turn % 20 == 13:
            yield self._transaction()
        if turn % 20 == 15:
            yield from (self._single() for _ in range(5))
        if self.week % 3 == 2 and self._times(_GENERAL):
            yield self._poison()
        if self.again and self._rng.random() < 0.05:
            again = self.again.popleft()
            yield Record(again.value, self._now(), again.events, repeats=True)

    def _times(self, per_week: int) -> int:
        """How often something happens in a batch that happens so often in a week."""
        return int(per_week * _BATCH / self.per_week + self._rng.random())

    def _batch(self, refused: bool = False, spoil: bool = False) -> Record:
        made = [self._good() for _ in range(_BATCH)]
        at, defects = self._now(), []
        if refused:
            made.append(self._refused())
        if spoil and self.week % 3 == 1:
            places = self._rng.sample(range(_BATCH), self._times(_PERSONAL))
            for index in places:
                defect, made[index] = self._spoil(index, at)
                defects.append(defect)
        return _record(made, at, defects)

    def _single(self) -> Record:
        made = self._good()
        return Record(made[1].encode(), self._now(), [made[0]])

    def _conflicting(self, first: int) -> Record:
        """Ten events of a batch once more, with another time under their ids."""
        made = [self._good_at(first + n, ".500Z") for n in range(10)]
        return _record(made, self._now(), conflicts=True)

    def _transaction(self) -> Transaction:
        """Two batches that are committed, or none of them."""
        self.transactions += 1
        commit = self.transactions % 3 != 0
        records = [self._batch() for _ in range(2)]
        return Transaction(records if commit else [*map(_aborted, records)], commit)

    def _good(self) -> Made:
        self.number += 1
        return self._good_at(self.number - 1)

    def _good_at(self, number: int, end: str = "Z") -> Made:
        """The event of a number: people leave out a function for a week by turns."""
        identity = Identity(SOURCES[number % 2], f"e{number // 2}")
        kind, at = list(KINDS)[number % len(KINDS)], self._time(number)
        turn = number // len(KINDS)
        person, function = PEOPLE[turn % len(PEOPLE)], KINDS[kind]
        act: Act | None = Act(person, function, local_day(at))
        if (turn + FUNCTIONS.index(function) + week_of(at)) % 3 == 0:
            kind, act = "signed_up", None
        return Entry(identity, Fate.STORED, act), _event(
            identity, person, at, kind, end
        )

    def _refused(self) -> Made:
        identity = Identity(SOURCES[0], f"refused{self.number}")
        text = _event(identity, WITHDRAWN, self._now(), "signed_in")
        return Entry(identity, Fate.REFUSED), text

    def _spoil(self, index: int, at: datetime) -> tuple[Defect, Made]:
        """An event of a person that is rejected: for what it says, or by the engine."""
        self.spoilt += 1
        bad = _PERSONAL_BAD[self.spoilt % len(_PERSONAL_BAD)]
        reason, change, timely = bad if self.spoilt % _SELDOM else _NOT_STORABLE
        name = UNSTORABLE if reason == "not_storable" else "bad"
        identity = Identity(SOURCES[1], f"{name}{self.spoilt}")
        person = PEOPLE[self.spoilt * 3 % len(PEOPLE)]
        kind = list(KINDS)[self.spoilt % len(KINDS)]
        text = _changed(_event(identity, person, at, kind), change)
        days = (local_day(at),) * 2 if timely else days_before(at)
        function = "" if reason == "unknown_type" else KINDS[kind]
        blind = Blind(*days, person, function)
        return Defect(reason, index, blind), (Entry(identity, Fate.REJECTED), text)

    def _poison(self) -> Record:
        """A record, or an event of one, that says of nobody whose it is; by turns."""
        self.poisons += 1
        made = [self._good() for _ in range(_BATCH)]
        at, value = self._now(), _record(made, self._now()).value or b""
        ways: Sequence[bytes | None] = (
            b"nonsense",
            value[: len(value) // 2],
            b"\x00\x00\x00\x00\x01" + value,
            None,
        )
        turn = self.poisons % (len(ways) + len(_UNREADABLE) + 1)
        if turn > len(ways):
            return self._one_bad(made, _UNREADABLE[turn - len(ways) - 1])
        if turn == len(ways):
            return self._nobody(made)
        reason, value_sent = "not_json", ways[turn]
        if self.poisons % 50 == 7:
            reason, value_sent = "too_large", b'{"x":"' + b"x" * _HUGE + b'"}'
        blind = Blind(*days_before(at))
        return Record(value_sent, at, (), [Defect(reason, None, blind)])

    def _one_bad(self, made: list[Made], way: Spoil) -> Record:
        """A batch with an event that is no JSON: its neighbours are stored."""
        index, at = self._rng.randrange(_BATCH), self._now()
        identity = Identity(SOURCES[1], f"unreadable{self.poisons}")
        spoil, is_of_somebody = way
        text = spoil(_event(identity, PEOPLE[0], at, "signed_in"))
        made[index] = (Entry(identity, Fate.REJECTED), text)
        person, day = PEOPLE[0] if is_of_somebody else "", local_day(at)
        blind = Blind(day, day, person, "sign_in")
        return _record(made, at, [Defect("not_json", index, blind)])

    def _nobody(self, made: list[Made]) -> Record:
        """A batch with an event of nobody: everybody's use of its function that day."""
        index, at = self._rng.randrange(_BATCH), self._now()
        identity = Identity(SOURCES[1], f"nobody{self.poisons}")
        text = _changed(_event(identity, "", at, "signed_in"), {"subject": None})
        made[index] = (Entry(identity, Fate.REJECTED), text)
        blind = Blind(local_day(at), local_day(at), function="sign_in")
        return _record(made, at, [Defect("missing_subject", index, blind)])

    def posted(self) -> Record:
        """A batch of one source, as a collector takes it."""
        self.posts += 1
        made, at = [], self._now()
        for n, person in enumerate(PEOPLE):
            identity = Identity(SOURCES[0], f"posted{self.posts}-{n}")
            act = Act(person, "story", local_day(at))
            text = _event(identity, person, at, "story_posted")
            made.append((Entry(identity, Fate.STORED, act), text))
        return _record(made, at)

    def giant(self) -> Record:
        """A record of about 14 MB, of which 94 % are rejected."""
        made: list[Made] = []
        defects = []
        for index in range(_GIANT):
            if index % 100 >= _GIANT_BAD * 100:
                made.append(self._good())
                continue
            self.spoilt += 1
            identity = Identity(SOURCES[1], f"bad{self.spoilt}")
            person, at = PEOPLE[index % len(PEOPLE)], self._now()
            text = _event(identity, person, at, "never_heard_of")
            made.append((Entry(identity, Fate.REJECTED), text))
            blind = Blind(local_day(at), local_day(at), person)
            defects.append(Defect("unknown_type", index, blind))
        return _record(made, self._now(), defects)


def local_day(at: datetime) -> date:
    """The study's day of an instant."""
    return at.astimezone(ZONE).date()


def days_before(at: datetime) -> tuple[date, date]:
    """The days that a record makes unknown whose events' times cannot be read."""
    return local_day(at - DAY), local_day(at)


def week_of(at: datetime) -> int:
    """The week of the traffic, from 0, that an instant is in."""
    return (at - AT) // WEEK


def enrolment() -> tuple[list[Entry], str]:
    """What is known before all traffic: people enrol, and somebody withdraws."""
    made = [_enrolled(person) for person in PEOPLE]
    identity = Identity("u2plus", "withdrawal")
    text = _event(identity, WITHDRAWN, AT - 2 * DAY, "signed_in")
    change = {"type": "study.consent_withdrawn", "data": {"level": "collection"}}
    made.append((Entry(identity, Fate.STORED), _changed(text, change)))
    return [entry for entry, _ in made], "\n".join(text for _, text in made)


def _enrolled(person: str) -> Made:
    identity = Identity("u2plus", f"enrolled-{person}")
    text = _event(identity, person, AT - 2 * DAY, "signed_in")
    return Entry(identity, Fate.STORED), _changed(text, {"type": "study.enrolled"})


def _event(
    identity: Identity, person: str, at: datetime, kind: str, end: str = "Z"
) -> str:
    return (
        f'{{"specversion":"1.0","id":"{identity.id}","source":"{identity.source}",'
        f'"type":"u2plus.{kind}","time":"{at:%Y-%m-%dT%H:%M:%S}{end}",'
        f'"subject":"{person}"}}'
    )


def _changed(text: str, change: Mapping[str, Any]) -> str:
    return json.dumps({**json.loads(text), **change})


def _record(
    made: Sequence[Made],
    at: datetime,
    defects: Sequence[Defect] = (),
    conflicts: bool = False,
) -> Record:
    value = ("[" + ",".join(text for _, text in made) + "]").encode()
    return Record(value, at, [entry for entry, _ in made], defects, conflicts)


def _aborted(record: Record) -> Record:
    entries = [entry._replace(fate=Fate.ABORTED) for entry in record.events]
    return Record(record.value, record.at, entries)
