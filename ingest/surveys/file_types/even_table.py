"""Rows of text to a table: one header, and records as long as it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from panelstream.models.errors import FileError

_NAMELESS = ("", "Unnamed: 0")
"""Headers of row numbers: none, or what pandas calls it."""
_WHOLE_NUMBER = re.compile(r"\d+(?:\.0)?")


@dataclass(frozen=True)
class EvenTable:
    """Headers that are unique, and records of the same columns; empty rows are []."""

    header: Sequence[str]
    records: Sequence[Sequence[str]]
    numbers: Sequence[int]
    """The file's own numbers of the columns, from 1 on."""
    first_row: int
    """The file's number of the first record."""
    index: int
    """The column of row numbers that was left out; 0: none."""


def even_table(path: Path, rows: Sequence[Sequence[str]]) -> EvenTable:
    """A table without columns that are empty, or that only number the rows.

    The first row that holds anything is the header. Raises `FileError` for a file
    that is empty or uneven, and for answers without a header.
    """
    start = next((at for at, row in enumerate(rows) if _width(row)), None)
    if start is None:
        raise FileError(path, "", "the file is empty")
    header = rows[start]
    records = [record if _width(record) else [] for record in rows[start + 1 :]]
    _check_even(path, header, records, start + 2)
    width = max(map(_width, [header, *records]))
    columns = [place for place in range(width) if _is_used(header, records, place)]
    index = [place for place in columns[:1] if _is_index(header, records, place)]
    places = [place for place in columns if place not in index]
    for place in places:
        if not header[place].strip():
            problem = "answers without a header; row 1 must hold the headers"
            raise FileError(path, f"column {place + 1}", problem)
    return EvenTable(
        header=_unique([header[place] for place in places]),
        records=[[r[place] for place in places] if r else [] for r in records],
        numbers=[place + 1 for place in places],
        first_row=start + 2,
        index=index[0] + 1 if index else 0,
    )


def _check_even(
    path: Path, header: Sequence[str], records: Sequence[Sequence[str]], first_row: int
) -> None:
    """Only blank cells may be missing or too many at the end of a record."""
    width = _width(header)
    if records and all(
        _width(record) == len(header) + 1 for record in records if record
    ):
        problem = (
            "every row has one cell more than there are headers; if R's write.table "
            "wrote the file, write it with row.names = FALSE, else export it again"
        )
        raise FileError(path, f"row {first_row - 1}", problem)
    for number, record in enumerate(records, start=first_row):
        if (record and not width <= len(record)) or _width(record) > len(header):
            problem = f"{len(record)} cells under {len(header)} headers; export the file again"
            raise FileError(path, f"row {number}", problem)


def _width(row: Sequence[str]) -> int:
    """How many cells there are up to the last one that is not blank."""
    return max((at for at, cell in enumerate(row, start=1) if cell.strip()), default=0)


def _cell(record: Sequence[str], place: int) -> str:
    return record[place].strip() if place < len(record) else ""


def _is_used(
    header: Sequence[str], records: Sequence[Sequence[str]], place: int
) -> bool:
    return any(_cell(row, place) for row in (header, *records))


def _is_index(
    header: Sequence[str], records: Sequence[Sequence[str]], place: int
) -> bool:
    """Whether a column without a header holds another whole number in each row."""
    cells = [_cell(record, place) for record in records if record]
    are_numbers = all(_WHOLE_NUMBER.fullmatch(cell) for cell in cells)
    is_nameless = _cell(header, place) in _NAMELESS
    return is_nameless and are_numbers and len(cells) == len({*cells}) > 0


def _unique(header: Sequence[str]) -> list[str]:
    """A header that repeats is `title`, `title#2`, ..."""
    counts: dict[str, int] = {}
    names = []
    for title in map(str.strip, header):
        counts[title] = counts.get(title, 0) + 1
        names.append(title if counts[title] == 1 else f"{title}#{counts[title]}")
    return names
