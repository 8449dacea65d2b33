"""Fixed-effects ordered logit of outcomes with few distinct values: blow-up and cluster.

Each person is copied once for each value of the outcome but the lowest, and the copy's
outcome is whether the answer was at least that value. In each copy the number of such
answers is conditioned on (conditional logit, Chamberlain 1980, Rev. Econ. Stud. 47(1)),
which frees it of the person's level; all copies share the coefficients (Baetschmann,
Staub & Winkelmann 2015, J. R. Stat. Soc. A 178(3)). They are log odds of an answer
above any value, for the same person. Persons whose answers never change say nothing and
are left out. Copies of a person that fall on the same answers are equal and enter once,
weighted by their number.

The conditional likelihood is computed by the recursion for elementary symmetric
functions (Gail, Lubin & Rubinstein 1981, Biometrika 68(3)). Standard errors are
clustered by person over all copies, in the least squares in which the likelihood's
maximum ends; the working model takes a person's copies to be independent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.clustered import batches
from panelstream.analysis.estimation.conditional import (
    Conditional,
    Point,
    condition,
    describe_conditional,
    maximise_conditional,
    refuse_separation,
)
from panelstream.analysis.estimation.design import build_design
from panelstream.analysis.estimation.fit import Fit
from panelstream.analysis.estimation.inference import LeastSquares, least_squares
from panelstream.analysis.estimation.registration import Registration
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Array, Codes, Mask, Matrix, Vector

MOST_VALUES = 50
"""With more, values are hardly answers to be told from each other; each would be a copy."""

DECIMALS = 9
"""Means of items that differ by rounding are one value."""


@dataclass(frozen=True, eq=False)
class Copies:
    """Copies (S,) of persons with the same number T of rows, at positions (S, T).

    `high` (S, T): whether the answer is at least the copy's value. `times` (S,): how many
    values give the same copy.
    """

    persons: Codes
    rows: Codes
    high: Mask
    times: Vector


@dataclass(frozen=True, eq=False)
class CountMoments:
    """Of answers in copies of T rows, given how many of them are high.

    `log_norms` (S,): logarithms of the sums over all ways to place them;
    `probabilities` (S, T) of each answer to be high; `covariances` (S, T, T).
    """

    log_norms: Vector
    probabilities: Matrix
    covariances: Array


def fit_fe_ordered_logit(specification: Specification, panel: pd.DataFrame) -> Fit:
    """Regress the log odds of higher answers within persons."""
    design = build_design(specification, panel)
    values, answers = np.unique(np.round(design.outcome, DECIMALS), return_inverse=True)
    if len(values) > MOST_VALUES:
        raise NotEstimable(
            f"the outcome has {len(values)} values; fe_ordered_logit is for at most"
            f" {MOST_VALUES}"
        )
    changing = np.zeros(design.n_participants, dtype=np.bool_)
    changing[design.persons[1:][_steps(answers, design.persons) != 0]] = True
    conditional = condition(design, changing, "whose outcome never changes")
    copies = list(copy_persons(answers[changing[design.persons]], conditional))
    fitted = solve_copies(conditional, copies)
    note = f"log odds of higher answers, of {len(values)} values"
    return describe_conditional(specification, conditional, fitted, None, note)


def _steps(answers: Codes, persons: Codes) -> Codes:
    """Changes (n - 1,) from a row to the next; 0 from one person to another."""
    return np.asarray(np.diff(answers) * (np.diff(persons) == 0))


def copy_persons(answers: Codes, conditional: Conditional) -> Iterator[Copies]:
    """The different copies of all persons, from codes (n,) of the answers.

    A person with T rows has at most T - 1: one between each answer and the next higher.
    """
    for persons, rows in batches(conditional.design.persons):
        ordered = np.sort(answers[rows], axis=1)
        times = np.diff(ordered, axis=1)
        person, step = np.nonzero(times)
        places = rows[person]
        yield Copies(
            persons=persons[person],
            rows=places,
            high=answers[places] > ordered[person, step][:, None],
            times=times[person, step].astype(np.float64),
        )


def solve_copies(conditional: Conditional, copies: Sequence[Copies]) -> LeastSquares:
    """The regression that has the likelihood's score and information as its own.

    With V the covariance of a copy's answers, its rows are a root of V times the
    columns (L' X, where V = LL'), its errors that root's inverse times what is left.
    """
    columns = conditional.basis

    def likelihood(coefficients: Vector) -> Point:
        parts = [_contribute(columns, coefficients, copy) for copy in copies]
        log_likelihoods, gradients, informations = zip(*parts, strict=True)
        return Point(
            coefficients, sum(log_likelihoods), sum(gradients), sum(informations)
        )

    point = maximise_conditional(likelihood, columns.shape[1])
    parts = [_working_rows(columns, point.coefficients, copy) for copy in copies]
    rows, errors, persons = (np.concatenate(part) for part in zip(*parts, strict=True))
    # A person's copies follow each other.
    order = np.argsort(persons, kind="stable")
    rows, errors = rows[order], errors[order]
    return least_squares(rows @ point.coefficients + errors, rows, persons[order])


def condition_on_count(predictors: Matrix, counts: Codes) -> CountMoments:
    """CountMoments of T answers with log odds (S, T), of which `counts` (S,) are high.

    0 < counts < T.
    """
    odds = np.exp(predictors - predictors.mean(axis=1, keepdims=True))
    copies, size = odds.shape
    place = np.arange(copies)
    norms = symmetric_sums(odds)[place, counts]
    joint = np.empty((copies, size, size))
    for t in range(size):
        without = symmetric_sums(np.delete(odds, t, axis=1))
        joint[:, t, t] = odds[:, t] * without[place, counts - 1] / norms
    for t, s in combinations(range(size), 2):
        without = symmetric_sums(np.delete(odds, (t, s), axis=1))
        both = np.where(counts >= 2, without[place, np.maximum(counts - 2, 0)], 0.0)
        joint[:, t, s] = joint[:, s, t] = odds[:, t] * odds[:, s] * both / norms
    probabilities = np.diagonal(joint, axis1=1, axis2=2)
    return CountMoments(
        log_norms=np.log(norms) + counts * predictors.mean(axis=1),
        probabilities=probabilities,
        covariances=joint - probabilities[:, :, None] * probabilities[:, None, :],
    )


def symmetric_sums(values: Matrix) -> Matrix:
    """Elementary symmetric functions (S, T + 1) of values (S, T), of degrees 0 to T."""
    sums = np.zeros((len(values), values.shape[1] + 1))
    sums[:, 0] = 1.0
    for column in values.T:
        sums[:, 1:] += sums[:, :-1] * column[:, None]
    return sums


def _contribute(
    columns: Matrix, coefficients: Vector, copies: Copies
) -> tuple[float, Vector, Matrix]:
    """Log-likelihood, gradient (k,) and information (k, k) of some copies."""
    entered = columns[copies.rows]
    predictors = entered @ coefficients
    moments = condition_on_count(predictors, copies.high.sum(axis=1))
    observed = (predictors * copies.high).sum(axis=1)
    errors = (copies.high - moments.probabilities) * copies.times[:, None]
    weighted = (moments.covariances * copies.times[:, None, None]) @ entered
    return (
        float(copies.times @ (observed - moments.log_norms)),
        np.tensordot(errors, entered, axes=2),
        np.tensordot(entered, weighted, axes=((0, 1), (0, 1))),
    )


def _working_rows(
    columns: Matrix, coefficients: Vector, copies: Copies
) -> tuple[Matrix, Vector, Codes]:
    """Rows (n, k), errors (n,) and persons (n,) of the regression, of some copies.

    V has rank T - 1, as the answers' sum is given, so that a copy has as many rows.
    """
    entered = columns[copies.rows]
    counts = copies.high.sum(axis=1)
    moments = condition_on_count(entered @ coefficients, counts)
    refuse_separation(moments.probabilities)
    values, vectors = np.linalg.eigh(moments.covariances)
    roots = np.sqrt(values[:, 1:])[:, :, None]
    directions = np.swapaxes(vectors, 1, 2)[:, 1:]
    scale = np.sqrt(copies.times)
    rows = roots * (directions @ entered) * scale[:, None, None]
    residuals = (copies.high - moments.probabilities) * scale[:, None]
    errors = (directions @ residuals[:, :, None]) / roots
    size = directions.shape[1]
    return (
        rows.reshape(-1, columns.shape[1]),
        errors.ravel(),
        np.repeat(copies.persons, size),
    )


REGISTRATION = Registration(
    name="fe_ordered_logit",
    fit=fit_fe_ordered_logit,
    components=("within",),
    scale="log odds or log rate",
    fewest_waves=2,
    weighted_solver=None,
    decisive=None,
    diagnostics=None,
)
