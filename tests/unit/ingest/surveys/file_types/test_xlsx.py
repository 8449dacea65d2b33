"""Workbooks: which sheet, and what its cells are as text."""

import io
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from panelstream.ingest.surveys.file_types.export_file import (
    Export,
    FileForm,
    read_export_file,
)
from panelstream.models.errors import FileError

HEADER: list[Any] = ["id", "a"]


def workbook(
    folder: Path, sheets: dict[str, list[list[Any]]], hidden: str = ""
) -> Path:
    """A workbook with these sheets, one of them hidden."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        sheet.sheet_state = "hidden" if title == hidden else "visible"
        for row in rows:
            sheet.append(row)
    path = folder / "export.xlsx"
    book.save(path)
    return path


def rows(export: Export) -> list[list[str]]:
    """The cells below the header."""
    return [list(record) for _, record in export.rows()]


def test_sheet_is_named_in_the_mapping(tmp_path: Path) -> None:
    """Of two sheets that hold something the mapping says which; a wrong name stops."""
    sheets: dict[str, list[list[Any]]] = {
        "Answers": [HEADER, ["x", 1]],
        "Codes": [["code", "label"], [1, "yes"]],
    }
    path = workbook(tmp_path, sheets)
    with pytest.raises(FileError, match=r"2 sheets hold something; write sheet:"):
        read_export_file(path)
    assert rows(read_export_file(path, FileForm(sheet="Answers"))) == [["x", "1"]]
    with pytest.raises(FileError, match="no visible sheet"):
        read_export_file(path, FileForm(sheet="Answer"))


def test_empty_and_hidden_sheets_do_not_count(tmp_path: Path) -> None:
    """The only visible sheet with something in it holds the answers."""
    sheets: dict[str, list[list[Any]]] = {
        "Notes": [["old"]],
        "Answers": [HEADER, ["x", 1]],
        "Sheet3": [],
    }
    path = workbook(tmp_path, sheets, hidden="Notes")
    assert rows(read_export_file(path)) == [["x", "1"]]


def test_cells_are_as_in_a_text_file(tmp_path: Path) -> None:
    """Truth values, numbers, times to the second; a failed formula is blank."""
    at = datetime.fromisoformat("2027-01-12T09:30:15.4")
    cells: list[list[Any]] = [
        ["x", True],
        ["y", 2.0],
        ["z", 0.25],
        ["u", at],
        ["v", "#N/A"],
        ["w", "#N"],
    ]
    path = workbook(tmp_path, {"Answers": [HEADER, *cells]})
    assert [row[1] for row in rows(read_export_file(path))] == [
        "TRUE",
        "2",
        "0.25",
        "2027-01-12 09:30:15",
        "",
        "#N",
    ]


def test_long_numbers_are_marked_as_rounded(tmp_path: Path) -> None:
    """A spreadsheet keeps 15 digits; what had more is written as a rounded number."""
    cells: list[list[Any]] = [
        [999999999999999, 1],
        [1234567890123456, 1],
        [1.23456789012346e17, 1],
    ]
    path = workbook(tmp_path, {"Answers": [HEADER, *cells]})
    assert [row[0] for row in rows(read_export_file(path))] == [
        "999999999999999",
        "1.23456789012346E+15",
        "1.23456789012346E+17",
    ]


def patched(path: Path, patch: Callable[[bytes], bytes]) -> Path:
    """The workbook with the XML of its first sheet changed."""
    content = io.BytesIO(path.read_bytes())
    with zipfile.ZipFile(content) as book, zipfile.ZipFile(path, "w") as changed:
        for name in book.namelist():
            data = book.read(name)
            changed.writestr(name, patch(data) if name.endswith("1.xml") else data)
    return path


def test_stated_size_of_a_sheet_may_be_too_small(tmp_path: Path) -> None:
    """Some programs write a wrong size; no row and no column is lost by it."""
    cells: list[list[Any]] = [["x", 1], ["y", 2]]
    path = workbook(tmp_path, {"Answers": [HEADER, *cells]})
    patched(path, lambda xml: xml.replace(b'ref="A1:B3"', b'ref="A1:A2"'))
    assert rows(read_export_file(path)) == [["x", "1"], ["y", "2"]]


def test_damaged_sheet_is_refused(tmp_path: Path) -> None:
    """XML that ends in the middle is a mistake of the file, with a remedy."""
    path = workbook(tmp_path, {"Answers": [HEADER, ["x", 1]]})
    patched(path, lambda xml: xml[: len(xml) // 2])
    with pytest.raises(FileError, match="a damaged workbook; save it again"):
        read_export_file(path)
