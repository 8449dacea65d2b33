"""Consent over time: statements of participants become intervals of study days.

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

from panelstream.models.study.study import Consent, Study, midnight
from panelstream.models.timestamps import END_DAY, FIRST_DAY

RETROSPECTIVE = "retrospective"
"""The scope of those who agree that use before their yes counts too."""

ENDING_LEVELS = ("collection", "erase")
"""Levels of withdrawal after which nothing is taken; `contact` only ends letters."""

CONSENT_INSTRUMENT = "study.consent"
"""What an item that gives consent is stored under: version as item, scopes as answer."""


@dataclass(frozen=True)
class ConsentStatement:
    """A yes to scopes of a version at one time, or a withdrawal."""

    at: datetime
    version: int = 0
    scopes: frozenset[str] = frozenset()
    level: str = ""
    """Of a withdrawal; empty for a yes."""


Interval = tuple[date, date]
"""Study days from the first to the day after the last."""

ConsentStatements = Mapping[str, Sequence[ConsentStatement]]
"""By participant."""

WithdrawalPeriods = Sequence[tuple[datetime, datetime | None]]
"""From when to when nothing of a participant is taken; None: for good."""


@dataclass(frozen=True)
class Consents:
    """Intervals of all participants: participant_id, from_on, until_on (days), in order.

    `consented`: days on which answers count. `telemetry`: days whose use may be looked
    at. `withdrawn`: participants who left and have not come back.
    """

    consented: pd.DataFrame
    telemetry: pd.DataFrame
    withdrawn: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _State:
    """What holds between two statements.

    `retrospective_from`: the first yes after the last withdrawal, back to which a
    retrospective yes reaches.
    """

    agreed: bool = False
    version: int = 0
    scopes: frozenset[str] = frozenset()
    retrospective_from: date | None = FIRST_DAY

    def next(self, statement: ConsentStatement, day: date) -> "_State":
        if statement.level:
            return _State(retrospective_from=None)
        if statement.version < self.version:
            return self
        same_version = statement.version == self.version
        scopes = (self.scopes if same_version else frozenset()) | statement.scopes
        reach = day if self.retrospective_from is None else self.retrospective_from
        return _State(True, statement.version, scopes, reach)


def stored_answer(
    version: int, scopes: Iterable[str], answer: str
) -> tuple[str, str, str]:
    """Instrument, item and answer under which an answer to the question is stored."""
    agreed = " ".join(scopes) if answer in ("yes", "1") else ""
    return CONSENT_INSTRUMENT, str(version), agreed


def parse_stored_answer(at: datetime, version: str, scopes: str) -> ConsentStatement:
    """The statement that `stored_answer` gives as item and answer, made at `at`."""
    return ConsentStatement(at, int(version), frozenset(scopes.split()))


def group_statements(rows: Iterable[Mapping[str, Any]]) -> ConsentStatements:
    """Statements from rows of the query `consents`, which come by participant."""
    return {
        participant: [
            ConsentStatement(
                row["stated_at"], row["version"], frozenset(row["scopes"]), row["level"]
            )
            for row in group
        ]
        for participant, group in groupby(rows, lambda row: str(row["participant_id"]))
    }


def derive_consents(
    study: Study, participants: Iterable[str], statements: ConsentStatements
) -> Consents:
    """The intervals of some participants, from their statements."""
    by_participant = {name: statements.get(name, ()) for name in participants}
    people = by_participant.items()
    return Consents(
        _table((name, consented_intervals(study, history)) for name, history in people),
        _table((name, telemetry_intervals(study, history)) for name, history in people),
        frozenset(
            name
            for name, history in people
            if _is_open(withdrawal_periods(history, study.zone))
        ),
    )


def consented_intervals(
    study: Study, statements: Iterable[ConsentStatement]
) -> list[Interval]:
    """The days on which somebody had agreed to all that the study requires."""
    return _merged(
        (valid.from_on, valid.until_on) for valid in _valid(study, statements)
    )


def telemetry_intervals(
    study: Study, statements: Iterable[ConsentStatement]
) -> list[Interval]:
    """The days whose use may be looked at: those of consent, and those it reaches back to.

    Those who agreed to it let earlier use count, if the study reaches back; but never
    what lies before a withdrawal.
    """
    reaches_back = isinstance(study.consent, Consent) and (
        study.consent.telemetry_from != "consent"
    )
    days = _merged(
        (valid.use_from if reaches_back else valid.from_on, valid.until_on)
        for valid in _valid(study, statements)
    )
    first = _first_telemetry_day(study)
    return [(max(start, first), end) for start, end in days if end > first]


def withdrawal_periods(
    statements: Iterable[ConsentStatement], zone: ZoneInfo
) -> WithdrawalPeriods:
    """When nothing of somebody is taken: from a withdrawal to the day of the next yes."""
    periods: list[tuple[datetime, datetime | None]] = []
    for statement in _in_order(statements):
        if statement.level and not _is_open(periods):
            periods.append((statement.at, None))
        elif _is_open(periods) and not statement.level:
            start, _ = periods.pop()
            end = midnight(statement.at.astimezone(zone).date(), zone)
            periods += [(start, end)] if start < end else []
    return periods


def _is_open(periods: WithdrawalPeriods) -> bool:
    return bool(periods) and periods[-1][1] is None


def is_withdrawn(periods: WithdrawalPeriods, at: datetime) -> bool:
    """Whether something done at an instant is not taken."""
    return any(start < at and (end is None or at < end) for start, end in periods)


def current_consent(
    statements: Iterable[ConsentStatement],
) -> tuple[int, frozenset[str]]:
    """The version and the scopes that somebody has agreed to and not withdrawn."""
    state = _State()
    for statement in _in_order(statements):
        state = state.next(statement, FIRST_DAY)
    return state.version, state.scopes


def withdrawal_level(statements: Iterable[ConsentStatement]) -> str:
    """How far somebody has withdrawn and not come back; empty: not at all."""
    level = ""
    for statement in sorted(statements, key=lambda statement: statement.at):
        stays = level in ENDING_LEVELS and statement.level not in ("", *ENDING_LEVELS)
        level = level if stays else statement.level
    return level


@dataclass(frozen=True)
class _Valid:
    """Days [from_on, until_on) of one state that holds; use may count from `use_from`."""

    from_on: date
    until_on: date
    use_from: date


def _valid(study: Study, statements: Iterable[ConsentStatement]) -> Iterator[_Valid]:
    states = [*_states(study, statements), (END_DAY, _State())]
    for (day, state), (next_day, _) in pairwise(states):
        end = min(next_day, _renewed_on(study, state.version))
        if _holds(study, state) and day < end:
            reach = state.retrospective_from
            reaches_back = RETROSPECTIVE in state.scopes and reach is not None
            yield _Valid(day, end, reach if reaches_back and reach else day)


def _merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Joined where they touch or overlap, in order."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            first, last = merged.pop()
            start, end = first, max(last, end)
        merged.append((start, end))
    return merged


def _table(by_participant: Iterable[tuple[str, list[Interval]]]) -> pd.DataFrame:
    rows = [
        (name, *interval)
        for name, intervals in by_participant
        for interval in intervals
    ]
    frame = pd.DataFrame(
        rows, columns=pd.Index(["participant_id", "from_on", "until_on"])
    )
    days = dict.fromkeys(["from_on", "until_on"], "datetime64[s]")
    return frame.astype({"participant_id": object, **days})


def _states(
    study: Study, statements: Iterable[ConsentStatement]
) -> Iterator[tuple[date, _State]]:
    """Every state with the study day on which it begins, in order."""
    state = _State(agreed=study.consent == "external")
    yield FIRST_DAY, state
    for statement in _in_order(statements):
        day = statement.at.astimezone(study.zone).date()
        state = state.next(statement, day)
        yield day, state


def _in_order(statements: Iterable[ConsentStatement]) -> list[ConsentStatement]:
    """What concerns collection, in order of time; of one instant a withdrawal last."""
    relevant = [
        statement for statement in statements if statement.level in ("", *ENDING_LEVELS)
    ]
    return sorted(
        relevant,
        key=lambda statement: (statement.at, statement.level != "", statement.version),
    )


def _holds(study: Study, state: _State) -> bool:
    if isinstance(study.consent, Consent):
        return state.agreed and set(study.consent.required) <= state.scopes
    return state.agreed


def _renewed_on(study: Study, version: int) -> date:
    """From which day on a yes to this version no longer holds."""
    if not isinstance(study.consent, Consent):
        return END_DAY
    newer = [
        renewal.from_on
        for renewal in study.consent.renewals
        if renewal.version > version
    ]
    return min(newer, default=END_DAY)


def _first_telemetry_day(study: Study) -> date:
    if isinstance(study.consent, Consent):
        day = study.consent.telemetry_from
        return day if isinstance(day, date) else FIRST_DAY
    return FIRST_DAY
