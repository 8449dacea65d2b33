"""Fixed-effects Poisson against R's glm with a dummy for each person, and clubSandwich.

Few people of the heavy panel do most; one outcome is no count; other panels have two
waves, or gaps.
"""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.plan.specifications import Specification

HEAVY = Path(__file__).parent.parent / "clubsandwich" / "panel.csv"
MODELS = ("heavy", "not_whole", "two_waves", "gaps")


def panel_of(model: str, dynamics: pd.DataFrame) -> pd.DataFrame:
    """The panel that R saw, its outcome under one name."""
    if model in ("heavy", "not_whole"):
        heavy = pd.read_csv(HEAVY)
        above = (heavy["score"] - 15).clip(lower=0) / 3
        return heavy.assign(outcome=heavy["visits"] if model == "heavy" else above)
    waves = 2 if model == "two_waves" else 5
    rows = dynamics[dynamics["wave"] <= waves]
    return rows.assign(outcome=rows["contacts"])


@pytest.fixture
def specification(
    specify: Callable[..., Specification],
) -> Callable[[str, str], Specification]:
    """Of a model, with one kind of errors."""

    def make(model: str, errors: str) -> Specification:
        heavy = model in ("heavy", "not_whole")
        return specify(
            estimator="fe_poisson",
            outcome="outcome",
            exposures=tuple(f"f{j}" for j in range(1, 6)) if heavy else ("story",),
            effects=("participant", "wave"),
            fixed=(),
            varying=(),
            errors=errors,
        )

    return make


@pytest.mark.parametrize("model", MODELS)
def test_terms_equal_r(
    specification: Callable[[str, str], Specification],
    dynamics: pd.DataFrame,
    expected: Callable[..., pd.DataFrame],
    model: str,
) -> None:
    """Estimates, CR2, Satterthwaite's df and p, CR1, rows and people."""
    panel = panel_of(model, dynamics)
    result = fit(specification(model, "cr2"), panel)
    cr1 = fit(specification(model, "cr1"), panel)
    rows = expected("fe_poisson", model)
    assert [term.term for term in result.terms] == list(rows["term"])
    for term, other, (_, row) in zip(
        result.terms, cr1.terms, rows.iterrows(), strict=True
    ):
        for name in ("estimate", "std_error", "df", "p_value"):
            assert getattr(term, name) == pytest.approx(row[name], rel=1e-8), name
        assert other.std_error == pytest.approx(row["std_error_cr1"], rel=1e-8)
        assert other.df == row["n_participants"] - 1
    assert result.n_obs == rows["n_obs"].iloc[0]
    assert result.n_participants == rows["n_participants"].iloc[0]
