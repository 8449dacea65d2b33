"""Write answers.csv, as people give them: 90 persons, two waves, some at the ends.

    python tests/reference/reliability/make_answers.py

PHQ-9 and PDD follow one factor each, the PDD with a second one of its wording; the
formal sources of the GHSQ hang together loosely. One answer in fifty is missing,
and one person in six does not answer the second wave.
"""

from pathlib import Path

import numpy as np
import pandas as pd

PEOPLE = 90
REVERSED = (1, 2, 3, 4, 8, 10)
SOURCES = ("physician", "mental_health_professional", "online_counselling")


def main() -> None:
    """Draw, and write beside this file."""
    rng = np.random.default_rng(20270111)
    traits = rng.normal(size=(PEOPLE, 4))
    frames = [wave(number, traits, rng) for number in (1, 2)]
    answers = pd.concat(frames).sort_values(["participant_id", "wave"])
    answers.to_csv(Path(__file__).with_name("answers.csv"), index=False)


def wave(number: int, traits: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """One wave: the traits move a little, items follow them."""
    now = 0.85 * traits + 0.5 * rng.normal(size=traits.shape) - 0.15 * (number - 1)
    columns: dict[str, np.ndarray] = {
        f"phq9_{i}": codes(now[:, 0] - 1, 0.7 + 0.05 * i, 0, 3, rng)
        for i in range(1, 10)
    }
    for i in range(1, 13):
        sign = -1 if i in REVERSED else 1
        trait = sign * now[:, 1] + 0.4 * now[:, 3]
        columns[f"pdd_{i}"] = codes(trait, 0.6, 0, 5, rng)
    for i, source in enumerate(SOURCES):
        columns[f"ghsq_{source}"] = codes(now[:, 2] + 0.8, 0.6 + 0.2 * i, 1, 7, rng)
    frame = pd.DataFrame(columns).astype("Int64")
    frame = frame.mask(rng.random(frame.shape) < 0.02)
    frame.insert(0, "participant_id", [f"p{n:02d}" for n in range(PEOPLE)])
    frame.insert(1, "wave", number)
    return frame[rng.random(PEOPLE) > (1 / 6 if number == 2 else 0)]


def codes(
    trait: np.ndarray, weight: float, low: int, high: int, rng: np.random.Generator
) -> np.ndarray:
    """Whole answers from low to high that follow the trait."""
    latent = weight * trait + 0.8 * rng.normal(size=len(trait))
    middle, spread = (low + high) / 2, (high - low) / 2.5
    return np.clip(np.rint(middle + spread * latent), low, high).astype(int)


if __name__ == "__main__":
    main()
