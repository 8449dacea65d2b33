"""Inverse probability weights against dropout, and against never taking part.

An answer has a larger weight the less likely it was, given what was observed before
(valid if data are missing at random):

    weight(t) = product over waves s after the first answer, up to t, of
                P(answers s | wave, fixed covariates)
                / P(answers s | the same, and what was observed before s)

each among those who answered every wave so far (stabilised weights: Robins, Hernan &
Brumback 2000, Epidemiology 11(5); for monotone dropout: Robins, Rotnitzky & Zhao
1995, JASA 90(429)). Monotone dropout: answers after a missed wave are left out, and
counted. No weight is truncated; the largest one and the effective
sample size (Kish 1965, Survey Sampling) are among the tests.

Participation weights are of a person: the share of the frame that ever answers, over
the probability of ever answering given the use in the first window.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import log_expit

from panelstream.analysis.estimation.design import WEIGHT, build_design, require_columns
from panelstream.analysis.estimation.dropout import bootstrap
from panelstream.analysis.estimation.dropout.bootstrap import Progress, Weigh, ignore
from panelstream.analysis.estimation.dropout.history import (
    History,
    first_use,
    look_back,
)
from panelstream.analysis.estimation.dropout.logit import (
    ROUGH,
    fit_logit,
    require_overlap,
)
from panelstream.analysis.estimation.dropout.waves import Waves, arrange_waves
from panelstream.analysis.estimation.estimators import ESTIMATORS
from panelstream.analysis.estimation.fit import Diagnostic, Fit, Term
from panelstream.analysis.estimation.inference import infer
from panelstream.analysis.estimation.registration import Fitter
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Mask, Matrix, Vector


@dataclass(frozen=True, eq=False)
class AnswerModels:
    """Two logits of answering, whose probabilities are a weight's ratio.

    Coefficients of the baseline columns (`numerator`) and of all (`denominator`).
    """

    history: History
    numerator: Vector
    denominator: Vector

    def log_weights(self, times: Vector) -> Vector:
        """Log of the ratio of probabilities (n,), if rows count `times` (n,) over."""
        answered, columns = self.history.answered, self.history.columns
        baseline = columns[:, : self.history.baseline]
        numerator = fit_logit(answered, baseline, times, self.numerator, ROUGH)
        denominator = fit_logit(answered, columns, times, self.denominator, ROUGH)
        return np.asarray(
            log_expit(baseline @ numerator.coefficients)
            - log_expit(columns @ denominator.coefficients)
        )


def fit_weighted(
    specification: Specification,
    panel: pd.DataFrame,
    fit: Fitter,
    progress: Progress = ignore,
) -> Fit:
    """Fit with the specification's weights, which a bootstrap of persons estimates again.

    Raises `NotEstimable`, also for an estimator that takes no weights.
    """
    solver = ESTIMATORS[specification.estimator].weighted_solver
    if solver is None:
        raise NotEstimable(f"{specification.estimator} takes no weights")
    require_columns(specification, panel)
    waves = arrange_waves(panel, specification.outcome)
    weigh, note = WEIGHTS[specification.weights](specification, panel, waves)
    cells = weigh(np.ones(len(waves.rows)))
    weighted = panel.assign(**{WEIGHT: waves.to_rows(cells, len(panel))})
    fitted = fit(specification, weighted)
    design = build_design(specification, weighted)
    errors = bootstrap.bootstrap_errors(
        solver(design), design.rows, waves, weigh, specification.seed, progress
    )
    terms = zip(fitted.terms, errors, strict=True)
    return replace(
        fitted,
        terms=tuple(_with_error(term, error) for term, error in terms),
        tests=(*_weight_tests(design.weights), *fitted.tests),
        note="; ".join(filter(None, (fitted.note, note))),
        std_error_type=bootstrap.STD_ERROR_TYPE,
    )


def weigh_panel(specification: Specification, panel: pd.DataFrame) -> pd.DataFrame:
    """The panel with the column of weights that the specification asks for, if any.

    Raises `NotEstimable` as the weights' model does.
    """
    if specification.weights == "none":
        return panel
    require_columns(specification, panel)
    waves = arrange_waves(panel, specification.outcome)
    weigh, _ = WEIGHTS[specification.weights](specification, panel, waves)
    cells = weigh(np.ones(len(waves.rows)))
    return panel.assign(**{WEIGHT: waves.to_rows(cells, len(panel))})


def attrition_weights(
    specification: Specification, panel: pd.DataFrame, waves: Waves
) -> tuple[Weigh, str]:
    """Weights of answers against dropout, and a note.

    Raises `NotEstimable` if answering or not is certain for some (separation).
    """
    history = look_back(specification, panel, waves)
    if not len(history.answered):
        return lambda _: _where(waves.monotone, 1.0), "nobody drops out: weights are 1"
    models = _answer_models(history, "answering")

    def weigh(times: Vector) -> Matrix:
        steps = np.zeros(waves.answered.shape)
        ratios = models.log_weights(times[history.persons])
        steps[history.persons, history.places] = ratios
        return _where(waves.monotone, np.exp(np.cumsum(steps, axis=1)))

    returned = int((waves.answered & ~waves.monotone).sum())
    note = f"answers after a missed wave left out: {returned}" if returned else ""
    return weigh, note


def participation_weights(
    specification: Specification, panel: pd.DataFrame, waves: Waves
) -> tuple[Weigh, str]:
    """Weights of people against never answering, and a note.

    Raises `NotEstimable` if taking part or not is certain for some (separation).
    """
    frame = first_use(specification, panel, waves)
    if frame.answered.all():
        return lambda _: _where(waves.answered, 1.0), "all take part: weights are 1"
    models = _answer_models(frame, "taking part")

    def weigh(times: Vector) -> Matrix:
        of_person = np.full((len(waves.rows), 1), np.nan)
        ratios = models.log_weights(times[frame.persons])
        of_person[frame.persons, 0] = np.exp(ratios)
        return _where(waves.answered, of_person)

    return weigh, f"people in the frame: {len(frame.answered)}"


WEIGHTS: Mapping[
    str, Callable[[Specification, pd.DataFrame, Waves], tuple[Weigh, str]]
] = {"attrition": attrition_weights, "participation": participation_weights}


def _answer_models(history: History, event: str) -> AnswerModels:
    baseline = history.columns[:, : history.baseline]
    numerator = fit_logit(history.answered, baseline)
    denominator = fit_logit(history.answered, history.columns)
    require_overlap(history.columns @ denominator.coefficients, event)
    return AnswerModels(history, numerator.coefficients, denominator.coefficients)


def _where(flags: Mask, weights: Matrix | float) -> Matrix:
    return np.where(flags, weights, np.nan)


def _with_error(term: Term, std_error: float) -> Term:
    """The term with a standard error from the bootstrap, if that is the larger one.

    The clustered error of the fit takes the weights as known. In large samples that is too
    large rather than too small (Lunceford & Davidian 2004, Stat. Med. 23(19)), and where
    few people carry an estimate the bootstrap's is too small.
    """
    if np.isnan(term.estimate) or not std_error > term.std_error:
        return term
    return replace(term, **asdict(infer(term.estimate, float(std_error), term.df)))


def _weight_tests(weights: Vector) -> list[Diagnostic]:
    effective = float(weights.sum() ** 2 / (weights @ weights))
    return [
        Diagnostic("largest_weight", float(weights.max()), note="none is truncated"),
        Diagnostic(
            "effective_sample_size", effective, note=f"of {len(weights)} rows analysed"
        ),
    ]
