"""The analysis of a panel from elsewhere, without a warehouse."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from panelstream.analysis.estimation import estimates
from panelstream.analysis.estimation.estimates import Results
from panelstream.analysis.estimation.sample import describe_specifications
from panelstream.analysis.estimation.specification_curve import (
    SpecificationCurves,
    fit_curves,
)
from panelstream.analysis.panel.external import (
    PanelFile,
    read_panel_file,
    require_numbers,
)
from panelstream.analysis.plan.curves import expand_curves
from panelstream.analysis.plan.specifications import Specification, expand_plan
from panelstream.analysis.verdicts.preregistration import (
    PlanStatus,
    mark_confirmatory,
)
from panelstream.analysis.verdicts.verdicts import judge
from panelstream.flows import results_folder
from panelstream.flows.code_hash import code_hash
from panelstream.flows.manifest import library_versions
from panelstream.flows.panel_lock import read_panel_plan
from panelstream.models.config_file import Document
from panelstream.models.study.load import load_panel_study
from panelstream.models.study.study import PanelStudy


@dataclass(frozen=True)
class PanelAnalysis:
    """The results of a panel from elsewhere, and what they depend on."""

    results: Results
    specifications: pd.DataFrame
    curves: SpecificationCurves
    manifest: Mapping[str, Any]
    plan_status: PlanStatus


def analyse_panel_file(
    folder: Path,
    panel_file: PanelFile,
    progress: Callable[[float, int], None] = lambda *_: None,
) -> PanelAnalysis:
    """Fit the plan of `folder`/study.yaml to the panel.

    Confirmatory is what was locked (`panel_lock`). Raises `FileError` if the study
    file, the panel or a lock is wrong.
    """
    document = load_panel_study(folder)
    panel = read_panel_file(panel_file)
    plan_status = read_panel_plan(folder, document, panel_file, panel)
    specifications = mark_confirmatory(expand_plan(document.value), plan_status)
    curves = expand_curves(document.value)
    branches = [branch.specification for curve in curves for branch in curve.branches]
    _require_numbers(panel_file, panel, [*specifications, *branches])
    fitted = estimates.fit_all(specifications, {None: panel}, progress)
    return PanelAnalysis(
        judge(fitted, document.value, plan_status.removed_after_lock),
        describe_specifications(specifications, {None: panel}, fitted.estimates, {}),
        fit_curves(curves, {None: panel}, progress),
        _describe(document, panel_file, plan_status),
        plan_status,
    )


def _require_numbers(
    panel_file: PanelFile,
    panel: pd.DataFrame,
    specifications: Sequence[Specification],
) -> None:
    """Require that what enters a regression of the plan is numbers."""
    numeric = [
        name
        for specification in specifications
        for name in (
            specification.outcome,
            *specification.columns,
            *specification.varying,
        )
    ]
    categorical = [name for entry in specifications for name in entry.fixed]
    require_numbers(panel_file, panel, numeric, categorical)


def write_panel_results(analysis: PanelAnalysis, out: Path) -> Path:
    """Write private/ under `out`; there is no report. The same panel, the same bytes."""
    private = out / results_folder.PRIVATE
    private.mkdir(parents=True, exist_ok=True)
    results_folder.write_csv(analysis.results.estimates, private / "estimates.csv")
    results_folder.write_csv(analysis.results.tests, private / "tests.csv")
    results_folder.write_csv(analysis.specifications, private / "specifications.csv")
    results_folder.write_curves(analysis.curves, private)
    results_folder.write_json(analysis.manifest, private / "manifest.json")
    return private


def _describe(
    document: Document[PanelStudy], panel_file: PanelFile, plan_status: PlanStatus
) -> dict[str, Any]:
    """The manifest: what the results depend on."""
    return {
        "study": document.value.study,
        "study_version": hashlib.sha256(document.text.encode()).hexdigest()[:16],
        "panel": panel_file.path.name,
        "columns": {"person": panel_file.person, "wave": panel_file.wave},
        "data_hash": hashlib.sha256(panel_file.path.read_bytes()).hexdigest()[:16],
        "plan": plan_status.as_dict(),
        "code_hash": code_hash(),
        "versions": library_versions(),
    }
