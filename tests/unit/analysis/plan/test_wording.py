"""What was fitted, in words: everything that a reader has to know, and no more."""

from dataclasses import replace

from panelstream.analysis.plan.specifications import Specification, expand_plan
from panelstream.analysis.plan.wording import entitle, state
from panelstream.models.study.study import (
    PanelStudy,
    Plan,
    PlannedSpecification,
    Window,
)

JOINT = Specification(
    specification="functions",
    estimator="within_between",
    outcome="pdd_total",
    exposures=("story", "column"),
    measure="days_per_week",
    transform="none",
    effects=("wave",),
    fixed=("age",),
    varying=("phq9_total_previous",),
    window=Window(kind="lookback", days=28),
    confirmatory=True,
)


def test_a_statement_says_what_was_fitted() -> None:
    """Outcome, exposures jointly, estimator, adjustment, window, errors, missing data."""
    words = {"pdd_total": "Perceived stigma", "story": "Stories", "phq9_total": "PHQ-9"}
    text = state(JOINT, words)
    for part in (
        "Perceived stigma on active days a week of Stories and column, jointly: each is"
        " adjusted for the others, by a linear mixed model with a random intercept",
        "Adjusted for: wave, age, PHQ-9 of the wave before (so a first wave is left out).",
        "Use is counted in the 28 days before the answer.",
        "clustered by person, CR2",
        "Only rows in which everything is known are analysed.",
    ):
        assert part in text


def test_a_lead_is_called_a_placebo() -> None:
    """In title and statement; the use of the outcome's own wave is an adjustment."""
    lead = replace(JOINT, specification="functions.lead", timing="lead 1")
    assert "placebo: use of the next wave" in entitle(lead)
    assert "cannot have led to the outcome" in state(lead)
    assert "use of the outcome's own wave" in state(lead)


def test_titles_of_one_pair_differ() -> None:
    """The same function and outcome, alone and jointly, in this wave and before."""
    alone = replace(JOINT, specification="alone", exposures=("story",))
    earlier = replace(alone, specification="before", timing="lag 1")
    assert [entitle(one) for one in (JOINT, alone, earlier)] == [
        "functions: linear mixed model, active days a week, 2 functions jointly",
        "alone: linear mixed model, active days a week, alone",
        "before: linear mixed model, active days a week, alone, use of the wave before",
    ]


def test_the_plans_title_is_taken() -> None:
    """A sensitivity check adds the name of its preset."""
    planned = PlannedSpecification(
        specification="functions",
        title="Use and stigma",
        estimator="within_between",
        outcomes=("pdd_total",),
        exposures=("story",),
        measure="as_is",
    )
    study = PanelStudy(
        study="any",
        title={"en": "Any"},
        plan=Plan(confirmatory=(planned,), sensitivity=("lead",)),
    )
    titles = [entitle(specification) for specification in expand_plan(study)]
    assert titles == ["Use and stigma", "Use and stigma (lead)"]


def test_an_earlier_outcome_is_an_adjustment() -> None:
    """Analysis of covariance says which value it adjusts for, and which rows leave."""
    ancova = replace(JOINT, fixed=(), varying=(), outcome_history=("baseline",))
    words = {"pdd_total": "Perceived stigma"}
    assert (
        "Adjusted for: wave, Perceived stigma at the person's first wave (whose rows are"
        " left out)."
    ) in state(ancova, words)
