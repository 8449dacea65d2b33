"""From specifications and panels to the estimates and tests of a study."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import nan
from typing import Any

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.design import NotEstimable, build, term_name
from panelstream.analysis.estimation.dropout import LAYERS
from panelstream.analysis.estimation.dropout.bootstrap import Progress, ignore
from panelstream.analysis.estimation.estimators import ESTIMATORS
from panelstream.analysis.estimation.fit import Diagnostic, Fit, Term
from panelstream.analysis.estimation.registration import Fitter, Registration
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.study.estimators import ESTIMATOR_RULES

ESTIMATE_COLUMNS = (
    "specification",
    "outcome",
    "term",
    "component",
    "exposure",
    "measure",
    "transform",
    "estimator",
    "timing",
    "weights",
    "missing",
    "estimate",
    "std_error",
    "std_error_type",
    "statistic",
    "df",
    "p_value",
    "p_adjusted",
    "p_bh",
    "ci_low",
    "ci_high",
    "standardized",
    "equivalence_p",
    "equivalence_adjusted",
    "verdict",
    "n_obs",
    "n_participants",
    "n_waves",
    "confirmatory",
    "note",
)
JUDGED = ("p_adjusted", "p_bh", "equivalence_p", "equivalence_adjusted")
"""Columns that rest on more than one fit."""
TEST_COLUMNS = (
    "specification",
    "outcome",
    "test",
    "statistic",
    "df",
    "p_value",
    "note",
)


Panels = Mapping[Any, pd.DataFrame]
"""The panel of each window; under None one from elsewhere."""

WORKERS = min(4, os.cpu_count() or 1)
"""Fits at the same time. Threads, as arrays are large and the work is theirs: one
panel serves all, where processes would each hold a copy. More would take memory."""


@dataclass(frozen=True, eq=False)
class Results:
    """Rows of `ESTIMATE_COLUMNS` and `TEST_COLUMNS`, in the plan's order.

    `JUDGED` and `verdict` are left to `judgement.judge`.
    """

    estimates: pd.DataFrame
    tests: pd.DataFrame


def fit_all(
    specifications: Sequence[Specification],
    panels: Panels,
    progress: Callable[[float, int], None] = lambda *_: None,
) -> Results:
    """Fit every specification to the panel of its window, some at the same time.

    `progress` is told how many of how many are done, and of what takes long in
    parts of a fit; the rows are in the plan's order whatever ends first. What
    cannot be fitted has rows without numbers and a note; it stops nothing. Broken
    off, what has not begun is not begun, and what runs ends with its next step.
    """
    pool, told = ThreadPoolExecutor(WORKERS), _Told(len(specifications), progress)
    try:
        begun = {
            pool.submit(_fit_one, one, panels, partial(told.step, number)): number
            for number, one in enumerate(specifications)
        }
        for done in as_completed(begun):
            done.result()
            told.step(begun[done], 1, 1)
    finally:
        told.broken_off = True
        pool.shutdown(wait=False, cancel_futures=True)
    fits = [one.result() for one in begun]
    return Results(
        estimates=_frame(
            [row for one in fits for row in _estimates(one)], ESTIMATE_COLUMNS
        ),
        tests=_frame([row for one in fits for row in _tests(one)], TEST_COLUMNS),
    )


class _Told:
    """How far each fit is, and whom to tell; raises in a fit that is not wanted."""

    def __init__(self, fits: int, progress: Callable[[float, int], None]) -> None:
        self.shares, self.progress, self.broken_off = [0.0] * fits, progress, False

    def step(self, number: int, done: int, total: int) -> None:
        """One fit has done so many of its steps."""
        if self.broken_off:
            raise CancelledError
        self.shares[number] = done / total
        self.progress(sum(self.shares), len(self.shares))


def fit(
    specification: Specification, panel: pd.DataFrame, progress: Progress = ignore
) -> Fit:
    """Fit one specification; a fit without numbers and with a note if it cannot.

    `progress` is told of the steps of a layer.
    """
    estimator = ESTIMATORS[specification.estimator]
    try:
        _require_effects(specification)
        _require_waves(specification, estimator, panel)
        return _layered(specification, estimator, progress)(specification, panel)
    except (NotEstimable, np.linalg.LinAlgError) as problem:
        return _without_numbers(specification, str(problem))


def _fit_one(specification: Specification, panels: Panels, progress: Progress) -> Fit:
    if specification.window not in panels:
        name = specification.window.name if specification.window else "its own"
        return _without_numbers(specification, f"no panel with the window {name}")
    panel = panels[specification.window]
    found = fit(specification, panel, progress)
    return replace(found, tests=(*found.tests, *diagnose(found, panel)))


def diagnose(fit: Fit, panel: pd.DataFrame) -> tuple[Diagnostic, ...]:
    """What the estimator's registration has to say of the data and of single persons.

    Made apart from the fit, which bootstraps and imputations repeat; nothing for fits
    without numbers or in a layer.
    """
    specification = fit.specification
    diagnostics = ESTIMATORS[specification.estimator].diagnostics
    layered = (specification.weights, specification.missing) != ("none", "complete")
    if diagnostics is None or layered or not fit.n_obs:
        return ()
    return tuple(diagnostics(specification, build(specification, panel)))


def _require_effects(specification: Specification) -> None:
    absorbs_persons = ESTIMATOR_RULES[specification.estimator].absorbs_persons
    if ("participant" in specification.effects) != absorbs_persons:
        verb = "needs" if absorbs_persons else "cannot have"
        raise NotEstimable(f"{specification.estimator} {verb} the effect participant")


def _require_waves(
    specification: Specification, estimator: Registration, panel: pd.DataFrame
) -> None:
    """As many waves with the outcome as the estimator needs, if it is there at all."""
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


def _without_numbers(specification: Specification, why: str) -> Fit:
    components = ESTIMATORS[specification.estimator].components
    pairs = zip(specification.exposures, specification.columns, strict=True)
    terms = tuple(
        Term(exposure, term_name(specification, column), component)
        for exposure, column in pairs
        for component in components
    )
    return Fit(specification, terms, note=f"not fitted: {why}")


def _estimates(fit: Fit) -> Iterator[dict[str, Any]]:
    for term in fit.terms:
        yield {
            **_described(fit.specification),
            **asdict(term),
            "std_error_type": fit.std_error_type,
            **dict.fromkeys(JUDGED, nan),
            "verdict": "",
            "n_obs": fit.n_obs,
            "n_participants": fit.n_participants,
            "n_waves": fit.n_waves,
            "note": "; ".join(filter(None, (term.note, fit.note))),
        }


def _tests(fit: Fit) -> Iterator[dict[str, Any]]:
    which = {
        "specification": fit.specification.specification,
        "outcome": fit.specification.outcome,
    }
    for diagnostic in fit.tests:
        yield which | asdict(diagnostic)


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
    )
    return {name: getattr(specification, name) for name in names}


def _frame(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=pd.Index(columns))
