"""Least squares, clustered errors and identification, on arrays."""

import numpy as np
import pytest
from linearmodels.panel import PooledOLS
from pandas import DataFrame, MultiIndex
from statsmodels.regression.linear_model import OLS

from panelstream.analysis.estimation.clustered import cluster
from panelstream.analysis.estimation.inference import (
    deviations,
    identify,
    infer,
    least_squares,
    person_means,
    person_sums,
    with_intercept,
    within_share,
)
from panelstream.analysis.plan.conventions import NotEstimable

PERSONS = np.array([0, 0, 0, 1, 1, 2, 3, 3])


def random_columns(count: int) -> np.ndarray:
    """Columns (8, count) without structure."""
    return np.random.default_rng(3).normal(size=(len(PERSONS), count))


def test_sums_and_means_are_taken_by_person() -> None:
    """Each person's rows are added up and divided by their number."""
    values = np.arange(8.0)[:, None]
    assert person_sums(values, PERSONS).ravel().tolist() == [3, 7, 5, 13]
    assert person_means(values, PERSONS).ravel().tolist() == [1, 3.5, 5, 6.5]


def test_deviations_of_what_nobody_changes_are_exactly_zero() -> None:
    """Thirds of tenths leave rounding errors, which are removed."""
    constant = np.array([0.1, 0.1, 0.1, 0.7, 0.7, 0.3, 0.9, 0.9])[:, None]
    assert not deviations(constant, PERSONS).any()


def test_hand_worked_regression() -> None:
    """Slope 1.2, and a clustered error worked out with pencil and paper.

    x = 0, 1, 2, 3 and y = 0, 1, 1, 4 for persons a, a, b, b: the residuals are
    0.3, 0.1, -1.1, 0.7, the influences on the slope -0.4/5 and 0.5/5, and the
    factor 2/1 * 3/2.
    """
    x, y = np.array([0.0, 1, 2, 3]), np.array([0.0, 1, 1, 4])
    result = least_squares(y, with_intercept(x[:, None]), np.array([0, 0, 1, 1]))
    covariance = cluster(result, "cr1").covariance
    assert result.coefficients.tolist() == pytest.approx([-0.3, 1.2])
    assert result.residual_variance == pytest.approx(1.8 / 2)
    assert covariance[1, 1] == pytest.approx(3 * (0.1**2 + 0.1**2))


def test_least_squares_equals_both_libraries() -> None:
    """Coefficients and clustered covariance are statsmodels' and linearmodels'."""
    values = random_columns(4)
    outcome, columns = values[:, 0], with_intercept(values[:, 1:])
    result = least_squares(outcome, columns, PERSONS)
    covariance = cluster(result, "cr1").covariance
    theirs = OLS(outcome, columns).fit(
        cov_type="cluster", cov_kwds={"groups": PERSONS}, use_t=True
    )
    assert result.coefficients == pytest.approx(theirs.params, rel=1e-10)
    assert covariance == pytest.approx(theirs.cov_params(), rel=1e-10)
    index = MultiIndex.from_arrays([PERSONS, [0, 1, 2, 0, 1, 0, 0, 1]])
    panel = PooledOLS(DataFrame(outcome, index), DataFrame(columns, index)).fit(
        cov_type="clustered", cluster_entity=True, group_debias=True
    )
    assert covariance == pytest.approx(panel.cov.to_numpy(), rel=1e-10)


def test_too_few_rows_are_refused() -> None:
    """As many coefficients as rows leave nothing to judge by."""
    with pytest.raises(NotEstimable, match="8 rows are too few for 8"):
        least_squares(np.arange(8.0), with_intercept(random_columns(7)), PERSONS)


def test_a_perfect_fit_is_refused() -> None:
    """Without residuals there is no standard error."""
    columns = with_intercept(random_columns(2))
    with pytest.raises(NotEstimable, match="without residuals"):
        least_squares(columns @ [1.0, 2.0, 3.0], columns, PERSONS)


def test_independent_columns_are_all_estimable() -> None:
    """Nothing is lost where nothing is collinear."""
    result = identify(random_columns(3))
    assert result.basis.all()
    assert result.estimable.all()


def test_constant_columns_are_not_estimable() -> None:
    """A constant cannot be told from the intercept."""
    columns = random_columns(2)
    columns[:, 0] = 0.1
    result = identify(columns)
    assert result.basis.tolist() == [False, True]
    assert result.estimable.tolist() == [False, True]


def test_no_member_of_a_collinear_group_is_estimable() -> None:
    """Two of three collinear columns carry the fit, none of them has an answer."""
    columns = random_columns(4)
    columns[:, 2] = columns[:, 0] - 3 * columns[:, 1]
    result = identify(columns)
    assert result.basis.sum() == 3
    assert result.estimable.tolist() == [False, False, False, True]


def test_collinearity_does_not_hang_on_units() -> None:
    """Columns of very different size are still independent."""
    columns = random_columns(3) * [1e-9, 1.0, 1e9]
    assert identify(columns).estimable.all()


def test_inflation_is_that_of_two_correlated_columns() -> None:
    """Of two columns with correlation r both factors are 1/(1-r^2)."""
    x = np.array([[1.0, 1], [2, 1], [3, 2], [4, 3], [5, 3]])
    r = np.corrcoef(x.T)[0, 1]
    assert identify(x).inflation.tolist() == pytest.approx([1 / (1 - r**2)] * 2)


def test_inference_is_that_of_t() -> None:
    """With 2 df, t = 4.302653 has p = 0.05 (tables), and the limit touches 0."""
    result = infer(4.302652729911275, 1.0, df=2.0)
    assert result.p_value == pytest.approx(0.05)
    assert result.ci_low == pytest.approx(0, abs=1e-9)
    assert result.df == 2


def test_within_share_runs_from_none_to_all() -> None:
    """Constant within persons is 0, equal means are 1, constant is not defined."""
    persons = np.array([0, 0, 1, 1])
    columns = np.array([[1.0, 1, 5], [1, 2, 5], [2, 2, 5], [2, 1, 5]])
    shares = within_share(columns, persons)
    assert shares[:2].tolist() == [0, 1]
    assert np.isnan(shares[2])
