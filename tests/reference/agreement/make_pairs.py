"""Write pairs.csv: self-reported and measured frequencies, 0 to 5, of 40 people.

Three waves, of which some people leave out one or two; people say a little more than
was measured, and the more the less they use.
"""

from pathlib import Path

import numpy as np
import pandas as pd


def make_pairs() -> pd.DataFrame:
    """A row per person and wave."""
    rng = np.random.default_rng(18)
    usual = rng.normal(2.2, 1.3, size=40)
    rows = [
        {
            "participant_id": f"p{person:02d}",
            "round": 1,
            "wave": wave,
            "chat_self_report": _code(0.7 * latent + 1.2 + rng.normal(0, 0.8)),
            "chat_frequency": _code(latent),
        }
        for person, level in enumerate(usual)
        for wave in (1, 2, 3)
        for latent in [level + rng.normal(0, 0.8)]
        if wave == 1 or rng.random() < 0.75
    ]
    return pd.DataFrame(rows)


def _code(value: float) -> int:
    return int(np.clip(np.rint(value), 0, 5))


if __name__ == "__main__":
    make_pairs().to_csv(Path(__file__).with_name("pairs.csv"), index=False)
