"""What a cell says whatever was asked: a number, a yes or no, nothing at all.

Cells and labels are compared by `label_key`, without case, width and repeated blanks,
as survey tools, spreadsheets and people change these.
"""

import math
import re
from collections.abc import Iterable

from panelstream.ingest.surveys.formats.importer import normalize_text

NOT_A_CODE = "?"
"""Stands for a cell that is no answer of its item; set apart like any wrong code."""

TICKED, UNTICKED = "1", "0"

MISSING_WORDS = frozenset(
    {"na", "n/a", "#n/a", "<na>", "nan", "null", "#null!", ".", "-", "--"}
    | {f".{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"}
)
"""Keys of what R, pandas, Excel, SQL, SPSS and Stata write for "no value"."""

NOT_APPLICABLE_WORD = "n/a"

YES_WORDS = frozenset(
    {"yes", "true", "checked", "x", "✓", "✔", "☑", "○", "◯", "selected", "quoted"}
    | {"はい", "あり", "有", "ja", "oui", "sí", "si"}
)
NO_WORDS = frozenset(
    {"no", "false", "unchecked", "unselected", "not selected", "not checked"}
    | {"unquoted", "not quoted", "☐", "□", "×", "✗", "いいえ", "なし", "無"}
    | {"nein", "non"}
)

_MINUS = re.compile(r"^[\u2010-\u2015\u2212](?=\d)")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)
_CODE_FIRST = re.compile(r"([+-]?\d+)\s*[-\u2010-\u2015:.)=、]\s*(\D.*)")
_CODE_LAST = re.compile(r"(.*\S)\s*\(([+-]?\d+)\)")
_NINES = re.compile(r"-9+|99+")


def label_key(text: str) -> str:
    """A label as it is compared: without case, width and repeated blanks."""
    return normalize_text(text).casefold()


def number_text(text: str, decimal: str = ".") -> str:
    """A number as codes are written, `3` for `3.0` and `３`; empty if it is none, or
    too large to be one."""
    plain = _MINUS.sub("-", normalize_text(text))
    if decimal == ",":
        # A point would separate thousands.
        plain = plain.translate({ord(","): ".", ord("."): ","})
    if not _NUMBER.fullmatch(plain):
        return ""
    number = float(plain)
    if not math.isfinite(number):
        return ""
    return str(int(number)) if number.is_integer() else str(number)


def split_numbered(text: str) -> tuple[str, str] | None:
    """Code and label of `1 - Not at all`, `2: Never` or `Often (3)`; None if no code."""
    plain = _MINUS.sub("-", normalize_text(text))
    if match := _CODE_FIRST.fullmatch(plain):
        code, label = match[1], match[2]
    elif match := _CODE_LAST.fullmatch(plain):
        label, code = match[1], match[2]
    else:
        return None
    number = number_text(code)
    return (number, label) if number else None


def bare_label_key(label: str) -> str:
    """The key of a label without the code that may stand in it."""
    numbered = split_numbered(label)
    return label_key(numbered[1] if numbered else label)


def is_conventional_missing(code: str) -> bool:
    """Whether a code is of nines, as -9, -99 or 999; a single 9 may be a wrong digit."""
    return _NINES.fullmatch(code) is not None


def missing_keys(codes: Iterable[str]) -> frozenset[str]:
    """Keys of codes that mean "not answered", also as numbers are written."""
    texts = list(codes)
    keys = {*map(label_key, texts), *map(number_text, texts)}
    return frozenset(keys - {""})
