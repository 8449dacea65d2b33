"""Pooled least squares, clustered by person: within and between mixed."""

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.design import Design, build_design
from panelstream.analysis.estimation.diagnostics import variance_shares
from panelstream.analysis.estimation.fit import (
    Component,
    Fit,
    exposure_coefficients,
    exposure_names,
    regress,
    summarise,
    worst_inflation,
)
from panelstream.analysis.estimation.inference import (
    identify,
    root,
    solve_products,
    with_intercept,
)
from panelstream.analysis.estimation.registration import Registration, Solve
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Vector


def fit_pooled(specification: Specification, panel: pd.DataFrame) -> Fit:
    """Regress the outcome on the design's columns and an intercept."""
    design = build_design(specification, panel)
    columns = design.regressors
    estimates, identification = regress(
        specification,
        design,
        design.outcome,
        columns,
        design.persons,
        root(design.weights),
    )
    component = Component("pooled", columns, estimates, design.persons)
    inflation = worst_inflation(exposure_names(design), identification)
    return summarise(specification, design, [component], [inflation])


def solve_pooled(design: Design) -> Solve:
    """Least squares on all rows."""
    basis = identify(design.regressors).basis
    columns = with_intercept(design.regressors[:, basis])
    values = np.column_stack([columns, design.outcome])

    def solve(weights: Vector, times: Vector) -> Vector:
        products = values.T @ (values * (weights * times)[:, None])
        return exposure_coefficients(design, basis, solve_products(products)[1:])

    return solve


REGISTRATION = Registration(
    name="pooled",
    fit=fit_pooled,
    components=("pooled",),
    scale="points",
    fewest_waves=1,
    weighted_solver=solve_pooled,
    decisive=None,
    diagnostics=variance_shares,
)
