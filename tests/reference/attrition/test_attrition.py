"""The model of answering against R's glm and clubSandwich; the table by hand."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from panelstream.analysis.estimation.dropout.attrition import (
    attrition_by_wave,
    dropout_models,
)
from panelstream.analysis.plan.specifications import Specification

NUMBERS = ["estimate", "std_error", "statistic", "df", "p_value", "ci_low", "ci_high"]
PANEL = pd.read_csv(Path(__file__).parents[1] / "dropout.csv")


def test_the_model_equals_r(
    specify: Callable[..., Specification], expected: Callable[..., pd.DataFrame]
) -> None:
    """Coefficients, clustered errors, t, p, limits and means agree to nine digits."""
    one = specify(varying=())
    result = dropout_models([one], {one.window: PANEL})
    wanted = expected("attrition", "attrition")
    for name in [*NUMBERS, "mean_answered", "mean_lost", "n_obs", "n_participants"]:
        assert result[name].to_list() == pytest.approx(wanted[name].to_list(), rel=1e-9)
    assert result["term"].to_list()[:4] == ["wave[3]", "wave[4]", "age", "gender[male]"]
    assert result["term"].to_list()[4] == "pdd_total (wave before)"


def test_everybody_is_somewhere() -> None:
    """Expected are those who answered, who missed the wave and who left."""
    result = attrition_by_wave(PANEL, ["pdd_total"])
    parts = result["answered"] + result["missed"] + result["left"]
    assert parts.to_list() == result["expected"].to_list() == [120] * 4
    # Four begin late; of twelve who miss wave 3 two withdraw, and one missed wave 2
    # too; one never answers.
    assert result["missed"].to_list() == [4, 1, 10, 0]
    assert result["left"].to_list()[0] == 1
