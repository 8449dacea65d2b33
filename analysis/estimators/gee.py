"""Binary and count outcomes: marginal logit and log-linear regressions (GEE).

Outcomes of 0 and 1 enter by logit, other whole numbers from 0 on by log with Poisson
variance; coefficients are log odds and log rates, averaged over people. Every
regressor that changes over time enters as the deviation from the person's mean
over the analysed rows and as that mean, as in the within-between regression.

The working correlation is independence (Liang & Zeger 1986, Biometrika 73(1)): the
only one that stays right where regressors follow from earlier outcomes (Pepe &
Anderson 1994, Commun. Stat. Simul. Comput. 23(4)). Errors are clustered by person
with the factor of `analysis.inference`; t has persons - 1 degrees of freedom.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import nan

import numpy as np
import pandas as pd
from scipy.special import expit

from analysis.design import Codes, Matrix, NotEstimable, Vector, build
from analysis.estimators.fits import (
    Component,
    Fit,
    completed,
    summarise,
    worst_inflation,
)
from analysis.estimators.within_between import (
    component_names,
    decompose,
    within_equals_between,
)
from analysis.inference import (
    identify,
    person_sums,
    positive_definite,
    require_more_rows,
    small_sample,
    with_intercept,
)
from analysis.specifications import Specification

ITERATIONS, HALVINGS = 100, 40
# As in `analysis.likelihood`: one step is left after a gain below this.
GAIN = 1e-10
# A fitted value this near to an end of what it can be is on the way to it.
EDGE = 1e-8


@dataclass(frozen=True)
class Family:
    """A canonical link: means and variances at predictors (n,), and log likelihoods.

    `ends` are the smallest and largest mean there can be.
    """

    name: str
    mean: Callable[[Vector], Vector]
    variance: Callable[[Vector], Vector]
    likelihood: Callable[[Vector, Vector], Vector]
    link: Callable[[float], float]
    ends: tuple[float, float]


LOGIT = Family(
    name="logit of an outcome of zero and one",
    mean=expit,
    variance=lambda mean: mean * (1 - mean),
    likelihood=lambda y, at: y * at - np.logaddexp(0, at),
    link=lambda mean: float(np.log(mean / (1 - mean))),
    ends=(0.0, 1.0),
)
POISSON = Family(
    name="log of a count",
    mean=np.exp,
    variance=lambda mean: mean,
    likelihood=lambda y, at: y * at - np.exp(at),
    link=lambda mean: float(np.log(mean)),
    ends=(0.0, np.inf),
)


def fit(specification: Specification, panel: pd.DataFrame) -> Fit:
    """Decompose the design and regress; the outcome's values choose the family."""
    design = build(specification, panel)
    family = family_of(design.outcome)
    columns, offset = decompose(design)
    found = identify(columns)
    coefficients, covariance = regress(
        family, design.outcome, with_intercept(columns[:, found.kept]), design.persons
    )
    estimates, std_errors = completed(coefficients[1:], covariance[1:, 1:], found)
    components = [
        Component("within", columns, estimates, std_errors),
        Component(
            "between", columns[:, offset:], estimates[offset:], std_errors[offset:]
        ),
    ]
    tests = [
        within_equals_between(design, found, offset, coefficients, covariance),
        worst_inflation(component_names(design, offset, columns.shape[1]), found),
    ]
    said = summarise(specification, design, components, tests)
    return replace(
        said,
        # A log odds has no standard deviation of the outcome to be divided by.
        terms=tuple(replace(term, standardized=nan) for term in said.terms),
        note="; ".join(filter(None, (family.name, said.note))),
    )


def family_of(outcome: Vector) -> Family:
    """By the values (n,); raises `NotEstimable` for what is neither kind."""
    if np.isin(outcome, (0.0, 1.0)).all():
        return LOGIT
    if (outcome >= 0).all() and (outcome == np.round(outcome)).all():
        return POISSON
    raise NotEstimable("gee is for outcomes of zero and one, and for counts")


def regress(
    family: Family, outcome: Vector, columns: Matrix, persons: Codes
) -> tuple[Vector, Matrix]:
    """Coefficients (k,) and clustered covariance (k, k) of independent columns (n, k).

    The first column is the intercept. Raises `NotEstimable` if the terms separate
    the outcome's values, or no maximum is reached.
    """
    require_more_rows(*columns.shape)
    scales = np.sqrt(np.square(columns).mean(axis=0))
    unit = columns / scales
    coefficients = _climb(family, outcome, unit)
    mean = family.mean(unit @ coefficients)
    _require_overlap(family, mean)
    bread = np.linalg.inv(_information(family, unit, mean))
    influences = person_sums(unit * (outcome - mean)[:, None], persons) @ bread
    factor = small_sample(len(columns), len(scales), len(influences))
    covariance = factor * influences.T @ influences
    return coefficients / scales, covariance / np.outer(scales, scales)


def _climb(family: Family, outcome: Vector, columns: Matrix) -> Vector:
    """Newton's method from the mean outcome on; (k,)."""
    coefficients = np.zeros(columns.shape[1])
    coefficients[0] = family.link(float(outcome.mean()))
    for _ in range(ITERATIONS):
        mean = family.mean(columns @ coefficients)
        gradient = columns.T @ (outcome - mean)
        information = _information(family, columns, mean)
        if not positive_definite(information):
            break
        step: Vector = np.asarray(np.linalg.solve(information, gradient))
        if gradient @ step < GAIN:
            return np.asarray(coefficients + step)
        coefficients = _move(family, outcome, columns, coefficients, step)
    raise NotEstimable("no convergence: the terms may separate the outcome's values")


def _move(
    family: Family, outcome: Vector, columns: Matrix, start: Vector, step: Vector
) -> Vector:
    """The step, halved until it does not lead down."""

    def height(point: Vector) -> float:
        with np.errstate(over="ignore"):
            return float(family.likelihood(outcome, columns @ point).sum())

    floor = height(start)
    floor -= 1e-12 * abs(floor)
    for halving in range(HALVINGS):
        moved: Vector = start + step / 2**halving
        if height(moved) >= floor:
            return moved
    raise NotEstimable("no convergence: no step leads up")


def _information(family: Family, columns: Matrix, mean: Vector) -> Matrix:
    return np.asarray(columns.T @ (columns * family.variance(mean)[:, None]))


def _require_overlap(family: Family, mean: Vector) -> None:
    """Nobody is certain to have, or not to have, what the outcome counts."""
    low, high = family.ends
    if mean.min() < low + EDGE or mean.max() > high - EDGE:
        raise NotEstimable("separation: some terms' values go with one outcome only")
