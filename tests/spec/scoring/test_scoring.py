"""Scores and signs of careless answering, as tables worked by hand.

Every `.txt` file of this folder is a table: prose, a line `Instruments:` with shipped
names or files of this folder, then answers by item code and, after `= `, the scores
expected of them. Both leave the instrument's name out; `.` is a missing answer, `none`
a missing score.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from panelstream.analysis.panel import careless_responding
from panelstream.analysis.panel.scoring import score_instrument
from panelstream.models.instruments.instrument import (
    SHIPPED_INSTRUMENTS,
    Instrument,
    find_instrument,
)
from tests.lib import ascii_table

HERE = Path(__file__).parent
TABLES = sorted(path.stem for path in HERE.glob("*.txt"))
SHIPPED_NAMES = sorted(path.stem for path in SHIPPED_INSTRUMENTS.glob("*.yaml"))


@dataclass(frozen=True)
class Table:
    """A file of this folder: a row a response, columns by their full names."""

    instruments: Sequence[Instrument]
    answers: pd.DataFrame
    expected: pd.DataFrame


def read_table(name: str) -> Table:
    """Read one file."""
    path = HERE / f"{name}.txt"
    [line] = re.findall(r"^Instruments: (.+)$", path.read_text("utf-8"), re.MULTILINE)
    instruments = [find_instrument(each, HERE).value for each in line.split(", ")]
    rows = pd.DataFrame(ascii_table.read_file(path))
    numbers = rows.replace({".": "nan", "none": "nan"}).astype(float)
    scores = [column for column in numbers if str(column).startswith("= ")]
    answers = numbers.drop(columns=scores)
    return Table(
        instruments,
        answers.rename(columns=lambda item: item_code(instruments, item)),
        numbers[scores].rename(columns=lambda column: column.removeprefix("= ")),
    )


def item_code(instruments: Sequence[Instrument], item: str) -> str:
    """The item's code, of which the instrument's name may be left out."""
    codes = [code for each in instruments for code in answer_columns(each)]
    names = [item, *(f"{each.instrument}_{item}" for each in instruments)]
    [code] = [name for name in names if name in codes]
    return code


def answer_columns(instrument: Instrument) -> Iterator[str]:
    """The columns of answers: item codes, and scores that are delivered."""
    yield from (item.code for item in instrument.items)
    yield from (
        instrument.column(scale) for scale in instrument.scales if scale.delivered
    )


def scored(table: Table) -> pd.DataFrame:
    """All scores of all instruments, and all signs of careless answering."""
    return pd.concat(
        [
            *(
                score_instrument(instrument, table.answers)
                for instrument in table.instruments
            ),
            careless_responding.careless_flags(table.instruments, table.answers),
        ],
        axis=1,
    )


def score_column(columns: pd.Index, table: Table, name: str) -> str:
    """The panel's column of a score, of which the instrument's name may be left out."""
    names = [name, *(f"{each.instrument}_{name}" for each in table.instruments)]
    [column] = [each for each in names if each in columns]
    return column


@pytest.mark.parametrize("name", TABLES)
def test_scores(name: str) -> None:
    """Each score is what the table says, to its six decimals."""
    table = read_table(name)
    scores = scored(table)
    assert table.expected.size
    for title, expected in table.expected.items():
        values = scores[score_column(scores.columns, table, str(title))].astype(float)
        exact = pytest.approx(expected.tolist(), abs=1e-6, nan_ok=True)
        assert values.tolist() == exact, title


@pytest.mark.parametrize("name", SHIPPED_NAMES)
def test_every_shipped_scale_is_in_a_table(name: str) -> None:
    """A scale that is shipped has its score in a table, worked by hand."""
    titles = {
        f"{name}_{title}"
        for table in map(read_table, TABLES)
        for title in table.expected
        if name in [instrument.instrument for instrument in table.instruments]
    }
    assert set(find_instrument(name, HERE).value.score_columns) - titles == set()


def test_only_contradictions_can_be_seen() -> None:
    """Nine zeros in a PHQ-9 are an answer: no item is reversed, nothing is flagged."""
    phq9 = find_instrument("phq9", HERE).value
    zeros = pd.DataFrame(0.0, index=[0], columns=phq9.codes)
    assert careless_responding.careless_flags([phq9], zeros).columns.empty
