"""Pooled least squares against R's lm and sandwich."""

from collections.abc import Callable

import pandas as pd
import pytest

from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.estimation.fit import Fit
from panelstream.analysis.plan.specifications import Specification


def test_terms_equal_r(
    variants: dict[str, pd.DataFrame],
    variant: str,
    specify: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
    equal: Callable[[Fit, pd.DataFrame, float], None],
) -> None:
    """Estimates, clustered errors, t, p and limits agree to rounding."""
    result = fit(specify(), variants[variant])
    equal(result, expected("pooled", variant), 1e-10)


def test_largest_inflation_equals_r(
    panel: pd.DataFrame,
    specify: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
) -> None:
    """The reported variance inflation factor is the larger of R's two."""
    (inflation,) = (
        test for test in fit(specify(), panel).tests if test.test == "vif_max"
    )
    wanted = expected("pooled", "dropout")
    assert inflation.statistic == pytest.approx(wanted["inflation"].max(), rel=1e-10)
    assert inflation.note == wanted["term"][wanted["inflation"].argmax()]
