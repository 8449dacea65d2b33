"""Pooled least squares against R's lm and sandwich."""

import pytest

from panelstream.analysis.estimation.estimates import fit


def test_terms_equal_r(variants, variant, specify, expected, equal):
    """Estimates, clustered errors, t, p and limits agree to rounding."""
    found = fit(specify(), variants[variant])
    equal(found, expected("pooled", variant), 1e-10)


def test_largest_inflation_equals_r(panel, specify, expected):
    """The reported variance inflation factor is the larger of R's two."""
    (inflation,) = (one for one in fit(specify(), panel).tests if one.test == "vif_max")
    wanted = expected("pooled", "dropout")
    assert inflation.statistic == pytest.approx(wanted["inflation"].max(), rel=1e-10)
    assert inflation.note == wanted["term"][wanted["inflation"].idxmax()]
