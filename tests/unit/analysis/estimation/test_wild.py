"""The wild cluster bootstrap against fitting every draw again."""

import numpy as np
import pytest

from panelstream.analysis.estimation.inference import least_squares, person_sums
from panelstream.analysis.estimation.wild import restrict, t_squares, wild_cluster_p

PERSONS = np.repeat(np.arange(14), [1, 2, 3, 4, 5, 6, 2, 3, 4, 5, 1, 2, 3, 4])


def regression(effect: float, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Outcome (n,) and columns (n, 4) whose third is used by few, with an effect."""
    random = np.random.default_rng(seed)
    columns = random.normal(size=(len(PERSONS), 4))
    columns[:, 0] = 1.0
    columns[:, 2] *= PERSONS > 9
    errors = random.normal(size=len(PERSONS)) + random.normal(size=14)[PERSONS]
    return columns @ [1.0, 0.5, effect, -0.3] + errors, columns


def refit(outcome: np.ndarray, columns: np.ndarray, place: int) -> float:
    """The squared ratio of a coefficient to its clustered error, by another solver."""
    coefficients = np.linalg.lstsq(columns, outcome)[0]
    residuals = outcome - columns @ coefficients
    bread = np.linalg.inv(columns.T @ columns)
    scores = person_sums(columns * residuals[:, None], PERSONS)
    variance = (bread @ scores.T @ scores @ bread)[place, place]
    return float(coefficients[place] ** 2 / variance)


@pytest.mark.parametrize("place", [1, 2, 3])
@pytest.mark.parametrize("points", [[-1.0, 1.0], [0.5**0.5, -1.0, 1.5**0.5]])
def test_every_draw_is_that_of_fitting_it(place: int, points: list[float]) -> None:
    """Restricted residuals times the weights are added to the restricted fit."""
    outcome, columns = regression(0.4)
    others = np.delete(columns, place, axis=1)
    mean = others @ np.linalg.lstsq(others, outcome)[0]
    weights = np.random.default_rng(1).choice(points, (25, 14))
    wanted = [
        refit(mean + (outcome - mean) * draw[PERSONS], columns, place)
        for draw in weights
    ]
    restricted = restrict(least_squares(outcome, columns, PERSONS), place)
    squares = t_squares(restricted, weights @ restricted.columns, np.square(weights))
    assert squares == pytest.approx(wanted, rel=1e-8)
    assert restricted.observed == pytest.approx(refit(outcome, columns, place))


def test_p_is_the_share_of_draws_as_far_from_zero() -> None:
    """A large effect has the smallest p there is, and p of nothing is not small."""
    fitted = least_squares(*regression(30.0), PERSONS)
    assert wild_cluster_p(fitted, [0, 2], seed=1)[0] < 0.2
    fitted = least_squares(*regression(0.0), PERSONS)
    [first] = wild_cluster_p(fitted, [2], seed=1)
    assert first > 0.05
    assert wild_cluster_p(fitted, [2], seed=1) == [first]
    assert wild_cluster_p(fitted, [2], seed=2) != [first]


def test_p_is_uniform_where_nothing_is() -> None:
    """Of 200 regressions without an effect, 1 to 21 have p of 5 % or less.

    A binomial of 200 and 5 % is outside in one of a thousand.
    """
    p_values = []
    for seed in range(200):
        outcome, columns = regression(0.0, seed)
        fitted = least_squares(outcome - 0.5 * columns[:, 1], columns, PERSONS)
        p_values += wild_cluster_p(fitted, [1], seed)
    assert 1 <= (np.array(p_values) <= 0.05).sum() <= 21
