"""docs/explanation/validity.md shows the committed counts of simulated studies."""

import pytest
from scipy.stats import binom

from tests.docs import documents
from tests.long.error_tables import fill, read_counts, tables

TEXT = documents.read("docs/explanation/validity.md")


def test_tables_are_those_of_the_counts() -> None:
    """Between the marks stands what `tests.long.error_tables` writes."""
    assert fill(TEXT, tables(*read_counts())) == TEXT


@pytest.mark.parametrize(
    ("truth", "event"),
    [("zero", "associated"), ("edge", "negligible"), ("edge", "larger")],
)
def test_error_rates_hold_in_the_counts(truth: str, event: str) -> None:
    """6 %, but for one chance in a thousand: in every cell, and in all together."""
    studies, _ = read_counts()
    rows = studies[(studies["errors"] == "cr2") & (studies["truth"] == truth)]
    limits = binom.ppf(0.999, rows["seeds"], 0.06)
    assert (rows[f"any_{event}"] <= limits).all()
    total = rows["seeds"].sum()
    assert rows[f"any_{event}"].sum() <= binom.ppf(0.999, total, 0.06)
