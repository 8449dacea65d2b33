"""From simulated studies to chances, their Monte Carlo errors, and people needed."""

from collections.abc import Sequence
from math import ceil

import numpy as np
import pandas as pd
from scipy import stats

from panelstream.analysis.power.simulate import CHANCES, COEFFICIENT
from panelstream.models.arrays import Integers, Vector

TARGET = 0.8
"""The chance that a plan is usually asked for."""


def summarise_simulations(
    simulated: Sequence[tuple[int, pd.DataFrame]],
) -> pd.DataFrame:
    """A row for each number of people and coefficient: chances and errors.

    Columns people, specification, outcome, exposure, for each of `CHANCES` its share
    and `<name>_error`, and `simulations`.
    """
    rows = pd.concat([rows.assign(people=people) for people, rows in simulated])
    groups = rows.groupby(["people", *COEFFICIENT], sort=False)
    table = groups[list(CHANCES)].mean()
    counts = np.asarray(groups.size(), dtype=np.float64)
    for name in CHANCES:
        table[f"{name}_error"] = monte_carlo_error(table[name].to_numpy(), counts)
    return table.assign(simulations=counts.astype(np.int64)).reset_index()


def summarise_errors(simulated: Sequence[tuple[int, pd.DataFrame]]) -> pd.DataFrame:
    """For each number of people the share of studies with a false *associated*."""
    studies = pd.DataFrame(
        {
            "people": [people for people, _ in simulated],
            "false": [bool(rows["false"].any()) for _, rows in simulated],
        }
    )
    groups = studies.groupby("people", sort=False)["false"]
    table = groups.mean().to_frame()
    counts = np.asarray(groups.size(), dtype=np.float64)
    table["false_error"] = monte_carlo_error(table["false"].to_numpy(), counts)
    return table.assign(simulations=counts.astype(np.int64)).reset_index()


def monte_carlo_error(shares: Vector, counts: Vector | Integers) -> Vector:
    """The standard error (n,) of a simulated share, which is never 0.

    With two successes and two failures more (Agresti & Coull 1998, Am. Stat. 52(2)).
    """
    share = (shares * counts + 2) / (counts + 4)
    return np.asarray(np.sqrt(share * (1 - share) / counts))


def people_needed(table: pd.DataFrame, target: float = TARGET) -> pd.DataFrame:
    """For each coefficient the people with whom it is found with chance `target`.

    Columns specification, outcome, exposure, `needed`: NaN where no number of people
    that was simulated comes so far, and the smallest where it does already.
    """
    rows = [
        {
            **dict(zip(COEFFICIENT, key, strict=True)),
            "needed": interpolate_people(
                group["people"].to_numpy(dtype=np.float64),
                group["alone"].to_numpy(),
                group["simulations"].to_numpy(),
                target,
            ),
        }
        for key, group in table.groupby(COEFFICIENT, sort=False)
    ]
    return pd.DataFrame(rows)


def interpolate_people(
    people: Vector, shares: Vector, counts: Vector, target: float
) -> float:
    """Where the chance (n,) reaches the target, between two numbers of people (n,).

    The normal deviate of a chance of a test goes nearly in a straight line with the
    root of the number of people, as the standard error shrinks with it.
    """
    order = np.argsort(people)
    people, shares, counts = people[order], shares[order], counts[order]
    reached = np.flatnonzero(shares >= target)
    if not len(reached):
        return float("nan")
    j = int(reached[0])
    if j == 0:
        return float(people[0])
    inside = np.clip(shares, 0.5 / counts, 1 - 0.5 / counts)
    low, high = stats.norm.ppf(inside[j - 1 : j + 1])
    step = (stats.norm.ppf(target) - low) / (high - low)
    roots = np.sqrt(people[j - 1 : j + 1])
    return float(ceil((roots[0] + step * (roots[1] - roots[0])) ** 2))
