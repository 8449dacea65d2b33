"""Text files with delimiters: CSV as tools, spreadsheets and people save it."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from panelstream.models.errors import FileError

DELIMITERS = (",", "\t", ";")

_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_JAPANESE = re.compile("[\u3000-\u9fff\uff00-\uffef]")
_END = "\x00"
"""Stands after the last line; a parser that swallows it is inside a quoted cell."""


def read_delimited_text(path: Path, content: bytes) -> tuple[list[list[str]], str]:
    """All rows of a file, and in which encoding it was.

    Raises `FileError` where bytes are in no known encoding, or where a quote is
    opened and never closed: the rows after it would be lost in one cell.
    """
    text, encoding = _decoded(path, content)
    if not text.strip():
        return [], encoding
    parsed = _parsed(path, text, _delimiter(text))
    for number, row in enumerate(parsed, start=1):
        if any(_swallowed(cell, len(row)) for cell in row):
            raise _stray_quote(path, number)
    return parsed, encoding


def _parsed(path: Path, text: str, delimiter: str) -> list[list[str]]:
    ended = io.StringIO(text.rstrip("\r\n") + f"\n{_END}", newline="")
    try:
        *parsed, last = list(csv.reader(ended, delimiter=delimiter))
    except csv.Error:
        raise FileError(path, "", "not CSV; export the file again") from None
    if last != [_END]:
        raise _stray_quote(path, len(parsed) + 1)
    return parsed


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
    def columns(delimiter: str) -> int:
        return len(next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)))

    return max(DELIMITERS, key=columns)


def _decoded(path: Path, content: bytes) -> tuple[str, str]:
    if content.startswith(_UTF16_BOMS):
        try:
            return content.decode("utf-16"), "UTF-16"
        except UnicodeDecodeError:
            raise FileError(path, "", "damaged UTF-16; save it as UTF-8") from None
    bare = content.removeprefix(_UTF8_BOM)
    try:
        text = bare.decode("utf-8")
    except UnicodeDecodeError:
        return _by_line(path, bare.split(b"\n"))
    return text, "UTF-8" if bare == content else "UTF-8 with BOM"


def _by_line(path: Path, lines: Sequence[bytes]) -> tuple[str, str]:
    """Files that were put together from two: each line in its own encoding."""
    decoded = [_line(path, number, line) for number, line in enumerate(lines, start=1)]
    text = "\n".join(line for line, _ in decoded)
    encodings = [encoding for _, encoding in decoded if encoding]
    if "UTF-8" not in encodings:
        return text, "Windows Japanese"
    return text, f"UTF-8, {encodings.count('cp932')} lines of it in Windows Japanese"


def _line(path: Path, number: int, line: bytes) -> tuple[str, str]:
    if line.isascii():
        return line.decode("ascii"), ""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    # Two half-width katakana in cp932 can be one letter of another script in UTF-8.
    if _JAPANESE.search(text):
        return text, "UTF-8"
    try:
        return line.decode("cp932"), "cp932"
    except UnicodeDecodeError:
        problem = "neither UTF-8 nor Windows Japanese; save it as UTF-8"
        raise FileError(path, f"line {number}", problem) from None
