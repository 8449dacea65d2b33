"""The between regression against R's plm and sandwich."""

from collections.abc import Callable

import pandas as pd

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
    """Estimates, errors, t, p and limits agree to rounding on every panel."""
    result = fit(specify(estimator="between"), variants[variant])
    equal(result, expected("between", variant), 1e-10)


def test_a_constant_exposure_is_noted(
    variants: dict[str, pd.DataFrame], specify: Callable[..., Specification]
) -> None:
    """R is not asked about it; here it has a note and no number."""
    result = fit(specify(estimator="between"), variants["constant"])
    notes = {term.exposure: term.note for term in result.terms}
    assert notes["story"] == "not estimable: the same for every person"
