"""Difference GMM against R's plm: dropout, gaps, singletons, three and four waves."""

from collections.abc import Callable

import pandas as pd
import pytest

from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.estimation.fit import Fit
from panelstream.analysis.plan.specifications import Specification

WAVES = {
    "twoways": (1, 5),
    "individual": (1, 5),
    "three_waves": (1, 3),
    "four_waves": (2, 5),
}
NUMBERS = ["estimate", "std_error", "statistic", "df", "p_value", "ci_low", "ci_high"]


@pytest.fixture
def fitted(
    dynamics: pd.DataFrame, specify: Callable[..., Specification]
) -> Callable[[str], Fit]:
    """Fit a model by name."""

    def make(model: str) -> Fit:
        specification = specify(
            estimator="gmm",
            effects=() if model == "individual" else ("wave",),
            exposures=("story",),
            fixed=(),
            varying=(),
        )
        return fit(specification, dynamics[dynamics["wave"].between(*WAVES[model])])

    return make


@pytest.mark.parametrize("model", WAVES)
def test_terms_equal_plm(
    fitted: Callable[[str], Fit], expected: Callable[..., pd.DataFrame], model: str
) -> None:
    """Two-step estimates with Windmeijer's errors, t, p and limits."""
    result = fitted(model)
    (term,), rows = result.terms, expected("gmm", model).set_index("term")
    row = rows.loc["story_days_per_week"]
    assert {name: getattr(term, name) for name in NUMBERS} == pytest.approx(
        row[NUMBERS].to_dict(), rel=1e-9
    )
    assert result.n_obs == row["n_obs"]
    assert result.n_participants == row["n_participants"]


@pytest.mark.parametrize("model", WAVES)
def test_the_lagged_outcome_equals_plm(
    fitted: Callable[[str], Fit], expected: Callable[..., pd.DataFrame], model: str
) -> None:
    """Its coefficient is a row of the tests, its error in the note."""
    result = {test.test: test for test in fitted(model).tests}["lagged_outcome"]
    row = expected("gmm", model).set_index("term").loc["lagged_outcome"]
    assert result.statistic == pytest.approx(row["estimate"], rel=1e-9)
    assert result.note == f"std_error {row['std_error']:.4g}"


@pytest.mark.parametrize("model", WAVES)
def test_tests_equal_plm(
    fitted: Callable[[str], Fit], expected: Callable[..., pd.DataFrame], model: str
) -> None:
    """Hansen's J and the serial correlations; one that waves are too few for is not."""
    result = {entry.test: entry for entry in fitted(model).tests}
    wanted = expected("gmm", model, "tests.csv").set_index("test")
    for test in ("hansen", "ar1", "ar2"):
        if test not in wanted.index:
            assert result[test].note.startswith("not estimable")
            continue
        row = wanted.loc[test]
        assert result[test].statistic == pytest.approx(row["statistic"], rel=1e-8)
        assert result[test].p_value == pytest.approx(row["p_value"], rel=1e-7)
        assert result[test].df == pytest.approx(row["df"], nan_ok=True)
