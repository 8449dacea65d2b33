"""First differences against R's lm and sandwich, on changes that R made itself."""

from collections.abc import Callable

import pandas as pd
import pytest

from panelstream.analysis.estimation.design import build_design
from panelstream.analysis.estimation.diagnostics import serial_correlation
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
    result = fit(specify(estimator="first_difference"), variants[variant])
    equal(result, expected("first_difference", variant), 1e-10)


def test_two_waves_give_fixed_effects(
    variants: dict[str, pd.DataFrame], specify: Callable[..., Specification]
) -> None:
    """One change a person: both coefficients are the same."""
    changes = fit(specify(estimator="first_difference"), variants["two_waves"])
    effects = ("participant", "wave")
    fixed = specify(estimator="fixed_effects", effects=effects)
    within = fit(fixed, variants["two_waves"])
    assert [term.estimate for term in changes.terms] == pytest.approx(
        [term.estimate for term in within.terms], rel=1e-10
    )


@pytest.mark.parametrize("model", ["dropout", "balanced", "constant"])
@pytest.mark.parametrize(("of", "uncorrelated"), [("fe", -0.5), ("fd", 0.0)])
def test_serial_correlation_equals_r(
    variants: dict[str, pd.DataFrame],
    specify: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
    model: str,
    of: str,
    uncorrelated: float,
) -> None:
    """Errors of changes on those before, as in plm's test, with our errors."""
    specification = specify(estimator="first_difference")
    result = serial_correlation(
        build_design(specification, variants[model]), uncorrelated, "cr1"
    )
    rows = expected("first_difference", model, "tests.csv")
    (wanted,) = rows[rows["of"] == of].itertuples()
    assert result.statistic == pytest.approx(wanted.serial, rel=1e-9)
    assert result.p_value == pytest.approx(wanted.serial_p, rel=1e-9)
    assert result.note.startswith(f"F(1, {wanted.df})")
