"""Drawn people: as assumed, or whole persons of a pilot."""

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.plan.specifications import expand_plan
from panelstream.analysis.power.assumed import draw_lasting, draw_outcome, draw_use
from panelstream.analysis.power.pilot import PilotPeople
from panelstream.analysis.power.simulate import make_simulator
from panelstream.models.arrays import Matrix
from panelstream.models.study.assumptions import AssumedOutcome, AssumedUse
from panelstream.models.study.study import PanelStudy

PEOPLE = 40_000
STUDY = PanelStudy.model_validate(
    {
        "study": "s",
        "title": "t",
        "smallest_effect": {"score": 1.5},
        "plan": {
            "confirmatory": [
                {
                    "specification": "main",
                    "estimator": "fixed_effects",
                    "outcomes": ["score"],
                    "exposures": ["use"],
                }
            ],
            "sensitivity": ["lead"],
        },
    }
)


def pilot(people: int = 30) -> pd.DataFrame:
    """A panel in which a unit of use goes with 2 points."""
    rng = np.random.default_rng(3)
    use = rng.gamma(0.5, 2, people * 4)
    return pd.DataFrame(
        {
            "participant_id": np.repeat([f"p{i}" for i in range(people)], 4),
            "wave": np.tile([1, 2, 3, 4], people),
            "use_days_per_week": use,
            "score": 2 * use + rng.normal(size=people * 4),
        }
    )


def test_use_is_as_assumed() -> None:
    """Users are their share; the median of their days a week is the one assumed."""
    assumed = AssumedUse(users=0.5, days_per_week=1, spread=0.5, change=0)
    rng = np.random.default_rng(1)
    use: Matrix = draw_use(assumed, rng.normal(size=PEOPLE), 1, 700, rng)
    assert np.mean(use > 0) == pytest.approx(0.5, abs=0.01)
    assert np.median(use[use > 0]) == pytest.approx(1, abs=0.02)
    assert use.max() <= 7


def test_outcomes_are_as_assumed() -> None:
    """The standard deviation, and the correlation of two waves: 0.6 + 0.4 · 0.2."""
    values = draw_outcome(
        AssumedOutcome(icc=0.6, lasting=0.2), 5, PEOPLE, 2, np.random.default_rng(1)
    )
    assert values.std() == pytest.approx(5, rel=0.02)
    assert np.asarray(np.corrcoef(values.T))[0, 1] == pytest.approx(0.68, abs=0.01)


def test_changes_last() -> None:
    """Two waves apart the correlation is the square."""
    values = draw_lasting(0.5, PEOPLE, 3, np.random.default_rng(1))
    assert np.asarray(np.corrcoef(values.T))[0, 2] == pytest.approx(0.25, abs=0.02)


def test_persons_of_a_pilot_are_drawn_whole() -> None:
    """Each drawn person has all rows of one of the pilot, under a name of its own."""
    panel = pilot(5)
    drawn = PilotPeople(panel).draw(20, np.random.default_rng(1))
    originals = {tuple(rows["score"]) for _, rows in panel.groupby("participant_id")}
    people = [tuple(rows["score"]) for _, rows in drawn.groupby("participant_id")]
    assert len(people) == 20
    assert set(people) <= originals


def test_a_pilots_own_effect_is_taken_out() -> None:
    """The pilot has a slope near 2; without it nothing is found, with 1.5 it is."""
    panel = pilot()
    specifications = expand_plan(STUDY)
    simulator = make_simulator(STUDY, PilotPeople(panel), specifications, panel)
    [slope] = simulator.slopes[simulator.regressions[0]]
    assert slope == pytest.approx(2, abs=0.2)
    rows = pd.concat([simulator.simulate(80, (1, number)) for number in range(10)])
    assert rows["alone"].all()
    assert rows["false"].sum() <= 4
    assert rows["together"].all()
