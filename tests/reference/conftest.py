"""The panel that the reference scripts read, and specifications over it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from analysis.specifications import Specification
from models.study import Window

HERE = Path(__file__).parent

PLAIN = Specification(
    specification="reference",
    estimator="pooled",
    outcome="pdd_total",
    exposures=("reaction", "story"),
    measure="days_per_week",
    transform="none",
    effects=("wave",),
    fixed=("age", "gender"),
    varying=("phq9_total_previous",),
    window=Window(kind="between_waves"),
    confirmatory=False,
)


@pytest.fixture
def panel() -> pd.DataFrame:
    """The panel of `panel.csv`."""
    return pd.read_csv(HERE / "panel.csv")


@pytest.fixture
def specify() -> Callable[..., Specification]:
    """The plain specification with some fields changed."""

    def change(**fields: object) -> Specification:
        return replace(PLAIN, **fields)  # type: ignore[arg-type]  # any field may be replaced

    return change


@pytest.fixture
def expected() -> Callable[..., pd.DataFrame]:
    """Read what R wrote for one model: rows in R's order."""

    def read(folder: str, model: str, name: str = "expected.csv") -> pd.DataFrame:
        rows = pd.read_csv(HERE / folder / name)
        return rows[rows["model"] == model].reset_index(drop=True)

    return read
