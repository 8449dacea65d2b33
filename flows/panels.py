"""From the warehouse to panels: settle, plan the windows, count, join."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from time import sleep

import pandas as pd

from panelstream.analysis.panel import answers, person_waves
from panelstream.flows.code_hash import code_hash
from panelstream.flows.workspace import Workspace
from panelstream.models.errors import UsageError
from panelstream.models.study import consent, coverage, windows
from panelstream.models.study.consent import Consents, Statements
from panelstream.models.study.coverage import Coverage
from panelstream.models.study.study import Study, Window
from panelstream.models.study.use import MeasuredUse
from panelstream.models.warehouse import projection_rows, projections
from panelstream.models.warehouse.exposure_counts import count_use
from panelstream.models.warehouse.exposure_measures import Windows
from panelstream.models.warehouse.projections import Basis, Chunk
from panelstream.models.warehouse.store import SETTLING, Store

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


class Snapshot:
    """What the warehouse knew at one instant, and what is derived from it.

    Each part is read or derived once, when it is asked for.
    """

    def __init__(self, workspace: Workspace, as_of: datetime) -> None:
        self._workspace, self._panels = workspace, dict[Window, pd.DataFrame]()
        self.as_of = as_of

    @property
    def basis(self) -> Basis:
        """What everything of this snapshot is derived from."""
        return Basis(self._workspace.folder.version, code_hash(), self.as_of)

    @cached_property
    def people(self) -> People:
        """Who takes part, as `read_people` returns it."""
        workspace = self._workspace
        return read_people(workspace.store, workspace.folder.study, self.as_of)

    @cached_property
    def answered(self) -> pd.DataFrame:
        """The answers that may count, as `read_answers` returns them."""
        return read_answers(self._workspace, self.people, self.as_of)

    @cached_property
    def coverage(self) -> Mapping[str, Coverage]:
        """For which times the log of each function is whole."""
        beats = read_heartbeats(self._workspace.store, self.as_of)
        return coverage.cover(self._workspace.folder.study, beats)

    @cached_property
    def planned(self) -> Mapping[Window, pd.DataFrame]:
        """The rows of each window of the study, as `models.windows.plan` returns them."""
        study = self._workspace.folder.study
        enrolled, consents = self.people.enrolled, self.people.consents
        responses = self.answered[["participant_id", "wave", "responded_at"]]
        return {
            window: windows.plan(study, window, enrolled, consents, responses)
            for window in study.windows
        }

    def panel(self, window: Window) -> pd.DataFrame:
        """One row per participant and wave, use counted over `window`."""
        if window not in self._panels:
            self._panels[window] = self._build(window)
        return self._panels[window]

    def chunks(self, projection: str) -> list[Chunk]:
        """What a projection is derived from here, chunk by chunk."""
        study = self._workspace.folder.study
        derive: Mapping[str, Callable[[], Iterator[Chunk]]] = {
            projections.WINDOWS: lambda: projection_rows.window_chunks(self.planned),
            projections.COVERAGE: lambda: projection_rows.coverage_chunks(
                self.coverage
            ),
            projections.FACTS: lambda: projection_rows.fact_chunks(
                study, self.planned, self.coverage, self.panel
            ),
        }
        return list(derive[projection]())

    def _build(self, window: Window) -> pd.DataFrame:
        folder, store = self._workspace.folder, self._workspace.store
        written = projections.ensure(
            store,
            projections.WINDOWS,
            self.basis,
            self.chunks(projections.WINDOWS),
        )
        name, rows = projection_rows.panel_name(written, window), self.planned[window]
        return person_waves.build(
            folder,
            rows,
            self._use(name, rows),
            self.coverage,
            self.answered,
            self.as_of,
        )

    def _use(self, name: str, rows: pd.DataFrame) -> MeasuredUse:
        """Use in the windows that are called `name`: counted, less what was taken back."""
        folder, store = self._workspace.folder, self._workspace.store
        counted = count_use(store, folder.study, name, rows, self.as_of)
        asked = Windows(store, folder, name, rows, self.as_of)
        return replace(asked.standing(counted), further=asked.further())


def build(
    workspace: Workspace,
    as_of: datetime | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Panels:
    """Build every panel of the study, and keep what readers are given of it.

    `as_of` defaults to the newest instant settled; `say` is told what is waited for.
    Raises `UsageError` for one that is not settled yet.
    """
    store = workspace.store
    snapshot = Snapshot(workspace, settled(store, as_of, say))
    by_window = {
        window: snapshot.panel(window) for window in workspace.folder.study.windows
    }
    for name in (projections.COVERAGE, projections.FACTS):
        projections.keep(store, name, snapshot.basis, snapshot.chunks(name))
    projections.tidy(store)
    return Panels(snapshot.as_of, by_window)


def build_one(workspace: Workspace, window: Window, as_of: datetime) -> pd.DataFrame:
    """One row per participant and wave, use counted over `window`, as of `as_of`."""
    return Snapshot(workspace, as_of).panel(window)


def settled(
    store: Store, as_of: datetime | None, say: Callable[[str], None]
) -> datetime:
    """Settle the log; `as_of`, or the newest instant that is present and settled.

    Where others write, what is newer than `SETTLING` is waited for.
    """
    if as_of is not None:
        return _checked(as_of, store.settle())
    newest = store.newest()
    left = (newest + SETTLING - store.now()) if store.shared else timedelta(0)
    if left > timedelta(0):
        seconds = min(left, SETTLING).total_seconds()
        say(f"waiting {seconds:.0f} s, until no insert can precede the newest one")
        sleep(seconds)
    at = store.newest(store.settle())
    if at < newest:
        say(
            f"as of {at.isoformat()}: what was recorded later is left out, as an insert "
            f"that was begun before it has not ended"
        )
    return at


def _checked(as_of: datetime, settled_at: datetime) -> datetime:
    if as_of > settled_at:
        raise UsageError(
            f"--as-of {as_of.isoformat()} is not settled yet; the latest that is: "
            f"{settled_at.isoformat()}"
        )
    return as_of


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


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)
