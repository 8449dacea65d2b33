"""Excel workbooks, as Google Forms, Qualtrics and spreadsheets save them."""

import io
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from panelstream.models.errors import FileError


def read_workbook(path: Path, content: bytes) -> list[list[str]]:
    """All rows of the one sheet that holds any, as text.

    Raises `FileError` for a workbook that is damaged or has several such sheets.
    """
    try:
        book = openpyxl.load_workbook(
            io.BytesIO(content), read_only=True, data_only=True
        )
        sheets = [
            _texts(sheet.iter_rows(values_only=True)) for sheet in book.worksheets
        ]
        book.close()
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError):
        raise FileError(path, "", "a damaged workbook; save it again") from None
    filled = [sheet for sheet in sheets if sheet]
    if len(filled) > 1:
        problem = f"{len(filled)} sheets hold something; save the answers by themselves"
        raise FileError(path, "", problem)
    return filled[0] if filled else []


def _texts(cells: Any) -> list[list[str]]:
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
        case float():
            return str(int(cell)) if cell.is_integer() else repr(cell)
        case datetime():
            # Excel counts in fractions of a day, so seconds come back a little off.
            return (
                (cell + timedelta(milliseconds=500))
                .replace(microsecond=0)
                .isoformat(" ")
            )
        case date() | time():
            return cell.isoformat()
        case _:
            return str(cell)
