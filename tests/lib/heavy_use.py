"""Panels in which a few people do most of what is done, as on a platform.

Six functions: signing in, which nearly everybody does, and five others whose habits
are log-normal over people, so that the people who use one most carry most of the
information on it. Habits of a person are correlated, and so is a person's use over waves. Days of
use are binomial over the 13 weeks between two waves. Outcomes are a person's level, the
planted effects of use, and noise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from panelstream.models.arrays import Matrix, Vector

FUNCTIONS = ("sign_in", "reaction", "story", "cycle", "funcan", "column")
NOISE = {"pdd_total": 4.0, "ghsq_formal": 0.4, "ghsq_informal": 0.4}
"""Standard deviations of each outcome about a person's level."""

SMALLEST = {"pdd_total": 2.0, "ghsq_formal": 0.2, "ghsq_informal": 0.2}
"""The smallest effects of the shipped study file, for one day a week more."""

HABITS = ((2.5, 0.5), (0.25, 1.3), (0.25, 1.3), (0.12, 1.5), (0.2, 1.4), (0.15, 1.4))
"""Of each function the median days a week, and the standard deviation of its logarithm."""

DAYS = 91
PERSISTENCE = 0.5

Kind = Literal["gaussian", "heavy", "volatile"]


@dataclass(frozen=True)
class World:
    """How panels are drawn.

    `use`: normal, heavy-tailed, or heavy-tailed with noise that is larger for people
    who use more (up to three times, from the lightest to the heaviest). `effects` are points of
    the smallest effect for one day a week more, of each function on each outcome;
    `any_use` and `logarithm` are points of PDD for any use of `story` and for its log1p.
    `feedback` is what one standard deviation of PDD's noise adds to the logarithm of use
    in the next wave (normal use: to days).
    """

    use: Kind
    persons: int
    waves: int
    effects: Mapping[str, float] = field(default_factory=dict)
    any_use: float = 0.0
    logarithm: float = 0.0
    feedback: float = 0.0
    answered: float = 0.85


def draw_panel(world: World, seed: int) -> pd.DataFrame:
    """One row a person and wave; outcomes are NaN where nobody answered."""
    random = np.random.default_rng([seed, world.persons, world.waves])
    noise = random.normal(size=(len(NOISE), world.waves, world.persons))
    days = _draw_days(world, noise[0], random)
    noise = noise * _volatility(world, days)
    answers = random.random((world.waves, world.persons)) < world.answered
    answers[0] = True
    persons = np.tile(np.arange(world.persons), world.waves)
    columns = {
        "participant_id": persons,
        "wave": np.repeat(np.arange(world.waves) + 1, world.persons),
        **{
            f"{name}_days_per_week": values.ravel()
            for name, values in zip(FUNCTIONS, days, strict=True)
        },
    }
    shape = _shape(world, days[FUNCTIONS.index("story")])
    for number, (name, spread) in enumerate(NOISE.items()):
        level = random.normal(0.0, 1.5 * spread, world.persons)
        effects = np.array([world.effects.get(of, 0.0) for of in FUNCTIONS])
        values = (
            level
            + spread * noise[number]
            + SMALLEST[name] * np.tensordot(effects, days, 1)
        )
        values = values + (shape if name == "pdd_total" else 0.0)
        columns[name] = np.where(answers, 30.0 + values, np.nan).ravel()
    panel = pd.DataFrame(columns)
    return panel.sort_values(["participant_id", "wave"], ignore_index=True)


def _draw_days(world: World, noise: Matrix, random: np.random.Generator) -> Matrix:
    """Days a week (functions, waves, persons)."""
    count = len(FUNCTIONS)
    common = random.normal(size=world.persons)
    habits = np.sqrt(0.5) * (common + random.normal(size=(count, world.persons)))
    change = random.normal(size=(count, world.persons))
    waves = []
    for wave in range(world.waves):
        shocks = random.normal(size=(count, world.persons))
        change = PERSISTENCE * change + np.sqrt(1 - PERSISTENCE**2) * shocks
        # What feedback adds lasts for one wave.
        fed = world.feedback * noise[wave - 1] if wave else 0.0
        waves.append(_days(world, habits, change + 0.0, fed, random))
    return np.stack(waves, axis=1)


def _days(
    world: World,
    habits: Matrix,
    change: Matrix,
    fed: Vector | float,
    random: np.random.Generator,
) -> Matrix:
    """Days a week (functions, persons) in one wave."""
    if world.use == "gaussian":
        return 5.0 + habits + change + fed
    medians, spreads = np.array(HABITS).T[:, :, None]
    rates = medians * np.exp(spreads * habits + 0.7 * change + fed)
    return np.asarray(random.binomial(DAYS, np.minimum(rates / 7, 0.97)) * 7 / DAYS)


def _volatility(world: World, days: Matrix) -> Vector | float:
    """What the noise of each person is multiplied by; 1 on average of squares."""
    if world.use != "volatile":
        return 1.0
    use = days.sum(axis=0).mean(axis=0)
    place = use.argsort().argsort() / max(len(use) - 1, 1)
    scale = 1.0 + 2.0 * place**2
    return np.asarray(scale / np.sqrt(np.mean(np.square(scale))))


def _shape(world: World, days: Matrix) -> Matrix:
    """Points of PDD (waves, persons) that are no straight line of use."""
    return np.asarray(
        world.any_use * (days > 0) + world.logarithm * np.log1p(np.maximum(days, 0.0))
    )
