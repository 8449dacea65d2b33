"""CR2, Satterthwaite's degrees of freedom and the approximate Hotelling test against R.

clubSandwich knows person effects as dummies; ours are absorbed. Within and between
are at lme4's variance ratio, which its optimizer leaves a little beside the maximum.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.estimation.clustered import (
    Clustered,
    WorkingCovariance,
    cluster,
)
from panelstream.analysis.estimation.design import WEIGHT, Design, build_design
from panelstream.analysis.estimation.differences import differences
from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.estimation.estimators import pooled, within_between
from panelstream.analysis.estimation.estimators.fixed_effects import absorbed, within
from panelstream.analysis.estimation.estimators.random_effects import (
    quasi_demeaned,
    swamy_arora,
)
from panelstream.analysis.estimation.fit import Fit
from panelstream.analysis.estimation.inference import (
    identify,
    least_squares,
    person_means,
    root,
    with_intercept,
)
from panelstream.analysis.plan.specifications import Specification

HERE = Path(__file__).parent
FUNCTIONS = tuple(f"f{j}" for j in range(1, 6))
RELATIVE = 1e-8


@pytest.fixture
def panel() -> pd.DataFrame:
    """Few people do most of what is done; a third of the answers is missing."""
    return pd.read_csv(HERE / "panel.csv")


@pytest.fixture
def plan(specify: Callable[..., Specification]) -> Callable[..., Specification]:
    """A specification of the five functions together."""

    def change(estimator: str, **fields: object) -> Specification:
        return specify(
            estimator=estimator,
            **{
                "outcome": "score",
                "exposures": FUNCTIONS,
                "fixed": ("age",),
                "varying": (),
                "errors": "cr2",
                **fields,
            },
        )

    return change


LINEAR: dict[str, tuple[str, dict[str, object]]] = {
    "fixed_effects_one_way": (
        "fixed_effects",
        {"effects": ("participant",), "fixed": ()},
    ),
    "fixed_effects_two_way": (
        "fixed_effects",
        {"effects": ("participant", "wave"), "fixed": ()},
    ),
    "pooled": ("pooled", {}),
    "first_difference": ("first_difference", {"fixed": ()}),
    "between": ("between", {}),
    "random_effects": ("random_effects", {}),
}
MARGINAL = {"gee_logit": "help", "gee_poisson": "visits"}


def require_terms(found: Fit, wanted: pd.DataFrame) -> None:
    """A fit's estimates, errors, degrees of freedom and p are R's."""
    several = len({term.component for term in found.terms}) > 1
    names = [
        f"{term.component}.{term.term}" if several else term.term
        for term in found.terms
    ]
    assert sorted(names) == sorted(wanted["term"])
    for name, term in zip(names, found.terms, strict=True):
        row = wanted[wanted["term"] == name].iloc[0]
        for number in ("estimate", "std_error", "df", "p_value"):
            value = getattr(term, number)
            assert value == pytest.approx(row[number], rel=RELATIVE), (name, number)
    assert found.std_error_type == "cluster_person_cr2"


def require_joint_tests(
    clustered: Clustered, contrasts: np.ndarray, wanted: pd.DataFrame
) -> None:
    """The tests of the first two of five contrasts, and of all, are R's."""
    for count, name in ((2, "two"), (5, "five")):
        row = wanted[wanted["test"] == name].iloc[0]
        result = clustered.wald(contrasts[:count])
        assert result.count == count
        for number in ("statistic", "df", "p_value"):
            value = getattr(result, number)
            assert value == pytest.approx(row[number], rel=RELATIVE), (name, number)


@pytest.mark.parametrize("model", LINEAR)
def test_least_squares_equal_r(
    panel: pd.DataFrame,
    plan: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
    model: str,
) -> None:
    """Each linear estimator's terms, one by one."""
    estimator, fields = LINEAR[model]
    require_terms(
        fit(plan(estimator, **fields), panel), expected("clubsandwich", model)
    )


@pytest.mark.parametrize("model", MARGINAL)
def test_marginal_regressions_equal_r(
    panel: pd.DataFrame,
    plan: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
    model: str,
) -> None:
    """Logit and Poisson: the working covariance is the family's."""
    result = fit(plan("gee", outcome=MARGINAL[model]), panel)
    require_terms(result, expected("clubsandwich", model))


def clustered_by_model(specification: Specification, panel: pd.DataFrame) -> Clustered:
    """The regression of a linear estimator, the five functions first but the intercept."""
    design = build_design(specification, panel)
    if specification.estimator == "fixed_effects":
        return cluster(absorbed(design, *within(design)), "cr2")
    columns = with_intercept(design.regressors)
    if specification.estimator == "random_effects":
        share = swamy_arora(design, columns)
        return quasi_demeaned(design, columns, share, "cr2")
    return cluster(least_squares(*rows_of(specification.estimator, design)), "cr2")


def rows_of(
    estimator: str, design: Design
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcome, columns after an intercept, and persons of an estimator's regression."""
    if estimator == "first_difference":
        design = differences(design)
    outcome, regressors, persons = design.outcome, design.regressors, design.persons
    if estimator == "between":
        outcome = person_means(outcome[:, None], persons)[:, 0]
        regressors = person_means(regressors, persons)
        persons = np.arange(len(outcome))
    independent = regressors[:, identify(regressors).basis]
    return outcome, with_intercept(independent), persons


@pytest.mark.parametrize("model", LINEAR)
def test_joint_tests_of_least_squares_equal_r(
    panel: pd.DataFrame,
    plan: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
    model: str,
) -> None:
    """That two, and that five coefficients are 0."""
    estimator, fields = LINEAR[model]
    clustered = clustered_by_model(plan(estimator, **fields), panel)
    size = len(clustered.covariance)
    first = 0 if estimator == "fixed_effects" else 1
    contrasts = np.eye(size)[first : first + 5]
    require_joint_tests(
        clustered, contrasts, expected("clubsandwich", model, "tests.csv")
    )


@pytest.mark.parametrize("model", MARGINAL)
def test_mundlaks_test_of_marginal_regressions_equals_r(
    panel: pd.DataFrame,
    plan: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
    model: str,
) -> None:
    """The test that is printed: all five within components equal the between ones."""
    result = fit(plan("gee", outcome=MARGINAL[model]), panel)
    (row,) = (test for test in result.tests if test.test == "within_equals_between")
    wanted = expected("clubsandwich", model, "tests.csv").set_index("test").loc["five"]
    assert row.statistic == pytest.approx(wanted["statistic"], rel=RELATIVE)
    assert row.df == 5
    assert row.df_denominator == pytest.approx(wanted["df"], rel=RELATIVE)
    assert row.p_value == pytest.approx(wanted["p_value"], rel=RELATIVE)


def test_within_and_between_equal_r(
    panel: pd.DataFrame,
    plan: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The working covariance has lme4's random intercept; with Mundlak's test."""
    ratio = pd.read_csv(HERE / "ratio.csv")["ratio"].item()
    found = fit(plan("within_between"), panel)
    share = next(t for t in found.tests if t.test == "intraclass_correlation")
    assert share.statistic == pytest.approx(ratio / (1 + ratio), rel=1e-5)
    monkeypatch.setattr(within_between, "variance_ratio", lambda _: ratio)
    result = fit(plan("within_between"), panel)
    require_terms(result, expected("clubsandwich", "within_between"))
    wanted = expected("clubsandwich", "within_between", "tests.csv")
    (row,) = (test for test in result.tests if test.test == "within_equals_between")
    five = wanted.set_index("test").loc["five"]
    for value, number in (
        (row.statistic, "statistic"),
        (row.df_denominator, "df"),
        (row.p_value, "p_value"),
    ):
        assert value == pytest.approx(five[number], rel=RELATIVE), number


def test_weighted_rows_equal_r(
    panel: pd.DataFrame,
    plan: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
) -> None:
    """Weighted least squares is least squares on rows times the roots of weights."""
    weighted = panel.assign(**{WEIGHT: panel["weight"]})
    specification = replace(plan("pooled"), weights="attrition")
    result = pooled.fit_pooled(specification, weighted)
    require_terms(result, expected("clubsandwich", "weighted"))


def test_inverse_variances_equal_r(
    panel: pd.DataFrame,
    plan: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
) -> None:
    """Weights that are the working model's: errors and tests of all five functions."""
    design = build_design(plan("pooled"), panel)
    weights = panel["weight"].to_numpy()[design.rows]
    scale = root(weights)
    fitted = least_squares(
        design.outcome * scale[:, 0],
        with_intercept(design.regressors) * scale,
        design.persons,
    )
    working = WorkingCovariance(1 / weights, np.zeros(len(weights)))
    clustered = cluster(fitted, "cr2", working)
    contrasts = np.eye(len(clustered.covariance))[1:6]
    wanted = expected("clubsandwich", "inverse_variances")
    errors = np.sqrt(np.diag(clustered.covariance))[1:6]
    assert errors == pytest.approx(wanted["std_error"].to_numpy(), rel=RELATIVE)
    df = clustered.degrees_of_freedom(contrasts)
    assert df == pytest.approx(wanted["df"].to_numpy(), rel=RELATIVE)
    tests = expected("clubsandwich", "inverse_variances", "tests.csv")
    require_joint_tests(clustered, contrasts, tests)
