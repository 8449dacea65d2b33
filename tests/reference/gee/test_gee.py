"""GEE for binary and count outcomes against R's geepack.

The panel has dropout, singletons and missed waves; two models see two waves, or
none in the middle.
"""

from collections.abc import Callable

import pandas as pd
import pytest

from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.estimation.fit import Fit
from panelstream.analysis.plan.specifications import Specification

MODELS = {
    "binary": ("formal", [1, 2, 3, 4, 5]),
    "count": ("contacts", [1, 2, 3, 4, 5]),
    "two_waves": ("formal", [1, 2]),
    "missing_wave": ("contacts", [1, 2, 4, 5]),
}
NUMBERS = ["estimate", "std_error", "statistic", "df", "p_value", "ci_low", "ci_high"]


@pytest.fixture
def fitted(
    dynamics: pd.DataFrame, specify: Callable[..., Specification]
) -> Callable[[str], Fit]:
    """Fit a model by name."""

    def make(model: str) -> Fit:
        outcome, waves = MODELS[model]
        specification = specify(
            estimator="gee",
            outcome=outcome,
            exposures=("story",),
            fixed=(),
            varying=(),
        )
        return fit(specification, dynamics[dynamics["wave"].isin(waves)])

    return make


@pytest.mark.parametrize("model", MODELS)
def test_terms_equal_geepack(
    fitted: Callable[[str], Fit], expected: Callable[..., pd.DataFrame], model: str
) -> None:
    """Coefficients, clustered errors, t, p and limits, within and between."""
    result = fitted(model)
    terms = {f"{term.component}.{term.term}": term for term in result.terms}
    for _, row in expected("gee", model).iterrows():
        term = terms[row["term"]]
        assert {name: getattr(term, name) for name in NUMBERS} == pytest.approx(
            row[NUMBERS].to_dict(), rel=1e-8
        )
        assert result.n_obs == row["n_obs"]
        assert result.n_participants == row["n_participants"]


@pytest.mark.parametrize("model", MODELS)
def test_the_comparison_equals_r(
    fitted: Callable[[str], Fit], expected: Callable[..., pd.DataFrame], model: str
) -> None:
    """That within equals between, by the same covariance."""
    (test,) = (
        entry for entry in fitted(model).tests if entry.test == "within_equals_between"
    )
    row = expected("gee", model).iloc[0]
    assert test.statistic == pytest.approx(row["wald"], rel=1e-8)
    assert test.p_value == pytest.approx(row["wald_p"], rel=1e-7)
