"""Random slopes against R's lme4, and clubSandwich under that model.

`differ` has slopes that were planted to differ; in `boundary` they do not, and lme4 ends
for the first at a singular fit.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.estimation.design import build_design
from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.estimation.estimators.random_slopes import random_slope
from panelstream.analysis.estimation.estimators.within_between import decompose
from panelstream.analysis.estimation.fit import Fit
from panelstream.analysis.estimation.inference import with_intercept
from panelstream.analysis.plan.specifications import Specification

OUTCOMES = {"differ": "score", "boundary": "level"}
# lme4 stops at its optimizer's tolerance.
RELATIVE = 1e-6
TEST_NAMES = {
    "slope_sd": "slope_sd",
    "slope_intercept_correlation": "correlation",
    "slope_variance": "likelihood_ratio",
}

each_model = pytest.mark.parametrize("model", sorted(OUTCOMES))


@pytest.fixture
def slopes() -> pd.DataFrame:
    """What `make_panel.py` wrote."""
    return pd.read_csv(Path(__file__).with_name("panel.csv"))


@pytest.fixture
def plan(specify: Callable[..., Specification]) -> Callable[[str], Specification]:
    """The specification of a model."""

    def change(model: str) -> Specification:
        return specify(
            estimator="random_slopes",
            outcome=OUTCOMES[model],
            fixed=(),
            varying=(),
            errors="cr2",
        )

    return change


@each_model
def test_standard_deviations_and_likelihood_ratios_equal_lme4(
    slopes: pd.DataFrame,
    plan: Callable[[str], Specification],
    expected: Callable[..., pd.DataFrame],
    model: str,
) -> None:
    """The SD of each slope, its correlation, the ratio, and half chi-square(1), half (2)."""
    result = fit(plan(model), slopes)
    rows = expected("random_slopes", model)
    for test, name in TEST_NAMES.items():
        found = [row.statistic for row in result.tests if row.test == test]
        wanted = rows[name].to_list()
        assert found == pytest.approx(wanted, rel=RELATIVE, abs=1e-5), test
    p_values = [row.p_value for row in result.tests if row.test == "slope_variance"]
    assert p_values == pytest.approx(rows["slope_p"].to_list(), rel=1e-5)


@each_model
def test_fixed_slopes_equal_clubsandwich(
    slopes: pd.DataFrame,
    plan: Callable[[str], Specification],
    expected: Callable[..., pd.DataFrame],
    model: str,
) -> None:
    """Estimates, CR2 errors, Satterthwaite's df and p with that working model."""
    terms = fit(plan(model), slopes).terms
    rows = expected("random_slopes", model)
    assert [term.term for term in terms] == rows["term"].to_list()
    for term, (_, row) in zip(terms, rows.iterrows(), strict=True):
        for name in ("estimate", "std_error", "df", "p_value"):
            assert getattr(term, name) == pytest.approx(row[name], rel=RELATIVE), name


@each_model
def test_restricted_likelihood_equals_lme4(
    slopes: pd.DataFrame,
    plan: Callable[[str], Specification],
    expected: Callable[..., pd.DataFrame],
    model: str,
) -> None:
    """The log likelihood itself, in the units of the columns."""
    specification = plan(model)
    design = build_design(specification, slopes)
    columns = with_intercept(decompose(design)[0])
    found = [
        random_slope(
            design.outcome, columns, place, design.persons, specification
        ).log_likelihood
        for place in (1, 2)
    ]
    wanted = expected("random_slopes", model)["log_likelihood"].to_list()
    assert found == pytest.approx(wanted, abs=1e-6)


def test_a_singular_fit_is_said(
    slopes: pd.DataFrame,
    plan: Callable[[str], Specification],
    expected: Callable[..., pd.DataFrame],
) -> None:
    """A note where lme4 calls the fit singular, and nowhere else."""
    for model in OUTCOMES:
        notes = boundary_notes(fit(plan(model), slopes))
        singular = expected("random_slopes", model)["singular"]
        assert ["at the boundary" in note for note in notes] == singular.to_list()


def test_people_who_do_not_differ_have_no_slopes_that_do(
    slopes: pd.DataFrame, plan: Callable[[str], Specification]
) -> None:
    """Errors without a mean or slope of any person: SD 0, p = 1, and a note."""
    random = np.random.default_rng(5)
    noise = pd.Series(random.normal(size=len(slopes)), slopes.index)
    centred = noise - noise.groupby(slopes["participant_id"]).transform("mean")
    use = slopes["reaction_days_per_week"]
    deviation = use - use.groupby(slopes["participant_id"]).transform("mean")
    products = (deviation * centred).groupby(slopes["participant_id"]).transform("sum")
    squares = deviation.pow(2).groupby(slopes["participant_id"]).transform("sum")
    level = centred - (deviation * products / squares).fillna(0.0)
    result = fit(plan("boundary"), slopes.assign(level=level))
    sd, correlation, ratio = result.tests[:3]
    assert sd.statistic == pytest.approx(0.0, abs=1e-6)
    assert "slopes do not differ" in sd.note
    assert np.isnan(correlation.statistic)
    assert ratio.statistic == pytest.approx(0.0, abs=1e-6)
    assert ratio.p_value == pytest.approx(1.0, abs=1e-3)


def boundary_notes(result: Fit) -> list[str]:
    """The notes of the standard deviations."""
    return [test.note for test in result.tests if test.test == "slope_sd"]
