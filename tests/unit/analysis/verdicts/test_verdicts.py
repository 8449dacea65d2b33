"""Holm, equivalence and verdicts, against numbers worked out by hand."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from panelstream.analysis.estimation.estimates import JUDGED, TEST_COLUMNS, Results
from panelstream.analysis.verdicts.verdicts import (
    benjamini_hochberg,
    deciding_sample,
    equivalence_p,
    holm,
    judge,
    larger_p,
)
from panelstream.models.study.study import Study

NAN = math.nan


@pytest.fixture
def study() -> Study:
    """A study that calls 2 points of pdd_total its smallest effect."""
    return Study.model_validate(
        {
            "study": "s",
            "title": "t",
            "timezone": "Asia/Tokyo",
            "waves": [{"wave": 1, "opens_on": "2027-01-11", "closes_on": "2027-01-31"}],
            "instruments": ["pdd"],
            "exposure": {"functions": ["story"]},
            "outcomes": ["pdd_total"],
            "smallest_effect": {
                "per": "one active day a week more",
                "pdd_total": 2.0,
            },
        }
    )


def row(
    estimate: float, std_error: float, p_value: float, **fields: Any
) -> dict[str, Any]:
    """A confirmatory within row with 100 df, with some fields changed."""
    values = {
        "specification": "main",
        "estimator": "within_between",
        "outcome": "pdd_total",
        "exposures": "story",
        "exposure": "story",
        "term": "story_days_per_week",
        "timing": "same",
        "component": "within",
        "measure": "days_per_week",
        "transform": "none",
        "confirmatory": True,
        "estimate": estimate,
        "std_error": std_error,
        "df": 100.0,
        "n_participants": 101,
        "p_value": p_value,
        "ci_low": estimate - 2 * std_error,
        "ci_high": estimate + 2 * std_error,
        "sole_person": False,
        **dict.fromkeys(JUDGED, NAN),
        "verdict": "",
        "reservations": "",
        "note": "",
    }
    return {**values, **fields}


def judged(
    rows: list[dict[str, Any]],
    study: Study,
    tests: tuple[dict[str, Any], ...] = (),
    removed_after_lock: int = 0,
) -> pd.DataFrame:
    """The estimates after judging, with these rows of tests."""
    results = Results(
        pd.DataFrame(rows), pd.DataFrame(tests, columns=pd.Index(TEST_COLUMNS))
    )
    return judge(results, study, removed_after_lock).estimates


def check(test: str, p_value: float, **fields: Any) -> dict[str, Any]:
    """A row of the tests of `main`, with some fields changed."""
    values = {
        **dict.fromkeys(TEST_COLUMNS, NAN),
        "specification": "main",
        "outcome": "pdd_total",
        "exposures": "story",
        "term": "",
        "test": test,
        "p_value": p_value,
        "note": "",
    }
    return {**values, **fields}


def lead(
    estimate: float, std_error: float, p_value: float, **fields: Any
) -> dict[str, Any]:
    """A row of the lead of `main`."""
    names = {"specification": "main.lead", "timing": "lead 1", "confirmatory": False}
    term = "lead1(story_days_per_week)"
    return row(estimate, std_error, p_value, term=term, **{**names, **fields})


def test_holm_multiplies_by_the_number_still_open() -> None:
    """0.01, 0.04, 0.03 become 3 x 0.01, then 2 x 0.03, then not less than that."""
    result = holm(np.array([0.01, 0.04, 0.03]), np.array([True] * 3))
    assert result.tolist() == pytest.approx([0.03, 0.06, 0.06])


def test_holm_stops_at_one() -> None:
    """No adjusted p-value is above 1."""
    assert holm(np.array([0.7, 0.8]), np.array([True, True])).tolist() == [1, 1]


def test_holm_leaves_others_out_of_the_family() -> None:
    """A row outside is not counted and has no adjusted p-value."""
    result = holm(np.array([0.01, 0.001, 0.02]), np.array([True, False, True]))
    assert result[[0, 2]].tolist() == pytest.approx([0.02, 0.02])
    assert np.isnan(result[1])


def test_holm_counts_what_could_not_be_estimated() -> None:
    """A planned coefficient without a number keeps its place in the count."""
    result = holm(np.array([0.01, NAN]), np.array([True, True]))
    assert result[0] == pytest.approx(0.02)
    assert np.isnan(result[1])


def test_equivalence_is_the_worse_of_two_one_sided_tests() -> None:
    """At an estimate of 1 with limits of 2 the upper side decides: t = -1, 2 df.

    For 2 df the t distribution is 1/2 + t / (2 sqrt(2 + t^2)).
    """
    result = equivalence_p(*(np.array([x]) for x in (1.0, 1.0, 2.0, 2.0)))
    assert result[0] == pytest.approx(0.5 - 1 / (2 * math.sqrt(3)))


def test_equivalence_is_symmetric() -> None:
    """The sign of an estimate does not matter."""
    one, df, smallest = np.array([1.0]), np.array([9.0]), np.array([2.0])
    assert equivalence_p(one, one, df, smallest) == pytest.approx(
        equivalence_p(-one, one, df, smallest)
    )


@pytest.mark.parametrize(
    ("estimate", "std_error", "p_value", "verdict"),
    [
        (2.5, 0.5, 0.0001, "associated"),
        (5.0, 0.5, 0.0001, "associated, larger than the smallest effect"),
        (0.5, 0.1, 0.0001, "associated but negligible"),
        (0.0, 0.5, 0.9, "negligible"),
        (1.0, 2.0, 0.6, "undecided"),
        (NAN, NAN, NAN, "not estimated"),
    ],
)
def test_verdicts(
    study: Study, estimate: float, std_error: float, p_value: float, verdict: str
) -> None:
    """Each cell of the table has its word; no number is not the data's doubt."""
    result = judged([row(estimate, std_error, p_value)], study)
    assert result["verdict"].tolist() == [verdict]


def test_the_verdict_rests_on_adjusted_p_values(study: Study) -> None:
    """p = 0.03 alone is associated, beside another coefficient it is not."""
    main, other = row(3.0, 1.4, 0.03), row(1.0, 2.0, 0.6)
    assert judged([main], study)["verdict"][0] == "associated"
    assert judged([main, other], study)["verdict"][0] == "undecided"


def test_equivalence_in_the_verdict_is_adjusted_too(study: Study) -> None:
    """Equivalence at p = 0.03 alone is negligible, beside another it is not.

    (2 - 1) / 0.525 is t = 1.905, whose one-sided p on 100 df is 0.0298.
    """
    main, other = row(1.0, 0.525, 0.06), row(1.0, 2.0, 0.6)
    alone = judged([main], study)
    assert alone["equivalence_p"][0] == pytest.approx(0.0298, abs=1e-4)
    assert alone["verdict"][0] == "negligible"
    assert judged([main, other], study)["verdict"][0] == "undecided"


@pytest.mark.parametrize(
    "fields",
    [{"confirmatory": False}, {"component": "between"}, {"component": "pooled"}],
)
def test_only_the_family_is_judged(study: Study, fields: dict[str, Any]) -> None:
    """Exploratory and between rows have no adjusted p-value and no verdict."""
    result = judged([row(3.0, 0.5, 0.0001, **fields)], study)
    assert result["verdict"].tolist() == [""]
    assert result["p_adjusted"].isna().all()


@pytest.mark.parametrize(
    "fields",
    [
        {"measure": "count"},
        {"transform": "log1p"},
        {"estimator": "gee"},
        {"component": "between"},
        {"outcome": "phq9_total"},
    ],
)
def test_the_smallest_effect_speaks_of_active_days_only(
    study: Study, fields: dict[str, Any]
) -> None:
    """Elsewhere there is no equivalence, so nothing can be negligible."""
    result = judged([row(0.0, 0.1, 0.9, **fields)], study)
    assert result["equivalence_p"].isna().all()
    assert "negligible" not in result["verdict"][0]


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({"transform": "any"}, 3.0),
        ({"transform": "log1p"}, 1.5),
        ({"measure": "count"}, 0.25),
        ({"measure": "count", "transform": "any"}, NAN),
        ({}, NAN),
    ],
)
def test_each_scale_of_use_may_have_a_smallest_effect(
    study: Study, fields: dict[str, Any], limit: float
) -> None:
    """An estimate at the limit has p = 0.5 of being smaller; a scale without has none."""
    sizes = {"any(days_per_week)": 3.0, "log1p(days_per_week)": 1.5, "count": 0.25}
    scaled = study.model_copy(update={"smallest_effect": {"pdd_total": sizes}})
    estimate = 1.0 if np.isnan(limit) else limit
    result = judged([row(estimate, 0.001, 0.9, **fields)], scaled)
    expected = NAN if np.isnan(limit) else 0.5
    assert result["equivalence_p"][0] == pytest.approx(expected, nan_ok=True)


def test_exploratory_within_rows_have_equivalence_without_verdict(study: Study) -> None:
    """The band can be shown beside a sensitivity check."""
    result = judged([row(0.0, 0.5, 0.9, confirmatory=False)], study)
    assert result["equivalence_p"][0] < 0.001
    assert result["verdict"][0] == ""


def test_judging_changes_neither_the_input_nor_other_columns(study: Study) -> None:
    """`judge` is pure."""
    frame = pd.DataFrame([row(3.0, 0.5, 0.0001)])
    before = frame.copy()
    tests = pd.DataFrame([], columns=pd.Index(TEST_COLUMNS))
    result = judge(Results(frame, tests), study).estimates
    pd.testing.assert_frame_equal(frame, before)
    filled = [*JUDGED, "verdict", "reservations"]
    pd.testing.assert_frame_equal(
        result.drop(columns=filled), before.drop(columns=filled)
    )


def test_adjustments_equal_statsmodels() -> None:
    """Holm and Benjamini-Hochberg, on p-values with ties, in any order."""
    random = np.random.default_rng(1979)
    for size in (1, 2, 7, 40):
        p = np.round(random.beta(0.4, 2, size), 3)
        family = np.ones(size, dtype=bool)
        for method, adjust in (("holm", holm), ("fdr_bh", benjamini_hochberg)):
            expected = multipletests(p, method=method)[1]
            assert adjust(p, family).tolist() == pytest.approx(expected.tolist())


def test_benjamini_hochberg_by_hand() -> None:
    """0.01, 0.04, 0.03: 3/1 of the first, 3/3 of the last, which bounds 3/2 x 0.03."""
    result = benjamini_hochberg(np.array([0.01, 0.04, 0.03]), np.array([True] * 3))
    assert result.tolist() == pytest.approx([0.03, 0.04, 0.04])


def test_what_is_planned_no_more_keeps_its_place() -> None:
    """A locked coefficient without a row counts as p = 1 in both adjustments."""
    p, family = np.array([0.01, 0.04]), np.array([True, True])
    expected = holm(np.array([0.01, 0.04, 1.0]), np.array([True] * 3))[:2]
    assert holm(p, family, removed_after_lock=1).tolist() == pytest.approx(
        expected.tolist()
    )
    expected = benjamini_hochberg(np.array([0.01, 0.04, 1.0]), np.array([True] * 3))[:2]
    result = benjamini_hochberg(p, family, removed_after_lock=1)
    assert result.tolist() == pytest.approx(expected.tolist())


def test_absent_coefficients_are_in_the_verdict(study: Study) -> None:
    """p = 0.03 alone is associated, beside one that was taken out it is not."""
    rows = [row(3.0, 1.4, 0.03)]
    assert judged(rows, study)["verdict"][0] == "associated"
    removed = judged(rows, study, removed_after_lock=1)
    assert removed["verdict"][0] == "undecided"


def test_the_deciding_sample_makes_an_interval_as_long_as_the_smallest_effect() -> None:
    """Four times the persons halve an interval of twice the smallest effect.

    With 100 persons and one coefficient, t(0.975; 99) is 1.98422: an error of
    2 / 1.98422 gives an interval of 4.
    """
    error = np.array([2 / 1.984216952])
    result = deciding_sample(
        error, np.array([99.0]), np.array([100.0]), np.array([2.0]), family=1
    )
    assert result[0] == pytest.approx(400)


@pytest.mark.parametrize("truth", [0.0, 0.7, 1.0, 1.3, 2.0, 5.0])
def test_with_the_deciding_sample_nothing_is_undecided(
    study: Study, truth: float
) -> None:
    """Whatever the estimate, at the error that belongs to that sample."""
    said = deciding_sample(
        np.array([1.1]),
        np.array([100.0]),
        np.array([101.0]),
        np.array([2.0]),
        family=2,
    )[0]
    error, df = 1.1 * math.sqrt(101 / said), float(math.ceil(said) - 1)
    p = 2 * stats.t.sf(abs(truth) / error, df)
    rows = [row(truth, error, p, df=df), row(0.9, error, 0.1, df=df)]
    assert "undecided" not in judged(rows, study)["verdict"].to_list()[:1]


def test_an_undecided_row_says_its_sample(study: Study) -> None:
    """Rounded up to two digits, after what the note said before; no other row does."""
    rows = [
        row(1.0, 2.0, 0.6, note="singleton rows left out: 3"),
        row(3.0, 0.5, 0.0001),
        row(1.0, 2.0, 0.6, outcome="phq9_total"),
    ]
    notes = judged(rows, study)["note"].tolist()
    size = 101 * (2 * stats.t.ppf(1 - 0.05 / 6, 100) * 2.0 / 2.0) ** 2
    assert 2300 < size <= 2400
    assert notes == [
        "singleton rows left out: 3; 2400 participants would decide",
        "",
        "",
    ]


def test_larger_is_the_two_sided_test_at_the_smallest_effect() -> None:
    """At 5 with a limit of 2, an error of 1 and 2 df: P(T > 3) + P(T > 7).

    For 2 df the t distribution is 1/2 + t / (2 sqrt(2 + t^2)).
    """
    result = larger_p(*(np.array([x]) for x in (5.0, 1.0, 2.0, 2.0)))
    expected = sum(0.5 - t / (2 * math.sqrt(2 + t**2)) for t in (3, 7))
    assert result[0] == pytest.approx(expected)


def test_without_a_smallest_effect_larger_is_different() -> None:
    """With a limit of 0 it is the usual t test."""
    estimate, error, df = np.array([1.7]), np.array([0.9]), np.array([31.0])
    expected = 2 * stats.t.sf(1.7 / 0.9, 31.0)
    assert larger_p(estimate, error, df, np.zeros(1))[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"df": 3.9}, "rests on too few people"),
        ({"df": 4.0}, "associated"),
        (
            {"sole_person": True, "estimate": NAN, "std_error": NAN, "p_value": NAN},
            "rests on too few people",
        ),
    ],
)
def test_few_people_decide_nothing(
    study: Study, fields: dict[str, Any], verdict: str
) -> None:
    """Fewer effective people than four, or one without whom there is no number."""
    result = judged([{**row(2.2, 0.3, 0.0001), **fields}], study)
    assert result["verdict"].tolist() == [verdict]


def test_leads_that_are_not_zero_leave_their_regression_undecided(
    study: Study,
) -> None:
    """All coefficients of that regression, and none of another."""
    rows = [
        row(2.5, 0.5, 0.0001),
        row(0.0, 0.5, 0.9),
        row(NAN, NAN, NAN),
        row(2.5, 0.5, 0.0001, outcome="phq9_total"),
        row(2.5, 0.5, 0.0001, specification="other"),
        row(2.5, 0.5, 0.0001, exposures="cycle"),
        lead(1.0, 0.3, 0.001),
    ]
    feedback = "undecided: feedback, confounding or error in use"
    assert judged(rows, study, (check("leads", 0.001, specification="main.lead"),))[
        "verdict"
    ].tolist() == [
        feedback,
        feedback,
        "not estimated",
        "associated",
        "associated",
        "associated",
        "",
    ]


def test_leads_are_adjusted_over_the_plan(study: Study) -> None:
    """p = 0.03 decides alone, not beside the leads of another regression."""
    rows = [row(2.5, 0.5, 0.0001), row(2.5, 0.5, 0.0001, exposures="cycle")]
    main = check("leads", 0.03, specification="main.lead")
    other = check("leads", 0.8, specification="main.lead", exposures="cycle")
    assert "feedback" in judged(rows, study, (main,))["verdict"][0]
    assert judged(rows, study, (main, other))["verdict"][0] == "associated"


@pytest.mark.parametrize(
    "fields", [{"timing": "lag 1"}, {"confirmatory": False}, {"component": "between"}]
)
def test_leads_speak_of_the_same_waves_exposure_only(
    study: Study, fields: dict[str, Any]
) -> None:
    """Not of a lag, nor of what is not judged."""
    rows = [row(2.5, 0.5, 0.0001, **fields)]
    tests = (check("leads", 0.001, specification="main.lead"),)
    assert "feedback" not in judged(rows, study, tests)["verdict"][0]


@pytest.mark.parametrize(
    ("rows", "reservation"),
    [
        ([lead(0.1, 0.3, 0.8)], "feedback excluded"),
        ([lead(0.1, 1.0, 0.8)], "feedback not excluded"),
        ([lead(0.1, 0.3, 0.8, exposure="cycle")], "feedback cannot be tested"),
        ([lead(NAN, NAN, NAN)], "feedback cannot be tested"),
        ([], "feedback cannot be tested"),
    ],
)
def test_absence_of_evidence_is_none(
    study: Study, rows: list[dict[str, Any]], reservation: str
) -> None:
    """Feedback is excluded only by an interval within the smallest effect, 2 points."""
    result = judged([row(2.5, 0.5, 0.0001), *rows], study)
    assert result["reservations"][0] == reservation
    assert not any(result["reservations"][1:])


def test_what_is_curved_is_not_negligible(study: Study) -> None:
    """A flat line says little of a curve; an association it leaves as it is."""
    curved = check("curvature", 0.01, term="story_days_per_week")
    straight = check("curvature", 0.3, term="story_days_per_week")
    flat, steep = [row(0.0, 0.5, 0.9)], [row(2.5, 0.5, 0.0001)]
    assert judged(flat, study, (straight,))["verdict"][0] == "negligible"
    assert judged(flat, study, (curved,))["verdict"][0] == (
        "undecided: not a straight line"
    )
    assert judged(steep, study, (curved,))["verdict"][0] == "associated"
