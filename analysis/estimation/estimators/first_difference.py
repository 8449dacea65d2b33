"""Least squares on changes from one wave to the next, clustered by person.

A change is that between two waves whose numbers follow each other, never over a
gap. Whatever does not change within a person vanishes (Wooldridge 2010, Econometric
Analysis of Cross Section and Panel Data, section 10.6). Wave effects enter as an
intercept and a dummy for each further later wave; without them the intercept stays,
a drift that is the same for all. N counts changes. On two waves the coefficients are
those of fixed effects. A change has the weight of its later wave.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.design import Design, build_design
from panelstream.analysis.estimation.diagnostics import (
    INDEPENDENT_CHANGES,
    estimable_terms,
    influence,
    leads,
    serial_correlation,
    variance_shares,
    wild_cluster,
)
from panelstream.analysis.estimation.differences import adjacent, differences
from panelstream.analysis.estimation.estimators.pooled import solve_pooled
from panelstream.analysis.estimation.fit import (
    Component,
    Diagnostic,
    Fit,
    exposure_names,
    regress,
    summarise,
    worst_inflation,
)
from panelstream.analysis.estimation.inference import Identification, identify, root
from panelstream.analysis.estimation.influence import Regression
from panelstream.analysis.estimation.registration import Registration, Solve
from panelstream.analysis.estimation.shape import curvature, movements, zero_shares
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification


def fit_first_difference(specification: Specification, panel: pd.DataFrame) -> Fit:
    """Regress the outcome's changes on those of the design's columns."""
    design = build_design(specification, panel)
    changes = differences(design)
    if not changes.outcome.any():
        raise NotEstimable("the outcome changes between no adjacent waves")
    columns = changes.regressors
    estimates, identification = regress(
        specification,
        changes,
        changes.outcome,
        columns,
        changes.persons,
        root(changes.weights),
    )
    component = Component("within", columns, estimates, changes.persons)
    inflation = worst_inflation(exposure_names(changes), identification)
    return summarise(specification, changes, [component], [inflation], design)


def _weighted_solver(design: Design) -> Solve:
    """Least squares on changes, by the weight of the later wave."""
    later, solve = adjacent(design)[1], solve_pooled(differences(design))
    return lambda weights, times: solve(weights[later], times[later])


def _diagnostics(specification: Specification, design: Design) -> Iterator[Diagnostic]:
    yield from variance_shares(specification, design)
    yield serial_correlation(design, INDEPENDENT_CHANGES, specification.errors)
    regression, identification = _regression(design)
    terms = estimable_terms(design, identification)
    yield from _decide(specification, design)
    yield from zero_shares(specification, design)
    yield from movements(specification, design)
    yield from influence(regression, terms, specification.errors)
    yield from wild_cluster(specification, regression, terms)


def _decide(specification: Specification, design: Design) -> Iterator[Diagnostic]:
    """Those of them that verdicts rest on."""
    regression, identification = _regression(design)
    terms = estimable_terms(design, identification)
    yield from leads(specification, regression, terms)
    yield from curvature(specification, design, _regression)


def _regression(design: Design) -> tuple[Regression, Identification]:
    """The regression of changes on changes, and on a constant as the last column."""
    changes = differences(design)
    identification = identify(changes.regressors)
    regressors = changes.regressors[:, identification.basis]
    columns = np.column_stack([regressors, np.ones(len(regressors))])
    return Regression(changes.outcome, columns, changes.persons, 0), identification


REGISTRATION = Registration(
    name="first_difference",
    fit=fit_first_difference,
    components=("within",),
    scale="points",
    fewest_waves=2,
    weighted_solver=_weighted_solver,
    decisive=_decide,
    diagnostics=_diagnostics,
)
