"""On which days people use which function.

Signing in is a process of its own, independent of the other functions within and
between people (sessions last, so someone who posts every day need not sign in). A
specification with signing in alone therefore has the planted truth, as has the
one with the five others jointly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from panelstream.models.arrays import Array, Mask
from panelstream.models.simulation.timeline import Timeline
from panelstream.models.simulation.world import DAYS_A_YEAR, FUNCTIONS, HABITS, JOINT

_TOGETHER = 0.36
"""Share of the variance of people's habits that the joint functions have in common."""
_UPS_AND_DOWNS = 0.8
"""Standard deviation (log odds) of a person's use from wave to wave."""
_FADING = 0.2
_LEFT_AFTER_FADING = 0.3
_WEEKDAYS = np.array([1.05, 1.0, 1.0, 0.95, 0.9, 0.95, 1.15])
_HIGHEST_CHANCE = 0.98


@dataclass(frozen=True)
class Use:
    """What `people` people did, by function.

    `active`: people by days; `rates`: people by waves, expected active days a year;
    `exposures`: people by waves, active days a week in the window of each wave.
    """

    active: Mapping[str, Mask]
    rates: Mapping[str, Array]
    exposures: Mapping[str, Array]


def draw_use(people: int, timeline: Timeline, rng: np.random.Generator) -> Use:
    """Draw everybody's active days."""
    shared, fading = rng.standard_normal(people), _fading(people, timeline, rng)
    active, rates = {}, {}
    for name in FUNCTIONS:
        individual = rng.standard_normal(people)
        if name in JOINT:
            tendency = np.sqrt(_TOGETHER) * shared + np.sqrt(1 - _TOGETHER) * individual
            remaining = fading
        else:
            tendency, remaining = individual, _fading(people, timeline, rng)
        chances = _chances(_habitual(name, tendency, rng), remaining, rng)
        rates[name] = chances * 365
        active[name] = _active(chances, timeline, rng)
    exposures = {name: _exposures(days, timeline) for name, days in active.items()}
    return Use(active, rates, exposures)


def _fading(people: int, timeline: Timeline, rng: np.random.Generator) -> Array:
    """What is left of people's use in each wave: all, or little once they fade out."""
    from_wave = rng.integers(1, max(timeline.waves, 2), people)
    from_wave[rng.random(people) > _FADING] = timeline.waves
    faded = np.arange(timeline.waves) >= from_wave[:, None]
    return np.where(faded, _LEFT_AFTER_FADING, 1.0)


def _habitual(name: str, tendency: Array, rng: np.random.Generator) -> Array:
    """Active days a year that each person tends to, spread evenly in logarithms."""
    normal, shares = NormalDist(), np.cumsum(HABITS[name].shares)[:-1]
    answers = np.searchsorted([normal.inv_cdf(share) for share in shares], tendency)
    low, high = np.array(DAYS_A_YEAR, dtype=float)[answers].T
    ratio = np.divide(high, low, out=np.ones_like(low), where=low > 0)
    days: Array = low * ratio ** rng.random(len(low))
    return days


def _chances(habitual: Array, remaining: Array, rng: np.random.Generator) -> Array:
    """The chance of being active on a day, people by waves."""
    odds = habitual / (365 - habitual)
    wave_odds = odds[:, None] * np.exp(
        _UPS_AND_DOWNS * rng.standard_normal(remaining.shape)
    )
    chances: Array = remaining * wave_odds / (1 + wave_odds)
    return chances


def _active(chances: Array, timeline: Timeline, rng: np.random.Generator) -> Mask:
    weekdays = (timeline.begins_on.weekday() + np.arange(timeline.days)) % 7
    luck = rng.random((len(chances), timeline.days), dtype=np.float32)
    daily = np.minimum(
        chances[:, timeline.periods] * _WEEKDAYS[weekdays], _HIGHEST_CHANCE
    )
    active: Mask = luck < daily
    return active


def _exposures(active: Mask, timeline: Timeline) -> Array:
    weekly = [
        active[:, timeline.window(i)].mean(axis=1) * 7 for i in range(timeline.waves)
    ]
    return np.stack(weekly, axis=1)
