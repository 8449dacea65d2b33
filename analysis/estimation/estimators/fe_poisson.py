"""Fixed-effects Poisson regression of counts and other outcomes from 0 on.

A person's outcomes are conditioned on their sum (Hausman, Hall & Griliches 1984,
Econometrica 52(4)): the coefficients are those of a Poisson regression with a dummy for
each person. They are log rates of what the same person has, and right whenever the
mean is: the outcome need neither be Poisson nor whole (Wooldridge 1999, J. Econom.
90(1)). Persons whose outcome is always 0 say nothing and are left out.

Standard errors are clustered by person in the weighted least squares in which the
equations end, with the variance of the outcome's mean as working model and persons'
effects absorbed there; they equal those of R's clubSandwich for `glm` with dummies.
"""

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.clustered import WorkingCovariance
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
from panelstream.analysis.estimation.inference import (
    LeastSquares,
    least_squares,
    person_means,
    person_sums,
    root,
)
from panelstream.analysis.estimation.registration import Registration
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Codes, Matrix, Vector


def fit_fe_poisson(specification: Specification, panel: pd.DataFrame) -> Fit:
    """Regress the logarithm of the mean within persons."""
    design = build_design(specification, panel)
    if design.outcome.min() < 0:
        raise NotEstimable("fe_poisson is for outcomes from 0 on")
    sums = person_sums(design.outcome[:, None], design.persons)[:, 0]
    conditional = condition(design, sums > 0, "whose outcome is always 0")
    fitted, working = solve_poisson(conditional)
    return describe_conditional(
        specification, conditional, fitted, working, "log of the mean"
    )


def solve_poisson(
    conditional: Conditional,
) -> tuple[LeastSquares, WorkingCovariance]:
    """The regression of the working response, persons' effects absorbed."""
    outcome, persons = conditional.design.outcome, conditional.design.persons
    columns = conditional.basis
    totals = person_sums(outcome[:, None], persons)[persons, 0]

    def likelihood(coefficients: Vector) -> Point:
        predictors = columns @ coefficients
        shares = person_shares(predictors, persons)
        means = totals * shares
        weighted = columns - person_means(columns, persons, shares)[persons]
        with np.errstate(divide="ignore"):
            logarithms = np.log(shares)
        return Point(
            coefficients,
            float(outcome[outcome > 0] @ logarithms[outcome > 0]),
            columns.T @ (outcome - means),
            weighted.T @ (weighted * means[:, None]),
        )

    point = maximise_conditional(likelihood, columns.shape[1])
    shares = person_shares(columns @ point.coefficients, persons)
    refuse_separation(shares)
    means = totals * shares
    scale = root(means)
    weighted = (columns - person_means(columns, persons, shares)[persons]) * scale
    errors = (outcome - means) / scale[:, 0]
    response = weighted @ point.coefficients + errors
    fitted = least_squares(response, weighted, persons, absorbed=1)
    zeros = np.zeros(len(means))
    return fitted, WorkingCovariance(means, zeros, np.sqrt(shares))


def person_shares(predictors: Vector, persons: Codes) -> Vector:
    """The share (n,) of each row in its person's expected sum."""
    starts = np.flatnonzero(np.diff(persons, prepend=-1))
    largest: Matrix = np.maximum.reduceat(predictors, starts)
    rates = np.exp(predictors - largest[persons])
    return np.asarray(rates / person_sums(rates[:, None], persons)[persons, 0])


REGISTRATION = Registration(
    name="fe_poisson",
    fit=fit_fe_poisson,
    components=("within",),
    scale="log odds or log rate",
    fewest_waves=2,
    weighted_solver=None,
    decisive=None,
    diagnostics=None,
)
