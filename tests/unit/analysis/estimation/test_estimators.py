"""What must hold of the estimators whatever the panel."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from panelstream.analysis.estimation.estimates import diagnose, fit
from panelstream.analysis.estimation.estimators import ESTIMATORS
from panelstream.analysis.estimation.fit import Fit, Term
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.study.estimators import ESTIMATOR_RULES
from panelstream.models.study.study import Window

LINEAR = sorted(name for name, one in ESTIMATORS.items() if one.diagnostics)
STORY = "story_days_per_week"
REACTION = "reaction_days_per_week"
NUMBERS = ("estimate", "std_error", "p_value", "ci_low", "ci_high")
deterministic = settings(derandomize=True, deadline=None, max_examples=15)
seeds = st.integers(0, 10_000)
estimators = st.sampled_from(LINEAR)


def specify(estimator: str, **fields: Any) -> Specification:
    """Two exposures and two covariates on pdd_total."""
    one = Specification(
        specification="s",
        estimator=estimator,
        outcome="pdd_total",
        exposures=("story", "reaction"),
        measure="days_per_week",
        transform="none",
        effects=ESTIMATOR_RULES[estimator].effects,
        fixed=("age",),
        varying=("phq9_total_previous",),
        window=Window(kind="between_waves"),
        confirmatory=True,
    )
    return replace(one, **fields)


def simulate(
    seed: int,
    persons: int = 30,
    waves: int = 5,
    within: float = -1.0,
    between: float = 2.0,
) -> pd.DataFrame:
    """An unbalanced panel; story has a within and a between effect on the outcome."""
    random = np.random.default_rng(seed)
    person = np.repeat(np.arange(persons), waves)
    habit, level = random.gamma(2, 1, persons), random.normal(0, 2, persons)
    n = len(person)
    story = habit[person] + random.normal(0, 1, n)
    frame = pd.DataFrame(
        {
            "participant_id": [f"p{number:04d}" for number in person],
            "wave": np.tile(np.arange(1, waves + 1), persons),
            STORY: story,
            REACTION: random.gamma(2, 1, n),
            "age": random.integers(20, 65, persons)[person].astype(float),
            "phq9_total_previous": random.normal(10, 4, n),
        }
    )
    frame["pdd_total"] = (
        within * (story - habit[person])
        + between * habit[person]
        + 0.1 * frame["wave"]
        + level[person]
        + random.normal(0, 1, n)
    )
    return frame[random.random(n) < 0.8].reset_index(drop=True)


def numbers(found: Fit) -> list[float]:
    """Every number of every term, in order."""
    return [getattr(term, name) for term in found.terms for name in NUMBERS]


def terms(found: Fit) -> dict[tuple[str, str], Term]:
    """The terms by component and exposure."""
    return {(term.component, term.exposure): term for term in found.terms}


@deterministic
@given(seed=seeds, estimator=estimators, factor=st.sampled_from([0.01, 7.0, 365.0]))
def test_units_of_an_exposure_scale_its_coefficient(
    seed: int, estimator: str, factor: float
) -> None:
    """Days a week or days a year: the coefficient scales, what it says does not."""
    panel = simulate(seed)
    scaled = panel.assign(**{STORY: panel[STORY] * factor})
    before = terms(fit(specify(estimator), panel))
    after = terms(fit(specify(estimator), scaled))
    for key, term in before.items():
        by = factor if key[1] == "story" else 1
        assert after[key].estimate * by == pytest.approx(term.estimate, rel=1e-8)
        assert after[key].std_error * by == pytest.approx(term.std_error, rel=1e-8)
        assert after[key].p_value == pytest.approx(term.p_value, rel=1e-6, abs=1e-12)
        assert after[key].standardized == pytest.approx(term.standardized, rel=1e-8)


@deterministic
@given(seed=seeds)
def test_within_components_are_fixed_effects(seed: int) -> None:
    """On any unbalanced panel, covariates and waves included."""
    panel = simulate(seed)
    fixed = terms(fit(specify("fixed_effects"), panel))
    both = terms(fit(specify("within_between"), panel))
    for key, term in fixed.items():
        assert both[key].estimate == pytest.approx(term.estimate, rel=1e-8)


@deterministic
@given(seed=seeds, effects=st.sampled_from([("participant",), ("participant", "wave")]))
def test_fixed_effects_equal_person_dummies(
    seed: int, effects: tuple[str, ...]
) -> None:
    """Absorbing persons gives the coefficients of a regression with their dummies."""
    panel = simulate(seed)
    result = terms(fit(specify("fixed_effects", effects=effects), panel))
    names = [STORY, REACTION, "phq9_total_previous"]
    dummies = [pd.get_dummies(panel["participant_id"], dtype=float)]
    if "wave" in effects:
        dummies.append(pd.get_dummies(panel["wave"], drop_first=True, dtype=float))
    design = np.column_stack([panel[names], *dummies])
    theirs = np.linalg.lstsq(design, panel["pdd_total"], rcond=None)[0]
    for exposure, place in (("story", 0), ("reaction", 1)):
        assert result["within", exposure].estimate == pytest.approx(
            theirs[place], rel=1e-8
        )


@settings(deterministic, max_examples=300)
@given(data=st.data(), estimator=st.sampled_from(sorted(ESTIMATORS)))
def test_no_panel_raises(data: DataObject, estimator: str) -> None:
    """Tiny panels of few values, full of ties and gaps, give numbers or a note."""
    rows = data.draw(
        st.lists(
            st.tuples(st.integers(0, 4), st.integers(1, 4)), min_size=1, unique=True
        )
    )
    panel = pd.DataFrame(rows, columns=["participant_id", "wave"])
    panel["participant_id"] = panel["participant_id"].astype(str)
    value = st.sampled_from([0.0, 1.0, 2.0, 0.1, np.nan])
    for name in ("pdd_total", STORY, REACTION, "age", "phq9_total_previous"):
        size = len(panel)
        panel[name] = data.draw(st.lists(value, min_size=size, max_size=size))
    for term in (result := fit(specify(estimator), panel)).terms:
        assert np.isfinite(term.p_value) or term.note or result.note
    for row in diagnose(result, panel):
        assert np.isfinite(row.statistic) or row.note


def test_both_effects_are_recovered() -> None:
    """Within -1 and between +2 are found, and told apart, where both are true."""
    result = fit(specify("within_between"), simulate(1, persons=800))
    within, between = (terms(result)[name, "story"] for name in ("within", "between"))
    assert within.ci_low < -1 < within.ci_high
    # The mean of a few noisy waves measures the habit with error: between is pulled
    # towards within, so the habit itself is not what the mean's coefficient recovers.
    assert within.ci_high < 0 < between.ci_low
    (test,) = (entry for entry in result.tests if entry.test == "within_equals_between")
    assert test.p_value < 0.001
    assert test.df == 2


def test_equal_effects_are_not_told_apart() -> None:
    """Where within and between are the same, Mundlak's test stays quiet."""
    result = fit(specify("within_between"), simulate(1, 800, within=1.0, between=1.0))
    (test,) = (entry for entry in result.tests if entry.test == "within_equals_between")
    assert test.p_value > 0.05


def test_standardized_is_in_standard_deviations() -> None:
    """Within people's deviations over the outcome's deviations, by each estimator alike;
    between their means over its means; pooled all rows over all rows.
    """
    panel = simulate(4)
    columns = panel[[STORY, "pdd_total"]]
    means = columns.groupby(panel["participant_id"]).transform("mean")
    people = columns.groupby(panel["participant_id"]).mean()
    spread = {
        "within": ((columns - means) ** 2).sum() ** 0.5,
        "between": people.std(),
        "contextual": people.std(),
        "pooled": columns.std(),
    }
    names = ("within_between", "fixed_effects", "first_difference", "between", "pooled")
    for name in names:
        fitted = fit(specify(name, varying=(), fixed=()), panel)
        for (component, exposure), term in terms(fitted).items():
            if exposure == "story":
                ratio = spread[component][STORY] / spread[component]["pdd_total"]
                wanted = term.estimate * ratio
                assert term.standardized == pytest.approx(wanted, rel=1e-10)


def test_an_exposure_nobody_changes_has_no_within_number() -> None:
    """It says so; its between component and the other exposure have numbers."""
    panel = simulate(2)
    first = panel.groupby("participant_id")[STORY].transform("first")
    result = terms(fit(specify("within_between"), panel.assign(**{STORY: first})))
    assert result["within", "story"].note == "not estimable: changes within no person"
    assert np.isnan(result["within", "story"].estimate)
    assert np.isfinite(result["between", "story"].p_value)
    assert np.isfinite(result["within", "reaction"].p_value)


def test_the_comparison_leaves_out_what_has_one_component() -> None:
    """Mundlak's test is of the exposures that have both."""
    panel = simulate(2)
    first = panel.groupby("participant_id")[STORY].transform("first")
    result = fit(specify("within_between"), panel.assign(**{STORY: first}))
    (test,) = (entry for entry in result.tests if entry.test == "within_equals_between")
    assert test.df == 1
    assert test.note.endswith(f"for {REACTION}")


@pytest.mark.parametrize("estimator", LINEAR)
def test_exposures_that_equal_each_other_have_no_numbers(estimator: str) -> None:
    """Neither of two collinear exposures is given the other's coefficient."""
    panel = simulate(3)
    result = fit(specify(estimator), panel.assign(**{REACTION: 2 * panel[STORY] + 1}))
    assert all(np.isnan(term.estimate) for term in result.terms)
    assert {term.note for term in result.terms} == {
        "not estimable: collinear with other terms"
    }


@pytest.mark.parametrize("estimator", LINEAR)
def test_an_exposure_that_is_the_calendar_has_no_number(estimator: str) -> None:
    """What moves with the waves for all cannot be told from wave effects."""
    panel = simulate(3)
    calendar = panel["wave"] * 0.5
    result = terms(fit(specify(estimator), panel.assign(**{STORY: calendar})))
    for (_, exposure), term in result.items():
        assert np.isnan(term.estimate) == (exposure == "story")


@pytest.mark.parametrize("estimator", LINEAR)
def test_a_constant_exposure_has_no_number(estimator: str) -> None:
    """It says that nothing varies, also where the mean of 0.1 is not quite 0.1."""
    result = terms(fit(specify(estimator), simulate(3).assign(**{STORY: 0.1})))
    why = {
        "pooled": "not estimable: the same in every row",
        "within": "not estimable: changes within no person",
        "between": "not estimable: the same for every person",
        "contextual": "not estimable: the same for every person",
    }
    for (component, exposure), term in result.items():
        assert term.note == (why[component] if exposure == "story" else "")


@pytest.mark.parametrize("estimator", ["fixed_effects", "within_between"])
def test_an_outcome_nobody_changes_is_not_fitted(estimator: str) -> None:
    """There is nothing to explain within persons."""
    panel = simulate(3)
    first = panel.groupby("participant_id")["pdd_total"].transform("first")
    result = fit(specify(estimator), panel.assign(pdd_total=first))
    assert result.note == "not fitted: the outcome changes within no person"


def test_one_row_a_person_is_not_fitted() -> None:
    """Within and between cannot be told apart in a single wave."""
    panel = simulate(3)
    result = fit(specify("within_between"), panel[panel["wave"] == 1])
    why = "within_between needs 2 waves, and the outcome is known in 1"
    assert result.note == f"not fitted: {why}"


def test_weights_and_layers_that_are_not_there_are_said() -> None:
    """An estimator without weights, and a layer that nobody built, have a note."""
    weighted = specify("between", weights="attrition")
    result = fit(weighted, simulate(3))
    assert result.note == "not fitted: between takes no weights"
    assert all(np.isnan(term.estimate) for term in result.terms)


def test_a_boundary_fit_is_pooled_least_squares() -> None:
    """Without variance between persons the random intercept vanishes."""
    panel = simulate(5)
    centred = panel["pdd_total"] - panel.groupby("participant_id")[
        "pdd_total"
    ].transform("mean")
    result = fit(specify("within_between"), panel.assign(pdd_total=centred))
    (share,) = (test for test in result.tests if test.test == "intraclass_correlation")
    assert share.statistic == 0
    fixed = terms(fit(specify("fixed_effects"), panel))
    for key, term in terms(result).items():
        if key in fixed:
            assert term.estimate == pytest.approx(fixed[key].estimate, rel=1e-8)
