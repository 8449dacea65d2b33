"""What was planted in a simulated study beside what was estimated."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd


@dataclass(frozen=True)
class Comparison:
    """A planted within-person effect and its estimate, in points of the outcome."""

    outcome: str
    exposure: str
    planted: float
    estimate: float
    low: float
    high: float
    verdict: str


@dataclass(frozen=True)
class Summary:
    """The result of a demo: planted and estimated effects, its duration, its report."""

    rows: tuple[Comparison, ...]
    seconds: float
    report: Path

    @property
    def covered(self) -> int:
        """How many 95 % intervals contain the planted value."""
        return sum(row.low <= row.planted <= row.high for row in self.rows)


def compare(truth: pd.DataFrame, estimates: pd.DataFrame) -> Iterator[Comparison]:
    """The confirmatory within-person estimates beside what was planted."""
    planted = truth[truth["component"] == "within"]
    shown = estimates[estimates["confirmatory"] & (estimates["component"] == "within")]
    both = shown.merge(planted, on=["outcome", "exposure"], suffixes=("", "_planted"))
    for row in both.to_dict("records"):
        yield Comparison(
            outcome=row["outcome"],
            exposure=row["exposure"],
            planted=row["estimate_planted"],
            estimate=row["estimate"],
            low=row["ci_low"],
            high=row["ci_high"],
            verdict=row["verdict"],
        )
