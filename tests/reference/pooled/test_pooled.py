"""Pooled least squares against R's lm and sandwich."""

import pandas as pd
import pytest

from analysis.estimates import fit

NUMBERS = ["estimate", "std_error", "statistic", "df", "p_value", "ci_low", "ci_high"]


def test_terms_equal_r(panel, specify, expected):
    """Estimates, clustered errors, t, p and limits agree to rounding."""
    found = fit(specify(), panel)
    wanted = expected("pooled", "pooled")
    terms = pd.DataFrame([vars(term) for term in found.terms])
    assert list(terms["term"]) == list(wanted["term"])
    for name in NUMBERS:
        assert terms[name].to_list() == pytest.approx(
            wanted[name].to_list(), rel=1e-10
        ), name


def test_counts_equal_r(panel, specify, expected):
    """The same rows and persons are analysed."""
    found = fit(specify(), panel)
    wanted = expected("pooled", "pooled")
    assert found.n_obs == wanted["n_obs"][0]
    assert found.n_participants == wanted["n_participants"][0]


def test_largest_inflation_equals_r(panel, specify, expected):
    """The reported variance inflation factor is the larger of R's two."""
    (inflation,) = (one for one in fit(specify(), panel).tests if one.test == "vif_max")
    wanted = expected("pooled", "pooled")
    assert inflation.statistic == pytest.approx(wanted["inflation"].max(), rel=1e-10)
    assert inflation.note == wanted["term"][wanted["inflation"].idxmax()]
