"""Diagnostics of linear fits: shares of variance, autocorrelation, influential persons.

Rows for the tests. None of them names a person or shows one person's data.
"""

from collections.abc import Iterator

import numpy as np
from scipy import stats

from panelstream.analysis.estimation.design import Design
from panelstream.analysis.estimation.differences import adjacent, differences
from panelstream.analysis.estimation.fit import Diagnostic
from panelstream.analysis.estimation.inference import (
    Identification,
    LeastSquares,
    identify,
    least_squares,
    wald,
    with_intercept,
    within_share,
)
from panelstream.analysis.estimation.influence import Regression, leave_one_out
from panelstream.analysis.plan.conventions import CONFIDENCE, NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Mask, Vector

INDEPENDENT_ERRORS, INDEPENDENT_CHANGES = -0.5, 0.0
"""The correlation of consecutive changes of errors, if errors are independent (both
changes contain the error between), or if changes are."""

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


def serial_correlation(design: Design, uncorrelated: float) -> Diagnostic:
    """Test of no autocorrelation of a person's errors, cluster-robust by person.

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
        difference = fitted.coefficients[1:] - uncorrelated
        test = wald(difference, fitted.covariance[1:, 1:], int(persons[-1]) + 1)
    except (NotEstimable, np.linalg.LinAlgError) as problem:
        return Diagnostic(name, note=f"not estimable: {problem}")
    note = f"F(1, {test.df}) that errors of a person are not correlated over time"
    return Diagnostic(name, test.statistic, 1, test.p_value, note)


def influence(regression: Regression, terms: tuple[str, ...]) -> Iterator[Diagnostic]:
    """Influence of single persons on each coefficient, by leaving one person out.

    `terms` are those of the first columns, as `estimable_terms` gives them. Counted
    are persons without whom the sign changes, and without whom p crosses 5 %.
    """
    if not any(terms):
        return
    fitted, persons = _fit(regression), int(regression.persons[-1]) + 1
    for j, without in enumerate(leave_one_out(regression, len(terms))):
        if terms[j]:
            estimate = float(fitted.coefficients[j])
            std_error = float(np.sqrt(fitted.covariance[j, j]))
            significant = _significant(estimate, std_error, persons)
            still = _significant(without.estimates, without.std_errors, persons - 1)
            finite = ~np.isnan(without.std_errors)
            changes = np.abs(without.estimates - estimate)[finite]
            signs = np.sign(without.estimates) != np.sign(estimate)
            for test, value in (
                ("influence_change", changes.max(initial=0.0)),
                ("influence_sign", (signs & finite).sum()),
                ("influence_significance", ((still != significant) & finite).sum()),
            ):
                yield Diagnostic(test, float(value), note=terms[j])


def _significant(
    estimates: Vector | float, std_errors: Vector | float, persons: int
) -> Mask:
    limit = stats.t.ppf((1 + CONFIDENCE) / 2, max(persons - 1, 1))
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
