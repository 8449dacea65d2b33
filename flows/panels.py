"""From the warehouse to panels: settle, plan the windows, count, join."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial

import pandas as pd

from panelstream.analysis.panel import person_waves, selected_responses
from panelstream.analysis.panel.codebook import codebook_entries
from panelstream.analysis.panel.selected_responses import SelectedAnswers
from panelstream.flows.clocks import read_corrected_clocks
from panelstream.flows.code_hash import code_hash
from panelstream.flows.study_versions import record_version
from panelstream.flows.workspace import Workspace
from panelstream.models.study import coverage, windows
from panelstream.models.study.coverage import Coverage, PersonWindows
from panelstream.models.study.coverage_gaps import LogStatements
from panelstream.models.study.coverage_summary import (
    CoverageSummary,
    summarize_coverage,
)
from panelstream.models.study.study import Window
from panelstream.models.study.use import MeasuredUse
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse import analyst_rows, projection_rows, projections
from panelstream.models.warehouse.definitions import create_panel_view
from panelstream.models.warehouse.exposure_counts import count_use
from panelstream.models.warehouse.exposure_measures import Windows
from panelstream.models.warehouse.projections import Basis, Chunk
from panelstream.models.warehouse.reads import (
    People,
    read_groups,
    read_heartbeats,
    read_people,
    read_raw_answers,
    read_refused,
    read_study_letters,
    read_unknown_times,
    unmeasured_times,
)
from panelstream.models.warehouse.settling import await_settled
from panelstream.models.warehouse.views import panel_column, panel_view


@dataclass(frozen=True)
class Panels:
    """The panel of each window that the study needs, as of one settled instant."""

    as_of: datetime
    by_window: Mapping[Window, pd.DataFrame]
    coverage: CoverageSummary
    not_asked: Mapping[int, Sequence[str]] = field(default_factory=dict)
    """By wave the items that no response holds, though it holds others of the instrument."""


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
        """The participants, as `read_people` returns them."""
        workspace = self._workspace
        return read_people(workspace.store, workspace.folder.study, self.as_of)

    @cached_property
    def answers(self) -> SelectedAnswers:
        """The answers that may count, as `read_answers` returns them."""
        return read_answers(self._workspace, self.people, self.as_of)

    @cached_property
    def coverage(self) -> Mapping[str, Coverage]:
        """For which times the log of each function is complete."""
        unknown = [gap.time for gap in self.statements.unknown]
        study = self._workspace.folder.study
        return coverage.cover(study, self.statements.heartbeats, unknown, self._now)

    @cached_property
    def statements(self) -> LogStatements:
        """What heartbeats, open dead letters and gaps of the log say."""
        store, study = self._workspace.store, self._workspace.folder.study
        groups = read_groups(store, study, self.as_of)
        letters, devices = read_study_letters(store, study, self.as_of)
        return LogStatements(
            [*read_heartbeats(store, self.as_of), *devices],
            [
                *read_unknown_times(store, self._workspace.folder, self.as_of),
                *unmeasured_times(study, self.people, groups),
                *read_refused(store, study, self.as_of),
            ],
            self._now,
            letters,
            frozenset(group for of_person in groups.values() for _, group in of_person),
        )

    @property
    def _now(self) -> datetime:
        """The end of what has happened: its instant, or the clock for all there is."""
        return self._workspace.store.now() if self.as_of == LATEST else self.as_of

    @cached_property
    def coverage_summary(self) -> CoverageSummary:
        """What makes use in the study's own windows unknown."""
        store, study = self._workspace.store, self._workspace.folder.study
        functions = store.query("functions_with_events", as_of=self.as_of)["function"]
        return summarize_coverage(
            study,
            self.statements,
            self.person_windows(study.own_window),
            functions.to_pylist(),
        )

    def person_windows(self, window: Window) -> PersonWindows:
        """The observable part of every planned window of a kind."""
        study = self._workspace.folder.study
        return PersonWindows.planned(self.planned[window], study, "observable_from")

    @cached_property
    def planned(self) -> Mapping[Window, pd.DataFrame]:
        """The rows of each window of the study, as `windows.plan` returns them."""
        study = self._workspace.folder.study
        enrolled, consents = self.people.enrolled, self.people.consents
        responses = self.answers.responses[["participant_id", "wave", "responded_at"]]
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
        folder = self._workspace.folder
        study, own = folder.study, folder.study.own_window
        derive: Mapping[str, Callable[[], Iterator[Chunk]]] = {
            projections.WINDOWS: lambda: projection_rows.window_chunks(self.planned),
            projections.COVERAGE: lambda: projection_rows.coverage_chunks(
                self.coverage
            ),
            projections.PERSON_COVERAGE: lambda: projection_rows.person_coverage_chunks(
                self.coverage
            ),
            projections.FACTS: lambda: projection_rows.fact_chunks(
                study, self.planned, self.coverage, self.panel
            ),
            projections.PARTICIPANTS: lambda: analyst_rows.participant_chunks(
                study, self.planned[own], self.people.consents, self.as_of
            ),
            projections.PANEL: lambda: analyst_rows.panel_chunks(
                (wave.wave for wave in study.waves), partial(self.panel, own)
            ),
            projections.ITEMS: lambda: analyst_rows.item_chunks(folder.instruments),
            projections.WAVES: lambda: analyst_rows.wave_chunks(study),
        }
        return list(derive[projection]())

    def _build(self, window: Window) -> pd.DataFrame:
        folder, store = self._workspace.folder, self._workspace.store
        written = projections.ensure_build(
            store,
            projections.WINDOWS,
            self.basis,
            self.chunks(projections.WINDOWS),
        )
        name, rows = projection_rows.panel_name(written, window), self.planned[window]
        return person_waves.build_panel(
            folder,
            rows,
            self._use(name, rows),
            self.coverage,
            self.answers,
            self.as_of,
        )

    def _use(self, name: str, rows: pd.DataFrame) -> MeasuredUse:
        """Use in the windows called `name`: counted, without withdrawn reactions."""
        folder, store = self._workspace.folder, self._workspace.store
        counted = count_use(store, folder.study, name, rows, self.as_of)
        measured = Windows(store, folder, name, rows, self.as_of)
        return replace(measured.standing(counted), further=measured.further())


def build(
    workspace: Workspace,
    as_of: datetime | None = None,
    say: Callable[[str], None] = lambda _: None,
    keep: bool = True,
) -> Panels:
    """Build every panel of the study, and `keep` what readers are given of it.

    `as_of` defaults to the newest instant settled; `say` is told what is waited for,
    and which items no response of a wave holds.
    Raises `UsageError` for one that is not settled yet.
    """
    store = workspace.store
    if keep:
        record_version(workspace)
    snapshot = Snapshot(workspace, await_settled(store, as_of, say))
    by_window = {
        window: snapshot.panel(window) for window in workspace.folder.study.windows
    }
    if keep:
        keep_projections(workspace, snapshot)
    projections.drop_superseded(store)
    not_asked = snapshot.answers.not_asked
    for line in not_asked_lines(not_asked):
        say(line)
    for line in snapshot.coverage_summary.lines():
        say(line)
    study = workspace.folder.study
    for clock in read_corrected_clocks(store, study, snapshot.as_of):
        say(clock.line)
    return Panels(snapshot.as_of, by_window, snapshot.coverage_summary, not_asked)


def keep_projections(workspace: Workspace, snapshot: Snapshot) -> None:
    """Keep what readers are given of a snapshot; the windows are kept with the panels."""
    for name in projections.TABLES:
        if name != projections.WINDOWS:
            chunks = snapshot.chunks(name)
            projections.keep_build(workspace.store, name, snapshot.basis, chunks)
    keep_panel_view(workspace, snapshot)


def keep_panel_view(workspace: Workspace, snapshot: Snapshot) -> None:
    """Give the view `panel` the columns of the study's own panel."""
    folder = workspace.folder
    panel = snapshot.panel(folder.study.own_window)
    statement = panel_view(
        panel_column(
            entry.column, analyst_rows.is_text(panel[entry.column]), entry.meaning
        )
        for entry in codebook_entries(folder, panel)
        if entry.column not in (*analyst_rows.KEYS, *analyst_rows.INSTANTS)
    )
    create_panel_view(workspace.store, statement)


def read_answers(
    workspace: Workspace, people: People, as_of: datetime
) -> SelectedAnswers:
    """What a panel counts of the answers that may count."""
    raw = read_raw_answers(workspace.store, workspace.folder, people, as_of)
    return selected_responses.select_answers(raw, workspace.folder.instruments)


def not_asked_lines(not_asked: Mapping[int, Sequence[str]]) -> Iterator[str]:
    """The items that a wave did not ask, a line a wave."""
    for wave, items in not_asked.items():
        yield f"not asked: wave {wave}: {', '.join(items)}; scores that need them are null"
