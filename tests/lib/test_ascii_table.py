"""The reader of the tables that specify behaviour."""

import pytest

from tests.lib import ascii_table


def test_prose_then_table() -> None:
    """Prose above the header is for people; cells are stripped, and may be empty."""
    text = "Adding.\n\n a | b | sum\n---+---+----\n 1 | 2 | 3\n\n   | 2 |\n"
    assert ascii_table.read(text) == [
        {"a": "1", "b": "2", "sum": "3"},
        {"a": "", "b": "2", "sum": ""},
    ]


def test_outer_bars_are_decoration() -> None:
    """A Markdown table reads the same."""
    assert ascii_table.read("| a | b |\n|---|---|\n| 1 |   |") == [{"a": "1", "b": ""}]


@pytest.mark.parametrize("text", ["", "only prose", "---\n 1"])
def test_no_table(text: str) -> None:
    """A text without a header and a rule is refused, never read as no rows."""
    with pytest.raises(ValueError, match="no table"):
        ascii_table.read(text)


def test_uneven_row() -> None:
    """A row with a cell too many is refused."""
    with pytest.raises(ValueError, match="3 cells under 2 columns"):
        ascii_table.read(" a | b\n---+---\n 1 | 2 | 3")
