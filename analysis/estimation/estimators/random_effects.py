"""Random effects by generalized least squares, clustered by person.

The variance components are those of Swamy & Arora (1972, Econometrica 40), on
unbalanced panels as Baltagi & Chang (1994, J. Econometrics 62) have them, and as
R's plm. linearmodels estimates them; rows without the share of the person's mean that
they imply are then regressed by least squares (Wooldridge 2010, section 10.4). The
coefficients mix within and between, and mean something only where both are equal:
Mundlak's test of `within_between` asks that, in place of Hausman's, which does not
hold for clustered errors.
"""

import numpy as np
import pandas as pd
from linearmodels.panel import RandomEffects

from panelstream.analysis.estimation.clustered import (
    Clustered,
    WorkingCovariance,
    cluster,
)
from panelstream.analysis.estimation.design import Design, build_design
from panelstream.analysis.estimation.diagnostics import variance_shares
from panelstream.analysis.estimation.fit import (
    Component,
    Fit,
    expand_estimates,
    exposure_names,
    intraclass_correlation,
    summarise,
    worst_inflation,
)
from panelstream.analysis.estimation.inference import (
    deviations,
    identify,
    least_squares,
    person_means,
    person_sizes,
    require_more_rows,
    require_residuals,
    with_intercept,
)
from panelstream.analysis.estimation.registration import Registration
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Codes, Matrix
from panelstream.models.study.estimators import ErrorType


def fit_random_effects(specification: Specification, panel: pd.DataFrame) -> Fit:
    """Regress on the design's columns and an intercept that varies by person."""
    design = build_design(specification, panel)
    if not deviations(design.outcome[:, None], design.persons).any():
        raise NotEstimable("the outcome changes within no person")
    columns = design.regressors
    identification = identify(columns)
    independent = with_intercept(columns[:, identification.basis])
    share = swamy_arora(design, independent)
    clustered = quasi_demeaned(design, independent, share, specification.errors)
    exposures = np.arange(len(design.exposures))
    estimates = expand_estimates(clustered, identification, exposures)
    component = Component("pooled", columns, estimates, design.persons)
    tests = [
        intraclass_correlation(share),
        worst_inflation(exposure_names(design), identification),
    ]
    return summarise(specification, design, [component], tests)


def swamy_arora(design: Design, columns: Matrix) -> float:
    """The share of persons' effects in the variance that `columns` (n, k) leave.

    Raises `NotEstimable` if too few rows or persons are left over.
    """
    require_more_rows(*columns.shape)
    index = _panel_index(design.persons)
    model = RandomEffects(
        pd.Series(design.outcome, index), pd.DataFrame(columns, index)
    )
    try:
        fitted = model.fit(small_sample=True)
    except ValueError:
        raise NotEstimable("too few rows or persons for two variances") from None
    require_residuals(np.asarray(fitted.resids), design.outcome)
    return float(fitted.variance_decomposition["Percent due to Effects"])


def quasi_demeaned(
    design: Design, columns: Matrix, share: float, error_type: ErrorType
) -> Clustered:
    """Generalized least squares on `columns` (n, k), with persons' `share` of variance."""
    ratio = share / (1 - share)
    sizes = person_sizes(design.persons)
    fractions = 1 - 1 / np.sqrt(1 + sizes * ratio)
    values = np.column_stack([columns, design.outcome])
    means = person_means(values, design.persons)
    values = values - (fractions[:, None] * means)[design.persons]
    fitted = least_squares(values[:, -1], values[:, :-1], design.persons)
    working = WorkingCovariance(
        np.ones(design.n_obs), np.full(design.n_obs, np.sqrt(ratio))
    )
    return cluster(fitted, error_type, working)


def _panel_index(persons: Codes) -> pd.MultiIndex:
    """Persons and their rows' numbers; linearmodels wants some time beside a person."""
    return pd.MultiIndex.from_arrays([persons, np.arange(len(persons))])


REGISTRATION = Registration(
    name="random_effects",
    fit=fit_random_effects,
    components=("pooled",),
    scale="points",
    fewest_waves=2,
    weighted_solver=None,
    diagnostics=variance_shares,
)
