"""Least squares with person effects absorbed, clustered by person.

linearmodels removes the person effects; wave effects enter as dummies. Its
options are set so that person effects count in no correction: they are nested
in the clusters, and counted they would make errors too large (by 14 % on five
waves, by more on fewer).
"""

import numpy as np
import pandas as pd
from linearmodels.panel import PanelOLS

from analysis.design import Codes, Design, Matrix, NotEstimable, Vector, build
from analysis.estimators.fits import (
    Component,
    Fit,
    completed,
    exposure_names,
    summarise,
    worst_inflation,
)
from analysis.inference import (
    deviations,
    identify,
    require_more_rows,
    require_residuals,
    with_intercept,
)
from analysis.specifications import Specification


def fit(specification: Specification, panel: pd.DataFrame) -> Fit:
    """Regress within persons; the intercept counts in K, the persons do not."""
    design = build(specification, panel)
    outcome = deviations(design.outcome[:, None], design.persons)[:, 0]
    if not outcome.any():
        raise NotEstimable("the outcome changes within no person")
    columns = deviations(design.regressors, design.persons)
    found = identify(columns)
    coefficients, covariance = absorb_persons(design, design.regressors[:, found.kept])
    estimates, std_errors = completed(coefficients, covariance, found)
    component = Component("within", columns, estimates, std_errors)
    inflation = worst_inflation(exposure_names(design), found)
    return summarise(specification, design, [component], [inflation])


def absorb_persons(design: Design, columns: Matrix) -> tuple[Vector, Matrix]:
    """Coefficients (k,) and clustered covariance (k, k) of `columns` (n, k).

    The columns must be independent within persons. Raises `NotEstimable`.
    """
    require_more_rows(len(columns), columns.shape[1] + 1)
    index = _panel_index(design.persons)
    result = PanelOLS(
        pd.Series(design.outcome, index),
        pd.DataFrame(with_intercept(columns), index),
        entity_effects=True,
    ).fit(
        cov_type="clustered",
        cluster_entity=True,
        auto_df=False,
        count_effects=False,
        group_debias=True,
    )
    require_residuals(np.asarray(result.resids), design.outcome)
    return np.asarray(result.params)[1:], np.asarray(result.cov)[1:, 1:]


def _panel_index(persons: Codes) -> pd.MultiIndex:
    """Persons and their rows' numbers; linearmodels wants some time beside a person."""
    return pd.MultiIndex.from_arrays([persons, np.arange(len(persons))])
