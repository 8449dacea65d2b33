"""The within-between regression against R's lme4 and clubSandwich.

lme4 stops at its optimiser's tolerance: numbers that hang on the variance ratio
agree to seven digits, the others to rounding.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.estimation.design import build_design
from panelstream.analysis.estimation.estimators import within_between
from panelstream.analysis.estimation.estimators.within_between import (
    decompose,
    random_intercept,
)
from panelstream.analysis.estimation.fit import Fit
from panelstream.analysis.estimation.inference import with_intercept
from panelstream.analysis.plan.specifications import Specification

MODELS = [
    "dropout",
    "two_waves",
    "missing_wave",
    "balanced",
    "constant",
    "boundary",
    "weighted",
]


@pytest.fixture
def panels(
    variants: dict[str, pd.DataFrame], weighted: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """All panels by name, one of them with persons who hardly differ."""
    complete = variants["dropout"]
    centred = complete["pdd_total"] - complete.groupby("participant_id")[
        "pdd_total"
    ].transform("mean")
    boundary = complete.assign(pdd_total=centred + np.sin(complete["age"]))
    return {**variants, "boundary": boundary, "weighted": weighted}


@pytest.fixture
def asked(specify: Callable[..., Specification]) -> Callable[[str], Specification]:
    """The specification of a model."""

    def of(model: str) -> Specification:
        weights = "attrition" if model == "weighted" else "none"
        return specify(estimator="within_between", weights=weights)

    return of


@pytest.fixture
def fitted(
    panels: dict[str, pd.DataFrame], asked: Callable[[str], Specification]
) -> Callable[[str], Fit]:
    """Fit a model by name."""
    return lambda model: within_between.fit_within_between(asked(model), panels[model])


@pytest.mark.parametrize("model", MODELS)
def test_terms_equal_r(
    fitted: Callable[[str], Fit],
    expected: Callable[..., pd.DataFrame],
    equal: Callable[[Fit, pd.DataFrame, float], None],
    model: str,
) -> None:
    """Coefficients are lme4's; errors, p and limits clubSandwich's CR1S on G-1 df."""
    equal(fitted(model), expected("within_between", model), 1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_tests_equal_r(
    fitted: Callable[[str], Fit], expected: Callable[..., pd.DataFrame], model: str
) -> None:
    """The joint Wald test and the intraclass correlation agree."""
    result = {test.test: test for test in fitted(model).tests}
    wanted = expected("within_between", model, "tests.csv").iloc[0]
    wald, icc = result["within_equals_between"], result["intraclass_correlation"]
    assert wald.statistic == pytest.approx(wanted["wald"], rel=1e-7)
    assert wald.p_value == pytest.approx(wanted["wald_p"], rel=1e-6)
    share = wanted["intraclass_correlation"]
    assert icc.statistic == pytest.approx(share, rel=1e-6, abs=1e-9)
    assert result["convergence"].statistic < 1e-8


def test_the_boundary_is_named(fitted: Callable[[str], Fit]) -> None:
    """A variance ratio of exactly 0 is said in the test's note."""
    result = {test.test: test for test in fitted("boundary").tests}
    assert result["intraclass_correlation"].statistic == 0
    assert "boundary" in result["intraclass_correlation"].note


@pytest.mark.parametrize("model", MODELS)
def test_model_errors_equal_lme4(
    fitted: Callable[[str], Fit], expected: Callable[..., pd.DataFrame], model: str
) -> None:
    """The errors that trust the model are lme4's, one row of the tests a term."""
    result = {
        test.note: test.statistic
        for test in fitted(model).tests
        if test.test == "model_std_error"
    }
    wanted = expected("within_between", model)
    for term, error in zip(wanted["term"], wanted["model_std_error"], strict=True):
        component, name = term.split(".")
        assert result.pop(f"{name} ({component})") == pytest.approx(error, rel=1e-7)
    assert not result


@pytest.mark.parametrize("model", ["dropout", "boundary", "weighted"])
def test_the_residual_variance_equals_lme4(
    panels: dict[str, pd.DataFrame],
    asked: Callable[[str], Specification],
    expected: Callable[..., pd.DataFrame],
    model: str,
) -> None:
    """Of a row whose weight is 1."""
    design = build_design(asked(model), panels[model])
    columns, _ = decompose(design)
    result = random_intercept(
        design.outcome, with_intercept(columns), design.persons, design.weights
    )
    variance = expected("within_between", model, "tests.csv")["residual_variance"][0]
    assert result.fitted.residual_variance == pytest.approx(variance, rel=1e-7)


@pytest.mark.parametrize("model", ["dropout", "two_waves", "missing_wave", "weighted"])
def test_within_equals_fixed_effects(
    fitted: Callable[[str], Fit], expected: Callable[..., pd.DataFrame], model: str
) -> None:
    """On unbalanced panels within coefficients are R's fixed effects."""
    within = [
        term.estimate for term in fitted(model).terms if term.component == "within"
    ]
    wanted = expected("fixed_effects", model)["estimate"].to_list()
    assert within == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("model", [name for name in MODELS if name != "weighted"])
def test_explained_variance_equals_lme4(
    fitted: Callable[[str], Fit], expected: Callable[..., pd.DataFrame], model: str
) -> None:
    """R2 by lme4's variances and fixed part, and the ICC of a model without terms."""
    result = {test.test: test.statistic for test in fitted(model).tests}
    wanted = expected("within_between", model, "tests.csv").iloc[0]
    for name in (
        "null_intraclass_correlation",
        "r_squared_marginal",
        "r_squared_conditional",
    ):
        assert result[name] == pytest.approx(wanted[name], rel=1e-6, abs=1e-7), name
