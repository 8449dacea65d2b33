"""Reads from the warehouse as of one instant: enrolment, consent, answers, heartbeats."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby, pairwise
from typing import Any

import pandas as pd

from panelstream.models.study import consent, windows
from panelstream.models.study.consent import (
    Consents,
    ConsentStatement,
    ConsentStatements,
)
from panelstream.models.study.coverage import LogTime, UnknownTime
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.refusals import RecordedStatement, refused_times
from panelstream.models.study.study import Study, midnight
from panelstream.models.study.study_letters import HEARTBEAT
from panelstream.models.timestamps import (
    EARLIEST,
    END_DAY,
    FIRST_DAY,
    LATEST,
    microseconds,
)
from panelstream.models.warehouse.act_parameters import (
    clock_parameters,
    functions_of_types,
)
from panelstream.models.warehouse.store import Store, in_utc

Groups = Mapping[str, Sequence[tuple[date, str]]]
"""By participant, the groups of enrolments and their study-local days, in order."""


@dataclass(frozen=True)
class People:
    """The participants of a study.

    `enrolled`: participant_id, round, enrolled_on (study-local day).
    """

    enrolled: pd.DataFrame
    consents: Consents


def read_people(store: Store, study: Study, as_of: datetime) -> People:
    """The people who are enrolled and have agreed, without testers and staff."""
    return select_people(store, study, as_of, read_consent_statements(store, as_of))


def select_people(
    store: Store, study: Study, as_of: datetime, statements: ConsentStatements
) -> People:
    """The same where the consents of that instant are read already."""
    rounds, starts, ends = zip(*windows.round_bounds(study), strict=True)
    spans = [
        (participant, *span)
        for participant in statements
        for span in consent.withdrawal_periods(statements[participant], study.zone)
    ]
    enrolled = store.query(
        "enrolments",
        as_of=as_of,
        zone=study.timezone,
        any_activity=study.enrolment == "activity",
        opened=study.platform_opened,
        rounds=list(rounds),
        round_starts=list(starts),
        round_ends=list(ends),
        gone=[participant for participant, _, _ in spans],
        gone_from=[microseconds(start) for _, start, _ in spans],
        gone_until=[microseconds(end or LATEST) for _, _, end in spans],
    ).to_pandas()
    left_out = store.query("accounts", as_of=as_of)["participant_id"].to_pylist()
    enrolled = enrolled[~enrolled["participant_id"].isin(left_out)]
    enrolled["enrolled_on"] = pd.to_datetime(enrolled["enrolled_on"])
    consents = consent.derive_consents(
        study, enrolled["participant_id"].unique(), statements
    )
    return People(enrolled.reset_index(drop=True), consents)


def read_consent_statements(store: Store, as_of: datetime) -> ConsentStatements:
    """What people said about consent, as known at an instant."""
    return consent.group_statements(store.query("consents", as_of=as_of).to_pylist())


def read_raw_answers(
    store: Store, folder: StudyFolder, people: People, as_of: datetime
) -> pd.DataFrame:
    """Raw answers to the study's instruments that may count, as known at an instant."""
    raw = store.query("answers", as_of=as_of).to_pandas()
    names = [instrument.instrument for instrument in folder.instruments]
    raw = raw[raw["instrument"].isin(names)]
    return windows.permitted(folder.study, people.consents, raw)


def read_heartbeats(store: Store, as_of: datetime) -> list[LogTime]:
    """What every heartbeat states, by function; its times are by its source's clock."""
    rows = store.query("heartbeats", as_of=as_of).to_pylist()
    return [
        LogTime(row["covered"], start, end, row["participant_id"])
        for row in rows
        for start, end in store.clocks.correct_span(
            row["source"], row["start"], row["end"]
        )
    ]


def read_study_letters(
    store: Store, study: Study, as_of: datetime
) -> tuple[Mapping[str, int], list[LogTime]]:
    """Open dead letters of the study's own events, by type; what they say of devices.

    A rejected heartbeat of a person says that this person has a device, and covers
    nothing: so only what other heartbeats of the device state is covered.
    """
    rows = store.query("open_study_letters", as_of=as_of).to_pylist()
    letters: Counter[str] = Counter()
    for row in rows:
        letters[row["event_type"]] += row["letters"]
    devices = [
        LogTime(function, EARLIEST, EARLIEST, row["participant_id"])
        for row in rows
        for function in study.exposure.functions
        if row["event_type"] == HEARTBEAT and row["participant_id"]
    ]
    return dict(letters), devices


def read_similar_ids(store: Store) -> pd.DataFrame:
    """What each id of a roster or with events looks like, and whose it is.

    participant_id, person (the id under which it counts) and similar_id, as 32 hex
    digits.
    """
    similar_ids: pd.DataFrame = store.query("similar_ids").to_pandas()
    return similar_ids


def read_groups(store: Store, study: Study, as_of: datetime) -> Groups:
    """The groups of people; none where no function is measured for some groups only."""
    if not study.exposure.measured_for:
        return {}
    rows = store.query("groups", as_of=as_of, zone=study.timezone).to_pylist()
    return {
        person: [(row["from_on"], row["named"]) for row in of_person]
        for person, of_person in groupby(rows, lambda row: str(row["participant_id"]))
    }


def unmeasured_times(
    study: Study, people: People, groups: Groups
) -> Iterator[UnknownTime]:
    """The times in which people were in no group of whom a function is measured.

    A group holds from the day of an enrolment until that of the next one, the first
    also before.
    """
    for person in people.enrolled["participant_id"].unique():
        stated = groups.get(person) or [(FIRST_DAY, "")]
        days = [FIRST_DAY, *(day for day, _ in stated[1:]), END_DAY]
        for (start, end), (_, group) in zip(pairwise(days), stated, strict=True):
            for function, measured in study.exposure.measured_for.items():
                if group not in measured and start < end:
                    bounds = midnight(start, study.zone), midnight(end, study.zone)
                    time = LogTime(function, *bounds, person)
                    yield UnknownTime(time, "not measured", 1)


def read_refused(store: Store, study: Study, as_of: datetime) -> list[UnknownTime]:
    """The days of which acts of people may have been refused who agreed again since."""
    rows = store.query("consent_history", as_of=as_of).to_pylist()
    histories = {
        person: [_recorded_statement(row) for row in of_person]
        for person, of_person in groupby(rows, lambda row: str(row["participant_id"]))
    }
    if not histories:
        return []
    arrivals = store.query("refusing_arrivals", as_of=as_of)["recorded_at"]
    refusals = [in_utc(at) for at in arrivals.to_pylist()]
    return [
        UnknownTime(LogTime("", start, end, person), "refused acts", 1)
        for person, history in histories.items()
        for start, end in refused_times(history, refusals, study.zone)
    ]


def _recorded_statement(row: Mapping[str, Any]) -> RecordedStatement:
    statement = ConsentStatement(in_utc(row["stated_at"]), level=row["level"])
    return RecordedStatement(in_utc(row["recorded_at"]), statement)


def read_unknown_times(
    store: Store, folder: StudyFolder, as_of: datetime
) -> list[UnknownTime]:
    """The days that rejected, conflicting and lost events make unknown.

    And those of events whose type has another function since. A letter does not tell
    its source: where clocks are corrected, its time may be either, and both are unknown.
    """
    study = folder.study
    rows = store.query(
        "unknown_times",
        as_of=as_of,
        zone=study.timezone,
        **clock_parameters(store.clocks),
        **functions_of_types(folder.catalogue),
    ).to_pylist()
    return [
        UnknownTime(
            LogTime(
                row["function"],
                midnight(row["from_on"], study.zone),
                midnight(row["until_on"], study.zone),
                row["participant_id"],
            ),
            row["cause"],
            row["number"],
        )
        for row in rows
    ]
