"""Excel workbooks, as Google Forms, Qualtrics and spreadsheets save them."""

import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from panelstream.models.errors import FileError

_ERRORS = frozenset(
    {"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!"}
)
"""Cells whose formula failed: no answers."""
_EXACT = 1e15
"""From here on a number in a spreadsheet is rounded to 15 digits."""


_OFF = timedelta(milliseconds=2)
"""By how much a time of a workbook may be off."""


def read_workbook(
    path: Path, content: bytes, sheet: str | None = None
) -> list[list[str]]:
    """All rows of a sheet as text: the one that is named, else the only visible one
    that holds anything.

    Raises `FileError` for a workbook that is damaged, or has several such sheets.
    """
    try:
        book = openpyxl.load_workbook(
            io.BytesIO(content), read_only=True, data_only=True
        )
        visible = {s.title: s for s in book.worksheets if s.sheet_state == "visible"}
        sheets = {
            title: _texts(_rows(visible[title]))
            for title in ([sheet] if sheet in visible else visible)
        }
        book.close()
    except (
        InvalidFileException,
        zipfile.BadZipFile,
        zlib.error,
        ParseError,
        KeyError,
        ValueError,
    ):
        raise FileError(path, "", "a damaged workbook; save it again") from None
    if sheet is not None:
        if sheet not in sheets:
            problem = "no visible sheet of the name that the mapping gives under sheet"
            raise FileError(path, "mapping", problem)
        return sheets[sheet]
    filled = [rows for rows in sheets.values() if rows]
    if len(filled) > 1:
        problem = (
            f"{len(filled)} sheets hold something; write sheet: (the name of the one "
            "with the answers) in the mapping, or save it by itself"
        )
        raise FileError(path, "", problem)
    return filled[0] if filled else []


def _rows(sheet: Any) -> Iterator[Sequence[Any]]:
    """All rows: the size that a workbook states of a sheet may be too small."""
    sheet.reset_dimensions()
    return iter(sheet.iter_rows(values_only=True))


def _texts(cells: Iterable[Sequence[Any]]) -> list[list[str]]:
    """Rows of one length; empty ones at the end are left out."""
    texts = [[_text(cell) for cell in row] for row in cells]
    while texts and not any(texts[-1]):
        texts.pop()
    width = max((_filled(row) for row in texts), default=0)
    return [(row + [""] * width)[:width] for row in texts]


def _filled(row: Sequence[str]) -> int:
    return max((place for place, cell in enumerate(row, start=1) if cell), default=0)


def _text(cell: Any) -> str:
    """A cell as it would stand in a CSV file; whole numbers without a fraction."""
    match cell:
        case None:
            return ""
        case bool():
            return str(cell).upper()
        case int() | float() if abs(cell) >= _EXACT:
            # In the notation that marks a number as rounded: in a column of ids it
            # is refused.
            return f"{cell:.14E}"
        case float():
            return str(int(cell)) if cell.is_integer() else repr(cell)
        case datetime():
            # Excel counts in fractions of a day: what comes back is a little off.
            # Then the second is cut off, as where the same time is read from text.
            return (cell + _OFF).replace(microsecond=0).isoformat(" ")
        case date() | time():
            return cell.isoformat()
        case _:
            return "" if cell in _ERRORS else str(cell)
