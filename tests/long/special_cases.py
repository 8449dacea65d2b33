"""Verdicts where they went wrong before: few users, feedback, no straight line, floors.

    python -m tests.long.special_cases 200 cases.csv

adds the seeds that cases.csv has not; `tests.long.validity_page` makes tables of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from sys import argv
from typing import Any

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.estimates import fit
from panelstream.models.study.study import PanelStudy
from tests.lib.heavy_use import NOISE, SMALLEST, World, draw_panel
from tests.lib.planted import Truth, plant, specify
from tests.long.error_rates import plan_study, solve_study

USERS = (1, 2, 4, 8, 12, 20, 40)
FEEDBACK = (0.0, 0.07, 0.12, 0.2)
FLOORS = {"55 %": 0.13, "82 %": 0.92}
"""Share at the lowest value, and how many standard deviations below it people are."""

LEAVING = {
    "on the last outcome": {"attrition": 1.0},
    "on the next outcome, never reported": {"attrition_unseen": 1.0},
    "on use alone": {"attrition_use": -1.0},
}
"""Log odds of leaving for each standard deviation; 15 % leave after each wave."""

Count = Callable[[int], dict[str, float]]


@dataclass(frozen=True)
class Case:
    """One setting of a family; `count` says what is true of the study of a seed."""

    family: str
    setting: str
    count: Count


def cases() -> Iterator[Case]:
    """All settings of all families."""
    for users in USERS:
        for truth in (0.0, SMALLEST["pdd_total"]):
            name = f"{users} users, truth {truth:g}"
            yield Case("few", name, partial(count_few, users, truth))
    for persons in (350, 80):
        for feedback in FEEDBACK[1:]:
            world = World("heavy", persons, 6, feedback=feedback)
            name = f"{persons} people, feedback {feedback:g}"
            yield Case("feedback", name, partial(count_feedback, world))
    worlds = {
        "-4 points for any use": World("heavy", 350, 6, any_use=-4.0),
        "-4 points for each unit of log(1 + days)": World(
            "heavy", 350, 6, logarithm=-4.0
        ),
    }
    for name, world in worlds.items():
        yield Case("shape", name, partial(count_verdict, world))
    for name, floor in FLOORS.items():
        yield Case("floor", name, partial(count_floor, floor))
    for name, how in LEAVING.items():
        for estimator in ("within_between", "between"):
            yield Case(
                "leaving",
                f"{estimator}, {name}",
                partial(count_leaving, estimator, how),
            )


def one_function() -> PanelStudy:
    """A plan of one function on one outcome."""
    return PanelStudy.model_validate(
        {
            "study": "errors",
            "title": "t",
            "smallest_effect": {name: SMALLEST[name] for name in NOISE},
            "plan": {
                "confirmatory": [
                    {
                        "specification": "story",
                        "estimator": "within_between",
                        "outcomes": ["pdd_total"],
                        "exposures": ["story"],
                        "measure": "days_per_week",
                    }
                ]
            },
        }
    )


def count_few(users: int, truth: float, seed: int) -> dict[str, float]:
    """One function that so many of 120 people use, on up to seven days a week."""
    random = np.random.default_rng([seed, users])
    persons, waves = np.repeat(np.arange(120), 6), np.tile(np.arange(6) + 1, 120)
    use = np.where(persons < users, random.integers(0, 8, len(persons)), 0) * 1.0
    level, noise = random.normal(0, 6, 120)[persons], random.normal(0, 4, len(persons))
    panel = pd.DataFrame(
        {
            "participant_id": persons,
            "wave": waves,
            "story_days_per_week": use,
            "pdd_total": 30.0 + level + truth * use + noise,
        }
    )
    row = solve_study(one_function(), panel).estimates.iloc[0]
    return _verdict(row, truth)


def count_floor(below: float, seed: int) -> dict[str, float]:
    """A mean of three items from 1 to 5, of which most people's are 1 each.

    The smallest effect is .2 points for a day, the planted one .35, where the score
    shows it.
    """
    panel = draw_panel(World("heavy", 350, 6), seed)
    random = np.random.default_rng([seed, 2])
    persons = panel["participant_id"].to_numpy()
    latent = random.normal(0, 0.8, 350)[persons] + random.normal(0, 0.6, len(panel))
    latent = latent + 0.35 * (panel["story_days_per_week"] - 0.5) + 1 - below
    score = (latent.clip(1, 5) * 3).round() / 3
    answered = panel["pdd_total"].notna()
    study = one_function().model_copy(update={"smallest_effect": {"pdd_total": 0.2}})
    panel = panel.assign(pdd_total=score.where(answered))
    row = solve_study(study, panel).estimates.iloc[0]
    share = float((score[answered] == 1.0).mean())
    return {**_verdict(row, 0.35), "at_floor": share}


def count_verdict(world: World, seed: int) -> dict[str, float]:
    """Of `story` on PDD, in the demo's plan."""
    rows = solve_study(plan_study(), draw_panel(world, seed)).estimates
    mine = rows["confirmatory"] & (rows["exposure"] == "story")
    return _verdict(rows[mine & (rows["outcome"] == "pdd_total")].iloc[0], 0.0)


def count_feedback(world: World, seed: int) -> dict[str, float]:
    """Whether the leads of PDD's regressions are seen; and who is called free of it."""
    rows = solve_study(plan_study(), draw_panel(world, seed)).estimates
    rows = rows[rows["confirmatory"]]
    touched, functions = rows["outcome"] == "pdd_total", rows["exposure"] != "sign_in"
    seen = rows["verdict"].str.contains("feedback")
    excluded = rows["reservations"].str.contains("feedback excluded")
    return {
        "seen_jointly": float(seen[touched & functions].any()),
        "seen_alone": float(seen[touched & ~functions].any()),
        "false_alarm": float(seen[~touched].any()),
        "excluded": float(excluded[touched].mean()),
    }


def count_leaving(estimator: str, how: dict[str, float], seed: int) -> dict[str, float]:
    """The between estimate against the mean estimate where nobody leaves, 0.667."""
    truth = Truth(persons=350, waves=5, leaving=0.15, **how)
    terms = fit(specify(estimator), plant(truth, seed)).terms
    (term,) = (entry for entry in terms if entry.component == "between")
    target = truth.of_means
    return {
        "bias": term.estimate - target,
        "covered": float(term.ci_low <= target <= term.ci_high),
    }


def _verdict(row: "pd.Series[Any]", truth: float) -> dict[str, float]:
    verdict = str(row["verdict"])
    low, high = float(row["ci_low"]), float(row["ci_high"])
    return {
        "associated": float("associated" in verdict),
        "negligible": float("negligible" in verdict),
        "larger": float("larger" in verdict),
        "undecided": float(verdict == "undecided"),
        "curved": float("straight" in verdict),
        "few": float("few people" in verdict),
        "not_estimated": float(verdict == "not estimated"),
        "covered": float(low <= truth <= high) if low == low else np.nan,
    }


def simulate(seeds: range, path: Path) -> None:
    """Add rows of family, setting, seed, what, value."""
    done = set()
    if path.exists():
        old = pd.read_csv(path)
        done = set(zip(old["family"], old["setting"], old["seed"], strict=True))
    for case in cases():
        rows = [
            {"family": case.family, "setting": case.setting, "seed": seed}
            | {"what": what, "value": value}
            for seed in seeds
            if (case.family, case.setting, seed) not in done
            for what, value in case.count(seed).items()
        ]
        pd.DataFrame(rows).to_csv(path, mode="a", header=not path.exists(), index=False)


if __name__ == "__main__":
    simulate(range(int(argv[1])), Path(argv[2]))
