"""Fixed effects against R's plm."""

import pandas as pd
import pytest

from analysis.estimates import fit

NUMBERS = ["estimate", "std_error", "statistic", "df", "p_value", "ci_low", "ci_high"]
MODELS = {
    "individual": {"effects": ("participant",)},
    "twoways": {"effects": ("participant", "wave")},
    "twoways_log1p": {
        "effects": ("participant", "wave"),
        "transform": "log1p",
        "varying": (),
        "fixed": (),
    },
}


@pytest.mark.parametrize("model", ["individual", "twoways"])
def test_terms_equal_r(panel, specify, expected, model):
    """Estimates, clustered errors, t, p and limits agree to rounding."""
    found = fit(specify(estimator="fixed_effects", **MODELS[model]), panel)
    wanted = expected("fixed_effects", model)
    terms = pd.DataFrame([vars(term) for term in found.terms])
    assert list(terms["term"]) == list(wanted["term"])
    for name in NUMBERS:
        assert terms[name].to_list() == pytest.approx(
            wanted[name].to_list(), rel=1e-9
        ), name


def test_logged_terms_equal_r(panel, specify, expected):
    """The transform is the logarithm of one plus the exposure, and is named so.

    R's rows are complete in the covariates too, which this model leaves out.
    """
    complete = panel.dropna()
    model = MODELS["twoways_log1p"]
    found = fit(specify(estimator="fixed_effects", **model), complete)
    wanted = expected("fixed_effects", "twoways_log1p")
    assert [term.term for term in found.terms] == list(wanted["term"])
    for term, row in zip(found.terms, wanted.itertuples(), strict=True):
        assert term.estimate == pytest.approx(row.estimate, rel=1e-9)
        assert term.std_error == pytest.approx(row.std_error, rel=1e-9)


@pytest.mark.parametrize("model", ["individual", "twoways"])
def test_counts_equal_r(panel, specify, expected, model):
    """The same singletons are dropped."""
    found = fit(specify(estimator="fixed_effects", **MODELS[model]), panel)
    wanted = expected("fixed_effects", model)
    assert found.n_obs == wanted["n_obs"][0]
    assert found.n_participants == wanted["n_participants"][0]
