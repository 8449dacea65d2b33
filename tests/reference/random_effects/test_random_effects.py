"""Random effects against R's plm, nlme and clubSandwich."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.estimation.fit import Diagnostic, Fit
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.study.measures import AS_IS

WAVES = pytest.mark.parametrize("effects", [("wave",), ()], ids=["waves", "no_waves"])


def test_terms_equal_r(
    variants: dict[str, pd.DataFrame],
    variant: str,
    specify: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
    equal: Callable[[Fit, pd.DataFrame, float], None],
) -> None:
    """Estimates, clustered errors, t, p and limits agree to rounding."""
    result = fit(specify(estimator="random_effects"), variants[variant])
    equal(result, expected("random_effects", variant), 1e-9)


def test_variance_components_equal_r(
    variants: dict[str, pd.DataFrame],
    variant: str,
    specify: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
) -> None:
    """The share of persons in the unexplained variance is Swamy and Arora's."""
    result = fit(specify(estimator="random_effects"), variants[variant])
    (share,) = (test for test in result.tests if test.test == "intraclass_correlation")
    wanted = expected("random_effects", variant)["intraclass_correlation"][0]
    assert share.statistic == pytest.approx(wanted, rel=1e-9)


@WAVES
def test_hausman_equals_plm(
    variants: dict[str, pd.DataFrame],
    variant: str,
    specify: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
    effects: tuple[str, ...],
) -> None:
    """The classical test is `phtest`; without a positive definite covariance a note.

    The people of this panel differ in other ways than in their changes, so that the
    error variance of random effects is the larger one: only two waves have a number.
    """
    result = fit(
        specify(estimator="random_effects", effects=effects), variants[variant]
    )
    row = hausman(result)
    require_hausman(row, expected("random_effects", variant, "tests.csv"), effects)
    assert np.isnan(row.statistic) == (variant != "two_waves")


@WAVES
def test_hausman_of_real_panels_equals_plm(
    specify: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
    effects: tuple[str, ...],
) -> None:
    """Grunfeld's investment (Baltagi 2021, Econometric Analysis of Panel Data): 2.33."""
    panel = sm.datasets.grunfeld.load_pandas().data
    panel = panel[panel["firm"] != "American Steel"]
    panel = panel.rename(columns={"firm": "participant_id", "year": "wave"})
    result = fit(
        specify(
            estimator="random_effects",
            outcome="invest",
            exposures=("value", "capital"),
            measure=AS_IS,
            varying=(),
            fixed=(),
            window=None,
            effects=effects,
        ),
        panel.astype({"wave": int}),
    )
    wanted = expected("random_effects", "investment", "tests.csv")
    require_hausman(hausman(result), wanted, effects)
    if not effects:
        assert hausman(result).statistic == pytest.approx(2.33, abs=0.005)


def test_auxiliary_regression_equals_r(
    variants: dict[str, pd.DataFrame],
    variant: str,
    specify: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
) -> None:
    """The same question with clustered errors: CR2 and HTZ of clubSandwich."""
    specification = specify(estimator="random_effects", errors="cr2")
    tests = fit(specification, variants[variant]).tests
    (row,) = (test for test in tests if test.test == "within_equals_between")
    wanted = expected("random_effects", variant, "tests.csv").iloc[0]
    assert row.df == wanted["f_df"]
    for value, name in (
        (row.statistic, "f"),
        (row.df_denominator, "f_df_denominator"),
        (row.p_value, "f_p"),
    ):
        assert value == pytest.approx(wanted[name], rel=1e-7), name


def hausman(result: Fit) -> Diagnostic:
    """The row of the classical test."""
    (row,) = (test for test in result.tests if test.test == "hausman")
    return row


def require_hausman(
    row: Diagnostic, rows: pd.DataFrame, effects: tuple[str, ...]
) -> None:
    """Assert that the row is R's, with waves or without; NaN where R has none."""
    wanted = rows[rows["waves"] == bool(effects)].iloc[0]
    assert row.statistic == pytest.approx(wanted["hausman"], rel=1e-7, nan_ok=True)
    assert row.p_value == pytest.approx(wanted["p_value"], rel=1e-7, nan_ok=True)
    if np.isnan(row.statistic):
        assert "not positive definite" in row.note
    else:
        assert row.df == wanted["df"]
