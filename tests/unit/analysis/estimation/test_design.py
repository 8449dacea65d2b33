"""The design: which rows, which columns, in which order."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.estimation.design import (
    WEIGHT,
    build_design,
    transform_exposure,
)
from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.study.study import Window
from tests.lib import planted


def specify(**fields: Any) -> Specification:
    """A pooled specification of one exposure, with some fields changed."""
    values = {
        "specification": "s",
        "estimator": "pooled",
        "outcome": "pdd_total",
        "exposures": ("story",),
        "measure": "count",
        "transform": "none",
        "effects": (),
        "fixed": (),
        "varying": (),
        "window": Window(kind="between_waves"),
        "confirmatory": False,
    }
    return Specification(**{**values, **fields})


def panel(text: str) -> pd.DataFrame:
    """A panel from lines of `person wave outcome exposure`, `-` for missing."""
    rows = [line.split() for line in text.strip().splitlines()]
    frame = pd.DataFrame(
        rows, columns=["participant_id", "wave", "pdd_total", "story_count"]
    ).replace("-", np.nan)
    kinds = {"wave": int, "pdd_total": float, "story_count": float}
    return frame.astype(kinds)


BALANCED = panel(
    """
    a 1 10 0
    a 2 11 1
    b 1 12 2
    b 2 14 3
    """
)


def test_rows_with_a_missing_value_are_left_out_and_counted() -> None:
    """A row counts only if outcome and exposure are known."""
    design = build_design(specify(), panel("a 1 10 0\na 2 - 1\nb 1 12 -\nb 2 14 3"))
    assert design.outcome.tolist() == [10, 14]
    assert design.incomplete == 2
    assert design.note == "rows with missing values left out: 2"


def test_missing_covariates_leave_rows_out() -> None:
    """A fixed covariate that is not known makes a row incomplete."""
    frame = BALANCED.assign(gender=pd.Series(["f", None, "m", "m"]))
    assert build_design(specify(fixed=("gender",)), frame).n_obs == 3


def test_rows_are_sorted_and_codes_have_no_gaps() -> None:
    """Row order means nothing; persons and waves count from 0."""
    shuffled = panel("c 5 14 3\na 5 11 1\nc 2 12 2\na 2 10 0")
    design = build_design(specify(), shuffled)
    assert design.outcome.tolist() == [10, 11, 12, 14]
    assert design.persons.tolist() == [0, 0, 1, 1]
    assert design.waves.tolist() == [0, 1, 0, 1]
    assert (design.n_obs, design.n_participants, design.n_waves) == (4, 2, 2)


def test_the_transform_is_in_values_and_name() -> None:
    """log1p is taken of the exposure, and the term says so."""
    design = build_design(specify(transform="log1p"), BALANCED)
    assert design.columns[0].name == "log1p(story_count)"
    assert design.columns[0].exposure == "story"
    expected = [0.0, 0.6931471805599453, 1.0986122886681098, 1.3862943611198906]
    assert design.regressors[:, 0].tolist() == pytest.approx(expected)


def test_any_use_is_one_or_zero() -> None:
    """Of 0, 1, 2 and 3 uses only the first is none; what is unknown stays unknown."""
    design = build_design(specify(transform="any"), BALANCED)
    assert design.columns[0].name == "any(story_count)"
    assert design.regressors[:, 0].tolist() == [0, 1, 1, 1]
    values = transform_exposure(specify(transform="any"), pd.Series([np.nan, 4.0]))
    assert np.isnan(values).tolist() == [True, False]


def test_wave_dummies_take_the_first_present_wave_as_reference() -> None:
    """Wave 1 has no complete row, so wave 2 is the reference."""
    frame = panel("a 1 - 0\na 2 10 1\na 3 11 1\nb 2 12 2\nb 4 14 3")
    design = build_design(specify(effects=("wave",)), frame)
    assert [column.name for column in design.columns] == [
        "story_count",
        "wave[3]",
        "wave[4]",
    ]
    assert design.regressors[:, 1:].tolist() == [[0, 0], [1, 0], [0, 0], [0, 1]]


def test_categories_become_dummies_after_their_first_level() -> None:
    """The first level in sorted order is the reference; numbers stay as they are."""
    frame = BALANCED.assign(gender=["m", "m", "f", "f"], age=[20.0, 20.0, 30.0, 30.0])
    design = build_design(specify(fixed=("gender", "age")), frame)
    assert [column.name for column in design.columns] == [
        "story_count",
        "gender[m]",
        "age",
    ]
    assert design.regressors[:, 1].tolist() == [1, 1, 0, 0]
    assert [column.role for column in design.columns] == ["exposure", "fixed", "fixed"]


def test_singletons_are_dropped_until_none_is_left() -> None:
    """Dropping b leaves wave 3 with one row; dropping that leaves c with one."""
    frame = panel(
        """
        a 1 10 0
        a 2 11 1
        b 3 12 2
        c 1 13 1
        c 3 14 0
        d 1 15 2
        d 2 16 4
        """
    )
    effects = ("participant", "wave")
    design = build_design(specify(estimator="fixed_effects", effects=effects), frame)
    assert design.outcome.tolist() == [10, 11, 15, 16]
    assert design.singletons == 3
    assert design.note == "singleton rows left out: 3"


def test_lone_waves_stay_without_wave_effects() -> None:
    """With person effects alone only persons with one row go."""
    frame = panel("a 1 10 0\na 2 11 1\nb 3 12 2\nc 1 13 1\nc 3 14 0")
    effects = ("participant",)
    design = build_design(specify(estimator="fixed_effects", effects=effects), frame)
    assert design.outcome.tolist() == [10, 11, 13, 14]


def test_without_person_effects_singletons_stay() -> None:
    """A person with one row informs a pooled regression."""
    assert build_design(specify(), panel("a 1 10 0\nb 1 11 1")).singletons == 0


@pytest.mark.parametrize(
    ("frame", "fields", "why"),
    [
        (BALANCED.drop(columns="story_count"), {}, "no column story_count"),
        (BALANCED, {"varying": ("phq9_total_previous",)}, "phq9_total_previous"),
        (panel("a 1 - 0\nb 1 - 1"), {}, "no rows"),
        (panel("a 1 10 0\na 2 11 1"), {}, "one person"),
        (panel("a 1 10 0\nb 1 10 1"), {}, "same value"),
        (panel("a 1 10 0\nb 1 11 1"), {"effects": ("participant",)}, "no rows"),
    ],
)
def test_what_cannot_be_built_is_said(
    frame: pd.DataFrame, fields: dict[str, Any], why: str
) -> None:
    """Each hopeless panel is refused in words."""
    with pytest.raises(NotEstimable, match=why):
        build_design(specify(**fields), frame)


GAPS = panel(
    """
    a 1 10 1
    a 2 11 2
    a 4 12 4
    b 2 13 20
    b 3 - 30
    b 4 15 40
    """
)


@pytest.mark.parametrize(
    ("timing", "outcomes", "exposures"),
    [
        ("lag 1", [11, 15], [1, 30]),
        ("lag 2", [12, 15], [2, 20]),
        ("lead 1", [10, 13], [2, 30]),
    ],
)
def test_lags_and_leads_go_by_wave_number(
    timing: str, outcomes: list[int], exposures: list[int]
) -> None:
    """Not by row: a missing wave has no lag and no lead, an unanswered one has."""
    shuffled = GAPS.sample(frac=1, random_state=1)
    design = build_design(specify(timing=timing), shuffled)
    assert design.outcome.tolist() == outcomes
    assert design.regressors[:, 0].tolist() == exposures


def test_a_lead_stands_beside_the_exposure_of_its_own_wave() -> None:
    """Which is a covariate, transformed alike; the term says what was done."""
    design = build_design(specify(timing="lead 1", transform="log1p"), GAPS)
    assert [(column.name, column.role) for column in design.columns] == [
        ("lead1(log1p(story_count))", "exposure"),
        ("log1p(story_count)", "varying"),
    ]
    assert design.regressors.tolist() == [
        pytest.approx([np.log(3), np.log(2)]),
        pytest.approx([np.log(31), np.log(21)]),
    ]


def test_weights_are_a_column_of_the_panel() -> None:
    """Where they are asked for; a row without one is left out."""
    frame = BALANCED.assign(**{WEIGHT: [1.0, 2.0, np.nan, 0.5]})
    assert build_design(specify(), frame).weights.tolist() == [1, 1, 1, 1]
    weighted = build_design(specify(weights="attrition"), frame)
    assert weighted.weights.tolist() == [1, 2, 0.5]


def test_the_outcome_before_enters_as_a_covariate() -> None:
    """The first wave of a person's round, and the wave before by its number: by hand.

    Rows of the first wave leave, and those of people who did not answer it.
    """
    nan = np.nan
    rows = [
        *[("a", wave, 1, y) for wave, y in ((1, 5.0), (2, 6.0), (3, 8.0))],
        *[("b", wave, 1, y) for wave, y in ((1, nan), (2, 7.0), (3, 9.0))],
        *[("c", wave, 1, y) for wave, y in ((1, 2.0), (2, nan), (3, 3.0))],
        *[("d", wave, 2, y) for wave, y in ((5, 4.0), (6, 1.0))],
    ]
    frame = pd.DataFrame(rows, columns=["participant_id", "wave", "round", "pdd_total"])
    known = frame.assign(story_count=np.arange(len(rows)) % 4 + 0.5)
    baseline = build_design(specify(outcome_history=("baseline",)), known)
    assert [column.name for column in baseline.columns][1:] == ["baseline(pdd_total)"]
    assert baseline.outcome.tolist() == [6, 8, 3, 1]
    assert baseline.regressors[:, 1].tolist() == [5, 5, 2, 4]
    previous = build_design(specify(outcome_history=("previous_outcome",)), known)
    assert previous.outcome.tolist() == [6, 8, 9, 1]
    assert previous.regressors[:, 1].tolist() == [5, 6, 7, 4]


@pytest.mark.parametrize("estimator", ["fixed_effects", "first_difference", "gmm"])
def test_person_effects_take_no_outcome_of_before(estimator: str) -> None:
    """A preset that changes the estimator says why it has no number."""
    specification = planted.specify(estimator, outcome_history=("previous_outcome",))
    result = fit(specification, planted.plant(planted.Truth(persons=50), 1))
    assert np.isnan(result.terms[0].estimate)
    assert "(Nickell 1981); use pooled" in result.note
