"""Layers around an estimator for people who drop out, by the name a plan gives them."""

from collections.abc import Mapping
from typing import Protocol

import pandas as pd

from analysis.dropout.bootstrap import Progress, ignore
from analysis.dropout.delta import fit_delta
from analysis.dropout.imputation import fit_imputed
from analysis.dropout.weights import fit_weighted
from analysis.estimators import Fitter
from analysis.estimators.fits import Fit
from analysis.specifications import Specification


class Layer(Protocol):
    """Fits a specification to a panel by calling the estimator once or many times.

    For weights it hands the estimator the panel with the column `design.WEIGHT`.
    """

    def __call__(
        self,
        specification: Specification,
        panel: pd.DataFrame,
        fit: Fitter,
        progress: Progress = ignore,
    ) -> Fit:
        """`progress` is told of steps done, of how many."""


LAYERS: Mapping[str, Layer] = {
    "attrition": fit_weighted,
    "participation": fit_weighted,
    "imputed": fit_imputed,
    "delta": fit_delta,
}
