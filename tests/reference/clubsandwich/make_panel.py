"""Write `panel.csv`: few people do most of what is done, and many waves are missing.

`python tests/reference/clubsandwich/make_panel.py`; the file is committed.
"""

from pathlib import Path

import numpy as np
import pandas as pd

PERSONS, WAVES, FUNCTIONS = 45, 6, 5


def main() -> None:
    """Draw the panel and write it beside this file."""
    rng = np.random.default_rng(18)
    rows = [row for person in range(PERSONS) for row in _person(rng, f"p{person:02d}")]
    path = Path(__file__).with_name("panel.csv")
    pd.DataFrame(rows).to_csv(path, index=False)


def _person(rng: np.random.Generator, name: str) -> list[dict[str, object]]:
    """Answers of one person: use is heavy-tailed, and errors grow with it."""
    habits = rng.pareto(1.2, FUNCTIONS) * 0.15
    level, age = rng.normal(scale=3), float(rng.integers(18, 60))
    rows = []
    for wave in range(1, WAVES + 1):
        use = np.minimum(rng.poisson(habits * 4) / 4, 7.0).round(2)
        error = rng.normal(scale=2 + use.sum())
        score = round(20 + level - 0.5 * use[0] + 0.2 * wave + error, 2)
        if rng.random() < 0.3:
            continue
        rows.append(
            {
                "participant_id": name,
                "wave": wave,
                "score": score,
                "help": int(rng.random() < 1 / (1 + np.exp(0.5 - 0.3 * use[0]))),
                "visits": int(rng.poisson(np.exp(0.3 + 0.1 * use[1] + 0.05 * level))),
                "age": age,
                "weight": float(1 + (wave * 7 + int(age)) % 4),
                **{f"f{j + 1}_days_per_week": use[j] for j in range(FUNCTIONS)},
            }
        )
    return rows


if __name__ == "__main__":
    main()
