"""Checkbox questions: what is a tick, what is none, and own words beside the options."""

from pathlib import Path

import pytest

from tests.lib.survey_files import answers, questions, read_columns, read_labelled

SEPARATE = "checkboxes: [{options: {a: ahsq_friend, b: ahsq_family}}]"

TICKS = {
    "1": "1",
    "1.0": "1",
    "TRUE": "1",
    "true": "1",
    "Yes": "1",
    "はい": "1",
    "Checked": "1",
    "x": "1",
    "✓": "1",
    "☑": "1",
    "○": "1",
    "Selected": "1",
    "Quoted": "1",
    "a": "1",
    "Friend": "1",
    "": "0",
    "0": "0",
    "0.0": "0",
    "FALSE": "0",
    "false": "0",
    "no": "0",
    "No": "0",
    "いいえ": "0",
    "Unchecked": "0",
    "Not selected": "0",
    "unquoted": "0",
    "-99": "",
    "-9": "",
    "NA": "",
    ".": "",
    "2": "?",
    "perhaps": "?",
}
"""By cell of the column `a`, of an item called Friend, what becomes of its box."""


def test_ticks_of_separate_columns(tmp_path: Path) -> None:
    """Beside another box that is ticked, each cell is a yes, a no, missing or apart."""
    columns = {"a": [*TICKS], "b": ["1"] * len(TICKS)}
    survey = read_columns(tmp_path, columns, SEPARATE)
    assert dict(zip(TICKS, answers(survey)["ahsq_friend"], strict=True)) == TICKS


def test_nothing_ticked_is_missing(tmp_path: Path) -> None:
    """Words of no do not tick: none of these, or the question was skipped."""
    columns = {"a": ["No", "0.0", "-99"], "b": ["false", "", "-99"]}
    survey = read_columns(tmp_path, columns, SEPARATE)
    assert answers(survey) == {"ahsq_friend": ["", "", ""], "ahsq_family": ["", "", ""]}


def test_text_of_the_option_ticks_it(tmp_path: Path) -> None:
    """Choice texts: where ticked, a column has one text, which no other column has."""
    columns = {"a": ["My mates", "", ""], "b": ["My folks", "My folks", ""]}
    survey = read_columns(tmp_path, columns, SEPARATE)
    assert answers(survey) == {
        "ahsq_friend": ["1", "0", ""],
        "ahsq_family": ["1", "1", ""],
    }


def test_word_that_all_columns_have_is_no_option(tmp_path: Path) -> None:
    """Nej may be a no: a text that several columns share is set apart."""
    columns = {"a": ["Nej", "", "Nej"], "b": ["Nej", "1", ""]}
    survey = read_columns(tmp_path, columns, SEPARATE)
    assert answers(survey)["ahsq_friend"] == ["?", "0", "?"]


def test_word_that_fills_a_column_is_no_option(tmp_path: Path) -> None:
    """If nobody left the box free, its text may mean anything."""
    survey = read_columns(tmp_path, {"a": ["Nej", "Nej"], "b": ["1", ""]}, SEPARATE)
    assert answers(survey)["ahsq_friend"] == ["?", "?"]


def test_labels_of_the_file_decide(tmp_path: Path) -> None:
    """Where 2 is labelled as no, 2 ticks nothing."""
    labels = {"a": {1: "Yes", 2: "No"}, "b": {0: "Not selected", 1: "My folks"}}
    columns = {"a": [1.0, 2.0], "b": [1.0, 1.0]}
    survey = read_labelled(tmp_path, columns, labels, SEPARATE)
    assert answers(survey) == {"ahsq_friend": ["1", "0"], "ahsq_family": ["1", "1"]}


def test_column_of_an_option_without_item(tmp_path: Path) -> None:
    """ "None of these" ticked says that the other boxes were left free on purpose."""
    mapping = "checkboxes: [{options: {a: ahsq_friend, b: ahsq_family, c: }}]"
    columns = {"a": ["", "", "1"], "b": ["", "", ""], "c": ["1", "", ""]}
    survey = read_columns(tmp_path, columns, mapping)
    assert answers(survey) == {
        "ahsq_friend": ["0", "", "1"],
        "ahsq_family": ["0", "", "0"],
    }


JOINED = "checkboxes: [{column: who, options: {Friend: ahsq_friend, Family: ahsq_family, None of these: }}]"

ROWS = {
    "Friend;Family": ("1", "1"),
    "friend, FAMILY": ("1", "1"),
    "Friend,Family": ("1", "1"),
    "Ｆａｍｉｌｙ": ("0", "1"),
    "None of these": ("0", "0"),
    "": ("", ""),
    "NA": ("", ""),
    "-99": ("", ""),
    "Friend, my dog, who listens": ("1", "0"),
    "Family;the baker": ("0", "1"),
    "my diary": ("0", "0"),
    "Friend: an old one": ("1", "0"),
    "Freind": ("?", "?"),
    "Family, Friends": ("?", "?"),
    "Teacher": ("?", "?"),
    "Family;teacher": ("?", "?"),
}
"""By cell: the boxes of friend and family."""


def test_joined_options_and_own_words(tmp_path: Path) -> None:
    """Own words lose the text, not the boxes; a misspelt or frequent one is an option."""
    survey = read_columns(tmp_path, {"who": [*ROWS]}, JOINED)
    result = answers(survey)
    boxes = zip(result["ahsq_friend"], result["ahsq_family"], strict=True)
    assert dict(zip(ROWS, boxes, strict=True)) == ROWS
    unknown, dropped, rows = questions(survey)
    assert unknown.startswith(
        "column 3: 4 rows hold an option that the mapping does not"
    )
    assert dropped.startswith("column 3: 3 rows hold own words beside the options")
    assert rows.startswith("rows 14, 15, 16, 17: no cell of these responses")


def test_options_of_another_form_are_no_own_words(tmp_path: Path) -> None:
    """Where no cell holds a declared option, nothing is known of the boxes."""
    survey = read_columns(tmp_path, {"who": ["友人", "家族", ""]}, JOINED)
    assert answers(survey)["ahsq_friend"] == ["?", "?", ""]


def test_declared_missing_code_of_boxes(tmp_path: Path) -> None:
    """A code that the mapping declares missing is no option."""
    mapping = f"missing: [-77]\n{JOINED}"
    survey = read_columns(tmp_path, {"who": ["-77", "Friend"]}, mapping)
    assert answers(survey)["ahsq_friend"] == ["", "1"]
    assert not questions(survey)


@pytest.mark.parametrize("word", ["canary7f3a"])
def test_questions_show_no_cell(tmp_path: Path, word: str) -> None:
    """Own words are counted, never quoted."""
    survey = read_columns(
        tmp_path, {"who": ["Friend", f"Friend;{word}", word, word]}, JOINED
    )
    assert questions(survey)
    assert word not in " ".join(questions(survey))
