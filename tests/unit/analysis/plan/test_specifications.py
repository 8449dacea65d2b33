"""From the plan to specifications."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from panelstream.analysis.plan.specifications import Specification, expand_plan
from panelstream.models.study.estimators import ESTIMATOR_RULES, PRESETS
from panelstream.models.study.study import PanelStudy, Study

PLANNED = {
    "specification": "main",
    "estimator": "within_between",
    "outcomes": ["phq9_total", "pdd_total"],
    "exposures": ["story"],
}


def study(*confirmatory: dict[str, Any], **plan: Any) -> Study:
    """A study with such a plan, which nothing has checked against its instruments."""
    return Study.model_validate(
        {
            "study": "panel",
            "title": "A panel",
            "timezone": "Asia/Tokyo",
            "waves": [{"wave": 1, "opens_after_days": 0, "open_days": 7}],
            "instruments": ["phq9", "pdd"],
            "exposure": {"functions": ["story"]},
            "outcomes": ["phq9_total", "pdd_total"],
            "covariates": {
                "fixed": ["age"],
                "previous_wave": ["phq9_total"],
                "same_wave": ["phq9_total", "pdd_total"],
            },
            "plan": {"confirmatory": confirmatory or (PLANNED,), **plan},
        }
    )


@pytest.mark.parametrize("estimator", ESTIMATOR_RULES)
def test_what_a_plan_does_not_give_is_by_estimator(estimator: str) -> None:
    """Persons' effects for fixed effects only; lags for the cross-lagged model only."""
    made = expand_plan(study({**PLANNED, "estimator": estimator}))[0]
    absorbing = ("fixed_effects", "fe_ordered_logit", "fe_poisson")
    persons = ("participant",) if estimator in absorbing else ()
    assert made.effects == (*persons, "wave")
    assert made.timing == ("lag 1" if estimator == "ri_clpm" else "same")


def test_presets_change_estimator_and_effects() -> None:
    """That of an estimator brings its effects."""
    assert PRESETS["ri_clpm"] == {"estimator": "ri_clpm", "effects": ("wave",)}
    changes = {**PRESETS["first_difference"], "weights": "attrition"}
    assert PRESETS["weighted_first_difference"] == changes
    assert PRESETS["pooled"] == {"estimator": "pooled", "effects": ("wave",)}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_changes_what_it_says(preset: str) -> None:
    """Its specifications are the confirmatory ones with that changed, exploratory."""
    specifications = expand_plan(study(sensitivity=[preset]))
    for planned, repeated in zip(specifications[:2], specifications[2:], strict=True):
        changed = {
            "specification": f"main.{preset}",
            "confirmatory": False,
            **PRESETS[preset],
        }
        assert repeated == replace(planned, **changed)


def test_the_cross_lagged_preset_has_a_lag_where_windows_are_unknown() -> None:
    """A window of the study ends before the outcome; a panel from elsewhere has none."""
    plan = {"confirmatory": [PLANNED], "sensitivity": ["ri_clpm"]}
    columns = {"study": "s", "title": "t", "plan": plan}
    elsewhere = expand_plan(PanelStudy.model_validate(columns))[-1]
    own = expand_plan(study(sensitivity=["ri_clpm"]))[-1]
    assert (elsewhere.timing, own.timing) == ("lag 1", "same")


def test_a_preset_that_changes_nothing_is_left_out() -> None:
    """Fixed effects are no check of fixed effects."""
    fixed = {**PLANNED, "estimator": "fixed_effects"}
    specifications = expand_plan(study(fixed, sensitivity=["fixed_effects", "lead"]))
    assert [entry.specification for entry in specifications] == [
        "main",
        "main",
        *["main.lead"] * 2,
    ]


def test_an_outcome_is_not_its_own_covariate() -> None:
    """Neither of the wave before nor of the same."""
    kinds = {"covariates": ["fixed", "previous_wave", "same_wave"]}
    exploratory = {**PLANNED, **kinds}
    phq9, pdd = expand_plan(study(exploratory))
    assert phq9.varying == ("pdd_total",)
    assert pdd.varying == ("phq9_total_previous", "phq9_total")
    assert phq9.fixed == ("age",)


SEEDS: list[Callable[[Specification], Specification]] = [
    lambda value: replace(value, specification="other"),
    lambda value: replace(value, outcome="other"),
    lambda value: replace(value, exposures=("other",)),
    lambda value: replace(value, study="other"),
]


@pytest.mark.parametrize("other", SEEDS)
def test_seeds_follow_from_names(
    other: Callable[[Specification], Specification],
) -> None:
    """The same names, the same seed; one other name, another."""
    one, again = expand_plan(study())[0], expand_plan(study())[0]
    assert one.seed == again.seed
    assert one.seed != other(one).seed


@pytest.mark.parametrize(
    ("timing", "shift"), [("same", 0), ("lag 1", -1), ("lead 2", 2), ("lag 12", -12)]
)
def test_timing_is_a_shift_of_waves(timing: str, shift: int) -> None:
    """Backwards for a lag."""
    assert expand_plan(study({**PLANNED, "timing": timing}))[0].shift == shift


@pytest.mark.parametrize("timing", ["lag", "lead 0", "lag -1", "before", 1])
def test_other_timings_are_refused(timing: Any) -> None:
    """With what could be written."""
    with pytest.raises(ValueError, match="write same, lag 1"):
        study({**PLANNED, "timing": timing})


def test_weights_and_imputation_do_not_mix() -> None:
    """Weights stand for those who are missing; imputation puts them in."""
    both = {**PLANNED, "weights": "attrition", "missing": "imputed"}
    with pytest.raises(ValueError, match="give weights or missing"):
        study(both)
