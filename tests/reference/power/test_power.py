"""Simulated chances of a plan against those of a known case, from R."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from panelstream.analysis.plan.specifications import expand_plan
from panelstream.analysis.power.simulate import make_simulator
from panelstream.models.study.study import PanelStudy

EXPECTED = pd.read_csv(Path(__file__).with_name("expected.csv"))
SIMULATIONS = 60


@dataclass(frozen=True)
class NormalPeople:
    """Use and outcome are normal, and go with nothing."""

    waves: int

    def draw(self, people: int, rng: np.random.Generator) -> pd.DataFrame:
        """Everybody answers every wave."""
        persons, waves = np.indices((people, self.waves)).reshape(2, -1)
        level = np.repeat(3 * rng.normal(size=people), self.waves)
        return pd.DataFrame(
            {
                "participant_id": persons,
                "wave": waves + 1,
                "use_days_per_week": rng.normal(size=len(persons)),
                "score": level + rng.normal(size=len(persons)),
            }
        )


@pytest.mark.parametrize("case", EXPECTED.to_dict("records"), ids=str)
def test_chances_are_those_of_a_known_case(case: dict[str, float]) -> None:
    """Found, and negligible, as often as R says, within 99.9 % binomial limits."""
    plan = {
        "specification": "main",
        "estimator": "fixed_effects",
        "outcomes": ["score"],
        "exposures": ["use"],
    }
    study = PanelStudy.model_validate(
        {
            "study": "s",
            "title": "t",
            "smallest_effect": {"score": float(case["size"])},
            "plan": {"confirmatory": [plan]},
        }
    )
    simulator = make_simulator(
        study, NormalPeople(int(case["waves"])), expand_plan(study)
    )
    rows = pd.concat(
        [
            simulator.simulate(int(case["people"]), (1, number))
            for number in range(SIMULATIONS)
        ]
    )
    for column, expected in (
        ("alone", case["found"]),
        ("together", case["found"]),
        ("negligible", case["negligible"]),
    ):
        low, high = binom.ppf([0.0005, 0.9995], SIMULATIONS, expected)
        assert low <= rows[column].sum() <= high, column
