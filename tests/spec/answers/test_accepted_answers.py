"""Which answers an item takes, as tables worked by hand: each file of this folder."""

from pathlib import Path

import pytest

from panelstream.models.instruments.instrument import find_instrument
from tests.lib import ascii_table

HERE = Path(__file__).parent
ROWS = [
    row for path in sorted(HERE.glob("*.txt")) for row in ascii_table.read_file(path)
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['item']}={row['answer']}")
def test_accepted_answers(row: dict[str, str]) -> None:
    """An answer is taken if the item's range or choices have it, and only then."""
    instrument = find_instrument(row["instrument"], HERE).value
    accepted = instrument.accepts(row["item"], row["answer"])
    assert accepted == (row["accepted"] == "yes")
