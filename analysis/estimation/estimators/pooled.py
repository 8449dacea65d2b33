"""Pooled least squares, clustered by person: within and between mixed."""

import pandas as pd

from panelstream.analysis.estimation.design import build
from panelstream.analysis.estimation.fit import (
    Component,
    Fit,
    exposure_names,
    regress,
    summarise,
    worst_inflation,
)
from panelstream.analysis.estimation.inference import root
from panelstream.analysis.plan.specifications import Specification


def fit(specification: Specification, panel: pd.DataFrame) -> Fit:
    """Regress the outcome on the design's columns and an intercept."""
    design = build(specification, panel)
    columns = design.regressors
    estimates, std_errors, found = regress(
        design.outcome, columns, design.persons, root(design.weights)
    )
    component = Component("pooled", columns, estimates, std_errors)
    inflation = worst_inflation(exposure_names(design), found)
    return summarise(specification, design, [component], [inflation])
