"""Binary and count outcomes: marginal logit and log-linear regressions (GEE).

Outcomes of 0 and 1 enter by logit, other whole numbers from 0 on by log with Poisson
variance; coefficients are log odds and log rates, averaged over people. Every
regressor that changes over time enters as the deviation from the person's mean
over the analysed rows and as that mean, as in the within-between regression.

The working correlation is independence (Liang & Zeger 1986, Biometrika 73(1)): the
only one that stays right where regressors follow from earlier outcomes (Pepe &
Anderson 1994, Commun. Stat. Simul. Comput. 23(4)). The equations are solved where
weighted least squares of the working response end; standard errors and degrees of
freedom are clustered by person in that regression, whose working covariance is that of
the family (as in R's clubSandwich; McCaffrey & Bell 2006, Stat. Med. 25(23)).
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import nan

import numpy as np
import pandas as pd
from statsmodels.genmod import families
from statsmodels.genmod.generalized_estimating_equations import GEE

from panelstream.analysis.estimation.clustered import (
    Solution,
    WorkingCovariance,
    cluster,
    working_regression,
)
from panelstream.analysis.estimation.design import build_design
from panelstream.analysis.estimation.diagnostics import (
    clustered_leads,
    estimable_terms,
)
from panelstream.analysis.estimation.estimators.within_between import (
    both_components,
    component_names,
    decompose,
    within_equals_between,
)
from panelstream.analysis.estimation.fit import (
    Fit,
    summarise,
    worst_inflation,
)
from panelstream.analysis.estimation.inference import (
    LeastSquares,
    identify,
    require_more_rows,
    with_intercept,
)
from panelstream.analysis.estimation.registration import Registration
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Codes, Matrix, Vector

ITERATIONS, TOLERANCE = 100, 1e-9
# A fitted value this near to an end of what it can be is on the way to it.
EDGE = 1e-8


@dataclass(frozen=True)
class Family:
    """A distribution with its canonical link, and the `ends` that a mean can have."""

    name: str
    distribution: Callable[[], families.Family]
    ends: tuple[float, float]


LOGIT = Family("logit of an outcome of zero and one", families.Binomial, (0.0, 1.0))
POISSON = Family("log of a count", families.Poisson, (0.0, np.inf))


def fit_gee(specification: Specification, panel: pd.DataFrame) -> Fit:
    """Decompose the design and regress; the outcome's values choose the family."""
    design = build_design(specification, panel)
    family = family_of(design.outcome)
    columns, offset = decompose(design)
    identification = identify(columns)
    fitted, working = solve_equations(
        family,
        design.outcome,
        with_intercept(columns[:, identification.basis]),
        design.persons,
    )
    clustered = cluster(fitted, specification.errors, working)
    components = both_components(design, columns, offset, clustered, identification)
    tests = [
        within_equals_between(design, identification, offset, clustered),
        worst_inflation(
            component_names(design, offset, columns.shape[1]), identification
        ),
        *clustered_leads(
            specification,
            clustered,
            estimable_terms(design, identification),
            leading=1,
        ),
    ]
    result = summarise(specification, design, components, tests)
    return replace(
        result,
        # A log odds has no standard deviation of the outcome to be divided by.
        terms=tuple(replace(term, standardized=nan) for term in result.terms),
        note="; ".join(filter(None, (family.name, result.note))),
    )


def family_of(outcome: Vector) -> Family:
    """By the values (n,); raises `NotEstimable` for what is neither kind."""
    if np.isin(outcome, (0.0, 1.0)).all():
        return LOGIT
    if (outcome >= 0).all() and (outcome == np.round(outcome)).all():
        return POISSON
    raise NotEstimable("gee is for outcomes of zero and one, and for counts")


def solve_equations(
    family: Family, outcome: Vector, columns: Matrix, persons: Codes
) -> tuple[LeastSquares, WorkingCovariance]:
    """The regression of the working response on independent columns (n, k).

    Raises `NotEstimable` if the terms separate the outcome's values, or the
    equations are not solved.
    """
    rows, terms = columns.shape
    require_more_rows(rows, terms)
    scales = np.sqrt(np.square(columns).mean(axis=0))
    model = GEE(outcome, columns / scales, persons, family=family.distribution())
    # The result says whether it converged; the library warns too.
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        result = model.fit(maxiter=ITERATIONS, ctol=TOLERANCE)
    _require_overlap(family, np.asarray(result.fittedvalues))
    if not result.converged:
        raise NotEstimable(
            "no convergence: the terms may separate the outcome's values"
        )
    means = np.asarray(result.fittedvalues)
    solution = Solution(
        outcome=outcome,
        predictors=columns @ (np.asarray(result.params) / scales),
        means=means,
        variances=model.family.variance(means),
    )
    return working_regression(solution, columns, persons)


def _require_overlap(family: Family, mean: Vector) -> None:
    """Nobody is certain to have, or not to have, what the outcome counts."""
    low, high = family.ends
    if not (mean.min() >= low + EDGE and mean.max() <= high - EDGE):
        raise NotEstimable("separation: some terms' values go with one outcome only")


REGISTRATION = Registration(
    name="gee",
    fit=fit_gee,
    components=("within", "between"),
    scale="log odds or log rate",
    fewest_waves=2,
    weighted_solver=None,
    decisive=None,
    diagnostics=None,
)
