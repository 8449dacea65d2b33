"""Write answers.csv: four items, 260 persons, three waves, one factor of each wave.

    python tests/reference/invariance/make_answers.py

Answers are 0 to 4. The factor rises over the waves, residuals of an item are
correlated, two items share a wording, the fourth item's loading falls and its intercept rises in the last wave.
Persons leave, miss a wave, or leave an item out.
"""

from pathlib import Path

import numpy as np
import pandas as pd

PEOPLE, WAVES = 260, 3
LOADINGS = np.array([0.8, 0.7, 0.6, 0.75])


def main() -> None:
    """Draw, and write beside this file."""
    rng = np.random.default_rng(20281119)
    level = rng.normal(size=PEOPLE)
    habits = rng.normal(size=(PEOPLE, 4))
    frames = [wave(number, level, habits, rng) for number in range(1, WAVES + 1)]
    answers = pd.concat(frames).sort_values(["participant_id", "wave"])
    answers.to_csv(Path(__file__).with_name("answers.csv"), index=False)


def wave(
    number: int, level: np.ndarray, habits: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """One wave: everybody before, fewer after."""
    factor = 0.8 * level + 0.6 * rng.normal(size=PEOPLE) + 0.2 * (number - 1)
    loadings, intercepts = LOADINGS.copy(), np.full(4, 1.8)
    if number == WAVES:
        loadings[3], intercepts[3] = 0.45, 2.2
    wording = np.outer(0.35 * rng.normal(size=PEOPLE), [1, 1, 0, 0])
    noise = wording + 0.35 * habits + 0.6 * rng.normal(size=(PEOPLE, 4))
    latent = intercepts + np.outer(factor, loadings) + noise
    values = np.clip(np.rint(latent), 0, 4)
    values[rng.random(values.shape) < 0.02] = np.nan
    frame = pd.DataFrame(values, columns=[f"mood_{i}" for i in range(1, 5)])
    frame = frame.astype("Int64")
    frame.insert(0, "participant_id", [f"p{n:03d}" for n in range(PEOPLE)])
    frame.insert(1, "wave", number)
    # The chance to answer follows the level, which the other waves tell of.
    chance = 1 / (1 + np.exp(-(2.2 - 0.5 * number - 0.4 * level)))
    return frame[rng.random(PEOPLE) < (1 if number == 1 else chance)]


if __name__ == "__main__":
    main()
