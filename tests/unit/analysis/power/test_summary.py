"""Chances, their errors, and the people needed, worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.power.summary import (
    interpolate_people,
    monte_carlo_error,
    summarise_errors,
    summarise_simulations,
)


def simulated(found: bool) -> pd.DataFrame:
    """One study of one coefficient."""
    return pd.DataFrame(
        {
            "specification": ["main"],
            "outcome": ["score"],
            "exposure": ["use"],
            "alone": [found],
            "together": [True],
            "negligible": [False],
            "false": [found],
        }
    )


def test_chances_are_shares_of_studies() -> None:
    """Three of four found; the error is that of five of eight, over four studies."""
    studies = [(80, simulated(found)) for found in (True, True, True, False)]
    [row] = summarise_simulations(studies).to_dict("records")
    assert (row["people"], row["simulations"]) == (80, 4)
    assert (row["alone"], row["together"], row["negligible"]) == (0.75, 1, 0)
    assert row["alone_error"] == pytest.approx(np.sqrt(5 / 8 * 3 / 8 / 4))
    [errors] = summarise_errors(studies).to_dict("records")
    assert errors["false"] == 0.75


def test_the_default_number_of_simulations_is_enough() -> None:
    """At the worst share, a half, 400 studies have an error of 2.5 points."""
    error = monte_carlo_error(np.array([0.5]), np.array([400.0]))
    assert error == pytest.approx(0.025)


def test_people_are_interpolated_on_the_root_scale() -> None:
    """Deviates of 0 at 100 and 1.6832 at 400: 0.8416, half way, is at 15 squared."""
    shares = np.array([0.5, 0.95383])
    needed = interpolate_people(
        np.array([100.0, 400.0]), shares, np.array([1e5, 1e5]), 0.8
    )
    assert needed == pytest.approx(225, abs=1)


@pytest.mark.parametrize(
    ("shares", "expected"), [((0.1, 0.7), np.nan), ((0.8, 0.9), 100.0)]
)
def test_beyond_what_was_tried(shares: tuple[float, float], expected: float) -> None:
    """Nothing is extrapolated: not reached is NaN, reached at once the smallest."""
    needed = interpolate_people(
        np.array([100.0, 400.0]), np.array(shares), np.array([400.0, 400.0]), 0.8
    )
    assert needed == pytest.approx(expected, nan_ok=True)
