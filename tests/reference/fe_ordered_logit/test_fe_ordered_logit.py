"""Blow-up and cluster against R's survival::clogit, and clubSandwich.

Few people of the heavy panel do most, and half of its rows are at the floor; an outcome
of 0 and 1 is plain conditional logit; other panels have two waves, or gaps.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.plan.specifications import Specification

HEAVY = Path(__file__).parent.parent / "clubsandwich" / "panel.csv"
MODELS = ("heavy", "binary", "two_waves", "gaps")


def panel_of(model: str, dynamics: pd.DataFrame) -> pd.DataFrame:
    """The panel that R saw, its outcome under one name."""
    if model == "heavy":
        heavy = pd.read_csv(HEAVY)
        sums = (np.round((heavy["score"] - 19) / 2) + 3).clip(3, 21)
        return heavy.assign(outcome=sums / 3)
    waves = 2 if model == "two_waves" else 5
    rows = dynamics[dynamics["wave"] <= waves]
    return rows.assign(outcome=rows["formal" if model == "binary" else "contacts"])


@pytest.mark.parametrize("model", MODELS)
def test_terms_equal_r(
    specify: Callable[..., Specification],
    dynamics: pd.DataFrame,
    expected: Callable[..., pd.DataFrame],
    model: str,
) -> None:
    """Estimates, CR2, Satterthwaite's df and p, CR1, rows and people."""
    specification = specify(
        estimator="fe_ordered_logit",
        outcome="outcome",
        exposures=tuple(f"f{j}" for j in range(1, 6))
        if model == "heavy"
        else ("story",),
        effects=("participant", "wave"),
        fixed=(),
        varying=(),
        errors="cr2",
    )
    panel = panel_of(model, dynamics)
    result = fit(specification, panel)
    cr1 = fit(replace(specification, errors="cr1"), panel)
    rows = expected("fe_ordered_logit", model)
    assert [term.term for term in result.terms] == list(rows["term"])
    for term, other, (_, row) in zip(
        result.terms, cr1.terms, rows.iterrows(), strict=True
    ):
        for name in ("estimate", "std_error", "df", "p_value"):
            assert getattr(term, name) == pytest.approx(row[name], rel=1e-8), name
        assert other.std_error == pytest.approx(row["std_error_cr1"], rel=1e-8)
    assert result.n_obs == rows["n_obs"].iloc[0]
    assert result.n_participants == rows["n_participants"].iloc[0]
