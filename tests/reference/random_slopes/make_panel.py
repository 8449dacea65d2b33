"""Write panel.csv: people whose slopes of use differ, unbalanced and heavy-tailed.

    python tests/reference/random_slopes/make_panel.py

Eighty persons and up to six waves. The slope of `reaction` has a standard deviation of
1.4 between people; that of `story` is the same for all.
"""

from pathlib import Path

import numpy as np
import pandas as pd

PERSONS, WAVES, SEED = 80, 6, 20270218
PATH = Path(__file__).with_name("panel.csv")


def make() -> pd.DataFrame:
    """One row per person and wave that was answered."""
    random = np.random.default_rng(SEED)
    person = np.repeat(np.arange(PERSONS), WAVES)
    wave = np.tile(np.arange(1, WAVES + 1), PERSONS)
    answered = (wave <= 2 + random.integers(0, 5, PERSONS)[person]) & (
        random.random(len(wave)) > 0.08
    )
    person, wave = person[answered], wave[answered]
    n, habit = len(person), random.gamma(0.8, 1.5, PERSONS)
    reaction = np.minimum(random.gamma(1.5, (0.2 + habit[person]) / 1.5), 7).round(3)
    story = np.minimum(random.gamma(1.5, 0.6, n), 7).round(3)
    level = random.normal(0, 5, PERSONS)
    slope = -0.6 + random.normal(0, 1.4, PERSONS)
    score = 40 + level[person] + slope[person] * reaction + 0.5 * story - 0.4 * wave
    score = (score + random.normal(0, 2.5, n)).round(1)
    names = np.array([f"p{number:02d}" for number in range(PERSONS)])
    return pd.DataFrame(
        {
            "participant_id": names[person],
            "wave": wave,
            "reaction_days_per_week": reaction,
            "story_days_per_week": story,
            "score": score,
            # The same for all but for noise: at the boundary of a covariance.
            "level": (0.3 * story + random.normal(0, 2, n)).round(2),
        }
    )


if __name__ == "__main__":
    make().to_csv(PATH, index=False)
