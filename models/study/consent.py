"""Consent over time: statements of participants become intervals of study days.

A yes holds from its day on: to the same version it adds scopes, a newer version
replaces the older ones, an older version adds nothing. A no to the same or a newer
version takes its scopes away, from the midnight of its day on, until the person says
yes to them again. A withdrawal from collection ends it all in the same way; a no does
not: data go on to be taken, and the days before it still count.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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

DECLINED = "declined"
"""The level of a no: some scopes are not agreed to, and nothing is withdrawn."""

CONSENT_INSTRUMENT = "study.consent"
"""What an answer to the consent question is stored under: version as item, scopes as
answer, after `NO` where they are declined."""

NO = "no:"
"""How the stored answer of a no begins."""


@dataclass(frozen=True)
class ConsentStatement:
    """A yes or a no to scopes of a version at one time, or a withdrawal."""

    at: datetime
    version: int = 0
    scopes: frozenset[str] = frozenset()
    level: str = ""
    """Of a withdrawal, `DECLINED` for a no; empty for a yes."""


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

    `declined`: scopes whose last statement is a no. `retrospective_from`: the first
    yes after the last withdrawal, back to which a retrospective yes reaches.
    """

    agreed: bool = False
    version: int = 0
    scopes: frozenset[str] = frozenset()
    declined: frozenset[str] = frozenset()
    retrospective_from: date | None = FIRST_DAY

    def next(self, statement: ConsentStatement, day: date) -> "_State":
        if statement.level in ENDING_LEVELS:
            return _State(retrospective_from=None)
        if statement.version < self.version:
            return self
        if statement.level == DECLINED:
            return self._without(statement.scopes)
        same_version = statement.version == self.version
        scopes = (self.scopes if same_version else frozenset()) | statement.scopes
        reach = day if self.retrospective_from is None else self.retrospective_from
        declined = self.declined - statement.scopes
        return _State(True, statement.version, scopes, declined, reach)

    def _without(self, declined: frozenset[str]) -> "_State":
        return replace(
            self, scopes=self.scopes - declined, declined=self.declined | declined
        )


def stored_answer(
    version: int, scopes: Iterable[str], answer: str
) -> tuple[str, str, str]:
    """Instrument, item and answer under which an answer to the question is stored.

    A yes is stored as the scopes, a no as the scopes after `NO`, a blank as a blank.
    """
    agreed = " ".join(scopes)
    texts = {"yes": agreed, "1": agreed, "no": f"{NO}{agreed}", "0": f"{NO}{agreed}"}
    return CONSENT_INSTRUMENT, str(version), texts.get(answer, "")


def parse_stored_answer(at: datetime, version: str, answer: str) -> ConsentStatement:
    """The statement that `stored_answer` gives as item and answer, made at `at`.

    `answer` is not blank.
    """
    level = DECLINED if answer.startswith(NO) else ""
    scopes = frozenset(answer.removeprefix(NO).split())
    return ConsentStatement(at, int(version), scopes, level)


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
    for statement in _in_order(statements, ("", *ENDING_LEVELS)):
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


def consent_scopes(study: Study) -> tuple[str, ...]:
    """All scopes that somebody may agree to; none if consent is kept elsewhere."""
    if not isinstance(study.consent, Consent):
        return ()
    required, further = study.consent.required, study.consent.scopes
    return tuple(dict.fromkeys((*required, *further, RETROSPECTIVE)))


def required_scopes(study: Study) -> tuple[str, ...]:
    """The scopes that somebody must have agreed to; none if consent is kept elsewhere."""
    return study.consent.required if isinstance(study.consent, Consent) else ()


def current_consent(
    statements: Iterable[ConsentStatement],
) -> tuple[int, frozenset[str]]:
    """The version and the scopes that somebody has agreed to and not withdrawn."""
    state = _current_state(statements)
    return state.version, state.scopes


def declined_scopes(statements: Iterable[ConsentStatement]) -> frozenset[str]:
    """The scopes to which somebody said no, and neither yes nor a withdrawal since."""
    return _current_state(statements).declined


def revoked_scopes(
    study: Study, refusal: ConsentStatement, earlier: Iterable[ConsentStatement]
) -> frozenset[str]:
    """The scopes of a no that held until then, by a yes or because the study says so.

    `refusal`: what an arriving answer says; of a yes there are none. `earlier`:
    statements of the same person, of which those after `refusal` do not matter. Where
    consent is kept elsewhere (`consent: external`), all scopes hold.
    """
    if refusal.level != DECLINED:
        return frozenset()
    if study.consent == "external":
        return refusal.scopes
    until = [statement for statement in earlier if statement.at <= refusal.at]
    before = _current_state(until)
    return before.scopes - before.next(refusal, FIRST_DAY).scopes


def withdrawal_level(statements: Iterable[ConsentStatement]) -> str:
    """How far somebody has withdrawn and not come back; empty: not at all."""
    level = ""
    for statement in sorted(statements, key=lambda statement: statement.at):
        stays = level in ENDING_LEVELS and statement.level not in ("", *ENDING_LEVELS)
        if statement.level != DECLINED and not stays:
            level = statement.level
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


def _current_state(statements: Iterable[ConsentStatement]) -> _State:
    state = _State()
    for statement in _in_order(statements):
        state = state.next(statement, FIRST_DAY)
    return state


def _in_order(
    statements: Iterable[ConsentStatement],
    levels: Sequence[str] = ("", DECLINED, *ENDING_LEVELS),
) -> list[ConsentStatement]:
    """Those of some levels, in order of time; of one instant a yes first."""
    relevant = [statement for statement in statements if statement.level in levels]
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
