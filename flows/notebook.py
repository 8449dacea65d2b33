"""A study in a notebook or a script: its panel, estimates, codebook and queries."""

import os
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pandas as pd

from panelstream.analysis.panel import codebook
from panelstream.flows import plan
from panelstream.flows.analyse_study import fit_plan
from panelstream.flows.panels import Panels, build
from panelstream.flows.queries import select_rows
from panelstream.flows.study_versions import VersionInUse, take_version
from panelstream.flows.workspace import Workspace, open_workspace
from panelstream.models.errors import UsageError
from panelstream.models.settings.environment import Settings
from panelstream.models.study.load import load_study
from panelstream.models.study.study import Window
from panelstream.models.warehouse.endpoint import find_endpoint
from panelstream.models.warehouse.store import Store, open_store


class OpenStudy:
    """A study whose warehouse is read; nothing that was collected can be changed.

    Each method opens the warehouse and closes it again. So a notebook that stays open
    keeps no command from working, and there is nothing to close. Where
    `panelstream warehouse` serves the study, its server is used; else the embedded
    warehouse is opened. Every method raises `Unreachable` where another process holds
    that, or where a server does not answer, and `FileError` where the study file is
    wrong.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = load_study(settings.study)

    def __repr__(self) -> str:
        """The name of the study, and its folder."""
        return f"<study {self._folder.study.study} in {self._settings.study}>"

    @property
    def windows(self) -> tuple[str, ...]:
        """The names of the windows that the study needs, its own first."""
        own = self._folder.study.exposure.window
        others = [window for window in self._folder.study.windows if window != own]
        return tuple(window.name for window in (own, *others))

    def panel(
        self, as_of: datetime | None = None, window: str | None = None
    ) -> pd.DataFrame:
        """The panel: one row per participant and wave.

        The columns are those of `panelstream panel`; `codebook` describes each.
        `as_of`: an instant with a time zone, as of which the panel is built, with the
        version of the study that held then (default: the newest that is settled). `window`: one of `windows`, over which use is
        counted (default: the study's own). Raises `UsageError` for an instant that is
        not settled, and for a window that the study does not need.
        """
        chosen = self._window(window)
        with open_workspace(self._settings) as workspace:
            use = _take_version(workspace, as_of)
            return _build(use, as_of).by_window[chosen]

    def estimates(self, as_of: datetime | None = None) -> pd.DataFrame:
        """The estimates of the plan, one row a coefficient, as `estimates.csv` has them.

        `estimate`, `ci_low` and `ci_high` are in points of the outcome (log odds where
        the estimator says so); `estimate` is NaN where `note` says why; `verdict` says
        what follows. It takes as long as `panelstream analyse`. `as_of` as in `panel`.
        """
        with open_workspace(self._settings) as workspace:
            use = _take_version(workspace, as_of)
            panels, study = _build(use, as_of), use.workspace.folder.study
            plan_status = plan.read_plan(use.workspace, panels.as_of, use.locked_by)
            return fit_plan(study, panels, plan_status).estimates

    def codebook(self, as_of: datetime | None = None) -> pd.DataFrame:
        """The codebook: one row per column of the panel, with its meaning and values.

        `as_of` as in `panel`.
        """
        with open_workspace(self._settings) as workspace:
            use = _take_version(workspace, as_of)
            folder, panels = use.workspace.folder, _build(use, as_of)
        return codebook.build_codebook(
            folder, panels.by_window[folder.study.own_window]
        )

    def query(self, sql: str, operator: bool = False) -> pd.DataFrame:
        """The rows of a SELECT on the documented views.

        `operator`: also on tables and on the views that hold everybody. Else a server
        that `panelstream warehouse` runs is asked with its reader's access, which sees
        the views of analysts and nothing else. Raises `UsageError` with the engine's
        message if the statement is wrong, or would change something, and for what an
        analyst does not see.
        """
        endpoint = find_endpoint(self._settings.study, self._settings.warehouse)
        if endpoint is None or operator:
            with open_workspace(self._settings) as workspace:
                return _select(workspace.store, sql, operator)
        with closing(open_store(endpoint.reader_dsn)) as store:
            return _select(store, sql, operator)

    def _window(self, name: str | None) -> Window:
        study = self._folder.study
        by_name = {window.name: window for window in study.windows}
        if name is None:
            return study.exposure.window
        if name not in by_name:
            raise UsageError(
                f"the study needs no window '{name}'; it has {', '.join(by_name)}"
            )
        return by_name[name]


def open_study(study: str | Path | None) -> OpenStudy:
    """A study by its folder (default: PANELSTREAM_STUDY, else the current folder).

    Settings are read here, once. Raises `SettingError` for a wrong setting.
    """
    folder = None if study is None else Path(study)
    return OpenStudy(Settings.from_environ(os.environ, folder))


def _select(store: Store, sql: str, operator: bool) -> pd.DataFrame:
    rows: pd.DataFrame = select_rows(store, sql, operator).to_pandas()
    return rows


def _take_version(workspace: Workspace, as_of: datetime | None) -> VersionInUse:
    if as_of is not None and as_of.tzinfo is None:
        raise UsageError("as_of has no time zone; write datetime(..., tzinfo=UTC)")
    return take_version(workspace, as_of)


def _build(use: VersionInUse, as_of: datetime | None) -> Panels:
    return build(use.workspace, as_of, keep=use.is_present)
