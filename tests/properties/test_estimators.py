"""What means nothing to an estimator: order, names, where waves begin, units."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.estimation.estimators import ESTIMATORS
from tests.lib.planted import OUTCOME, USE, Truth, plant, specify

TRUTH = Truth(persons=60, waves=5, leaving=0.05, missed=0.1)
NUMBERS = ("estimate", "std_error", "p_value", "ci_low", "ci_high")
LOOSE = {"ri_clpm": 1e-4, "gmm": 1e-6, "gee": 1e-6}
"""Where an optimizer's tolerance or a two-step weight stands between."""
TIGHT = 1e-7
deterministic = settings(derandomize=True, deadline=None, max_examples=4)
seeds = st.integers(0, 10_000)
every_estimator = pytest.mark.parametrize("estimator", sorted(ESTIMATORS))


def planted(estimator: str, seed: int) -> pd.DataFrame:
    """A panel for the estimator: of ones and zeros where it wants them."""
    panel = plant(TRUTH, seed)
    if ESTIMATORS[estimator].scale == "points":
        return panel
    high = (panel[OUTCOME] > panel[OUTCOME].mean()).astype(float)
    return panel.assign(**{OUTCOME: high.where(panel[OUTCOME].notna())})


def told(estimator: str, panel: pd.DataFrame) -> np.ndarray:
    """Numbers of the term's rows that are about the outcome, in order."""
    result = fit(specify(estimator), panel)
    assert result.n_obs, result.note
    terms = [term for term in result.terms if term.component != "reverse"]
    return np.array([[getattr(term, name) for name in NUMBERS] for term in terms])


def same(estimator: str, found: np.ndarray, wanted: np.ndarray) -> None:
    """Equal within what the estimator can tell."""
    rel = LOOSE.get(estimator, TIGHT)
    size = np.abs(wanted[:, 1]).max()
    assert found == pytest.approx(wanted, rel=rel, abs=rel * size)


@every_estimator
@deterministic
@given(seed=seeds)
def test_order_of_rows_means_nothing(estimator: str, seed: int) -> None:
    """A shuffled panel gives the same numbers."""
    panel = planted(estimator, seed)
    shuffled = panel.sample(frac=1, random_state=seed)
    assert told(estimator, shuffled).tolist() == told(estimator, panel).tolist()


@every_estimator
@deterministic
@given(seed=seeds)
def test_names_of_persons_mean_nothing(estimator: str, seed: int) -> None:
    """Other names, which sort otherwise, change rounding errors only."""
    panel = planted(estimator, seed)
    renamed = panel.assign(participant_id=panel["participant_id"].str[::-1])
    same(estimator, told(estimator, renamed), told(estimator, panel))


@every_estimator
@deterministic
@given(seed=seeds, later=st.integers(1, 30))
def test_the_number_of_the_first_wave_means_nothing(
    estimator: str, seed: int, later: int
) -> None:
    """Waves may begin anywhere: only which follow each other is read from them."""
    panel = planted(estimator, seed)
    moved = panel.assign(wave=panel["wave"] + later)
    same(estimator, told(estimator, moved), told(estimator, panel))


@every_estimator
@deterministic
@given(seed=seeds, factor=st.sampled_from([1 / 7, 52.0, 365.0]))
def test_units_of_an_exposure_scale_its_coefficient(
    estimator: str, seed: int, factor: float
) -> None:
    """Days a week, a day or a year: coefficients scale, what they say does not."""
    panel = planted(estimator, seed)
    scaled = told(estimator, panel.assign(**{USE: panel[USE] * factor}))
    scaled[:, [0, 1, 3, 4]] *= factor
    same(estimator, scaled, told(estimator, panel))


@every_estimator
@deterministic
@given(seed=seeds, factor=st.sampled_from([0.1, 12.0]))
def test_units_of_the_outcome_scale_its_coefficients(
    estimator: str, seed: int, factor: float
) -> None:
    """Points or tenths of points, where the outcome is a measure and no yes or no."""
    panel = planted(estimator, seed)
    if ESTIMATORS[estimator].scale != "points":
        return
    scaled = told(estimator, panel.assign(**{OUTCOME: panel[OUTCOME] * factor}))
    scaled[:, [0, 1, 3, 4]] /= factor
    same(estimator, scaled, told(estimator, panel))
