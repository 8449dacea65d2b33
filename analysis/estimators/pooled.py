"""Pooled least squares, clustered by person."""

import numpy as np
import pandas as pd
from statsmodels.regression.linear_model import OLS

from analysis.design import Codes, Matrix, Vector, build
from analysis.estimators.fits import (
    Component,
    Fit,
    completed,
    exposure_names,
    summarise,
    worst_inflation,
)
from analysis.inference import (
    identify,
    require_more_rows,
    require_residuals,
    with_intercept,
)
from analysis.specifications import Specification


def fit(specification: Specification, panel: pd.DataFrame) -> Fit:
    """Regress the outcome on the design's columns and an intercept."""
    design = build(specification, panel)
    columns = design.regressors
    found = identify(columns)
    coefficients, covariance = ordinary_least_squares(
        design.outcome, columns[:, found.kept], design.persons
    )
    estimates, std_errors = completed(coefficients, covariance, found)
    component = Component("pooled", columns, estimates, std_errors)
    inflation = worst_inflation(exposure_names(design), found)
    return summarise(specification, design, [component], [inflation])


def ordinary_least_squares(
    outcome: Vector, columns: Matrix, persons: Codes
) -> tuple[Vector, Matrix]:
    """Coefficients (k,) and clustered covariance (k, k) beside an intercept.

    `outcome` (n,), independent `columns` (n, k), `persons` (n,). The library's
    own correction is the factor of `analysis.inference`. Raises `NotEstimable`.
    """
    require_more_rows(len(outcome), columns.shape[1] + 1)
    result = OLS(outcome, with_intercept(columns)).fit(
        cov_type="cluster", cov_kwds={"groups": persons}, use_t=True
    )
    require_residuals(result.resid, outcome)
    return np.asarray(result.params)[1:], np.asarray(result.cov_params())[1:, 1:]
