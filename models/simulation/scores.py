"""What people would answer, and whether they do.

A score's expectation is linear in use, exactly:

    person + wave + within · (use - person's mean use) + between · person's mean use

with the mean over all windows. The points of the items are beta-binomial with that
expectation: whole numbers within the scale, unbiased without rounding or cutting.
Only an expectation off the scale is cut, in fewer than 4 of 1,000 answers. Persons
and noise are independent across scores, so that the PHQ-9 of the wave before
confounds nothing.
"""

import numpy as np

from panelstream.models.arrays import Array, Integers, Mask
from panelstream.models.simulation.use import Use
from panelstream.models.simulation.world import PHQ9, SCORES, Score

_EDGE = 0.005
"""Nearest to an end of the scale, as a share of it, that an expectation may come."""
_SHAPE = 1.5
"""Of the symmetric beta distribution of persons: round, without tails."""


def draw_scores(use: Use, rng: np.random.Generator) -> dict[str, Integers]:
    """Points above the lowest codes for every score column, people by waves."""
    return {score.column: _points(score, use, rng) for score in SCORES}


def expected(score: Score, use: Use, persons: Array) -> Array:
    """The expectation of a score, people by waves; `persons`: deviations in points."""
    waves = next(iter(use.exposures.values())).shape[1]
    total = score.level + persons[:, None] + score.drift * np.arange(waves)
    for name, exposure in use.exposures.items():
        mean = exposure.mean(axis=1, keepdims=True)
        total = total + score.effects.within.get(name, 0.0) * (exposure - mean)
        total = total + score.effects.between.get(name, 0.0) * mean
    return total


def draw_participation(use: Use, phq9: Integers, rng: np.random.Generator) -> Mask:
    """Whether each person answers each wave, people by waves.

    Someone leaves for good, or skips a wave, at random given the last PHQ-9
    answered and the use before the wave; never given what the answer would be.
    """
    weekly = np.sum(list(use.exposures.values()), axis=0)
    stays, last = np.full(len(phq9), True), np.full(len(phq9), PHQ9.level)
    waves = []
    for wave in range(phq9.shape[1]):
        leaving = -2.7 + 0.04 * (last - PHQ9.level) - 0.3 * np.log1p(weekly[:, wave])
        stays &= rng.random(len(stays)) > 1 / (1 + np.exp(-leaving))
        skips = rng.random(len(stays)) < (0.06 if wave else 0.09)
        waves.append(stays & ~skips)
        last = np.where(waves[-1], phq9[:, wave], last)
    return np.stack(waves, axis=1)


def draw_items(score: Score, points: Integers, rng: np.random.Generator) -> Integers:
    """Item codes as a person would tick them, answers by items.

    Every way to share out the points is equally likely, so prorating a missing
    item is unbiased. Reversed items are turned round.
    """
    low, high = score.item_range
    slots = np.tile(np.arange(score.points), (len(points), 1))
    filled = rng.permuted(slots, axis=1) < points[:, None]
    codes = low + filled.reshape(len(points), -1, high - low).sum(axis=2)
    turned = [item.reversed for item in score.items]
    coded: Integers = np.where(turned, low + high - codes, codes)
    return coded


def _points(score: Score, use: Use, rng: np.random.Generator) -> Integers:
    people = len(next(iter(use.exposures.values())))
    persons = score.spread * (2 * rng.beta(_SHAPE, _SHAPE, people) - 1)
    mean_share = score.to_points(expected(score, use, persons)) / score.points
    share = np.clip(mean_share, _EDGE, 1 - _EDGE)
    chance = rng.beta(share * score.precision, (1 - share) * score.precision)
    points: Integers = rng.binomial(score.points, chance)
    return points
