"""What holds after any imports of survey exports, written slowly and obviously.

A history is a list of readings, one an import, and a list of answers that came as
events. Everything is derived from the whole lists each time, with loops.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

ALL = 0
"""The selection of an import that speaks of everything that its source holds."""


@dataclass(frozen=True)
class Response:
    """A response as an export or an event states it; `at` to a second.

    `id`: the survey tool's own, which means something within its source; empty: none.
    """

    person: str
    wave: int
    at: datetime
    answers: Mapping[str, str]
    id: str = ""

    @property
    def identity(self) -> Hashable:
        """What makes two statements ones about the same response of a source."""
        return self.id or (self.person, self.wave, self.at)


@dataclass(frozen=True)
class Reading:
    """An import: which form's state it is, the wave of which it speaks, what it states."""

    source: str
    at: datetime
    responses: Sequence[Response]
    selection: int = ALL
    retracted_at: datetime | None = None

    def holds(self, as_of: datetime) -> bool:
        """Whether it was there at an instant, and not taken back."""
        return self.at <= as_of and not (
            self.retracted_at is not None and self.retracted_at <= as_of
        )

    def speaks_of(self, wave: int) -> bool:
        """Whether the form's state in a wave is as it says."""
        return self.selection in (ALL, wave)


@dataclass(frozen=True)
class Event:
    """A response that came as an event, and when it arrived."""

    at: datetime
    response: Response


@dataclass(frozen=True)
class _Statement:
    response: Response
    name: Hashable
    at: datetime


Answers = list[tuple[str, int, datetime, dict[str, str]]]
"""By response: person, wave, time, and answers by item."""


def answers(
    readings: Sequence[Reading], events: Sequence[Event], as_of: datetime
) -> Answers:
    """The answers that held at an instant, a response each, in order."""
    statements = _statements(readings, events, as_of)
    responses: dict[tuple[str, int, datetime, Hashable], dict[str, str]] = {}
    for statement in sorted(statements, key=lambda entry: entry.at):
        stated = statement.response
        key = (stated.person, stated.wave, stated.at, statement.name)
        responses.setdefault(key, {}).update(stated.answers)
    rows = [(who, wave, at, held) for (who, wave, at, _), held in responses.items()]
    return in_order(rows)


def in_order(rows: Iterable[tuple[str, int, datetime, dict[str, str]]]) -> Answers:
    """Responses by person, wave, time and answers, so that lists of them compare."""
    return sorted(rows, key=lambda row: (*row[:3], sorted(row[3].items())))


def standing(
    readings: Sequence[Reading], source: str, as_of: datetime
) -> list[Response]:
    """What a source states at an instant: of each wave, its newest reading that speaks of it.

    A response with an id is in one place: where the newest of these readings has it.
    """
    result: list[Response] = []
    for reading in sorted(readings, key=lambda entry: entry.at):
        for response in reading.responses:
            if _newest(readings, source, response.wave, as_of) is reading:
                result = [r for r in result if not r.id or r.id != response.id]
                result.append(response)
    return result


def replaced(standing: Sequence[Response], reading: Reading) -> list[Response]:
    """Of what a source states, that whose place a new reading takes."""
    ids = {response.id for response in reading.responses if response.id}
    return [
        response
        for response in standing
        if reading.speaks_of(response.wave) or response.id in ids
    ]


def changes(before: Iterable[Response], after: Iterable[Response]) -> Counter[str]:
    """How many responses are new, revised, moved, unchanged and gone.

    A response has its identity. One without an id that has another identity now is
    the same if person, time and answers are (another wave), else wave, time and answers
    (another person), else person and wave (another time).
    """
    old, new = list(before), list(after)
    counts: Counter[str] = Counter()
    for feature in (_identity, _same_but_wave, _same_but_person, _person_and_wave):
        for first, second in _pairs(old, new, feature):
            old.remove(first)
            new.remove(second)
            counts[_change(first, second)] += 1
    return counts + Counter({"new": len(new), "gone": len(old)})


def _statements(
    readings: Sequence[Reading], events: Sequence[Event], as_of: datetime
) -> list[_Statement]:
    """What is stated about responses, each with the response's name.

    What is known by its second only has the name of the one response with an id that
    the person gave in that second, if there is exactly one.
    """
    statements = []
    for source in {reading.source for reading in readings}:
        for response in standing(readings, source, as_of):
            newest = _newest(readings, source, response.wave, as_of)
            assert newest is not None
            name = (source, response.id) if response.id else None
            statements.append(_Statement(response, name, newest.at))
    for event in events:
        if event.at <= as_of:
            statements.append(_Statement(event.response, None, event.at))
    return [_with_name(statement, statements) for statement in statements]


def _with_name(statement: _Statement, statements: Sequence[_Statement]) -> _Statement:
    names = {
        entry.name
        for entry in statements
        if entry.name is not None and _same_place(entry, statement)
    }
    if statement.name is not None or len(names) != 1:
        return statement
    return replace(statement, name=names.pop())


def _same_place(first: _Statement, second: _Statement) -> bool:
    one, two = first.response, second.response
    return (one.person, one.wave, one.at) == (two.person, two.wave, two.at)


def _newest(
    readings: Sequence[Reading], source: str, wave: int, as_of: datetime
) -> Reading | None:
    newest = None
    for reading in readings:
        speaks = reading.source == source and reading.speaks_of(wave)
        if speaks and reading.holds(as_of) and (not newest or newest.at < reading.at):
            newest = reading
    return newest


def _pairs(
    old: Iterable[Response],
    new: Iterable[Response],
    feature: Callable[[Response], Hashable],
) -> list[tuple[Response, Response]]:
    pairs: list[tuple[Response, Response]] = []
    for second in sorted(new, key=lambda response: response.at):
        for first in sorted(old, key=lambda response: response.at):
            is_used = any(first is used for used, _ in pairs)
            have_ids = bool(first.id and second.id) and feature is not _identity
            if not is_used and not have_ids and feature(first) == feature(second):
                pairs.append((first, second))
                break
    return pairs


def _change(first: Response, second: Response) -> str:
    if (first.person, first.wave) != (second.person, second.wave):
        return "moved"
    return "unchanged" if first == second else "revised"


def _identity(response: Response) -> Hashable:
    return response.identity


def _same_but_wave(response: Response) -> Hashable:
    return response.person, response.at, _items(response)


def _same_but_person(response: Response) -> Hashable:
    return response.wave, response.at, _items(response)


def _person_and_wave(response: Response) -> Hashable:
    return response.person, response.wave


def _items(response: Response) -> Hashable:
    return frozenset(response.answers.items())
