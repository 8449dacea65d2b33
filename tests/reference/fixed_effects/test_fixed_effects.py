"""Fixed effects against R's plm."""

from collections.abc import Callable

import pandas as pd
import pytest

from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.estimation.estimators import fixed_effects
from panelstream.analysis.estimation.fit import Fit
from panelstream.analysis.plan.specifications import Specification

TWO_WAY = ("participant", "wave")


def test_terms_equal_r(
    variants: dict[str, pd.DataFrame],
    variant: str,
    specify: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
    equal: Callable[[Fit, pd.DataFrame, float], None],
) -> None:
    """Estimates, clustered errors, t, p and limits agree to rounding.

    The same singletons are dropped, which the counts show.
    """
    specification = specify(estimator="fixed_effects", effects=TWO_WAY)
    equal(
        fit(specification, variants[variant]), expected("fixed_effects", variant), 1e-9
    )


def test_persons_alone_equal_r(
    panel: pd.DataFrame,
    specify: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
    equal: Callable[[Fit, pd.DataFrame, float], None],
) -> None:
    """One way: without wave effects, and with waves that one person answered."""
    specification = specify(estimator="fixed_effects", effects=("participant",))
    equal(fit(specification, panel), expected("fixed_effects", "individual"), 1e-9)


def test_logged_terms_equal_r(
    panel: pd.DataFrame,
    specify: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
    equal: Callable[[Fit, pd.DataFrame, float], None],
) -> None:
    """The transform is the logarithm of one plus the exposure, and is named so.

    R's rows are complete in the covariates too, which this model leaves out.
    """
    specification = specify(
        estimator="fixed_effects",
        effects=TWO_WAY,
        transform="log1p",
        varying=(),
        fixed=(),
    )
    result = fit(specification, panel.dropna())
    equal(result, expected("fixed_effects", "twoways_log1p"), 1e-9)


def test_weighted_terms_equal_r(
    weighted: pd.DataFrame,
    specify: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
    equal: Callable[[Fit, pd.DataFrame, float], None],
) -> None:
    """Weighted means are taken off, and squares weighted."""
    specification = specify(
        estimator="fixed_effects", effects=TWO_WAY, weights="attrition"
    )
    result = fixed_effects.fit_fixed_effects(specification, weighted)
    equal(result, expected("fixed_effects", "weighted"), 1e-9)


def test_r_squared_equals_plm(
    variants: dict[str, pd.DataFrame],
    variant: str,
    specify: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
) -> None:
    """The share of the variance of deviations that the columns explain."""
    specification = specify(estimator="fixed_effects", effects=("participant", "wave"))
    result = fit(specification, variants[variant])
    (share,) = (test for test in result.tests if test.test == "r_squared_within")
    wanted = expected("fixed_effects", variant, "tests.csv")["r_squared_within"][0]
    assert share.statistic == pytest.approx(wanted, rel=1e-9)
