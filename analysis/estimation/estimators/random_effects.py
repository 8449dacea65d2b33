"""Random effects by generalized least squares, clustered by person.

The variance components are those of Swamy & Arora (1972, Econometrica 40), on
unbalanced panels as Baltagi & Chang (1994, J. Econometrics 62) have them, and as
R's plm. linearmodels estimates them; rows without the share of the person's mean that
they imply are then regressed by least squares (Wooldridge 2010, section 10.4). The
coefficients mix within and between, and mean something only where both are equal.
Hausman's test (1978, Econometrica 46(6)) asks that if errors are independent and
homoskedastic; the same regression with persons' means beside it (Mundlak 1978,
Econometrica 46(1); Wooldridge 2010, section 10.7.3) asks it with clustered errors.
"""

import numpy as np
import pandas as pd
from linearmodels.panel import RandomEffects
from scipy import stats

from panelstream.analysis.estimation.clustered import (
    Clustered,
    WorkingCovariance,
    cluster,
    quadratic_form,
)
from panelstream.analysis.estimation.design import Design, build_design
from panelstream.analysis.estimation.diagnostics import variance_shares
from panelstream.analysis.estimation.estimators.within_between import (
    decompose,
    within_equals_between,
)
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
    Identification,
    LeastSquares,
    deviations,
    identify,
    least_squares,
    person_means,
    person_sizes,
    positive_definite,
    require_more_rows,
    require_residuals,
    with_intercept,
)
from panelstream.analysis.estimation.registration import Registration
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Codes, Matrix
from panelstream.models.study.estimators import ErrorType

INDEFINITE = (
    "no number: the covariance of fixed - random effects is not positive definite;"
    " see within_equals_between"
)
"""With error variances of their own that can be, in large samples too: Schreiber 2008,
J. Econ. Stat. 228(4). R's plm gives the absolute value of what is then no chi-square."""


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
        hausman(design, identification, clustered),
        mundlak(design, share, specification.errors),
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


def hausman(
    design: Design, identification: Identification, random: Clustered
) -> Diagnostic:
    """Chi-square that fixed and random effects are the same, by classical covariances.

    Of the exposures and covariates that change within persons; waves, which differ by
    who answered only, are in both regressions. `random` is on an intercept and the
    columns of the basis.
    """
    basis = np.flatnonzero(identification.basis)
    columns = deviations(design.regressors[:, basis], design.persons)
    outcome = deviations(design.outcome[:, None], design.persons)[:, 0]
    varying = identify(columns)
    try:
        fixed = least_squares(
            outcome,
            columns[:, varying.basis],
            design.persons,
            absorbed=design.n_participants,
        )
    except NotEstimable as problem:
        return Diagnostic("hausman", note=f"not estimable: {problem}")
    roles = np.array([design.columns[place].role for place in basis])
    compared = varying.estimable & np.isin(roles, ("exposure", "varying"))
    return _compare(
        fixed,
        np.flatnonzero(compared[varying.basis]),
        random.fitted,
        1 + np.flatnonzero(compared),
    )


def _compare(
    fixed: LeastSquares, within: Codes, random: LeastSquares, pooled: Codes
) -> Diagnostic:
    """Of the coefficients `within` (q,) the fixed and `pooled` (q,) the random effects."""
    if not len(within):
        return Diagnostic(
            "hausman", note="not estimable: nothing changes within persons"
        )
    covariance = _classical(fixed, within) - _classical(random, pooled)
    if not positive_definite(covariance):
        return Diagnostic("hausman", note=INDEFINITE)
    differences = fixed.coefficients[within] - random.coefficients[pooled]
    statistic, df = quadratic_form(differences, covariance), len(within)
    return Diagnostic(
        "hausman",
        statistic,
        df,
        float(stats.chi2.sf(statistic, df)),
        "fixed and random effects are the same, if errors are independent and"
        " homoskedastic",
    )


def _classical(fitted: LeastSquares, places: Codes) -> Matrix:
    """The covariance (q, q) of some coefficients if errors are alike and independent."""
    return fitted.bread[np.ix_(places, places)] * fitted.residual_variance


def mundlak(design: Design, share: float, error_type: ErrorType) -> Diagnostic:
    """Hausman's test by the regression that has persons' means too, clustered.

    Rows have the same covariance taken out: `share` of the variance is persons'.
    """
    columns, offset = decompose(design)
    identification = identify(columns)
    independent = with_intercept(columns[:, identification.basis])
    try:
        clustered = quasi_demeaned(design, independent, share, error_type)
        return within_equals_between(design, identification, offset, clustered)
    except NotEstimable as problem:
        return Diagnostic("within_equals_between", note=f"not estimable: {problem}")


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
    decisive=None,
    diagnostics=variance_shares,
)
