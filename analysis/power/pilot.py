"""A pilot panel as the population: persons are drawn whole, with replacement."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True, eq=False)
class PilotPeople:
    """Persons of a pilot panel (`participant_id`, `wave`), each with all rows."""

    panel: pd.DataFrame

    def draw(self, people: int, rng: np.random.Generator) -> pd.DataFrame:
        """The rows of so many persons; one who is drawn again is another person."""
        codes = pd.factorize(self.panel["participant_id"])[0]
        order = np.argsort(codes, kind="stable")
        sizes = np.bincount(codes)
        first = np.cumsum(sizes) - sizes
        chosen = rng.integers(len(sizes), size=people)
        rows = np.concatenate(
            [order[first[code] : first[code] + sizes[code]] for code in chosen]
        )
        persons = np.repeat(np.arange(people), sizes[chosen])
        return (
            self.panel.iloc[rows].reset_index(drop=True).assign(participant_id=persons)
        )
