"""Diagnostics of linear fits: shares of variance, autocorrelation, influential persons.

Rows for the tests. None of them names a person or shows one person's data.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from panelstream.analysis.estimation.clustered import Clustered, cluster
from panelstream.analysis.estimation.design import Design
from panelstream.analysis.estimation.differences import adjacent, differences
from panelstream.analysis.estimation.fit import Diagnostic, f_test
from panelstream.analysis.estimation.inference import (
    Identification,
    LeastSquares,
    identify,
    least_squares,
    with_intercept,
    within_share,
)
from panelstream.analysis.estimation.influence import Regression, leave_one_out
from panelstream.analysis.estimation.wild import wild_cluster_p
from panelstream.analysis.plan.conventions import CONFIDENCE, NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Mask, Vector
from panelstream.models.study.estimators import ErrorType

INDEPENDENT_ERRORS, INDEPENDENT_CHANGES = -0.5, 0.0
"""The correlation of consecutive changes of errors, if errors are independent (both
changes contain the error between), or if changes are."""

WILD_CLUSTER = "wild_cluster_p"
"""The test of a coefficient by the wild cluster bootstrap."""

LEADS = "leads"
"""The joint test of the exposures of a later wave."""

SOLE_PERSON = "not estimable without one of the people"
"""The influence of a person whose data alone identify a term."""

LITTLE = 0.05
"""A share of variance below which the data say little."""


def variance_shares(
    specification: Specification, design: Design
) -> Iterator[Diagnostic]:
    """The shares of variance of exposures and outcome, within and between persons."""
    exposures = design.exposures
    names = [*(column.name for column in exposures), specification.outcome]
    columns = [design.regressors[:, : len(exposures)], design.outcome]
    within_shares = within_share(np.column_stack(columns), design.persons)
    for name, share in zip(names, within_shares, strict=True):
        if np.isnan(share):
            yield Diagnostic("within_share", note=f"{name}: the same in every row")
            continue
        remark = ": hardly anybody changes" if share < LITTLE else ""
        yield Diagnostic("within_share", float(share), note=name + remark)
        remark = ": people hardly differ" if share > 1 - LITTLE else ""
        yield Diagnostic("between_share", float(1 - share), note=name + remark)


def serial_correlation(
    design: Design, uncorrelated: float, error_type: ErrorType
) -> Diagnostic:
    """Test of no autocorrelation of a person's errors, clustered by person.

    Residuals of the regression on changes are regressed on those of the previous change;
    the null hypothesis is the slope `uncorrelated` (Wooldridge 2002, Econometric Analysis of
    Cross Section and Panel Data, section 10.6.3; Drukker 2003, Stata J. 3(2)).
    """
    name = "serial_correlation"
    try:
        changes = differences(design)
        residuals = _residuals(changes)
        earlier, later = adjacent(changes)
        persons = np.unique(changes.persons[later], return_inverse=True)[1]
        if len(later) == 0 or persons[-1] == 0:
            raise NotEstimable("fewer than two persons have three adjacent waves")
        columns = with_intercept(residuals[earlier, None])
        fitted = least_squares(residuals[later], columns, persons)
        slope = np.array([[0.0, 1.0]])
        result = cluster(fitted, error_type).wald(slope, uncorrelated)
    except (NotEstimable, np.linalg.LinAlgError) as problem:
        return Diagnostic(name, note=f"not estimable: {problem}")
    return f_test(name, result, "that errors of a person are not correlated over time")


def influence(
    regression: Regression, terms: tuple[str, ...], error_type: ErrorType
) -> Iterator[Diagnostic]:
    """Influence of single persons on each coefficient, by leaving one person out.

    `terms` are those of the first columns, as `estimable_terms` gives them. Counted
    are persons without whom the sign changes, and without whom p crosses 5 %. CR2
    errors without a person are taken to be in the same ratio to those of CR1, and to
    have the same degrees of freedom, as those of all persons.
    """
    if not any(terms):
        return
    errors = _leave_one_out_errors(regression, len(terms), error_type)
    for j, without in enumerate(leave_one_out(regression, len(terms))):
        if terms[j]:
            estimate, ratio = errors.estimates[j], errors.ratios[j]
            significant = _significant(estimate, errors.std_errors[j], errors.df[j])
            still = _significant(
                without.estimates, without.std_errors * ratio, errors.df_without[j]
            )
            finite = ~np.isnan(without.std_errors)
            if np.isnan(without.estimates).any():
                yield Diagnostic("influence_change", note=f"{terms[j]}: {SOLE_PERSON}")
                continue
            changes = np.abs(without.estimates - estimate)[finite]
            signs = np.sign(without.estimates) != np.sign(estimate)
            for test, value in (
                ("influence_change", changes.max(initial=0.0)),
                ("influence_sign", (signs & finite).sum()),
                ("influence_significance", ((still != significant) & finite).sum()),
            ):
                yield Diagnostic(test, float(value), note=terms[j])


def wild_cluster(
    specification: Specification, regression: Regression, terms: tuple[str, ...]
) -> Iterator[Diagnostic]:
    """The bootstrap's p of each coefficient of a confirmatory specification.

    None where a single person's data identify it. Its random numbers begin where the specification's do.
    """
    if not specification.confirmatory or not any(terms):
        return
    fitted = _fit(regression)
    sole = cluster(fitted, "cr1").carriers(np.eye(fitted.columns.shape[1])).sole
    places = [j for j, term in enumerate(terms) if term and not sole[j]]
    p_values = wild_cluster_p(fitted, places, specification.seed)
    for j, p_value in zip(places, p_values, strict=True):
        remark = "" if np.isfinite(p_value) else "not estimable: no error for "
        yield Diagnostic(WILD_CLUSTER, p_value, p_value=p_value, note=remark + terms[j])


def leads(
    specification: Specification, regression: Regression, terms: tuple[str, ...]
) -> Iterator[Diagnostic]:
    """That all exposures of a later wave go with nothing, in one test.

    What comes after an outcome cannot have led to it. Nothing for a regression that has
    no leads.
    """
    if specification.shift > 0 and any(terms):
        clustered = cluster(_fit(regression), specification.errors)
        yield from clustered_leads(specification, clustered, terms)


def clustered_leads(
    specification: Specification,
    clustered: Clustered,
    terms: tuple[str, ...],
    leading: int = 0,
) -> Iterator[Diagnostic]:
    """The same of a regression with its covariance; `leading` columns stand before."""
    places = [j for j, term in enumerate(terms) if term]
    if specification.shift <= 0 or not places:
        return
    contrasts = np.eye(len(clustered.covariance))[leading:][places]
    try:
        result = clustered.wald(contrasts)
    except NotEstimable as problem:
        yield Diagnostic(LEADS, note=f"not estimable: {problem}")
        return
    yield f_test(
        LEADS,
        result,
        f"that use of a later wave goes with nothing: {', '.join(terms[j] for j in places)}",
    )


@dataclass(frozen=True, eq=False)
class _Errors:
    """Of the first coefficients (q,) of all persons, and what to assume without one."""

    estimates: Vector
    std_errors: Vector
    df: Vector
    df_without: Vector
    ratios: Vector


def _leave_one_out_errors(
    regression: Regression, count: int, error_type: ErrorType
) -> _Errors:
    fitted = _fit(regression)
    clustered = cluster(fitted, error_type)
    df = clustered.degrees_of_freedom(np.eye(len(clustered.covariance))[:count])
    std_errors, uncorrected = (
        np.sqrt(np.diag(covariance)[:count])
        for covariance in (clustered.covariance, cluster(fitted, "cr1").covariance)
    )
    ratios = std_errors / np.where(uncorrected > 0, uncorrected, np.nan)
    without = np.maximum(df - 1, 1) if error_type == "cr1" else df
    return _Errors(fitted.coefficients, std_errors, df, without, ratios)


def _significant(
    estimates: Vector | float, std_errors: Vector | float, df: float
) -> Mask:
    limit = stats.t.ppf((1 + CONFIDENCE) / 2, df)
    return np.asarray(np.abs(estimates) > limit * np.asarray(std_errors))


def _fit(regression: Regression) -> LeastSquares:
    return least_squares(
        regression.outcome,
        regression.columns,
        regression.persons,
        regression.absorbed,
    )


def _residuals(changes: Design) -> Vector:
    identification = identify(changes.regressors)
    columns = with_intercept(changes.regressors[:, identification.basis])
    fitted = least_squares(changes.outcome, columns, changes.persons)
    return changes.outcome - columns @ fitted.coefficients


def estimable_terms(design: Design, identification: Identification) -> tuple[str, ...]:
    """Names of the exposures in the basis, which stand before all other columns.

    Empty for one that no number was given.
    """
    return tuple(
        column.name if identification.estimable[j] else ""
        for j, column in enumerate(design.exposures)
        if identification.basis[j]
    )
