"""Reads from the warehouse as of one instant: enrolment, consent, answers, heartbeats."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from panelstream.models.study import consent, windows
from panelstream.models.study.consent import Consents, ConsentStatements
from panelstream.models.study.coverage import LogTime, UnknownTime
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.study import Study, midnight
from panelstream.models.study.study_letters import HEARTBEAT
from panelstream.models.timestamps import EARLIEST, LATEST, microseconds
from panelstream.models.warehouse.act_parameters import (
    clock_parameters,
    functions_of_types,
)
from panelstream.models.warehouse.store import Store


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


def read_unmeasured(
    store: Store, study: Study, people: People, as_of: datetime
) -> list[UnknownTime]:
    """All time of people in no group of whom a function is measured."""
    measured_for = study.exposure.measured_for
    if not measured_for:
        return []
    rows = store.query("groups", as_of=as_of).to_pylist()
    groups_of = {row["participant_id"]: row["groups"] for row in rows}
    return [
        UnknownTime(LogTime(function, EARLIEST, LATEST, person), "not measured", 1)
        for function, groups in measured_for.items()
        for person in people.enrolled["participant_id"].unique()
        if not set(groups) & set(groups_of.get(person, ()))
    ]


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
