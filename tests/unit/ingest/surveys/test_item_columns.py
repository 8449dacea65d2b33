"""Cells of items: labels, codes, missing codes and what none of these is."""

from pathlib import Path

import pytest

from panelstream.ingest.surveys.mapping import read_mapping
from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import Instrument, Item, Scale
from tests.lib.survey_files import (
    AT,
    HEAD,
    INSTRUMENTS,
    answers,
    questions,
    read_columns,
    read_labelled,
    read_text,
)

CELLS = {
    "Not at all": "0",
    "NOT  AT ALL": "0",
    "Ｓｅｖｅｒａｌ ｄａｙｓ": "1",
    "several days": "1",
    "ほとんど毎日": "3",
    "３": "3",
    "3.0": "3",
    "1 - Several days": "1",
    "1: several days": "1",
    "1. Several days": "1",
    "２．半分以上": "2",
    "Several days (1)": "1",
    "3 - Several days": "?",
    "1 - a few": "1",
    "たまに": "?",
    "none": "?",
    "NA": "",
    "n/a": "",
    "#N/A": "",
    "<NA>": "",
    "NaN": "",
    "NULL": "",
    "#NULL!": "",
    ".": "",
    ".a": "",
    "-": "",
    "": "",
}
"""By cell of an item from 0 to 3, its answer."""


def test_cells_of_an_item(tmp_path: Path) -> None:
    """Labels count without case and width; a code beside a label must be its own."""
    survey = read_columns(tmp_path, {"phq9_1": list(CELLS)})
    assert dict(zip(CELLS, answers(survey)["phq9_1"], strict=True)) == CELLS
    assert not questions(survey)


def test_numbers_beyond_all_measure_are_no_answers(tmp_path: Path) -> None:
    """A number too large for a computer, or a code that is none, is set apart."""
    cells = ["1e999", "9" * 400, "9" * 400 + " - Never", "Often (" + "9" * 400 + ")"]
    assert answers(read_columns(tmp_path, {"phq9_1": cells}))["phq9_1"] == ["?"] * 4
    mapping = "labels: [{items: [phq9_1], codes: {often: frequent, never: 0}}]\n"
    survey = read_columns(tmp_path, {"phq9_1": ["often", "never"]}, mapping)
    assert answers(survey)["phq9_1"] == ["?", "0"]


def test_not_applicable_may_be_an_answer(tmp_path: Path) -> None:
    """Of an item that may not apply, `n/a` is no sure sign of a missing answer."""
    cells = ["8", "Not applicable", "NA", "n/a", "9 - Not applicable", "3"]
    survey = read_columns(tmp_path, {"ghsq_partner": cells})
    assert answers(survey)["ghsq_partner"] == ["8", "8", "", "?", "8", "3"]


@pytest.mark.parametrize(
    ("yes", "no"),
    [("Yes", "No"), ("TRUE", "false"), ("はい", "いいえ"), ("Checked", "Unchecked")],
)
def test_yes_and_no_in_the_words_of_tools(tmp_path: Path, yes: str, no: str) -> None:
    """REDCap's yes-no and true-false fields are 1 and 0 as labels too."""
    survey = read_columns(tmp_path, {"ahsq_friend": [yes, no, "1", "0.0"]})
    assert answers(survey)["ahsq_friend"] == ["1", "0", "1", "0"]


MISSING: dict[str, tuple[list[str], str, list[str], int]] = {
    "one code": (["1", "-99", "-99"], "", ["1", "", ""], 1),
    "nines above": (["1", "999", "2"], "", ["1", "", "2"], 1),
    "as a decimal": (["1", "-99.0"], "", ["1", ""], 1),
    "with another minus": (["1", "−99"], "", ["1", ""], 1),
    "two codes": (["1", "-99", "-98"], "", ["1", "-99", "-98"], 0),
    "beside a wrong digit": (["1", "-99", "7"], "", ["1", "-99", "7"], 0),
    "a single nine": (["1", "9"], "", ["1", "9"], 0),
    "declared": (
        ["1", "-99", "-98", "7"],
        "missing: [-99, -98]",
        ["1", "", "", "7"],
        0,
    ),
    "declared word": (["1", "Refused"], "missing: [refused]", ["1", ""], 0),
    "declared of the item": (
        ["1", "9", "9"],
        "missing: [{items: [phq9_1], codes: [9]}]",
        ["1", "", ""],
        0,
    ),
    "declared of another item": (
        ["1", "9"],
        "missing: [{items: [phq9_2], codes: [9]}]",
        ["1", "9"],
        0,
    ),
    "beside the labels of the mapping": (
        ["yes", "NA", "-99"],
        "missing: [-99]\nlabels: [{items: [phq9_1], codes: {yes: 1}}]",
        ["1", "", ""],
        0,
    ),
    "a label of the mapping": (
        ["NA"],
        "labels: [{items: [phq9_1], codes: {NA: 1}}]",
        ["1"],
        0,
    ),
}


@pytest.mark.parametrize("case", MISSING)
def test_missing_codes(tmp_path: Path, case: str) -> None:
    """Declared codes are missing; a usual one, if it is the only wrong code, with a question."""
    cells, mapping, expected, count = MISSING[case]
    survey = read_columns(tmp_path, {"phq9_1": cells}, mapping)
    assert answers(survey)["phq9_1"] == expected
    asked = [q for q in questions(survey) if "read as missing" in q]
    assert len(asked) == count


def test_question_names_items_code_and_remedy(tmp_path: Path) -> None:
    """A line an instrument and code, not one an item; declared, it is none."""
    columns = {f"phq9_{n}": ["1", "-99", "-99"] for n in range(1, 6)}
    remedy = "missing: [-99]"
    assert questions(read_columns(tmp_path, columns)) == [
        "phq9_1 … phq9_5: 10 cells hold -99, read as missing; "
        f"declare it in the mapping: {remedy}"
    ]
    assert questions(read_columns(tmp_path, columns, remedy)) == []


def test_code_that_is_an_answer_is_never_missing(tmp_path: Path) -> None:
    """99 is an age of somebody; 999 is nobody's."""
    survey = read_columns(tmp_path, {"age": ["34", "99", "999"]})
    assert answers(survey)["age"] == ["34", "99", ""]


def test_qualtrics_own_code_is_no_question(tmp_path: Path) -> None:
    """Qualtrics writes -99 for a question that was seen and not answered."""
    head = "ResponseId,Finished,EndDate,platform_id,phq9_1,phq9_2"
    row = "2026-03-01T10:00:00Z"
    survey = read_text(tmp_path, f"{head}\nR_1,1,{row},x,-99,1\nR_2,1,{row},y,2,-99\n")
    assert answers(survey) == {"phq9_1": ["", "2"], "phq9_2": ["1", ""]}
    assert not questions(survey)


def test_missing_codes_of_a_long_file(tmp_path: Path) -> None:
    """A row an answer: the codes of an item are those of all its rows."""
    rows = [f"x,{AT},phq9_1,-99\n", f"x,{AT},phq9_2,1\n", f"y,{AT},phq9_1,2\n"]
    survey = read_text(tmp_path, f"{HEAD},item,answer\n" + "".join(rows))
    assert answers(survey) == {"phq9_1": ["", "2"], "phq9_2": ["1", ""]}
    assert [q.partition(":")[0] for q in questions(survey)] == ["phq9_1"]


def test_code_that_a_file_labels_as_refused(tmp_path: Path) -> None:
    """A labelled code of nines is missing whether written as code or as label."""
    labels = {0: "Not at all", 3: "Nearly every day", -99: "Refused"}
    survey = read_labelled(tmp_path, {"phq9_1": [0.0, -99.0, 3.0]}, {"phq9_1": labels})
    assert answers(survey)["phq9_1"] == ["0", "", "3"]


def test_labels_that_are_other_numbers(tmp_path: Path) -> None:
    """SPSS may call code 1 "0"; where cells are codes, they are not labels."""
    labels = {1: "0", 2: "1", 3: "2", 4: "3"}
    survey = read_labelled(
        tmp_path,
        {"phq9_1": [1.0, 4.0]},
        {"phq9_1": labels},
        "coding: {phq9: 1-4}",
    )
    assert answers(survey)["phq9_1"] == ["0", "3"]


INDEX = Instrument(
    instrument="index",
    title={"en": "Index"},
    reference="none",
    licence="none",
    items=(Item(code="steps", low=0, high=9),),
    scales=(
        Scale(code="score", delivered=True, low=0, high=100),
        Scale(code="free", delivered=True),
    ),
)


def test_numbers_of_delivered_scores(tmp_path: Path) -> None:
    """Delivered scores may have decimals; without bounds, -99 may be a score."""
    columns = {
        "index_score": ["12.5", "40.0", "-99"],
        "index_free": ["-99", "1e3", "x"],
    }
    survey = read_columns(tmp_path, columns, instruments=[INDEX])
    assert answers(survey) == {
        "index_score": ["12.5", "40", ""],
        "index_free": ["-99", "1000", "?"],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "missing: [{items: [phq9_0], codes: [9]}]",
            "1: no item 'phq9_0'; did you mean",
        ),
        ("missing:\n  - {items: [phq9_1]}", "2: .*codes"),
        ("missing: -99", "1: missing"),
        ("source: Two words", "1: source"),
        ("parts: 3", "1: parts"),
        ("coding: {pdd: -2..2}", "1: -2..2 cannot be the coding of pdd_1"),
        ("coding: {pdd: 3-3}", "1: .*as 1-6"),
    ],
)
def test_mistake_in_a_key_has_its_line(tmp_path: Path, text: str, message: str) -> None:
    """Line and remedy, also for an item that nobody has."""
    path = tmp_path / "mapping.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileError, match=message):
        read_mapping(path, INSTRUMENTS)
