"""Measurement invariance: derivatives, and what is said where there is no number."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from panelstream.analysis.estimation.invariance import compare_models
from panelstream.analysis.estimation.longitudinal_factor import (
    EqualIntercepts,
    LongitudinalFactor,
)
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.models.arrays import Array, Vector


def simulate(people: int, waves: int = 2, shift: float = 0.0) -> Array:
    """Three items of one factor; the last item of the last wave is `shift` higher."""
    rng = np.random.default_rng(11)
    factor = rng.normal(size=(people, 1, 1)) + 0.5 * rng.normal(size=(people, waves, 1))
    values = factor + rng.normal(size=(people, waves, 3))
    values[:, -1, -1] += shift
    return np.asarray(values)


def test_equal_items_are_invariant() -> None:
    """What was drawn with equal loadings and intercepts is called so."""
    conclusions = [row.conclusion for row in compare_models(simulate(500))]
    assert conclusions == [
        "good fit",
        "equal loadings supported",
        "equal intercepts supported",
    ]


def test_a_shifted_item_is_noticed() -> None:
    """An item that everybody answers higher in one wave: loadings hold, intercepts do not."""
    conclusions = [row.conclusion for row in compare_models(simulate(500, shift=1.0))]
    assert conclusions[1:] == [
        "equal loadings supported",
        "equal intercepts not supported",
    ]


def test_the_unit_of_an_item_means_nothing() -> None:
    """An item in other units gives the same numbers."""
    values = simulate(300)
    other = values * np.array([1.0, 10.0, 0.1]) + 5
    for plain, scaled in zip(
        compare_models(values), compare_models(other), strict=True
    ):
        assert scaled.measures.chi_square == pytest.approx(
            plain.measures.chi_square, rel=1e-7
        )


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (simulate(30), "30 people are too few for 22 parameters"),
        (simulate(50, waves=21), "3 items in 21 waves are too many"),
        (np.where(np.arange(3) == 2, 1.0, simulate(90)), "the same answer from all"),
    ],
)
def test_why_there_is_no_number(values: Array, reason: str) -> None:
    """Few people, many items, and an item that never varies are sentences."""
    with pytest.raises(NotEstimable, match=reason):
        next(iter(compare_models(values)))


def test_derivatives_of_the_structure() -> None:
    """Slopes and curvature of covariances and means equal finite differences."""
    model, rng = LongitudinalFactor(2, 3), np.random.default_rng(3)
    parameters, slope = rng.normal(size=model.size), rng.normal(size=(6, 6))
    slope = slope + slope.T

    def weighted(values: Vector) -> float:
        return float((model.covariance(values) * slope).sum())

    def gradient(values: Vector) -> Vector:
        return np.asarray((model.slopes(values) * slope).sum(axis=(1, 2)))

    numerical = approx_fprime(parameters, weighted, 1e-7)
    np.testing.assert_allclose(gradient(parameters), numerical, atol=1e-4)
    bends = [
        approx_fprime(parameters, lambda v, j=j: gradient(v)[j], 1e-7)
        for j in range(model.size)
    ]
    np.testing.assert_allclose(model.curvature(parameters, slope), bends, atol=1e-4)


def test_derivatives_of_equal_intercepts() -> None:
    """The same of the restriction of means."""
    model, rng = LongitudinalFactor(2, 3), np.random.default_rng(4)
    restriction, size = EqualIntercepts(model), 3 + 1 + 2 + model.size - model.loadings
    coefficients, weights = rng.normal(size=size), rng.normal(size=6 + model.size)
    slopes = restriction.slopes(coefficients).toarray()
    numerical = approx_fprime(coefficients, restriction.expand, 1e-7)
    np.testing.assert_allclose(slopes, numerical, atol=1e-5)
    bends = approx_fprime(
        coefficients, lambda v: restriction.slopes(v).T @ weights, 1e-7
    )
    np.testing.assert_allclose(
        restriction.curvature(coefficients, weights), bends, atol=1e-4
    )
