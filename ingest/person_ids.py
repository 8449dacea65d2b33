"""Ids of people in files: what a spreadsheet damaged, and what looks alike.

No error and no question shows an id.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from panelstream.ingest.pseudonymise import normalize_id
from panelstream.ingest.questions import Question, row_numbers
from panelstream.models.errors import FileError

_NOTATION = re.compile(r"\d(?:[.,]\d+)?E[+-]\d{1,3}", re.IGNORECASE)
_DIGITS = 15
"""Significant digits of a number in a spreadsheet; further ones become zeros."""
_LONG_NUMBER = re.compile(rf"\d{{{_DIGITS}}}(\d+)")
_MIN_ZEROS = 3
"""So many zeros and no other digit behind the 15th are a chance of 1 in 1000."""
_REMEDY = "format the column as text in the spreadsheet and export the file again"


def is_damaged_id(text: str) -> bool:
    """Whether an id is a rounded number, as `1.23457E+17`: several ids become one."""
    return _NOTATION.fullmatch(normalize_id(text)) is not None


def require_sound_ids(path: Path, column: str, ids: Iterable[tuple[int, str]]) -> None:
    """Check the ids of a column by row.

    Raises `FileError` with row and column where a spreadsheet has rounded them.
    """
    rows = list(ids)
    for row, text in rows:
        if is_damaged_id(text):
            problem = f"a spreadsheet has rounded this id (as 1.23E+17); {_REMEDY}"
            raise FileError(path, f"row {row}, {column}", problem)
    if _all_rounded([text for _, text in rows]):
        problem = f"a spreadsheet has rounded long ids to {_DIGITS} digits; {_REMEDY}"
        raise FileError(path, column, problem)


def _all_rounded(ids: Collection[str]) -> bool:
    """Whether every long number among the ids ends in zeros behind the 15th digit."""
    long = (_LONG_NUMBER.fullmatch(text) for text in {normalize_id(i) for i in ids})
    digits = "".join(match[1] for match in long if match)
    return len(digits) >= _MIN_ZEROS and not digits.strip("0")


def similar_rows(ids: Mapping[int, bytes]) -> list[tuple[int, ...]]:
    """Rows whose similar ids (`Pseudonyms.similar_id`) are the same."""
    rows = defaultdict(list)
    for row, similar in ids.items():
        rows[similar].append(row)
    return [tuple(group) for group in rows.values() if len(group) > 1]


def similar_to_enrolled(rows: Sequence[int]) -> Question:
    """Ids that are nobody's, but nearly somebody's."""
    return Question(
        row_numbers(rows),
        "differs only by case, blanks, hyphens or leading zeros from an enrolled id",
        "write the id as in the roster, or add the person to the roster",
    )
