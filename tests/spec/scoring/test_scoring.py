"""The scoring rules, as tables worked by hand."""

from pathlib import Path

import pandas as pd
import pytest

from analysis.scoring import score
from models import instruments
from models.instruments import Instrument
from tests.lib import ascii_table

HERE = Path(__file__).parent
GHSQ_ITEMS = {
    "physician": "ghsq_physician",
    "professional": "ghsq_mental_health_professional",
    "online": "ghsq_online_counselling",
    "partner": "ghsq_partner",
    "friend": "ghsq_friend",
    "family": "ghsq_family",
}


def shipped(name: str) -> Instrument:
    """A shipped instrument."""
    return instruments.find(name, HERE).value


def table(name: str) -> pd.DataFrame:
    """A table of this folder; `.` is a missing answer, `none` a missing score."""
    rows = pd.DataFrame(ascii_table.read_file(HERE / f"{name}.txt"))
    return rows.replace({".": "nan", "none": "nan"}).astype(float)


@pytest.mark.parametrize(
    ("name", "rule"), [("phq9", "sum_and_prorate"), ("pdd", "reversed_items")]
)
def test_totals(name: str, rule: str) -> None:
    """A total is what the table says, as is the number of missing items."""
    rows = table(rule)
    answers = rows.drop(columns=["missing", "total"]).add_prefix(f"{name}_")
    scored = score(shipped(name), answers)
    assert scored[f"{name}_total"].tolist() == pytest.approx(
        rows["total"].tolist(), abs=1e-6, nan_ok=True
    )
    assert scored[f"{name}_total_missing"].tolist() == rows["missing"].tolist()


@pytest.mark.parametrize("scale", ["formal", "informal"])
def test_means(scale: str) -> None:
    """A mean is what the table says, whatever the sources outside its scale."""
    rows = table("mean_of_sources")
    answers = rows.rename(columns=GHSQ_ITEMS)
    scored = score(shipped("ghsq"), answers)
    assert scored[f"ghsq_{scale}"].tolist() == pytest.approx(
        rows[scale].tolist(), abs=1e-6, nan_ok=True
    )


@pytest.mark.parametrize(
    "row",
    ascii_table.read_file(HERE / "accepted_answers.txt"),
    ids=lambda row: f"{row['item']}={row['answer']}",
)
def test_accepted_answers(row: dict[str, str]) -> None:
    """An answer is taken if the item's range or choices have it, and only then."""
    accepted = shipped(row["instrument"]).accepts(row["item"], row["answer"])
    assert accepted == (row["accepted"] == "yes")
