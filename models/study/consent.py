"""Who agreed to what, and when: what people said becomes stretches of study days.

A yes holds from its day on: to the same version it adds scopes, a newer version
replaces the older ones, an older version adds nothing. A withdrawal from collection
ends it all, from the midnight of its day on, until the person says yes again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from panelstream.models.instruments.instrument import NO_OR_YES, Instrument, Item
from panelstream.models.study.study import Consent, Study, midnight
from panelstream.models.timestamps import END_DAY, FIRST_DAY

RETROSPECTIVE = "retrospective"
"""The scope of those who agree that use before their yes counts too."""

ENDING = ("collection", "erase")
"""Levels of withdrawal after which nothing is taken; `contact` only ends letters."""

INSTRUMENT = "study.consent"
"""What an item that gives consent is stored under: version as item, scopes as answer."""

QUESTION = Instrument(
    instrument="consent",
    title={"en": "Consent", "ja": "同意"},
    reference="",
    licence="",
    items=(
        Item(
            code="consent",
            choices={"yes": NO_OR_YES[1], "no": NO_OR_YES[0], "1": {}, "0": {}},
        ),
    ),
)
"""The item of a survey with which people agree, as an export's mapping names it."""


@dataclass(frozen=True)
class Statement:
    """What somebody said at one time: a yes to scopes of a version, or a withdrawal."""

    at: datetime
    version: int = 0
    scopes: frozenset[str] = frozenset()
    level: str = ""
    """Of a withdrawal; empty for a yes."""


Stretch = tuple[date, date]
"""Study days from the first to the day after the last."""

Statements = Mapping[str, Sequence[Statement]]
"""By participant."""

Gone = Sequence[tuple[datetime, datetime | None]]
"""From when to when nothing of somebody is taken; None: for good."""


@dataclass(frozen=True)
class Consents:
    """Everybody's stretches: participant_id, from_on, until_on (days), in order.

    `agreed`: days on which answers count. `seen`: days whose use may be looked at.
    `withdrawn`: who left and has not come back.
    """

    agreed: pd.DataFrame
    seen: pd.DataFrame
    withdrawn: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _State:
    """What holds between two statements. `since`: the first yes after the last
    withdrawal, back to which a retrospective yes reaches."""

    given: bool = False
    version: int = 0
    scopes: frozenset[str] = frozenset()
    since: date | None = FIRST_DAY

    def after(self, said: Statement, day: date) -> "_State":
        if said.level:
            return _State(since=None)
        if said.version < self.version:
            return self
        kept = self.scopes if said.version == self.version else frozenset()
        since = day if self.since is None else self.since
        return _State(True, said.version, kept | said.scopes, since)


def answered(version: int, scopes: Iterable[str], answer: str) -> tuple[str, str, str]:
    """Instrument, item and answer under which the answer to `QUESTION` is stored."""
    agreed = " ".join(scopes) if answer in ("yes", "1") else ""
    return INSTRUMENT, str(version), agreed


def statement(at: datetime, version: str, agreed: str) -> Statement:
    """What `answered` says, as item and answer, and when."""
    return Statement(at, int(version), frozenset(agreed.split()))


def by_participant(rows: Iterable[Mapping[str, Any]]) -> Statements:
    """The rows of the query `consents`, which come by participant."""
    return {
        who: [
            Statement(
                row["stated_at"], row["version"], frozenset(row["scopes"]), row["level"]
            )
            for row in theirs
        ]
        for who, theirs in groupby(rows, key=lambda row: str(row["participant_id"]))
    }


def of(study: Study, people: Iterable[str], said: Statements) -> Consents:
    """The stretches of some people, from what they said."""
    known = {who: said.get(who, ()) for who in people}
    return Consents(
        _table((who, agreed(study, theirs)) for who, theirs in known.items()),
        _table((who, seen(study, theirs)) for who, theirs in known.items()),
        frozenset(who for who in known if _has_left(gone(known[who], study.zone))),
    )


def agreed(study: Study, said: Iterable[Statement]) -> list[Stretch]:
    """The days on which somebody had agreed to all that the study requires."""
    return _merged((one.from_on, one.until_on) for one in _valid(study, said))


def seen(study: Study, said: Iterable[Statement]) -> list[Stretch]:
    """The days whose use may be looked at: those of consent, and those it reaches back to.

    Those who agreed to it let earlier use count, if the study reaches back; but never
    what lies before a withdrawal.
    """
    reaches = isinstance(study.consent, Consent) and (
        study.consent.telemetry_from != "consent"
    )
    days = _merged(
        (one.since if reaches else one.from_on, one.until_on)
        for one in _valid(study, said)
    )
    since = _looked_at_from(study)
    return [(max(start, since), end) for start, end in days if end > since]


def gone(said: Iterable[Statement], zone: ZoneInfo) -> Gone:
    """When nothing of somebody is taken: from a withdrawal to the day of the next yes."""
    spans: list[tuple[datetime, datetime | None]] = []
    for one in _in_order(said):
        left = _has_left(spans)
        if one.level and not left:
            spans.append((one.at, None))
        elif left and not one.level:
            start, _ = spans.pop()
            until = midnight(one.at.astimezone(zone).date(), zone)
            spans += [(start, until)] if start < until else []
    return spans


def _has_left(spans: Gone) -> bool:
    return bool(spans) and spans[-1][1] is None


def is_gone(spans: Gone, at: datetime) -> bool:
    """Whether something done at an instant is not taken."""
    return any(start < at and (end is None or at < end) for start, end in spans)


def held(said: Iterable[Statement]) -> tuple[int, frozenset[str]]:
    """The version and the scopes that somebody has agreed to and not withdrawn."""
    state = _State()
    for one in _in_order(said):
        state = state.after(one, FIRST_DAY)
    return state.version, state.scopes


def level(said: Iterable[Statement]) -> str:
    """How far somebody has withdrawn and not come back; empty: not at all."""
    last = ""
    for one in sorted(said, key=lambda one: one.at):
        if not one.level or last not in ENDING or one.level in ENDING:
            last = one.level
    return last


@dataclass(frozen=True)
class _Valid:
    """Days [from_on, until_on) of one state that holds; use may count from `since`."""

    from_on: date
    until_on: date
    since: date


def _valid(study: Study, said: Iterable[Statement]) -> Iterator[_Valid]:
    for (day, state), (until, _) in pairwise([*_states(study, said), (END_DAY, None)]):
        assert state is not None
        end = min(until, _renewed_on(study, state.version))
        if _holds(study, state) and day < end:
            reaches = RETROSPECTIVE in state.scopes and state.since is not None
            yield _Valid(day, end, state.since if reaches and state.since else day)


def _merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Joined where they touch or overlap, in order."""
    merged: list[Stretch] = []
    for start, end in sorted(stretches):
        if merged and start <= merged[-1][1]:
            before, last = merged.pop()
            start, end = before, max(last, end)
        merged.append((start, end))
    return merged


def _table(stretches: Iterable[tuple[str, list[Stretch]]]) -> pd.DataFrame:
    rows = [(who, *one) for who, theirs in stretches for one in theirs]
    frame = pd.DataFrame(
        rows, columns=pd.Index(["participant_id", "from_on", "until_on"])
    )
    days = dict.fromkeys(["from_on", "until_on"], "datetime64[s]")
    return frame.astype({"participant_id": object, **days})


def _states(study: Study, said: Iterable[Statement]) -> Iterator[tuple[date, _State]]:
    """Every state with the study day on which it begins, in order."""
    state = _State(given=study.consent == "external")
    yield FIRST_DAY, state
    for one in _in_order(said):
        day = one.at.astimezone(study.zone).date()
        state = state.after(one, day)
        yield day, state


def _in_order(said: Iterable[Statement]) -> list[Statement]:
    """What concerns collection, in order of time; of one instant a withdrawal last."""
    told = [one for one in said if one.level in ("", *ENDING)]
    return sorted(told, key=lambda one: (one.at, one.level != "", one.version))


def _holds(study: Study, state: _State) -> bool:
    if isinstance(study.consent, Consent):
        return state.given and set(study.consent.required) <= state.scopes
    return state.given


def _renewed_on(study: Study, version: int) -> date:
    """From which day on a yes to this version no longer holds."""
    if not isinstance(study.consent, Consent):
        return END_DAY
    newer = [one.from_on for one in study.consent.renewals if one.version > version]
    return min(newer, default=END_DAY)


def _looked_at_from(study: Study) -> date:
    if isinstance(study.consent, Consent):
        since = study.consent.telemetry_from
        return since if isinstance(since, date) else FIRST_DAY
    return FIRST_DAY
