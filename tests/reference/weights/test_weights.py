"""Attrition weights and what they make of estimates, against R's glm and lm."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.estimation.dropout import bootstrap, logit
from panelstream.analysis.estimation.dropout.history import look_back
from panelstream.analysis.estimation.dropout.waves import arrange_waves
from panelstream.analysis.estimation.dropout.weights import (
    attrition_weights,
    participation_weights,
)
from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.plan.specifications import Specification

HERE = Path(__file__).parents[1]
EFFECTS = {"pooled": ("wave",), "fixed_effects": ("participant", "wave")}


@pytest.fixture
def leavers() -> pd.DataFrame:
    """The panel of `dropout.csv`."""
    return pd.read_csv(HERE / "dropout.csv")


@pytest.fixture
def weighted(specify: Callable[..., Specification]) -> Callable[..., Specification]:
    """A specification with attrition weights."""
    return lambda estimator="pooled": specify(
        estimator=estimator,
        effects=EFFECTS[estimator],
        varying=(),
        weights="attrition",
    )


def test_the_model_of_dropout_equals_glm(
    leavers: pd.DataFrame, weighted: Callable[..., Specification]
) -> None:
    """The same rows at risk, the same coefficients."""
    waves = arrange_waves(leavers, "pdd_total")
    history = look_back(weighted(), leavers, waves)
    result = logit.fit_logit(history.answered, history.columns).coefficients
    wanted = pd.read_csv(HERE / "weights/dropout_model.csv")["estimate"]
    assert result.tolist() == pytest.approx(wanted.to_list(), rel=1e-9)


def test_weights_equal_r(
    leavers: pd.DataFrame, weighted: Callable[..., Specification]
) -> None:
    """Cumulated over waves, for every answer before a gap."""
    waves = arrange_waves(leavers, "pdd_total")
    weigh, note = attrition_weights(weighted(), leavers, waves)
    cells = weigh(np.ones(len(waves.rows)))
    wanted = pd.read_csv(HERE / "weights/weights.csv")
    assert cells[np.isfinite(cells)].tolist() == pytest.approx(
        wanted["weight"].to_list(), rel=1e-10
    )
    assert note == "answers after a missed wave left out: 10"


@pytest.mark.parametrize("estimator", sorted(EFFECTS))
def test_weighted_estimates_equal_lm(
    leavers: pd.DataFrame,
    weighted: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
    estimator: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With person dummies in R where we take deviations from weighted means."""
    monkeypatch.setattr(bootstrap, "DRAWS", 20)
    result = fit(weighted(estimator), leavers)
    wanted = expected("weights", estimator)
    assert [term.term for term in result.terms] == wanted["term"].to_list()
    assert [term.estimate for term in result.terms] == pytest.approx(
        wanted["estimate"].to_list(), rel=1e-10
    )
    assert result.n_obs == wanted["n_obs"][0]


def test_participation_weights_equal_r(
    leavers: pd.DataFrame, weighted: Callable[..., Specification]
) -> None:
    """Over everybody in the panel, those who never answered among them."""
    people = leavers["participant_id"].unique()
    use = leavers.groupby("participant_id")["story_days_per_week"].first()
    lost = [name for name in people[2::3] if use[name] < 1]
    never = leavers["participant_id"].isin(lost)
    panel = leavers.assign(pdd_total=leavers["pdd_total"].mask(never))
    waves = arrange_waves(panel, "pdd_total")
    weigh, note = participation_weights(weighted(), panel, waves)
    cells = weigh(np.ones(len(waves.rows)))
    result = np.nanmean(cells[waves.answered.any(axis=1)], axis=1)
    wanted = pd.read_csv(HERE / "weights/participation.csv")["weight"]
    assert result.tolist() == pytest.approx(wanted.to_list(), rel=1e-9)
    assert note == "people in the frame: 120"
