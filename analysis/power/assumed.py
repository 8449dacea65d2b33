"""People of whom nothing is known yet: use, answers and dropout as assumed.

Habits of use follow a Gaussian copula: functions share a part of it. Users differ in
the logarithm of their chance of an active day, which also moves from wave to wave;
active days of a window are binomial. An outcome is a person's level and a residual,
both normal; nothing goes with use. Leaving and missing depend on nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from panelstream.analysis.plan.specifications import (
    Specification,
    previous_wave_column,
)
from panelstream.models.arrays import Mask, Matrix
from panelstream.models.study.assumptions import AssumedOutcome, AssumedUse, Power

_PREVIOUS = previous_wave_column("")


@dataclass(frozen=True)
class AssumedPeople:
    """A panel of any number of people who differ from wave to wave as `assumed`.

    `rounds`: the wave numbers of each recruitment round, people in equal parts;
    `window_days`: of the exposure; `sds`: standard deviation of each outcome.
    """

    specifications: tuple[Specification, ...]
    assumed: Power
    rounds: tuple[tuple[int, ...], ...]
    window_days: int
    sds: dict[str, float]

    def draw(self, people: int, rng: np.random.Generator) -> pd.DataFrame:
        """One row for each person and wave; outcomes are NaN where not answered."""
        members = np.array_split(np.arange(people), len(self.rounds))
        parts = []
        for waves, persons in zip(self.rounds, members, strict=True):
            rows = self._draw_round(len(persons), waves, rng)
            parts.append(
                rows.assign(participant_id=persons[rows["participant_id"].to_numpy()])
            )
        return pd.concat(parts, ignore_index=True)

    def _draw_round(
        self, people: int, waves: tuple[int, ...], rng: np.random.Generator
    ) -> pd.DataFrame:
        persons, places = np.indices((people, len(waves)))
        columns = {
            "participant_id": persons,
            "wave": np.array(waves)[places],
            **self._use(people, len(waves), rng),
            **self._answers(people, len(waves), rng),
        }
        return pd.DataFrame({name: values.ravel() for name, values in columns.items()})

    def _use(
        self, people: int, waves: int, rng: np.random.Generator
    ) -> dict[str, Matrix]:
        """Active days a week by column, people by waves."""
        shared = rng.normal(size=people)
        share = self.assumed.together
        columns = {}
        for column, function in _use_columns(self.specifications):
            tendency = np.sqrt(share) * shared
            tendency = tendency + np.sqrt(1 - share) * rng.normal(size=people)
            assumed = self.assumed.of_function(function)
            columns[column] = draw_use(assumed, tendency, waves, self.window_days, rng)
        return columns

    def _answers(
        self, people: int, waves: int, rng: np.random.Generator
    ) -> dict[str, Matrix]:
        """Outcomes, scores of the wave before and fixed covariates, people by waves."""
        answered = self._answered(people, waves, rng)
        columns = {}
        for name, sd in self.sds.items():
            values = draw_outcome(self.assumed.of_outcome(name), sd, people, waves, rng)
            columns[name] = np.where(answered, values, np.nan)
            columns[previous_wave_column(name)] = np.column_stack(
                [np.full(people, np.nan), columns[name][:, :-1]]
            )
        for name in sorted(
            {name for entry in self.specifications for name in entry.fixed}
        ):
            columns[name] = np.repeat(rng.normal(size=(people, 1)), waves, axis=1)
        return columns

    def _answered(self, people: int, waves: int, rng: np.random.Generator) -> Mask:
        """Whether each person answers each wave, people by waves."""
        leaves = rng.random((people, waves)) < self.assumed.dropout
        leaves[:, 0] = False
        present = ~np.logical_or.accumulate(leaves, axis=1)
        return present & (rng.random((people, waves)) >= self.assumed.missed)


def draw_use(
    assumed: AssumedUse,
    tendency: Matrix,
    waves: int,
    window_days: int,
    rng: np.random.Generator,
) -> Matrix:
    """Active days a week, people by waves; `tendency` (people,) is standard normal."""
    rank = (stats.norm.cdf(tendency) - (1 - assumed.users)) / assumed.users
    is_user = rank > 0
    habit = assumed.spread * stats.norm.ppf(np.where(is_user, rank, 0.5))
    moves = assumed.change * draw_lasting(assumed.lasting, len(tendency), waves, rng)
    days = assumed.days_per_week * np.exp(habit[:, None] + moves)
    chance = np.where(is_user[:, None], np.minimum(days / 7, 1), 0)
    return np.asarray(rng.binomial(window_days, chance) / window_days * 7)


def draw_outcome(
    assumed: AssumedOutcome,
    sd: float,
    people: int,
    waves: int,
    rng: np.random.Generator,
) -> Matrix:
    """An outcome, people by waves, about 0."""
    level = np.sqrt(assumed.icc) * rng.normal(size=(people, 1))
    moves = draw_lasting(assumed.lasting, people, waves, rng)
    return np.asarray(sd * (level + np.sqrt(1 - assumed.icc) * moves))


def draw_lasting(
    correlation: float, people: int, waves: int, rng: np.random.Generator
) -> Matrix:
    """Standard normal, people by waves, with such a correlation of adjacent waves."""
    values = rng.normal(size=(people, waves))
    for wave in range(1, waves):
        values[:, wave] *= np.sqrt(1 - correlation**2)
        values[:, wave] += correlation * values[:, wave - 1]
    return values


def assumed_outcomes(specifications: Sequence[Specification]) -> list[str]:
    """The scores that enter: outcomes, and covariates of the wave before."""
    names = [
        name.removesuffix(_PREVIOUS)
        for entry in specifications
        for name in (entry.outcome, *entry.varying)
    ]
    return list(dict.fromkeys(names))


def _use_columns(specifications: Sequence[Specification]) -> list[tuple[str, str]]:
    """The panel's columns of use, each with its function."""
    pairs = [
        pair
        for entry in specifications
        for pair in zip(entry.columns, entry.exposures, strict=True)
    ]
    return list(dict.fromkeys(pairs))
