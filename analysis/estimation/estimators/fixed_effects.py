"""Least squares on deviations from persons' means, clustered by person.

Person effects are absorbed: everything enters as its (weighted) deviation from the
person's mean over the analysed rows; wave effects enter as dummies (the within
estimator: Wooldridge 2010, Econometric Analysis of Cross Section and Panel Data,
section 10.5). Person effects count in no correction, as they are nested in the
clusters. With CR1 the intercept counts in K.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.clustered import cluster
from panelstream.analysis.estimation.design import Design, build_design
from panelstream.analysis.estimation.diagnostics import (
    INDEPENDENT_ERRORS,
    estimable_terms,
    influence,
    leads,
    serial_correlation,
    variance_shares,
    wild_cluster,
)
from panelstream.analysis.estimation.fit import (
    Component,
    Diagnostic,
    Fit,
    expand_estimates,
    exposure_coefficients,
    exposure_names,
    summarise,
    worst_inflation,
)
from panelstream.analysis.estimation.inference import (
    Identification,
    LeastSquares,
    deviations,
    identify,
    least_squares,
    person_sums,
    root,
    solve_products,
)
from panelstream.analysis.estimation.influence import Regression
from panelstream.analysis.estimation.registration import Registration, Solve
from panelstream.analysis.estimation.shape import curvature, movements, zero_shares
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Matrix, Vector


def fit_fixed_effects(specification: Specification, panel: pd.DataFrame) -> Fit:
    """Regress within persons."""
    design = build_design(specification, panel)
    outcome, columns = within(design)
    identification = identify(columns)
    fitted = absorbed(design, outcome, columns[:, identification.basis])
    estimates = expand_estimates(
        cluster(fitted, specification.errors),
        identification,
        np.arange(len(design.exposures)),
    )
    component = Component("within", columns, estimates, design.persons)
    inflation = worst_inflation(exposure_names(design), identification)
    tests = [inflation, _explained_within(outcome * root(design.weights)[:, 0], fitted)]
    return summarise(specification, design, [component], tests)


def _explained_within(outcome: Vector, fitted: LeastSquares) -> Diagnostic:
    """R2 of deviations (n,) from persons' means."""
    unexplained = float(fitted.residuals @ fitted.residuals)
    share = 1 - unexplained / float(outcome @ outcome)
    return Diagnostic("r_squared_within", share, note="of all terms, waves among them")


def within(design: Design) -> tuple[Vector, Matrix]:
    """Outcome (n,) and regressors (n, k) as deviations from persons' means.

    Raises `NotEstimable` if the outcome changes within no person.
    """
    outcome = deviations(design.outcome[:, None], design.persons, design.weights)[:, 0]
    if not outcome.any():
        raise NotEstimable("the outcome changes within no person")
    return outcome, deviations(design.regressors, design.persons, design.weights)


def absorbed(design: Design, outcome: Vector, columns: Matrix) -> LeastSquares:
    """Regress deviations (n,) on independent deviations (n, k) by design's weights."""
    scale = root(design.weights)
    return least_squares(
        outcome * scale[:, 0], columns * scale, design.persons, absorbed=1, exact=True
    )


def _weighted_solver(design: Design) -> Solve:
    """Sums over rows less those of what persons' means explain."""
    columns = deviations(design.regressors, design.persons, design.weights)
    basis = identify(columns).basis
    outcome = deviations(design.outcome[:, None], design.persons)
    values, persons = np.column_stack([columns[:, basis], outcome]), design.persons

    def solve(weights: Vector, times: Vector) -> Vector:
        weighted = values * (weights * times)[:, None]
        sums = person_sums(weighted, persons)
        sizes = person_sums((weights * times)[:, None], persons)
        products = values.T @ weighted
        products -= sums.T @ (sums / np.where(sizes > 0, sizes, 1.0))
        return exposure_coefficients(design, basis, solve_products(products))

    return solve


def diagnose_within(
    specification: Specification, design: Design, further: int = 0
) -> Iterator[Diagnostic]:
    """Diagnostics of a regression within persons with `further` other coefficients."""
    yield from variance_shares(specification, design)
    yield serial_correlation(design, INDEPENDENT_ERRORS, specification.errors)
    regression, identification = _regression(design, further)
    terms = estimable_terms(design, identification)
    yield from decide_within(specification, design, further)
    yield from zero_shares(specification, design)
    yield from movements(specification, design)
    yield from influence(regression, terms, specification.errors)
    yield from wild_cluster(specification, regression, terms)


def decide_within(
    specification: Specification, design: Design, further: int = 0
) -> Iterator[Diagnostic]:
    """Those of them that verdicts rest on."""
    regression, identification = _regression(design, further)
    terms = estimable_terms(design, identification)
    yield from leads(specification, regression, terms)
    yield from curvature(specification, design, partial(_regression, further=further))


def _regression(design: Design, further: int = 0) -> tuple[Regression, Identification]:
    """The regression within persons, with `further` other coefficients."""
    outcome, columns = within(design)
    identification = identify(columns)
    basis = columns[:, identification.basis]
    return Regression(outcome, basis, design.persons, 1 + further), identification


REGISTRATION = Registration(
    name="fixed_effects",
    fit=fit_fixed_effects,
    components=("within",),
    scale="points",
    fewest_waves=2,
    weighted_solver=_weighted_solver,
    decisive=decide_within,
    diagnostics=diagnose_within,
)
