"""Layers around an estimator for people who drop out, by the name a plan gives them."""

from collections.abc import Callable, Mapping

import pandas as pd

from analysis.dropout.delta import fit_delta
from analysis.dropout.imputation import fit_imputed
from analysis.dropout.weights import fit_weighted
from analysis.estimators import Fitter
from analysis.estimators.fits import Fit
from analysis.specifications import Specification

Layer = Callable[[Specification, pd.DataFrame, Fitter], Fit]
"""Fits a specification to a panel by calling the estimator once or many times.

For weights it hands the estimator the panel with the column `design.WEIGHT`.
"""

LAYERS: Mapping[str, Layer] = {
    "attrition": fit_weighted,
    "participation": fit_weighted,
    "imputed": fit_imputed,
    "delta": fit_delta,
}
