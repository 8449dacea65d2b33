"""Layers around an estimator against dropout (loss to follow-up), by their name in a plan."""

from collections.abc import Mapping
from typing import Protocol

import pandas as pd

from panelstream.analysis.estimation.dropout.bootstrap import Progress, ignore
from panelstream.analysis.estimation.dropout.delta import fit_delta
from panelstream.analysis.estimation.dropout.imputation import fit_imputed
from panelstream.analysis.estimation.dropout.weights import fit_weighted
from panelstream.analysis.estimation.fit import Fit
from panelstream.analysis.estimation.registration import Fitter
from panelstream.analysis.plan.specifications import Specification


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
        """`progress` gets how many of how many steps are done."""


LAYERS: Mapping[str, Layer] = {
    "attrition": fit_weighted,
    "participation": fit_weighted,
    "imputed": fit_imputed,
    "delta": fit_delta,
}
