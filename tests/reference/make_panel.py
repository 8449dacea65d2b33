"""Write panel.csv, a small awkward panel that R and this project both read.

    python tests/reference/make_panel.py

Fifty persons and five waves: people drop out for good, two miss a wave in the
middle, two answer once only, two never change their use of reactions, and some
answers and covariates are missing.
"""

from pathlib import Path

import numpy as np
import pandas as pd

PERSONS, WAVES, SEED = 50, 5, 20270111
PATH = Path(__file__).with_name("panel.csv")


def make() -> pd.DataFrame:
    """One row per person and wave that was not lost to dropout."""
    random = np.random.default_rng(SEED)
    frame = _grid(random)
    person, wave, n = frame["person"].to_numpy(), frame["wave"].to_numpy(), len(frame)
    habit, level = random.gamma(2, 0.6, PERSONS), random.normal(0, 6, PERSONS)
    use = {
        "reaction_days_per_week": np.minimum(random.gamma(3, habit[person] / 3), 7),
        "story_days_per_week": np.minimum(random.gamma(1.5, 0.5, n), 7),
    }
    use["reaction_days_per_week"][person < 2] = 1.5
    phq9 = np.clip(np.round(random.normal(10, 4, n) + level[person] / 3), 0, 27)
    age = random.integers(20, 65, PERSONS)
    gender = random.choice(["female", "male", "other"], PERSONS, p=[0.5, 0.4, 0.1])
    pdd = (
        40
        - 1.2 * use["reaction_days_per_week"]
        + 0.8 * use["story_days_per_week"]
        - 2.0 * habit[person]
        + 0.4 * phq9
        - 0.7 * wave
        + level[person]
        + random.normal(0, 3, n)
    )
    frame = frame.assign(
        pdd_total=np.round(pdd),
        phq9_total_previous=phq9,
        age=age[person].astype(float),
        gender=gender[person],
        **{name: np.round(values, 4) for name, values in use.items()},
    )
    frame.loc[random.random(n) < 0.04, "pdd_total"] = np.nan
    frame.loc[random.random(n) < 0.04, "phq9_total_previous"] = np.nan
    names = np.array([f"p{number:02d}" for number in range(PERSONS)])
    frame.insert(0, "participant_id", names[person])
    return frame.drop(columns="person")


def _grid(random: np.random.Generator) -> pd.DataFrame:
    """Persons and waves, without those lost to dropout or missed in between."""
    last = 1 + random.binomial(WAVES - 1, 0.75, PERSONS)
    last[[5, 6]], last[[7, 8]] = 1, WAVES
    person = np.repeat(np.arange(PERSONS), WAVES)
    wave = np.tile(np.arange(1, WAVES + 1), PERSONS)
    missed = np.isin(person, [7, 8]) & (wave == 3)
    kept = (wave <= last[person]) & ~missed
    return pd.DataFrame({"person": person[kept], "wave": wave[kept]})


if __name__ == "__main__":
    make().to_csv(PATH, index=False)
