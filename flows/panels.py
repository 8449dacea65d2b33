"""From the warehouse to panels: settle, plan the windows, count, join."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from analysis import answers, panel
from analysis.panel import Use
from flows.workspace import Workspace
from models import consent, coverage, windows
from models.consent import Consents, Statements
from models.store import Store
from models.study import Study, Window

_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(2149, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Panels:
    """The panel of each window that the study needs, as of one settled instant."""

    as_of: datetime
    by_window: Mapping[Window, pd.DataFrame]


@dataclass(frozen=True)
class People:
    """Who takes part.

    `enrolled`: participant_id, round, enrolled_on (study-local day).
    """

    enrolled: pd.DataFrame
    consents: Consents


def build(workspace: Workspace, as_of: datetime | None = None) -> Panels:
    """Build every panel of the study; `as_of` defaults to the newest instant settled."""
    workspace.store.settle()
    at = as_of or workspace.store.newest()
    by_window = {
        window: build_one(workspace, window, at)
        for window in workspace.folder.study.windows
    }
    return Panels(at, by_window)


def build_one(workspace: Workspace, window: Window, as_of: datetime) -> pd.DataFrame:
    """One row per participant and wave, use counted over `window`, as of `as_of`."""
    folder, store = workspace.folder, workspace.store
    people = read_people(store, folder.study, as_of)
    answered = read_answers(workspace, people, as_of)
    rows = windows.plan(
        folder.study,
        window,
        people.enrolled,
        people.consents,
        answered[["participant_id", "wave", "responded_at"]],
    )
    name = _panel_name(folder.version, window, as_of)
    return panel.build(
        folder,
        rows,
        count_use(store, folder.study, name, rows, as_of),
        coverage.cover(folder.study, read_heartbeats(store, as_of)),
        answered,
    )


def read_people(store: Store, study: Study, as_of: datetime) -> People:
    """Who is enrolled and has agreed; accounts of testers and staff left out."""
    said = read_statements(store, as_of)
    rounds, starts, ends = zip(*windows.round_bounds(study), strict=True)
    spans = [
        (who, *span) for who in said for span in consent.gone(said[who], study.zone)
    ]
    enrolled = store.query(
        "enrolments",
        as_of=as_of,
        zone=study.timezone,
        any_activity=study.enrolment == "activity",
        rounds=list(rounds),
        round_starts=list(starts),
        round_ends=list(ends),
        gone=[who for who, _, _ in spans],
        gone_from=[_micros(start) for _, start, _ in spans],
        gone_until=[_micros(end or _LAST) for _, _, end in spans],
    ).to_pandas()
    left_out = store.query("accounts", as_of=as_of)["participant_id"].to_pylist()
    enrolled = enrolled[~enrolled["participant_id"].isin(left_out)]
    enrolled["enrolled_on"] = pd.to_datetime(enrolled["enrolled_on"])
    consents = consent.of(study, enrolled["participant_id"].unique(), said)
    return People(enrolled.reset_index(drop=True), consents)


def read_statements(store: Store, as_of: datetime) -> Statements:
    """What people said about consent, as known at an instant."""
    return consent.by_participant(store.query("consents", as_of=as_of).to_pylist())


def read_answers(workspace: Workspace, people: People, as_of: datetime) -> pd.DataFrame:
    """One row per participant and wave that was answered, of answers that may count."""
    raw = read_raw(workspace, people, as_of)
    return answers.one_a_wave(raw, workspace.folder.instruments)


def read_raw(workspace: Workspace, people: People, as_of: datetime) -> pd.DataFrame:
    """Raw answers to the study's instruments that may count, as known at an instant."""
    raw = workspace.store.query("answers", as_of=as_of).to_pandas()
    raw = raw[
        raw["instrument"].isin([one.instrument for one in workspace.folder.instruments])
    ]
    return windows.permitted(workspace.folder.study, people.consents, raw)


def read_heartbeats(
    store: Store, as_of: datetime
) -> list[tuple[str, datetime, datetime]]:
    """Function, from and to of every heartbeat."""
    rows = store.query("heartbeats", as_of=as_of).to_pylist()
    return [(row["covered"], row["start"], row["end"]) for row in rows]


def count_use(
    store: Store, study: Study, name: str, rows: pd.DataFrame, as_of: datetime
) -> Use:
    """Events and active days of each function in each row's observable window."""
    functions, width = list(study.exposure.functions), len(study.exposure.functions)
    planned = rows.dropna(subset=["seen_from", "seen_until"])
    empty = np.full((len(rows), width), np.nan)
    if planned.empty:
        return Use(empty, empty)
    store.replace_windows(_windows_table(name, planned))
    first, last = planned["seen_from"].min().date(), planned["seen_until"].max().date()
    days = (last - first).days + 2
    lost = [
        (name, _micros(outage.start), _micros(outage.end))
        for outage in study.outages
        if outage.handling == "prorate"
        for name in outage.functions
    ]
    counted = store.query(
        "exposures",
        lost=[name for name, _, _ in lost],
        lost_from=[start for _, start, _ in lost],
        lost_to=[end for _, _, end in lost],
        panel=name,
        as_of=as_of,
        zone=study.timezone,
        functions=functions,
        offsets=[index * days for index in range(width)],
        days=days,
        bins=width * days,
        first_on=first - _DAY,
    )
    return Use(
        _aligned(counted, "event_counts", rows, width),
        _aligned(counted, "active_days", rows, width),
    )


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)


def _aligned(
    counted: pa.Table, column: str, rows: pd.DataFrame, width: int
) -> np.ndarray:
    """The query's arrays in the order of `rows`; NaN where a row has no window."""
    found = pd.MultiIndex.from_arrays(
        [counted["participant"].to_pandas(), counted["wave"].to_pandas()]
    )
    wanted = pd.MultiIndex.from_frame(rows[["participant_id", "wave"]])
    values = np.asarray(counted[column].combine_chunks().flatten(), float).reshape(
        -1, width
    )
    place = found.get_indexer(wanted)
    return np.where((place >= 0)[:, None], values[place], np.nan)


def _windows_table(name: str, rows: pd.DataFrame) -> pa.Table:
    participants = [bytes.fromhex(one) for one in rows["participant_id"]]
    return pa.table(
        {
            "panel": pa.repeat(name, len(rows)),
            "participant_id": pa.array(participants, pa.binary(16)),
            "wave": pa.array(rows["wave"], pa.uint16()),
            "start_on": pa.array(rows["seen_from"].dt.date, pa.date32()),
            "end_on": pa.array(rows["seen_until"].dt.date, pa.date32()),
        }
    )


def _panel_name(version: str, window: Window, as_of: datetime) -> str:
    text = f"{version} {window.name} {as_of.isoformat()}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
