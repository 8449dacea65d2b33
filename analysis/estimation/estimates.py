"""From specifications and panels to the estimates and tests of a study."""

import os
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.design import build_design, term_name
from panelstream.analysis.estimation.dropout import LAYERS
from panelstream.analysis.estimation.dropout.bootstrap import Progress, ignore
from panelstream.analysis.estimation.dropout.weights import weigh_panel
from panelstream.analysis.estimation.estimators import ESTIMATORS
from panelstream.analysis.estimation.fit import NO_RESIDUALS, Diagnostic, Fit, Term
from panelstream.analysis.estimation.registration import Fitter, Registration
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.analysis.plan.wording import entitle
from panelstream.models.study.estimators import ESTIMATOR_RULES

ESTIMATE_COLUMNS = (
    "specification",
    "title",
    "outcome",
    "exposures",
    "term",
    "component",
    "exposure",
    "measure",
    "transform",
    "estimator",
    "timing",
    "window",
    "effects",
    "covariates",
    "weights",
    "missing",
    "estimate",
    "std_error",
    "std_error_type",
    "statistic",
    "df",
    "n_changing",
    "largest_share",
    "sole_person",
    "p_value",
    "p_adjusted",
    "p_bh",
    "ci_low",
    "ci_high",
    "standardized",
    "equivalence_p",
    "equivalence_adjusted",
    "larger_p",
    "larger_adjusted",
    "verdict",
    "reservations",
    "n_obs",
    "n_participants",
    "n_waves",
    "floor_share",
    "ceiling_share",
    "confirmatory",
    "post_hoc",
    "note",
)
JUDGED = (
    "p_adjusted",
    "p_bh",
    "equivalence_p",
    "equivalence_adjusted",
    "larger_p",
    "larger_adjusted",
)
"""Columns that are computed from more than one fit."""
TEST_COLUMNS = (
    "specification",
    "outcome",
    "exposures",
    "term",
    "test",
    "statistic",
    "df",
    "df_denominator",
    "p_value",
    "p_adjusted",
    "post_hoc",
    "note",
)


Panels = Mapping[Any, pd.DataFrame]
"""The panel of each window; under None a panel from elsewhere."""

WORKERS = min(4, os.cpu_count() or 1)
"""Fits at the same time. Threads share one panel, where processes would each need a
copy, and NumPy computes without the interpreter's lock. More would take memory."""


@dataclass(frozen=True, eq=False)
class Results:
    """Rows of `ESTIMATE_COLUMNS` and `TEST_COLUMNS`, in the plan's order.

    `JUDGED`, `verdict` and `reservations` are filled in by `verdicts.judge`.
    """

    estimates: pd.DataFrame
    tests: pd.DataFrame


def fit_all(
    specifications: Sequence[Specification],
    panels: Panels,
    progress: Callable[[float, int], None] = lambda *_: None,
    plain: bool = False,
    decisive: bool = False,
) -> Results:
    """Fit every specification to the panel of its window, some at the same time.

    `plain` fits have no diagnostics of the data and of persons, and take weights as known;
    `decisive` ones have only the diagnostics that verdicts rest on.

    `progress` gets how many of how many are done, counting parts of a long fit; the
    rows are in the plan's order whichever ends first. What cannot be fitted has rows
    without numbers and a note; it stops nothing. When interrupted, no further fit
    begins, and a running one ends with its next step.
    """
    pool, tracker = (
        ThreadPoolExecutor(WORKERS),
        _Progress(len(specifications), progress),
    )
    try:
        futures = {
            pool.submit(
                _fit_one,
                specification,
                panels,
                partial(tracker.step, number),
                plain,
                decisive,
            ): number
            for number, specification in enumerate(specifications)
        }
        for future in as_completed(futures):
            future.result()
            tracker.step(futures[future], 1, 1)
    finally:
        tracker.interrupted = True
        pool.shutdown(wait=False, cancel_futures=True)
    fits = [future.result() for future in futures]
    return Results(
        estimates=_frame(
            [row for fit in fits for row in _estimates(fit)], ESTIMATE_COLUMNS
        ),
        tests=_frame([row for fit in fits for row in _tests(fit)], TEST_COLUMNS),
    )


class _Progress:
    """How far each fit is; raises in a running fit after an interruption."""

    def __init__(self, fits: int, progress: Callable[[float, int], None]) -> None:
        self.shares, self.progress, self.interrupted = [0.0] * fits, progress, False

    def step(self, number: int, done: int, total: int) -> None:
        """Fit `number` has done so many of its steps."""
        if self.interrupted:
            raise CancelledError
        self.shares[number] = done / total
        self.progress(sum(self.shares), len(self.shares))


def fit(
    specification: Specification,
    panel: pd.DataFrame,
    progress: Progress = ignore,
    plain: bool = False,
) -> Fit:
    """Fit one specification; a fit without numbers and with a note if it cannot.

    `progress` gets the steps of a layer; a `plain` fit of complete cases has none.
    """
    estimator = ESTIMATORS[specification.estimator]
    try:
        _require_effects(specification)
        _require_outcome_history(specification)
        _require_waves(specification, estimator, panel)
        if plain:
            return estimator.fit(specification, weigh_panel(specification, panel))
        return _layered(specification, estimator, progress)(specification, panel)
    except (NotEstimable, np.linalg.LinAlgError) as problem:
        return _without_numbers(specification, str(problem))


def _fit_one(
    specification: Specification,
    panels: Panels,
    progress: Progress,
    plain: bool,
    decisive: bool,
) -> Fit:
    if specification.window not in panels:
        name = specification.window.name if specification.window else "its own"
        return _without_numbers(specification, f"no panel with the window {name}")
    panel = panels[specification.window]
    try:
        floor_share, ceiling_share = shares_at_ends(specification, panel)
        fitted = fit(specification, panel, progress, plain)
        diagnostics = () if plain else diagnose(fitted, panel, decisive)
        return replace(
            fitted,
            floor_share=floor_share,
            ceiling_share=ceiling_share,
            tests=(*fitted.tests, *diagnostics),
        )
    except CancelledError:
        raise
    except Exception as defect:
        return _without_numbers(specification, _describe_defect(defect))


def shares_at_ends(
    specification: Specification, panel: pd.DataFrame
) -> tuple[float, float]:
    """Shares of rows with the lowest and the highest value of the outcome among them.

    Rows are those in which everything that enters is known, before weights and
    imputation; NaN if there are none to analyse.
    """
    try:
        outcome = build_design(replace(specification, weights="none"), panel).outcome
    except NotEstimable:
        return nan, nan
    low, high = outcome.min(), outcome.max()
    return float((outcome == low).mean()), float((outcome == high).mean())


def _describe_defect(defect: Exception) -> str:
    """Which kind of error, and where: its message may quote data."""
    frame = traceback.extract_tb(defect.__traceback__)[-1]
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    return (
        f"a defect in panelstream: {type(defect).__name__} at {place}; please report it"
    )


def diagnose(
    fit: Fit, panel: pd.DataFrame, decisive: bool = False
) -> tuple[Diagnostic, ...]:
    """The diagnostics that the estimator is registered with, of the data and of persons.

    All, or the `decisive` ones. Made apart from the fit, which bootstraps and
    imputations repeat; nothing for fits without numbers or in a layer.
    """
    specification = fit.specification
    estimator = ESTIMATORS[specification.estimator]
    diagnostics = estimator.decisive if decisive else estimator.diagnostics
    layered = (specification.weights, specification.missing) != ("none", "complete")
    exact = any(term.note == NO_RESIDUALS for term in fit.terms)
    if diagnostics is None or layered or not fit.n_obs or exact:
        return ()
    return tuple(diagnostics(specification, build_design(specification, panel)))


def _require_effects(specification: Specification) -> None:
    absorbs_persons = ESTIMATOR_RULES[specification.estimator].absorbs_persons
    if ("participant" in specification.effects) != absorbs_persons:
        verb = "needs" if absorbs_persons else "cannot have"
        raise NotEstimable(f"{specification.estimator} {verb} the effect participant")


def _require_outcome_history(specification: Specification) -> None:
    rules = ESTIMATOR_RULES[specification.estimator]
    problem = rules.outcome_history_problem(specification.outcome_history)
    if problem:
        raise NotEstimable(problem)


def _require_waves(
    specification: Specification, estimator: Registration, panel: pd.DataFrame
) -> None:
    """Require the waves that the estimator needs, if the panel has the outcome."""
    if specification.outcome not in panel:
        return
    waves = panel["wave"][panel[specification.outcome].notna()].nunique()
    if 0 < waves < estimator.fewest_waves:
        needed = f"{estimator.name} needs {estimator.fewest_waves} waves"
        raise NotEstimable(f"{needed}, and the outcome is known in {waves}")


def _layered(
    specification: Specification, estimator: Registration, progress: Progress
) -> Fitter:
    """The estimator in the layers that the specification asks for."""
    fitter = estimator.fit
    for name in (specification.weights, specification.missing):
        if name in LAYERS:
            fitter = partial(LAYERS[name], fit=fitter, progress=progress)
    return fitter


def _without_numbers(specification: Specification, reason: str) -> Fit:
    components = ESTIMATORS[specification.estimator].components
    pairs = zip(specification.exposures, specification.columns, strict=True)
    terms = tuple(
        Term(exposure, term_name(specification, column), component)
        for exposure, column in pairs
        for component in components
    )
    return Fit(specification, terms, note=f"not fitted: {reason}")


def _estimates(fit: Fit) -> Iterator[dict[str, Any]]:
    for term in fit.terms:
        yield {
            **_described(fit.specification),
            **asdict(term),
            "std_error_type": fit.std_error_type,
            **dict.fromkeys(JUDGED, nan),
            "verdict": "",
            "reservations": "",
            "n_obs": fit.n_obs,
            "n_participants": fit.n_participants,
            "n_waves": fit.n_waves,
            "floor_share": fit.floor_share,
            "ceiling_share": fit.ceiling_share,
            "note": "; ".join(filter(None, (term.note, fit.note))),
        }


def _tests(fit: Fit) -> Iterator[dict[str, Any]]:
    labels = {
        "specification": fit.specification.specification,
        "outcome": fit.specification.outcome,
        "exposures": fit.specification.regression,
        "post_hoc": fit.specification.post_hoc,
    }
    for diagnostic in fit.tests:
        yield {**labels, **asdict(diagnostic), "p_adjusted": nan}


def _described(specification: Specification) -> dict[str, Any]:
    names = (
        "specification",
        "outcome",
        "measure",
        "transform",
        "estimator",
        "timing",
        "weights",
        "missing",
        "confirmatory",
        "post_hoc",
    )
    described = {name: getattr(specification, name) for name in names}
    window = specification.window
    return {
        **described,
        "title": entitle(specification),
        "exposures": specification.regression,
        "window": window.name if window else "",
        "effects": ", ".join(specification.effects),
        "covariates": ", ".join((*specification.fixed, *specification.varying)),
    }


def _frame(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=pd.Index(columns))
