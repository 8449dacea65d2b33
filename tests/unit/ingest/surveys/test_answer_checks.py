"""Who a file says it is about, and whether its columns and rows hold answers at all."""

from pathlib import Path

import pytest

from panelstream.models.errors import FileError
from tests.lib.survey_files import AT, HEAD, answers, questions, read_columns, read_text

CANARY = "canary7f3a"
WRONG_PEOPLE = {
    "the time": (
        f"id,when,phq9_1\n{CANARY},{AT},1\n",
        "person: when\nsubmitted_at: when\nignore: [id]",
        "'when' holds the times",
    ),
    "another time": (
        f"began,submitted_at,phq9_1\n2026/03/01 9:30:00 午前 GMT+9,{AT},1\n2026/3/1 10:00,{AT},2\n",
        "person: began",
        "'began' holds the times",
    ),
    "a mapped column": (
        f"sex,submitted_at,phq9_1\n{CANARY},{AT},1\n",
        "person: sex\ncolumns: {sex: gender}",
        "'sex' holds answers to gender; name the column of the ids",
    ),
    "a column of an item's code": (
        f"gender,submitted_at,phq9_1\n{CANARY},{AT},1\n",
        "person: gender",
        "'gender' holds answers to gender",
    ),
    "the gender, not mapped": (
        f"性別,submitted_at,phq9_1\n女性,{AT},1\n男性,{AT},1\n",
        "person: 性別",
        "'性別' holds answers to gender",
    ),
}


@pytest.mark.parametrize("case", WRONG_PEOPLE)
def test_person_column_of_something_else_stops(tmp_path: Path, case: str) -> None:
    """Times, and answers to an item, are nobody's id."""
    content, mapping, message = WRONG_PEOPLE[case]
    with pytest.raises(FileError, match=message) as stop:
        read_text(tmp_path, content, mapping)
    assert CANARY not in str(stop.value)


def test_few_people_in_many_rows_are_a_question(tmp_path: Path) -> None:
    """Ten values in twenty rows of a wave may be districts; eleven are not asked about."""
    for count, asked in ((10, 1), (11, 0)):
        rows = "".join(f"u{n % count},{AT},1\n" for n in range(20))
        survey = read_text(tmp_path, f"{HEAD},phq9_1\n{rows}")
        assert len([q for q in questions(survey) if "people in 20 rows" in q]) == asked


def test_response_of_two_people_stops(tmp_path: Path) -> None:
    """One response id under two ids of people: both rows are named."""
    content = f"{HEAD},key,phq9_1\na,{AT},r1,1\n{CANARY},{AT},r2,1\nb,{AT},r2,2\n"
    with pytest.raises(FileError, match=r"rows 3, 4: one response id, but two") as stop:
        read_text(tmp_path, content, "response_id: key")
    assert CANARY not in str(stop.value)


def test_column_without_an_answer_is_a_question(tmp_path: Path) -> None:
    """A column of which no cell counts has a line of its own, beside its cells."""
    columns = {"phq9_1": ["sometimes", CANARY, ""], "phq9_2": ["1", "2", "3"]}
    survey = read_columns(tmp_path, columns)
    assert questions(survey) == [
        "phq9_1: none of the 2 cells is an answer; "
        "declare its labels, coding or missing codes in the mapping"
    ]


def test_response_without_an_answer_is_a_question(tmp_path: Path) -> None:
    """So has a response of which nothing counts; one that is blank is only missing."""
    columns = {"phq9_1": ["1", "?", ""], "phq9_2": ["2", "7", ""]}
    survey = read_columns(tmp_path, columns)
    assert answers(survey)["phq9_2"] == ["2", "7", ""]
    [question] = questions(survey)
    assert question.startswith("row 3: no cell of these responses is an answer")
