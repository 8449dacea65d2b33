"""Least squares within persons, person effects absorbed, clustered by person.

The outcome and all regressors, wave dummies among them, are taken as deviations
from the person's mean, which gives the coefficients of the regression with
person dummies also on an unbalanced panel (Frisch & Waugh 1933, Lovell 1963).
"""

from analysis.design import Design, NotEstimable
from analysis.estimators.fits import (
    Component,
    Fit,
    completed,
    exposure_names,
    summarise,
    worst_inflation,
)
from analysis.inference import deviations, identify, least_squares, with_intercept
from analysis.specifications import Specification


def fit(specification: Specification, design: Design) -> Fit:
    """Regress within persons; the intercept counts in K, the persons do not."""
    outcome = deviations(design.outcome[:, None], design.persons)[:, 0]
    if not outcome.any():
        raise NotEstimable("the outcome changes within no person")
    columns = deviations(design.regressors, design.persons)
    found = identify(columns)
    kept = with_intercept(columns[:, found.kept])
    fitted = least_squares(outcome, kept, design.persons)
    estimates, std_errors = completed(
        fitted.coefficients[1:], fitted.covariance[1:, 1:], found
    )
    component = Component("within", columns, estimates, std_errors)
    inflation = worst_inflation(exposure_names(design), found)
    return summarise(specification, design, [component], [inflation])
