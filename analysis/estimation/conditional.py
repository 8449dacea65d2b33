"""Conditional maximum likelihood: persons' effects are conditioned on, not estimated.

The logarithm of such a likelihood is concave, so that Newton's steps with halving lead
to its maximum. There the likelihood's score and information are those of least squares
on rows that the outcome's conditional covariance was taken out of, as in iteratively
reweighted least squares (Green 1984, J. R. Stat. Soc. B 46(2)); covariances clustered by
person follow from it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import nan

import numpy as np

from panelstream.analysis.estimation.clustered import WorkingCovariance, cluster
from panelstream.analysis.estimation.design import Design
from panelstream.analysis.estimation.diagnostics import (
    clustered_leads,
    estimable_terms,
)
from panelstream.analysis.estimation.fit import (
    Component,
    Fit,
    expand_estimates,
    exposure_names,
    summarise,
    worst_inflation,
)
from panelstream.analysis.estimation.inference import (
    Identification,
    LeastSquares,
    deviations,
    identify,
    positive_definite,
)
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Array, Mask, Matrix, Vector

ITERATIONS, HALVINGS = 100, 30

TOLERANCE = 1e-20
"""Newton's decrement, twice the likelihood's distance from its maximum, at which the
steps end: coefficients are then within 1e-10 of their model-based errors."""

CERTAINTY = 1e-8
"""A probability this near to 0 or 1 is on the way to it."""

SEPARATION = "separation: some terms' values go with one outcome only"


@dataclass(frozen=True, eq=False)
class Point:
    """Log-likelihood, its gradient (k,) and information (k, k) at coefficients (k,)."""

    coefficients: Vector
    log_likelihood: float
    gradient: Vector
    information: Matrix


Likelihood = Callable[[Vector], Point]


@dataclass(frozen=True, eq=False)
class Conditional:
    """A design whose persons all contribute, with deviations from their means (n, k).

    `omitted` says in words who was left out.
    """

    design: Design
    columns: Matrix
    identification: Identification
    omitted: str

    @property
    def basis(self) -> Matrix:
        """The deviations that are independent of each other."""
        return self.columns[:, self.identification.basis]


def condition(design: Design, persons: Mask, reason: str) -> Conditional:
    """The rows of `persons` (G,) that contribute to the likelihood.

    Raises `NotEstimable` if these are fewer than two, or no term changes within them.
    """
    if persons.sum() < 2:
        raise NotEstimable(f"fewer than two persons contribute: {reason}")
    contributing = select(design, persons[design.persons])
    columns = deviations(contributing.regressors, contributing.persons)
    identification = identify(columns)
    if not identification.basis.any():
        raise NotEstimable("no term changes within any person")
    count = int((~persons).sum())
    omitted = f"people left out, {reason}: {count}" if count else ""
    return Conditional(contributing, columns, identification, omitted)


def select(design: Design, rows: Mask) -> Design:
    """The design of some rows (n,), those of whole persons."""
    return replace(
        design,
        outcome=design.outcome[rows],
        regressors=design.regressors[rows],
        persons=np.unique(design.persons[rows], return_inverse=True)[1],
        waves=np.unique(design.waves[rows], return_inverse=True)[1],
        wave_numbers=design.wave_numbers[rows],
        weights=design.weights[rows],
        rows=design.rows[rows],
    )


def maximise_conditional(likelihood: Likelihood, terms: int) -> Point:
    """The maximum for `terms` coefficients, from 0.

    Raises `NotEstimable` if there is none.
    """
    point = likelihood(np.zeros(terms))
    for _ in range(ITERATIONS):
        if not positive_definite(point.information):
            raise NotEstimable(SEPARATION)
        step = np.asarray(
            np.linalg.solve(point.information, point.gradient), dtype=np.float64
        )
        if step @ point.gradient <= TOLERANCE:
            return likelihood(point.coefficients + step)
        point = _climb(likelihood, point, step)
    raise NotEstimable("no convergence: the terms may separate the outcome's values")


def _climb(likelihood: Likelihood, point: Point, step: Vector) -> Point:
    """A point on the step, halved until the likelihood is no lower, but for rounding."""
    lowest = point.log_likelihood - 1e-12 * abs(point.log_likelihood)
    for _ in range(HALVINGS):
        with np.errstate(all="ignore"):
            candidate = likelihood(point.coefficients + step)
        if candidate.log_likelihood >= lowest:
            return candidate
        step = step / 2
    raise NotEstimable("no convergence: the terms may separate the outcome's values")


def refuse_separation(probabilities: Array) -> None:
    """Raise `NotEstimable` if some probability is at 0 or 1."""
    if not (probabilities.min() >= CERTAINTY and probabilities.max() <= 1 - CERTAINTY):
        raise NotEstimable(SEPARATION)


def describe_conditional(
    specification: Specification,
    conditional: Conditional,
    fitted: LeastSquares,
    working: WorkingCovariance | None,
    note: str,
) -> Fit:
    """The fit of the regression in which the likelihood's maximum ends."""
    design, identification = conditional.design, conditional.identification
    clustered = cluster(fitted, specification.errors, working)
    exposures = np.arange(len(design.exposures))
    estimates = expand_estimates(clustered, identification, exposures)
    component = Component("within", conditional.columns, estimates, design.persons)
    terms = estimable_terms(design, identification)
    tests = [
        worst_inflation(exposure_names(design), identification),
        *clustered_leads(specification, clustered, terms),
    ]
    result = summarise(specification, design, [component], tests)
    notes = (note, result.note, conditional.omitted)
    return replace(
        result,
        # A log odds has no standard deviation of the outcome to be divided by.
        terms=tuple(replace(term, standardized=nan) for term in result.terms),
        note="; ".join(filter(None, notes)),
    )
