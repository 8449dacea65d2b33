"""Random effects by generalized least squares, clustered by person.

The variance components are those of Swamy & Arora (1972, Econometrica 40), on
unbalanced panels as Baltagi & Chang (1994, J. Econometrics 62) have them, and as
R's plm. linearmodels fits; its factor of the clustered covariance is ours. The
coefficients mix within and between, and mean something only where both are equal:
Mundlak's test of `within_between` asks that, in place of Hausman's, which does not
hold for clustered errors.
"""

import numpy as np
import pandas as pd
from linearmodels.panel import RandomEffects
from linearmodels.panel.results import RandomEffectsResults

from panelstream.analysis.estimation.design import Design, build_design
from panelstream.analysis.estimation.diagnostics import variance_shares
from panelstream.analysis.estimation.fit import (
    Component,
    Diagnostic,
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
    require_more_rows,
    require_residuals,
    with_intercept,
)
from panelstream.analysis.estimation.registration import Registration
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Codes, Matrix


def fit_random_effects(specification: Specification, panel: pd.DataFrame) -> Fit:
    """Regress on the design's columns and an intercept that varies by person."""
    design = build_design(specification, panel)
    if not deviations(design.outcome[:, None], design.persons).any():
        raise NotEstimable("the outcome changes within no person")
    columns = design.regressors
    identification = identify(columns)
    fitted = swamy_arora(design, columns[:, identification.basis])
    estimates, std_errors = expand_estimates(
        np.asarray(fitted.params)[1:], np.asarray(fitted.cov)[1:, 1:], identification
    )
    component = Component("pooled", columns, estimates, std_errors)
    tests = [_share(fitted), worst_inflation(exposure_names(design), identification)]
    return summarise(specification, design, [component], tests)


def swamy_arora(design: Design, columns: Matrix) -> RandomEffectsResults:
    """The fit on independent `columns` (n, k) after an intercept.

    Raises `NotEstimable` if too few rows or persons are left over.
    """
    require_more_rows(len(columns), columns.shape[1] + 1)
    index = _panel_index(design.persons)
    model = RandomEffects(
        pd.Series(design.outcome, index), pd.DataFrame(with_intercept(columns), index)
    )
    try:
        fitted = model.fit(
            small_sample=True,
            cov_type="clustered",
            cluster_entity=True,
            group_debias=True,
        )
    except ValueError:
        raise NotEstimable("too few rows or persons for two variances") from None
    require_residuals(np.asarray(fitted.resids), design.outcome)
    return fitted


def _share(fitted: RandomEffectsResults) -> Diagnostic:
    """The share of the persons' effects in the unexplained variance."""
    decomposition = fitted.variance_decomposition
    return intraclass_correlation(float(decomposition["Percent due to Effects"]))


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
