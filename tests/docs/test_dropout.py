"""docs/explanation/dropout.md names what the code writes, and the numbers it was made with."""

import pytest

from panelstream.analysis.estimation.dropout import (
    attrition,
    bootstrap,
    delta,
    imputation,
)
from panelstream.analysis.estimation.estimates import fit
from tests.docs import documents
from tests.lib.planted import Truth, plant, specify

TEXT = documents.read("docs/explanation/dropout.md")


@pytest.mark.parametrize(
    ("heading", "columns"),
    [
        ("attrition.csv", attrition.COLUMNS),
        ("dropout_model.csv", attrition.MODEL_COLUMNS),
    ],
)
def test_columns_are_documented_in_order(
    heading: str, columns: tuple[str, ...]
) -> None:
    """The files are described column by column."""
    assert documents.documented(TEXT, heading) == list(columns)


def test_every_test_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that the layers add to those of the estimator."""
    monkeypatch.setattr(bootstrap, "DRAWS", 5)
    panel = plant(Truth(persons=100, waves=3, leaving=0.2), 1)
    fixed = specify("fixed_effects")
    plain = {test.test for test in fit(fixed, panel).tests}
    added = {
        test.test
        for how in ({"weights": "attrition"}, {"missing": "delta"})
        for test in fit(specify("fixed_effects", **how), panel).tests
    }
    assert set(documents.documented(TEXT, "Rows of tests.csv")) == added - plain


def test_numbers_are_those_of_the_code() -> None:
    """Draws, imputations, rounds and deltas."""
    assert f"{bootstrap.DRAWS} times as many persons" in TEXT
    many, rounds = imputation.IMPUTATIONS, imputation.ITERATIONS
    assert f"{many} imputations of {rounds} rounds each" in TEXT
    assert tuple(step / 2 for step in range(-2, 3)) == delta.DELTAS
    for name in (bootstrap.STD_ERROR_TYPE, imputation.STD_ERROR_TYPE):
        assert f"`{name}`" in TEXT
