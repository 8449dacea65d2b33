"""The random-intercept cross-lagged panel model against R's lavaan.

lavaan stops at its optimizer's tolerance, about 1e-7 of a standard error from the
maximum after it climbed again from where it first stopped; ours is at rounding.
"""

from collections.abc import Callable
from math import isnan

import pandas as pd
import pytest

from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.estimation.fit import Fit
from panelstream.analysis.plan.specifications import Specification

MODELS = {"lag1": ("lag 1", 5), "same": ("same", 5), "three_waves": ("lag 1", 3)}
TESTS = {
    "model_fit": "chisq.scaled",
    "cfi": "cfi.scaled",
    "rmsea": "rmsea.scaled",
}


@pytest.fixture
def fitted(
    dynamics: pd.DataFrame, specify: Callable[..., Specification]
) -> Callable[[str], Fit]:
    """Fit a model by name: dropout, missed waves, unknown exposures, one answer."""

    def make(model: str) -> Fit:
        timing, waves = MODELS[model]
        specification = specify(
            estimator="ri_clpm",
            timing=timing,
            exposures=("story",),
            fixed=(),
            varying=(),
        )
        return fit(specification, dynamics[dynamics["wave"] <= waves])

    return make


@pytest.mark.parametrize("model", MODELS)
def test_effects_equal_lavaan(
    fitted: Callable[[str], Fit], expected: Callable[..., pd.DataFrame], model: str
) -> None:
    """Estimates, robust errors, t, p and limits, in both directions."""
    result = {term.component: term for term in fitted(model).terms}
    wanted = expected("ri_clpm", model).set_index("term")
    for component in ("within", "reverse"):
        term, row = result[component], wanted.loc[component]
        assert term.estimate == pytest.approx(row["estimate"], rel=1e-6)
        assert term.std_error == pytest.approx(row["std_error"], rel=1e-6)
        assert term.statistic == pytest.approx(row["statistic"], rel=1e-6)
        assert term.df == row["df"]
        near = float(row.to_dict()["std_error"]) * 3e-6
        assert term.ci_low == pytest.approx(row["ci_low"], abs=near)
        assert term.ci_high == pytest.approx(row["ci_high"], abs=near)
        # A p-value moves by as many times its size as t is large, and squared.
        assert term.p_value == pytest.approx(row["p_value"], rel=2e-5)


@pytest.mark.parametrize("model", MODELS)
def test_autoregressions_equal_lavaan(
    fitted: Callable[[str], Fit], expected: Callable[..., pd.DataFrame], model: str
) -> None:
    """How far exposure and outcome carry over."""
    result = {test.test: test.statistic for test in fitted(model).tests}
    wanted = expected("ri_clpm", model).set_index("term")["estimate"]
    assert result["autoregression_exposure"] == pytest.approx(wanted["ax"], rel=1e-6)
    assert result["autoregression_outcome"] == pytest.approx(wanted["ay"], rel=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_fit_equals_lavaan(
    fitted: Callable[[str], Fit], expected: Callable[..., pd.DataFrame], model: str
) -> None:
    """The scaled chi-square with its df and p, CFI and RMSEA from it."""
    result = {entry.test: entry for entry in fitted(model).tests}
    wanted = expected("ri_clpm", model, "tests.csv").iloc[0]
    for test, name in TESTS.items():
        assert result[test].statistic == pytest.approx(wanted[name], rel=1e-6), test
    assert result["model_fit"].df == wanted["df.scaled"]
    assert result["model_fit"].p_value == pytest.approx(
        wanted["pvalue.scaled"], rel=1e-5
    )
    assert isnan(result["cfi"].p_value)


def test_order_of_rows_means_nothing(
    dynamics: pd.DataFrame, specify: Callable[..., Specification]
) -> None:
    """Shuffled rows give the same numbers."""
    specification = specify(
        estimator="ri_clpm", timing="lag 1", exposures=("story",), fixed=(), varying=()
    )
    shuffled = dynamics.sample(frac=1, random_state=1)
    first, second = (
        pd.DataFrame([vars(term) for term in fit(specification, panel).terms])
        for panel in (dynamics, shuffled)
    )
    pd.testing.assert_frame_equal(first, second)
