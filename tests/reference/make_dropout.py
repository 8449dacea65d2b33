"""Write dropout.csv, a panel of people who leave, for R and for this project.

    python tests/reference/make_dropout.py

A hundred and twenty persons and four waves. Use is known in every row; who has
suffered more, or used less, leaves sooner. Some miss a wave and come back, some begin
late, two withdraw (no rows any more), one never answers.
"""

from pathlib import Path

import numpy as np
import pandas as pd

PERSONS, WAVES, SEED = 120, 4, 20270412
PATH = Path(__file__).with_name("dropout.csv")


def make() -> pd.DataFrame:
    """One row a person and wave; the outcome is missing where nobody answered."""
    random = np.random.default_rng(SEED)
    habit, level = random.gamma(2, 0.8, (PERSONS, 1)), random.normal(0, 5, (PERSONS, 1))
    shape = (PERSONS, WAVES)
    reaction = np.minimum(random.gamma(2, habit / 2, shape), 7)
    story = np.minimum(random.gamma(1.5, 0.6, shape), 7)
    pdd = 30 - reaction + 0.5 * story + level + random.normal(0, 3, shape)
    frame = pd.DataFrame(
        {
            "participant_id": [f"p{n:03d}" for n in np.repeat(range(PERSONS), WAVES)],
            "wave": np.tile(np.arange(1, WAVES + 1), PERSONS),
            "reaction_days_per_week": np.round(reaction, 4).ravel(),
            "story_days_per_week": np.round(story, 4).ravel(),
            "pdd_total": np.where(_answered(pdd, reaction, random), pdd, np.nan)
            .round()
            .ravel(),
            "age": np.repeat(random.integers(20, 65, PERSONS), WAVES).astype(float),
            "gender": np.repeat(random.choice(["female", "male"], PERSONS), WAVES),
        }
    )
    withdrawn = frame["participant_id"].isin(["p010", "p011"]) & (frame["wave"] > 2)
    return frame[~withdrawn]


def _answered(
    pdd: np.ndarray, reaction: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Leaving for good, some gaps, some late beginners, one who never answers."""
    there = np.ones(pdd.shape, dtype=bool)
    for wave in range(1, WAVES):
        logits = 1.6 - 0.12 * (pdd[:, wave - 1] - 30) + 0.3 * reaction[:, wave]
        stays = random.random(PERSONS) < 1 / (1 + np.exp(-logits))
        there[:, wave] = there[:, wave - 1] & stays
    there[:12, 2] = False
    there[:12, 3] = True
    there[12:16, 0] = False
    there[16] = False
    return there


if __name__ == "__main__":
    make().to_csv(PATH, index=False)
