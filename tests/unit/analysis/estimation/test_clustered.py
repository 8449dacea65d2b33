"""Clustered covariances and their tests, on arrays."""

import numpy as np
import pytest

from panelstream.analysis.estimation.clustered import (
    WorkingCovariance,
    cluster,
    quadratic_form,
)
from panelstream.analysis.estimation.inference import (
    deviations,
    least_squares,
    with_intercept,
)
from panelstream.analysis.plan.conventions import NotEstimable

PERSONS = np.repeat(np.arange(9), [1, 2, 3, 3, 2, 4, 5, 4, 3])


def naive_degrees_of_freedom(columns: np.ndarray, contrast: np.ndarray) -> float:
    """Satterthwaite's by the whole matrix of people and people (Bell & McCaffrey)."""
    bread = np.linalg.inv(columns.T @ columns)
    residual_maker = np.eye(len(columns)) - columns @ bread @ columns.T
    directions = []
    for person in np.unique(PERSONS):
        rows = np.flatnonzero(person == PERSONS)
        values, vectors = np.linalg.eigh(residual_maker[np.ix_(rows, rows)])
        root = vectors @ np.diag(values**-0.5) @ vectors.T
        scores = root @ columns[rows] @ bread @ contrast
        directions.append(residual_maker[:, rows] @ scores)
    products = np.array(directions) @ np.array(directions).T
    eigenvalues = np.linalg.eigvalsh(products)
    return float(eigenvalues.sum() ** 2 / np.square(eigenvalues).sum())


def test_degrees_of_freedom_are_those_of_the_whole_matrix() -> None:
    """Without any matrix of people and people they come to the same."""
    random = np.random.default_rng(2)
    columns = with_intercept(random.normal(size=(len(PERSONS), 3)) ** 3)
    fitted = least_squares(random.normal(size=len(PERSONS)), columns, PERSONS)
    contrasts = np.array([[0.0, 1, 0, 0], [0, 0, 1, -1]])
    wanted = [naive_degrees_of_freedom(columns, row) for row in contrasts]
    clustered = cluster(fitted, "cr2")
    assert clustered.degrees_of_freedom(contrasts) == pytest.approx(wanted)


def test_cr2_is_unbiased_if_the_working_model_is_true() -> None:
    """Its mean over independent errors of variance 1 is the classical covariance.

    The mean is exact: the covariance is a quadratic form of the errors, so that its
    mean is the sum over unit errors.
    """
    random = np.random.default_rng(3)
    columns = with_intercept(random.normal(size=(len(PERSONS), 2)) ** 3)
    total = sum(
        cluster(least_squares(error, columns, PERSONS), "cr2").covariance
        for error in np.eye(len(PERSONS))
    )
    assert total == pytest.approx(np.linalg.inv(columns.T @ columns))


def test_one_contrast_is_tested_as_t() -> None:
    """F(1, df) is the square of t with the same df, for both kinds of errors."""
    random = np.random.default_rng(4)
    columns = with_intercept(random.normal(size=(len(PERSONS), 2)))
    fitted = least_squares(random.normal(size=len(PERSONS)), columns, PERSONS)
    contrast = np.array([[0.0, 1.0, 0.0]])
    for clustered in (cluster(fitted, "cr2"), cluster(fitted, "cr1")):
        result = clustered.wald(contrast, 0.5)
        t_squared = (fitted.coefficients[1] - 0.5) ** 2 / clustered.covariance[1, 1]
        assert result.statistic == pytest.approx(t_squared)
        assert result.df == pytest.approx(clustered.degrees_of_freedom(contrast)[0])


def test_a_working_covariance_of_the_identity_changes_nothing() -> None:
    """Variances of 1 without loadings are what is assumed without them."""
    random = np.random.default_rng(5)
    columns = with_intercept(random.normal(size=(len(PERSONS), 6)))
    fitted = least_squares(random.normal(size=len(PERSONS)), columns, PERSONS)
    identity = WorkingCovariance(np.ones(len(PERSONS)), np.zeros(len(PERSONS)))
    plain, same = cluster(fitted, "cr2"), cluster(fitted, "cr2", identity)
    assert same.covariance == pytest.approx(plain.covariance)


def test_the_only_user_is_named_sole() -> None:
    """One person uses the first function: no share is left, and no error either.

    Two use the second, the one with a third of the other's sum of squares.
    """
    use = np.zeros((len(PERSONS), 2))
    use[PERSONS == 6, 0] = [1, -1, 1, -1, 0]
    use[PERSONS == 5, 1] = [1, -1, 1, -1]
    use[PERSONS == 7, 1] = np.sqrt(3) * np.array([1, -1, 1, -1])
    columns = deviations(use, PERSONS)
    outcome = deviations(
        np.random.default_rng(6).normal(size=(len(PERSONS), 1)), PERSONS
    )
    clustered = cluster(least_squares(outcome[:, 0], columns, PERSONS, 1), "cr2")
    carriers = clustered.carriers(np.eye(2))
    assert carriers.largest_share == pytest.approx([1.0, 0.75])
    assert carriers.sole.tolist() == [True, False]
    assert clustered.covariance[0, 0] == pytest.approx(0)
    assert np.isnan(clustered.degrees_of_freedom(np.eye(2))[0])


def test_too_few_people_are_not_tested_jointly() -> None:
    """Six contrasts of nine people, most of whom hardly count, are refused."""
    random = np.random.default_rng(7)
    columns = random.normal(size=(len(PERSONS), 8)) ** 5
    fitted = least_squares(random.normal(size=len(PERSONS)), columns, PERSONS)
    with pytest.raises(NotEstimable, match="too few persons"):
        cluster(fitted, "cr2").wald(np.eye(8)[:8])


def test_chi_square_does_not_hang_on_units() -> None:
    """Exposures of very different size are tested together as well as any."""
    differences, units = np.array([2.0, 1.0]), np.array([1e-8, 1e8])
    covariance = np.array([[1.0, 0.3], [0.3, 2.0]])
    scaled = quadratic_form(differences * units, covariance * np.outer(units, units))
    # (2, 1) S^-1 (2, 1)' with S^-1 = [[2, -.3], [-.3, 1]] / 1.91
    assert scaled == pytest.approx((8 - 1.2 + 1) / 1.91)
    with pytest.raises(NotEstimable, match="too few persons"):
        quadratic_form(np.array([1.0, 1.0]), np.ones((2, 2)))
