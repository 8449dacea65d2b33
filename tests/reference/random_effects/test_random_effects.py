"""Random effects against R's plm."""

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
