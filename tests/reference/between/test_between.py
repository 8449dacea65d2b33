"""The between regression against R's plm and sandwich."""

from panelstream.analysis.estimation.estimates import fit


def test_terms_equal_r(variants, variant, specify, expected, equal):
    """Estimates, errors, t, p and limits agree to rounding on every panel."""
    found = fit(specify(estimator="between"), variants[variant])
    equal(found, expected("between", variant), 1e-10)


def test_a_constant_exposure_is_noted(variants, specify):
    """R is not asked about it; here it has a note and no number."""
    found = fit(specify(estimator="between"), variants["constant"])
    notes = {term.exposure: term.note for term in found.terms}
    assert notes["story"] == "not estimable: the same for every person"
