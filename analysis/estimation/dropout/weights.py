"""Weights against dropout, and against never taking part.

A person's answer to a wave weighs as much more as it was less likely, given what was
seen, than one would have said without having looked:

    weight(t) = product over waves s after the first answer, up to t, of
                P(answers s | wave, fixed covariates)
                / P(answers s | the same, and what was seen before s)

each among those who answered every wave so far (stabilised weights: Robins, Hernan &
Brumback 2000, Epidemiology 11(5); for monotone dropout: Robins, Rotnitzky & Zhao
1995, JASA 90(429)). The rule knows no coming back: answers after a missed wave are
left out, and counted. No weight is truncated; the largest one and the effective
sample size (Kish 1965, Survey Sampling) stand in the tests.

Participation weights are of a person: the share of the frame that ever answers, over
the chance of ever answering given the use in the first window.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import log_expit

from panelstream.analysis.estimation.design import WEIGHT, build_design, require_columns
from panelstream.analysis.estimation.dropout import bootstrap, logit
from panelstream.analysis.estimation.dropout.bootstrap import Progress, Weigh, ignore
from panelstream.analysis.estimation.dropout.history import (
    History,
    first_use,
    look_back,
)
from panelstream.analysis.estimation.dropout.logit import ROUGH
from panelstream.analysis.estimation.dropout.waves import Waves, arrange
from panelstream.analysis.estimation.estimators import ESTIMATORS
from panelstream.analysis.estimation.fit import Diagnostic, Fit, Term
from panelstream.analysis.estimation.inference import infer
from panelstream.analysis.estimation.registration import Fitter
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Mask, Matrix, Vector


@dataclass(frozen=True, eq=False)
class Chances:
    """Logits of answering: on what is `given` anyway, and on all that was `seen`."""

    history: History
    given: Vector
    seen: Vector

    def log_ratios(self, times: Vector) -> Vector:
        """The first chance over the second (n,), if rows count `times` (n,) over."""
        rows = self.history
        given = rows.columns[:, : rows.given]
        before = logit.fit(rows.answered, given, times, self.given, ROUGH)
        after = logit.fit(rows.answered, rows.columns, times, self.seen, ROUGH)
        return np.asarray(
            log_expit(given @ before.coefficients)
            - log_expit(rows.columns @ after.coefficients)
        )


def fit_weighted(
    specification: Specification,
    panel: pd.DataFrame,
    fit: Fitter,
    progress: Progress = ignore,
) -> Fit:
    """Fit with the weights asked for; errors from a bootstrap that makes them anew.

    Raises `NotEstimable`, also for an estimator that takes no weights.
    """
    solver = ESTIMATORS[specification.estimator].weighted_solver
    if solver is None:
        raise NotEstimable(f"{specification.estimator} takes no weights")
    require_columns(specification, panel)
    waves = arrange(panel, specification.outcome)
    weigh, note = WEIGHTS[specification.weights](specification, panel, waves)
    cells = weigh(np.ones(len(waves.rows)))
    weighted = panel.assign(**{WEIGHT: waves.gathered(cells, len(panel))})
    fitted = fit(specification, weighted)
    design = build_design(specification, weighted)
    errors = bootstrap.std_errors(
        solver(design), design.rows, waves, weigh, specification.seed, progress
    )
    terms = zip(fitted.terms, errors, strict=True)
    return replace(
        fitted,
        terms=tuple(_with_error(*one, fitted.n_participants) for one in terms),
        tests=(*_described(design.weights), *fitted.tests),
        note="; ".join(filter(None, (fitted.note, note))),
        std_error_type=bootstrap.STD_ERROR_TYPE,
    )


def attrition(
    specification: Specification, panel: pd.DataFrame, waves: Waves
) -> tuple[Weigh, str]:
    """How answers are weighed against dropout, and what is to be said of it.

    Raises `NotEstimable` where answering or not is certain (separation).
    """
    history = look_back(specification, panel, waves)
    if not len(history.answered):
        return lambda _: _where(waves.unbroken, 1.0), "nobody drops out: weights are 1"
    chances = _chances(history, "answering")

    def weigh(times: Vector) -> Matrix:
        steps = np.zeros(waves.answered.shape)
        ratios = chances.log_ratios(times[history.persons])
        steps[history.persons, history.places] = ratios
        return _where(waves.unbroken, np.exp(np.cumsum(steps, axis=1)))

    returned = int((waves.answered & ~waves.unbroken).sum())
    note = f"answers after a missed wave left out: {returned}" if returned else ""
    return weigh, note


def participation(
    specification: Specification, panel: pd.DataFrame, waves: Waves
) -> tuple[Weigh, str]:
    """How people are weighed against never answering, and what is to be said of it.

    Raises `NotEstimable` where taking part or not is certain (separation).
    """
    frame = first_use(specification, panel, waves)
    if frame.answered.all():
        return lambda _: _where(waves.answered, 1.0), "all take part: weights are 1"
    chances = _chances(frame, "taking part")

    def weigh(times: Vector) -> Matrix:
        of_person = np.full((len(waves.rows), 1), np.nan)
        ratios = chances.log_ratios(times[frame.persons])
        of_person[frame.persons, 0] = np.exp(ratios)
        return _where(waves.answered, of_person)

    return weigh, f"people in the frame: {len(frame.answered)}"


WEIGHTS: Mapping[
    str, Callable[[Specification, pd.DataFrame, Waves], tuple[Weigh, str]]
] = {"attrition": attrition, "participation": participation}


def _chances(history: History, what: str) -> Chances:
    given = logit.fit(history.answered, history.columns[:, : history.given])
    seen = logit.fit(history.answered, history.columns)
    logit.require_overlap(history.columns @ seen.coefficients, what)
    return Chances(history, given.coefficients, seen.coefficients)


def _where(flags: Mask, weights: Matrix | float) -> Matrix:
    return np.where(flags, weights, np.nan)


def _with_error(term: Term, std_error: float, persons: int) -> Term:
    """The term with another error and what follows from it."""
    if np.isnan(term.estimate) or not std_error:
        return term
    return replace(term, **asdict(infer(term.estimate, float(std_error), persons)))


def _described(weights: Vector) -> list[Diagnostic]:
    effective = float(weights.sum() ** 2 / (weights @ weights))
    return [
        Diagnostic("largest_weight", float(weights.max()), note="none is truncated"),
        Diagnostic(
            "effective_sample_size", effective, note=f"of {len(weights)} rows analysed"
        ),
    ]
