"""The test of a straight line: of what it is made, and that it is right where use is rare."""

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.estimation.estimates import diagnose, fit
from panelstream.analysis.estimation.fit import Diagnostic
from panelstream.analysis.estimation.shape import CURVATURE
from tests.lib.planted import OUTCOME, USE, Truth, plant, specify


def bends(panel: pd.DataFrame) -> list[Diagnostic]:
    """The tests of a straight line of one exposure."""
    fitted = fit(specify("fixed_effects"), panel)
    return [row for row in diagnose(fitted, panel) if row.test == CURVATURE]


def rare_use(persons: int, seed: int) -> pd.DataFrame:
    """A panel of four waves in which half of the rows are without use."""
    panel = plant(Truth(persons=persons, waves=4, within=0.0), seed)
    use = np.maximum(panel[USE] - 3.5, 0.0).round(1)
    return panel.assign(**{USE: use})


def test_any_use_and_the_logarithm_are_tested_jointly() -> None:
    """An effect of any use alone is no straight line; two restrictions reject it."""
    panel = rare_use(300, 1)
    (straight,) = bends(panel.assign(**{OUTCOME: panel[OUTCOME] - panel[USE]}))
    (step,) = bends(panel.assign(**{OUTCOME: panel[OUTCOME] - 2.0 * (panel[USE] > 0)}))
    assert straight.df == step.df == 2
    assert straight.p_value > 0.05 > 1e-6 > step.p_value


def test_a_single_row_without_use_is_no_shape() -> None:
    """Any use would be a dummy of that row, so that the logarithm alone is tested."""
    panel = plant(Truth(persons=60, waves=5, within=0.0), 3)
    (result,) = bends(panel)
    assert result.df == 1
    assert 1 < result.df_denominator < 60


def test_too_few_rows_for_shapes_are_a_note() -> None:
    """Three persons in two waves leave no residual: the fit itself stands."""
    (result,) = bends(plant(Truth(persons=3, waves=2, within=0.0), 1))
    assert np.isnan(result.statistic)
    assert result.note.startswith("not estimable: ")


@pytest.mark.parametrize("persons", [60, 200])
def test_a_straight_line_is_seldom_rejected(persons: int) -> None:
    """In 5 % of panels: of 60 at most 8, but for one chance in 200 (binomial)."""
    rejected = [bends(rare_use(persons, seed))[0].p_value < 0.05 for seed in range(60)]
    assert sum(rejected) <= 8
