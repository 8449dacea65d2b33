"""Pooled least squares, clustered by person: within and between mixed."""

import pandas as pd

from analysis.design import build
from analysis.estimators.fits import (
    Component,
    Fit,
    completed,
    exposure_names,
    summarise,
    worst_inflation,
)
from analysis.inference import identify, least_squares, root, with_intercept
from analysis.specifications import Specification


def fit(specification: Specification, panel: pd.DataFrame) -> Fit:
    """Regress the outcome on the design's columns and an intercept."""
    design = build(specification, panel)
    columns, scale = design.regressors, root(design.weights)
    found = identify(columns)
    fitted = least_squares(
        design.outcome * scale[:, 0],
        with_intercept(columns[:, found.kept]) * scale,
        design.persons,
    )
    estimates, std_errors = completed(
        fitted.coefficients[1:], fitted.covariance[1:, 1:], found
    )
    component = Component("pooled", columns, estimates, std_errors)
    inflation = worst_inflation(exposure_names(design), found)
    return summarise(specification, design, [component], [inflation])
