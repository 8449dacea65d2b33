"""First differences against R's lm and sandwich, on changes that R made itself."""

import pytest

from analysis.estimates import fit


def test_terms_equal_r(variants, variant, specify, expected, equal):
    """Estimates, clustered errors, t, p and limits agree to rounding."""
    found = fit(specify(estimator="first_difference"), variants[variant])
    equal(found, expected("first_difference", variant), 1e-10)


def test_two_waves_give_fixed_effects(variants, specify):
    """One change a person: both coefficients are the same."""
    changes = fit(specify(estimator="first_difference"), variants["two_waves"])
    effects = ("participant", "wave")
    fixed = specify(estimator="fixed_effects", effects=effects)
    within = fit(fixed, variants["two_waves"])
    assert [term.estimate for term in changes.terms] == pytest.approx(
        [term.estimate for term in within.terms], rel=1e-10
    )
