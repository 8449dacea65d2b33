"""Holm, equivalence and verdicts, against numbers worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from analysis.judgement import equivalence_p, holm, judge
from models.study import Study

NAN = math.nan


@pytest.fixture
def study():
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


def row(estimate, std_error, p_value, **fields):
    """A confirmatory within row with 100 df, with some fields changed."""
    values = {
        "outcome": "pdd_total",
        "component": "within",
        "measure": "days_per_week",
        "transform": "none",
        "confirmatory": True,
        "estimate": estimate,
        "std_error": std_error,
        "df": 100.0,
        "p_value": p_value,
        "p_adjusted": NAN,
        "equivalence_p": NAN,
        "verdict": "",
    }
    return {**values, **fields}


def test_holm_multiplies_by_the_number_still_open():
    """0.01, 0.04, 0.03 become 3 x 0.01, then 2 x 0.03, then not less than that."""
    found = holm(np.array([0.01, 0.04, 0.03]), np.array([True] * 3))
    assert found.tolist() == pytest.approx([0.03, 0.06, 0.06])


def test_holm_stops_at_one():
    """No adjusted p-value is above 1."""
    assert holm(np.array([0.7, 0.8]), np.array([True, True])).tolist() == [1, 1]


def test_holm_leaves_others_out_of_the_family():
    """A row outside is not counted and has no adjusted p-value."""
    found = holm(np.array([0.01, 0.001, 0.02]), np.array([True, False, True]))
    assert found[[0, 2]].tolist() == pytest.approx([0.02, 0.02])
    assert np.isnan(found[1])


def test_holm_counts_what_could_not_be_estimated():
    """A planned coefficient without a number keeps its place in the count."""
    found = holm(np.array([0.01, NAN]), np.array([True, True]))
    assert found[0] == pytest.approx(0.02)
    assert np.isnan(found[1])


def test_equivalence_is_the_worse_of_two_one_sided_tests():
    """At an estimate of 1 with limits of 2 the upper side decides: t = -1, 2 df.

    For 2 df the t distribution is 1/2 + t / (2 sqrt(2 + t^2)).
    """
    found = equivalence_p(*(np.array([x]) for x in (1.0, 1.0, 2.0, 2.0)))
    assert found[0] == pytest.approx(0.5 - 1 / (2 * math.sqrt(3)))


def test_equivalence_is_symmetric():
    """The sign of an estimate does not matter."""
    one, df, smallest = np.array([1.0]), np.array([9.0]), np.array([2.0])
    assert equivalence_p(one, one, df, smallest) == pytest.approx(
        equivalence_p(-one, one, df, smallest)
    )


@pytest.mark.parametrize(
    ("estimate", "std_error", "p_value", "verdict"),
    [
        (3.0, 0.5, 0.0001, "associated"),
        (0.5, 0.1, 0.0001, "associated but negligible"),
        (0.0, 0.5, 0.9, "negligible"),
        (1.0, 2.0, 0.6, "undecided"),
        (NAN, NAN, NAN, "not estimated"),
    ],
)
def test_verdicts(study, estimate, std_error, p_value, verdict):
    """Each cell of the table has its word; no number is not the data's doubt."""
    frame = pd.DataFrame([row(estimate, std_error, p_value)])
    assert judge(frame, study)["verdict"].tolist() == [verdict]


def test_the_verdict_rests_on_adjusted_p_values(study):
    """p = 0.03 alone is associated, beside another coefficient it is not."""
    alone = pd.DataFrame([row(3.0, 1.4, 0.03)])
    beside = pd.DataFrame([row(3.0, 1.4, 0.03), row(1.0, 2.0, 0.6)])
    assert judge(alone, study)["verdict"][0] == "associated"
    assert judge(beside, study)["verdict"][0] == "undecided"


def test_equivalence_in_the_verdict_is_adjusted_too(study):
    """Equivalence at p = 0.03 alone is negligible, beside another it is not.

    (2 - 1) / 0.525 is t = 1.905, whose one-sided p on 100 df is 0.0298.
    """
    alone = pd.DataFrame([row(1.0, 0.525, 0.06)])
    beside = pd.DataFrame([row(1.0, 0.525, 0.06), row(1.0, 2.0, 0.6)])
    assert judge(alone, study)["equivalence_p"][0] == pytest.approx(0.0298, abs=1e-4)
    assert judge(alone, study)["verdict"][0] == "negligible"
    assert judge(beside, study)["verdict"][0] == "undecided"


@pytest.mark.parametrize(
    "fields",
    [{"confirmatory": False}, {"component": "between"}, {"component": "pooled"}],
)
def test_only_the_family_is_judged(study, fields):
    """Exploratory and between rows have no adjusted p-value and no verdict."""
    found = judge(pd.DataFrame([row(3.0, 0.5, 0.0001, **fields)]), study)
    assert found["verdict"].tolist() == [""]
    assert found["p_adjusted"].isna().all()


@pytest.mark.parametrize(
    "fields",
    [
        {"measure": "count"},
        {"transform": "log1p"},
        {"component": "between"},
        {"outcome": "phq9_total"},
    ],
)
def test_the_smallest_effect_speaks_of_active_days_only(study, fields):
    """Elsewhere there is no equivalence, so nothing can be negligible."""
    found = judge(pd.DataFrame([row(0.0, 0.1, 0.9, **fields)]), study)
    assert found["equivalence_p"].isna().all()
    assert "negligible" not in found["verdict"][0]


def test_exploratory_within_rows_have_equivalence_without_verdict(study):
    """The band can be shown beside a sensitivity check."""
    found = judge(pd.DataFrame([row(0.0, 0.5, 0.9, confirmatory=False)]), study)
    assert found["equivalence_p"][0] < 0.001
    assert found["verdict"][0] == ""


def test_judging_changes_neither_the_input_nor_other_columns(study):
    """`judge` is pure."""
    frame = pd.DataFrame([row(3.0, 0.5, 0.0001)])
    before = frame.copy()
    found = judge(frame, study)
    pd.testing.assert_frame_equal(frame, before)
    filled = ["p_adjusted", "equivalence_p", "verdict"]
    pd.testing.assert_frame_equal(
        found.drop(columns=filled), before.drop(columns=filled)
    )
