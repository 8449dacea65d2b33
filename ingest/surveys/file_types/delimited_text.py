"""Text files with delimiters: CSV as tools, spreadsheets and people save it."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from panelstream.ingest.surveys.file_types.text_encoding import decode_text
from panelstream.models.errors import FileError

DELIMITERS = (",", "\t", ";")

# A comment may be longer than what Python takes for a mistake (131,072 characters).
csv.field_size_limit(2**31 - 1)

_SEPARATOR_LINE = re.compile(
    r"\ufeff?\"?sep=(?P<delimiter>[^\r\n\"])\"?[,;\t ]*(?:\r\n|\r|\n|\Z)", re.IGNORECASE
)
"""A first line by which an export tells Excel what is between its cells."""
_END = "\x00"
"""Stands after the last line; a parser that swallows it is inside a quoted cell."""


@dataclass(frozen=True)
class DelimitedText:
    """The rows of a file, from its first line on; how it is written."""

    rows: list[list[str]]
    encoding: str
    delimiter: str


def read_delimited_text(
    path: Path, content: bytes, encoding: str | None = None
) -> DelimitedText:
    """All rows of a file; a line `sep=;` is an empty row.

    Raises `FileError` where bytes are in no known encoding, or where a quote is
    opened and never closed: the rows after it would be lost in one cell.
    """
    text, encoding_name = decode_text(path, content, encoding)
    line = _SEPARATOR_LINE.match(text)
    body = text[line.end() :] if line else text
    if not body.strip():
        return DelimitedText([], encoding_name, ",")
    delimiter = line["delimiter"] if line else _delimiter(body)
    skipped: list[list[str]] = [[]] if line else []
    rows = [*skipped, *_records(path, body, delimiter, len(skipped))]
    return DelimitedText(rows, encoding_name, delimiter)


def _records(path: Path, text: str, delimiter: str, skipped: int) -> list[list[str]]:
    """The records; a file that is even when quotes are taken strictly is right."""
    strict = _parsed(text, delimiter, strict=True)
    if strict.is_complete and _is_even(strict.records):
        return strict.records
    lenient = _parsed(text, delimiter, strict=False)
    columns = len(lenient.records[0]) if lenient.records else 0
    first_doubtful = len(strict.records)
    for index, row in enumerate(lenient.records):
        is_doubtful = index >= first_doubtful or len(row) != columns
        if is_doubtful and any(_swallowed(cell, len(row)) for cell in row):
            raise _stray_quote(path, index + 1 + skipped)
    if not lenient.is_complete:
        raise _stray_quote(path, len(lenient.records) + 1 + skipped)
    return lenient.records


@dataclass(frozen=True)
class _Parsed:
    """The records up to the end, or up to where quotes are wrong."""

    records: list[list[str]]
    is_complete: bool


def _parsed(text: str, delimiter: str, *, strict: bool) -> _Parsed:
    ended = io.StringIO(text.rstrip("\r\n") + f"\n{_END}", newline="")
    records = list(_read_records(csv.reader(ended, delimiter=delimiter, strict=strict)))
    is_complete = records[-1:] == [[_END]]
    return _Parsed(records[:-1] if is_complete else _without_end(records), is_complete)


def _read_records(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error:
        return


def _without_end(records: list[list[str]]) -> list[list[str]]:
    """The records before the one that swallowed the end of the file."""
    swallowed = bool(records) and any(cell.endswith(_END) for cell in records[-1])
    return records[:-1] if swallowed else records


def _is_even(records: Sequence[Sequence[str]]) -> bool:
    return len({len(record) for record in records if record}) == 1


def _swallowed(cell: str, columns: int) -> bool:
    """Whether a cell holds a line that looks like a row of its own."""
    return columns > 3 and any(
        line.count(delimiter) >= columns - 1
        for line in cell.splitlines()[1:]
        for delimiter in DELIMITERS
    )


def _stray_quote(path: Path, row: int) -> FileError:
    problem = 'a quote (") is opened and not closed; remove it or double it'
    return FileError(path, f"row {row}", problem)


def _delimiter(text: str) -> str:
    """The delimiter that gives most columns to the first row that holds anything."""
    start = text.lstrip("\r\n")

    def columns(delimiter: str) -> int:
        reader = csv.reader(io.StringIO(start, newline=""), delimiter=delimiter)
        return len(next(reader))

    return max(DELIMITERS, key=columns)
