"""Write dynamics.csv, a panel in which exposure and outcome lead to each other.

    python tests/reference/make_dynamics.py

160 persons and five waves: some leave for good, some miss a wave in the middle,
one answers once only, one never changes the exposure, and the exposure is unknown
now and then. Rounded, so that R reads the same numbers.
"""

from pathlib import Path

import numpy as np
import pandas as pd

PERSONS, WAVES, SEED = 160, 5, 20270502
PATH = Path(__file__).with_name("dynamics.csv")


def make() -> pd.DataFrame:
    """One row per person and wave, answered or not."""
    random = np.random.default_rng(SEED)
    use, outcome = _movements(random)
    habit, level = random.normal(0, 0.8, PERSONS), random.normal(0, 1.5, PERSONS)
    use = np.round(3 + habit[:, None] + use, 3)
    outcome = np.round(40 + (level - habit)[:, None] + outcome, 3)
    use[0] = 2.5
    _lose(random, use, outcome)
    person, wave = np.indices(use.shape)
    return pd.DataFrame(
        {
            "participant_id": [f"p{number:03d}" for number in person.ravel()],
            "wave": wave.ravel() + 1,
            "story_days_per_week": use.ravel(),
            "pdd_total": outcome.ravel(),
            "formal": _sought(random, use, outcome).ravel(),
            "contacts": _contacts(random, use, outcome).ravel(),
        }
    )


def _movements(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Use and outcome about their levels, (persons, waves) each."""
    use, outcome = random.normal(size=(2, PERSONS))
    seen = []
    for _ in range(WAVES):
        seen.append((use, outcome))
        shocks = random.standard_t(8, size=(2, PERSONS))
        use, outcome = (
            0.3 * use - 0.2 * outcome + shocks[0],
            0.35 * outcome - 0.5 * use + shocks[1] - 0.2 * shocks[0],
        )
    movements = np.array(seen)
    return movements[:, 0].T, movements[:, 1].T


def _lose(random: np.random.Generator, use: np.ndarray, outcome: np.ndarray) -> None:
    last = 1 + random.binomial(WAVES - 1, 0.85, PERSONS)
    last[1] = 1
    outcome[np.arange(WAVES) >= last[:, None]] = np.nan
    outcome[random.random(outcome.shape) < 0.05] = np.nan
    use[1:][random.random((PERSONS - 1, WAVES)) < 0.03] = np.nan


def _sought(
    random: np.random.Generator, use: np.ndarray, outcome: np.ndarray
) -> np.ndarray:
    """Whether help was sought: known where the outcome is."""
    odds = -1 + 0.5 * (use - 3) + 0.1 * (outcome - 40)
    chance = 1 / (1 + np.exp(-np.nan_to_num(odds)))
    return np.where(np.isnan(outcome), np.nan, random.random(use.shape) < chance)


def _contacts(
    random: np.random.Generator, use: np.ndarray, outcome: np.ndarray
) -> np.ndarray:
    """How often: known where the outcome is."""
    mean = np.exp(0.2 + np.nan_to_num(0.2 * (use - 3) - 0.05 * (outcome - 40)))
    return np.where(np.isnan(outcome), np.nan, random.poisson(mean))


if __name__ == "__main__":
    make().to_csv(PATH, index=False)
