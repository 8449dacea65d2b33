"""Ids of people in files: rounded ones are refused, alike ones named, none is shown."""

from pathlib import Path

import pytest

from panelstream.ingest.person_ids import (
    is_damaged_id,
    require_sound_ids,
    similar_rows,
    similar_to_enrolled,
)
from panelstream.models.errors import FileError

PATH = Path("roster.csv")


@pytest.mark.parametrize(
    "text", ["1.23457E+17", "1,23457E+17", "1.2E+05", "1e+17", "１.2E+17", " 1.2E+17 "]
)
def test_number_in_the_notation_of_spreadsheets_is_damaged(text: str) -> None:
    """Several long ids become one when they are rounded; the message shows none."""
    assert is_damaged_id(text)
    with pytest.raises(FileError, match=r"row 3, person: .*column as text") as caught:
        require_sound_ids(PATH, "person", [(2, "u-1"), (3, text)])
    assert text.strip() not in str(caught.value)


@pytest.mark.parametrize("text", ["12e5", "1E17", "e+17", "u-1", "123456789012345678"])
def test_other_ids_are_not_damaged(text: str) -> None:
    """Hexadecimal ids and long numbers with all their digits are ids."""
    assert not is_damaged_id(text)
    require_sound_ids(PATH, "person", [(2, text)])


@pytest.mark.parametrize(
    ("ids", "are_rounded"),
    [
        (["123456789012345000"], True),
        (["123456789012345000", "u-1", "123456789012346000"], True),
        (["1234567890123450", "1234567890123460"], False),
        (["123456789012345000", "123456789012345678"], False),
        (["123456789012000"], False),
    ],
)
def test_zeros_behind_the_15th_digit_are_damage(
    ids: list[str], are_rounded: bool
) -> None:
    """A rounded number saved with all its digits ends in zeros; a chance below 1 in 1000."""
    rows = list(enumerate(ids, start=2))
    if not are_rounded:
        require_sound_ids(PATH, "person", rows)
        return
    with pytest.raises(FileError, match="person: a spreadsheet has rounded long ids"):
        require_sound_ids(PATH, "person", rows)


def test_rows_with_the_same_similar_id() -> None:
    """Groups of rows, in the order of the file; a row by itself is in none."""
    assert similar_rows({2: b"a", 3: b"b", 4: b"a", 5: b"c", 6: b"b"}) == [
        (2, 4),
        (3, 6),
    ]


def test_unknown_people_nearly_like_enrolled_ones() -> None:
    """One question with the rows, and no id."""
    question = similar_to_enrolled([3, 5])
    assert question.place == "rows 3, 5"
    assert "differs only by case, blanks, hyphens or leading zeros" in question.problem
