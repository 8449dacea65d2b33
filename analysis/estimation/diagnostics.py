"""What a reader of a linear fit should know of the data and of single persons.

Rows for the tests, made apart from the estimates, which bootstraps and imputations
repeat. Nothing here names a person or shows what one did.
"""

from collections.abc import Iterator

import numpy as np
from scipy import stats

from panelstream.analysis.estimation.design import Design, NotEstimable
from panelstream.analysis.estimation.differences import adjacent, differences
from panelstream.analysis.estimation.fit import Diagnostic
from panelstream.analysis.estimation.inference import (
    CONFIDENCE,
    Identification,
    LeastSquares,
    identify,
    least_squares,
    wald,
    with_intercept,
    within_share,
)
from panelstream.analysis.estimation.influence import Regression, without_each
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Mask, Vector

INDEPENDENT_ERRORS, INDEPENDENT_CHANGES = -0.5, 0.0
"""The correlation of consecutive changes of errors, if errors are independent (both
changes contain the error between), or if changes are."""

HARDLY = 0.05
"""A share of variance that is little to learn from."""


def variance_shares(
    specification: Specification, design: Design
) -> Iterator[Diagnostic]:
    """The shares of variance of exposures and outcome, within and between persons."""
    exposures = design.exposures
    names = [*(one.name for one in exposures), specification.outcome]
    columns = [design.regressors[:, : len(exposures)], design.outcome]
    found = within_share(np.column_stack(columns), design.persons)
    for name, share in zip(names, found, strict=True):
        if np.isnan(share):
            yield Diagnostic("within_share", note=f"{name}: the same in every row")
            continue
        remark = ": hardly anybody changes" if share < HARDLY else ""
        yield Diagnostic("within_share", float(share), note=name + remark)
        remark = ": people hardly differ" if share > 1 - HARDLY else ""
        yield Diagnostic("between_share", float(1 - share), note=name + remark)


def serial_correlation(design: Design, uncorrelated: float) -> Diagnostic:
    """That a person's errors are not correlated over time, clustered by person.

    Errors of the regression on changes are regressed on those of the change before;
    the slope is asked to be `uncorrelated` (Wooldridge 2002, Econometric Analysis of
    Cross Section and Panel Data, section 10.6.3; Drukker 2003, Stata J. 3(2)).
    """
    test = "serial_correlation"
    try:
        changes = differences(design)
        errors = _errors(changes)
        before, after = adjacent(changes)
        persons = np.unique(changes.persons[after], return_inverse=True)[1]
        if len(after) == 0 or persons[-1] == 0:
            raise NotEstimable("fewer than two persons have three adjacent waves")
        columns = with_intercept(errors[before, None])
        fitted = least_squares(errors[after], columns, persons)
        difference = fitted.coefficients[1:] - uncorrelated
        found = wald(difference, fitted.covariance[1:, 1:], int(persons[-1]) + 1)
    except (NotEstimable, np.linalg.LinAlgError) as problem:
        return Diagnostic(test, note=f"not estimable: {problem}")
    note = f"F(1, {found.df}) that errors of a person are not correlated over time"
    return Diagnostic(test, found.statistic, 1, found.p_value, note)


def influence(regression: Regression, terms: tuple[str, ...]) -> Iterator[Diagnostic]:
    """How far one person alone moves each coefficient, and how many turn it.

    `terms` are those of the first columns, as `estimable_terms` gives them. Counted are persons without whom the sign is another, and without whom p is on
    the other side of 5 %.
    """
    if not any(terms):
        return
    whole = _whole(regression)
    persons = int(regression.persons[-1]) + 1
    each = without_each(regression, len(terms))
    for j, (name, without) in enumerate(zip(terms, each, strict=True)):
        if name:
            estimate = float(whole.coefficients[j])
            here = _significant(estimate, np.sqrt(whole.covariance[j, j]), persons)
            there = _significant(without.estimates, without.std_errors, persons - 1)
            moved = np.abs(without.estimates - estimate)
            signs = np.sign(without.estimates) != np.sign(estimate)
            known = ~np.isnan(without.std_errors)
            largest = float(moved[known].max(initial=0.0))
            yield Diagnostic("influence_change", largest, note=name)
            yield Diagnostic("influence_sign", float((signs & known).sum()), note=name)
            turned = float(((there != here) & known).sum())
            yield Diagnostic("influence_significance", turned, note=name)


def _significant(
    estimates: Vector | float, std_errors: Vector | float, persons: int
) -> Mask:
    limit = stats.t.ppf((1 + CONFIDENCE) / 2, max(persons - 1, 1))
    return np.asarray(np.abs(estimates) > limit * np.asarray(std_errors))


def _whole(regression: Regression) -> LeastSquares:
    return least_squares(
        regression.outcome,
        regression.columns,
        regression.persons,
        regression.absorbed,
    )


def _errors(changes: Design) -> Vector:
    found = identify(changes.regressors)
    columns = with_intercept(changes.regressors[:, found.kept])
    fitted = least_squares(changes.outcome, columns, changes.persons)
    return changes.outcome - columns @ fitted.coefficients


def estimable_terms(design: Design, found: Identification) -> tuple[str, ...]:
    """Names of the kept exposures, which stand before all other columns.

    Empty for one that no number was given.
    """
    return tuple(
        column.name if found.estimable[j] else ""
        for j, column in enumerate(design.exposures)
        if found.kept[j]
    )
