"""The within-between regression against R's lme4 and clubSandwich.

lme4 stops at its optimiser's tolerance: numbers that hang on the variance ratio
agree to seven digits, the others to rounding.
"""

import numpy as np
import pytest

from analysis.design import build
from analysis.estimates import fit
from analysis.estimators.within_between import decompose, random_intercept
from analysis.inference import with_intercept

MODELS = ["stable", "boundary"]


@pytest.fixture
def panels(panel):
    """The outcome as it is, and one whose persons hardly differ."""
    complete = panel.dropna()
    centred = complete["pdd_total"] - complete.groupby("participant_id")[
        "pdd_total"
    ].transform("mean")
    boundary = complete.assign(pdd_total=centred + np.sin(complete["age"]))
    return {"stable": panel, "boundary": boundary}


@pytest.fixture
def fitted(panels, specify):
    """Fit a model by name."""
    return lambda model: fit(specify(estimator="within_between"), panels[model])


@pytest.mark.parametrize("model", MODELS)
def test_estimates_equal_lme4(fitted, expected, model):
    """Within and between coefficients are lme4's fixed effects."""
    found = {f"{term.component}.{term.term}": term for term in fitted(model).terms}
    for row in expected("within_between", model).itertuples():
        assert found[row.term].estimate == pytest.approx(row.estimate, rel=1e-7)


@pytest.mark.parametrize("model", MODELS)
def test_errors_equal_club_sandwich(fitted, expected, model):
    """Clustered errors, p and limits are clubSandwich's CR1S on G-1 df."""
    found = {f"{term.component}.{term.term}": term for term in fitted(model).terms}
    for row in expected("within_between", model).itertuples():
        term = found[row.term]
        assert term.std_error == pytest.approx(row.std_error, rel=1e-7)
        assert term.p_value == pytest.approx(row.p_value, rel=1e-6)
        assert term.ci_low == pytest.approx(row.ci_low, rel=1e-6)
        assert term.ci_high == pytest.approx(row.ci_high, rel=1e-6)
        assert term.df == row.df


@pytest.mark.parametrize("model", MODELS)
def test_tests_equal_r(fitted, expected, model):
    """The joint Wald test and the intraclass correlation agree."""
    found = {one.test: one for one in fitted(model).tests}
    wanted = expected("within_between", model, "tests.csv").iloc[0]
    wald, icc = found["within_equals_between"], found["intraclass_correlation"]
    assert wald.statistic == pytest.approx(wanted["wald"], rel=1e-7)
    assert wald.p_value == pytest.approx(wanted["wald_p"], rel=1e-6)
    share = wanted["intraclass_correlation"]
    assert icc.statistic == pytest.approx(share, rel=1e-6, abs=1e-9)


def test_the_boundary_is_named(fitted):
    """A variance ratio of exactly 0 is said in the test's note."""
    found = {one.test: one for one in fitted("boundary").tests}
    assert found["intraclass_correlation"].statistic == 0
    assert "boundary" in found["intraclass_correlation"].note


@pytest.mark.parametrize("model", MODELS)
def test_model_errors_equal_lme4(panels, specify, expected, model):
    """The errors that trust the model, and the residual variance, are lme4's."""
    design = build(specify(estimator="within_between"), panels[model])
    columns, offset = decompose(design)
    found = random_intercept(
        design.outcome, with_intercept(columns), design.persons, design.weights
    )
    errors = np.sqrt(np.diag(found.model_covariance))[1:]
    wanted = expected("within_between", model)["model_std_error"]
    at = [0, 1, offset, offset + 1]
    assert errors[at].tolist() == pytest.approx(wanted.to_list(), rel=1e-7)
    variance = expected("within_between", model, "tests.csv")["residual_variance"][0]
    assert found.residual_variance == pytest.approx(variance, rel=1e-7)


def test_within_equals_fixed_effects(panel, specify):
    """On this unbalanced panel within coefficients are those of fixed effects."""
    both = fit(specify(estimator="within_between"), panel)
    effects = ("participant", "wave")
    fixed = fit(specify(estimator="fixed_effects", effects=effects), panel)
    within = [term.estimate for term in both.terms if term.component == "within"]
    assert within == pytest.approx([one.estimate for one in fixed.terms], rel=1e-10)
