"""The analysis of a study: its plan fitted to its panels, judged, with the manifest."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from panelstream.analysis.estimation import estimates, invariance
from panelstream.analysis.estimation.estimates import Results
from panelstream.analysis.estimation.specification_curve import (
    SpecificationCurves,
    fit_curves,
)
from panelstream.analysis.panel import agreement, reliability
from panelstream.analysis.plan.curves import expand_curves
from panelstream.analysis.plan.specifications import expand_plan
from panelstream.analysis.verdicts.preregistration import PlanStatus, mark_confirmatory
from panelstream.analysis.verdicts.verdicts import judge
from panelstream.flows import manifest, plan
from panelstream.flows.panels import Panels, read_answers
from panelstream.flows.workspace import Workspace
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.study import Study
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse.reads import read_people


@dataclass(frozen=True)
class StudyAnalysis:
    """Everything a report is made of."""

    folder: StudyFolder
    panels: Panels
    results: Results
    curves: SpecificationCurves
    reliability: pd.DataFrame
    invariance: pd.DataFrame
    agreement: pd.DataFrame
    manifest: dict[str, Any]
    plan_status: PlanStatus

    @property
    def panel(self) -> pd.DataFrame:
        """The panel with the study's own window."""
        return self.panels.by_window[self.folder.study.exposure.window]


def analyse_study(
    workspace: Workspace,
    panels: Panels,
    progress: Callable[[float, int], None] = lambda *_: None,
    locked_by: datetime = LATEST,
) -> StudyAnalysis:
    """Fit the plan to the panels and judge it, by the locks until `locked_by`."""
    folder = workspace.folder
    plan_status = plan.read_plan(workspace, panels.as_of, locked_by)
    results = fit_plan(folder.study, panels, plan_status, progress)
    [counts] = workspace.store.query("arrival_counts", as_of=panels.as_of).to_pylist()
    answers = _answers(workspace, panels)
    panel = panels.by_window[folder.study.exposure.window]
    measured = folder.instruments, panel, answers
    return StudyAnalysis(
        folder,
        panels,
        results,
        fit_curves(expand_curves(folder.study), panels.by_window, progress),
        reliability.reliability_statistics(*measured),
        invariance.invariance_statistics(*measured),
        agreement.agreement_statistics(panel, folder.study.exposure.functions),
        manifest.describe_results(folder, panels, counts, plan_status),
        plan_status,
    )


def fit_plan(
    study: Study,
    panels: Panels,
    plan_status: PlanStatus,
    progress: Callable[[float, int], None] = lambda *_: None,
) -> Results:
    """Fit every specification of the plan to its panel, and judge the estimates.

    `progress` receives the steps done and their number.
    """
    specifications = mark_confirmatory(expand_plan(study), plan_status)
    fitted = estimates.fit_all(specifications, panels.by_window, progress)
    return judge(fitted, study, plan_status.removed_after_lock)


def _answers(workspace: Workspace, panels: Panels) -> pd.DataFrame:
    """The answers that the panel counts."""
    people = read_people(workspace.store, workspace.folder.study, panels.as_of)
    return read_answers(workspace, people, panels.as_of).responses
