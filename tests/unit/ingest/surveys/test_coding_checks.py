"""Labels that a file gives its codes, against how these codes would be read."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import Instrument, Item
from tests.lib.survey_files import (
    answers,
    questions,
    read_columns,
    read_labelled,
    read_text,
)

Labels = Mapping[int, str]

UP: Labels = {0: "Strongly disagree", 5: "Strongly agree"}
DOWN: Labels = {0: "Strongly agree", 5: "Strongly disagree"}

AGREEING: dict[str, tuple[Labels, str, list[str]]] = {
    "as the instrument": (UP, "", ["0", "5"]),
    "in the other language": (
        {0: "全くそう思わない", 5: "強くそう思う"},
        "",
        ["0", "5"],
    ),
    "in both languages": ({0: "Strongly disagree", 5: "強くそう思う"}, "", ["0", "5"]),
    "without case and width": (
        {0: "ＳＴＲＯＮＧＬＹ  disagree", 5: "strongly agree"},
        "",
        ["0", "5"],
    ),
    "with their codes": (
        {0: "0 - Strongly disagree", 5: "5 = Strongly agree"},
        "",
        ["0", "5"],
    ),
    "a single one": ({5: "Strongly agree"}, "", ["0", "5"]),
    "turned, and declared": (DOWN, "coding: {pdd: 5-0}", ["5", "0"]),
    "turned, and listed": (
        DOWN,
        "labels: [{items: [pdd_1], codes: {Strongly agree: 5, Strongly disagree: 0}}]",
        ["5", "0"],
    ),
    "turned, and listed by code": (
        DOWN,
        "labels: [{items: [pdd_1], codes: {0: 5, 5: 0}}]",
        ["5", "0"],
    ),
    "with a code for a refusal": (
        {**UP, -99: "Refused", 8: "Don't know"},
        "",
        ["0", "5"],
    ),
}


@pytest.mark.parametrize("case", AGREEING)
def test_labels_that_agree_are_read(tmp_path: Path, case: str) -> None:
    """Codes 0 and 5, under these labels and this mapping, are these answers."""
    labels, mapping, expected = AGREEING[case]
    survey = read_labelled(tmp_path, {"pdd_1": [0.0, 5.0]}, {"pdd_1": labels}, mapping)
    assert answers(survey)["pdd_1"] == expected
    assert not questions(survey)


STOPPING: dict[str, tuple[Labels, str, str]] = {
    "turned": (
        DOWN,
        "",
        r"pdd: the file says 0 = Strongly agree, 5 = Strongly disagree, but these codes "
        r"would be read as 0 = Strongly disagree, 5 = Strongly agree; "
        r"write in the mapping coding: \{pdd: 5-0\}$",
    ),
    "turned, in Japanese": (
        {0: "強くそう思う", 5: "全くそう思わない"},
        "",
        r"0 = 強くそう思う, .* read as 0 = 全くそう思わない, .*coding: \{pdd: 5-0\}$",
    ),
    "turned, in two languages": (
        {0: "strongly AGREE", 5: "全くそう思わない"},
        "",
        r"coding: \{pdd: 5-0\}$",
    ),
    "turned, with their codes": (
        {0: "0: Strongly agree", 5: "5: Strongly disagree"},
        "",
        r"coding: \{pdd: 5-0\}$",
    ),
    "turned, from 1": (
        {1: "Strongly agree", 6: "Strongly disagree"},
        "",
        r"coding: \{pdd: 6-1\}$",
    ),
    "from 1": (
        {1: "Strongly disagree", 6: "Strongly agree"},
        "",
        r"coding: \{pdd: 1-6\}$",
    ),
    "below zero": (
        {-2: "Strongly disagree", 3: "Strongly agree"},
        "",
        r"coding: \{pdd: -2\.\.3\}$",
    ),
    "one end only": (
        {0: "Strongly agree", 3: "3", 5: "5"},
        "",
        r"coding: \{pdd: 5-0\}$",
    ),
    "declared wrongly": (DOWN, "coding: {pdd: 0-5}", r"coding: \{pdd: 5-0\}$"),
    "right, but declared turned": (UP, "coding: {pdd: 5-0}", r"coding: \{pdd: 0-5\}$"),
    "shifted, but declared as usual": (
        {1: "Strongly agree", 6: "Strongly disagree"},
        "coding: {pdd: 1-6}",
        r"coding: \{pdd: 6-1\}$",
    ),
    "by no line": (
        {0: "Strongly agree", 7: "Strongly disagree"},
        "",
        r"labels: \[\{items: \[pdd_1\], codes: \{Strongly agree: 5, Strongly disagree: 0\}\}\]",
    ),
    "listed wrongly": (
        DOWN,
        "labels: [{items: [pdd_1], codes: {Strongly agree: 0, Strongly disagree: 5}}]",
        r"labels: \[\{items: \[pdd_1\], codes: \{Strongly agree: 5, Strongly disagree: 0\}\}\]",
    ),
    "of no instrument, listed otherwise": (
        {1: "Ja", 2: "Nein"},
        "labels: [{items: [pdd_1], codes: {Ja: 1, Nein: 0}}]",
        r"2 = Nein, .* read as 2 = the mapping's 0; .*codes: \{2: 0\}",
    ),
    "other words, from 1": (
        {1: "disagree", 6: "agree"},
        "",
        r"the low end first: coding: \{pdd: 1-6\}, or \{pdd: 0-5\} if",
    ),
    "other words, turned, from 1": (
        {1: "agree", 6: "disagree"},
        "",
        r"the low end first: coding: \{pdd: 6-1\}, or \{pdd: 0-5\} if",
    ),
    "words without order, from 1": (
        {1: "A", 6: "B"},
        "",
        r"coding: \{pdd: 1-6\} if 1 means Strongly disagree, or coding: \{pdd: 6-1\} if 1 means Strongly agree",
    ),
    "other words, declared otherwise": (
        {1: "A", 6: "B"},
        "coding: {pdd: 0-5}",
        r"the file labels the codes 1 to 6, but the mapping declares coding: \{pdd: 0-5\}",
    ),
    "of fewer options": (
        {1: "A", 4: "B"},
        "",
        r"labels: which answer of the instrument each code is, or \{pdd: 0-5\} if",
    ),
}


@pytest.mark.parametrize("case", STOPPING)
def test_labels_that_contradict_stop(tmp_path: Path, case: str) -> None:
    """What the file says and what would be read stand side by side, with a remedy."""
    labels, mapping, message = STOPPING[case]
    columns = {"pdd_1": [float(code) for code in labels]}
    with pytest.raises(FileError, match=message):
        read_labelled(tmp_path, columns, {"pdd_1": labels}, mapping)


def test_columns_that_go_both_ways_have_no_coding(tmp_path: Path) -> None:
    """A coding holds for a whole instrument, so only the turned item is listed."""
    columns = {"pdd_1": [0.0, 5.0], "pdd_2": [0.0, 5.0]}
    with pytest.raises(
        FileError, match=r"labels: \[\{items: \[pdd_2\], codes:"
    ) as stop:
        read_labelled(tmp_path, columns, {"pdd_1": UP, "pdd_2": DOWN})
    remedy = str(stop.value).split("write in the mapping ")[1].split(", with all")[0]
    survey = read_labelled(tmp_path, columns, {"pdd_1": UP, "pdd_2": DOWN}, remedy)
    assert answers(survey) == {"pdd_1": ["0", "5"], "pdd_2": ["5", "0"]}


@pytest.mark.parametrize(
    "labels",
    [
        {0: "Agree completely", 5: "Disagree completely"},
        {0: "Always", 5: "Never"},
        {0: "はい", 5: "いいえ"},
        {0: "とてもそう思う", 5: "そう思わない"},
    ],
)
def test_other_words_in_the_other_order_are_a_question(
    tmp_path: Path, labels: Labels
) -> None:
    """Words of agreement at the low end stop nothing, but a person should look."""
    columns = {"pdd_1": [0.0, 5.0]}
    [question] = questions(read_labelled(tmp_path, columns, {"pdd_1": labels}))
    assert f"0 = {labels[0]}, 5 = {labels[5]}" in question
    assert "coding: {pdd: 5-0}" in question
    turned = {0: labels[5], 5: labels[0]}
    assert not questions(read_labelled(tmp_path, columns, {"pdd_1": turned}))


def test_codes_written_in_cells_are_labels_too(tmp_path: Path) -> None:
    """A cell `0 - Strongly agree` says as much as a value label."""
    cells = ["0 - Strongly agree", "5 - Strongly disagree", "3 - Somewhat"]
    with pytest.raises(FileError, match=r"coding: \{pdd: 5-0\}$"):
        read_columns(tmp_path, {"pdd_1": cells})
    survey = read_columns(tmp_path, {"pdd_1": cells}, "coding: {pdd: 5-0}")
    assert answers(survey)["pdd_1"] == ["5", "0", "2"]


def test_choices_are_read_by_the_labels_of_the_file(tmp_path: Path) -> None:
    """Codes of a choice are the file's own; what they mean, its labels say."""
    labels = {1: "Female", 2: "男性", 9: "Something else"}
    survey = read_labelled(tmp_path, {"gender": [1.0, 2.0, 9.0]}, {"gender": labels})
    assert answers(survey)["gender"] == ["female", "male", "9"]


FIVE = Instrument(
    instrument="five",
    title={"en": "Five"},
    reference="none",
    licence="none",
    items=(Item(code="five_1", low=1, high=5),),
)


@pytest.mark.parametrize(
    ("cells", "up", "down"),
    [
        (["-2", "0", "2"], "-2..2", "2..-2"),
        (["-1", "0", "1"], "-2..2", "2..-2"),
        (["2", "6"], "2-6", "6-2"),
        (["0", "4"], "0-4", "4-0"),
    ],
)
def test_codes_outside_the_range_propose_both_directions(
    tmp_path: Path, cells: list[str], up: str, down: str
) -> None:
    """Numbers alone say no direction, so both are shown, and the mapping takes both."""
    columns = {"five_1": cells}
    with pytest.raises(FileError) as stop:
        read_columns(tmp_path, columns, instruments=[FIVE])
    low = min(map(int, cells[:1])) if up != "-2..2" else -2
    assert f"coding: {{five: {up}}} if {low} means what the instrument codes 1" in str(
        stop.value
    )
    assert (
        f"coding: {{five: {down}}} if {low} means what the instrument codes 5"
        in str(stop.value)
    )
    for coding in (up, down):
        mapping = f"coding: {{five: {coding}}}"
        survey = read_columns(tmp_path, columns, mapping, instruments=[FIVE])
        assert {*answers(survey)["five_1"]} <= {*"12345"}


@pytest.mark.parametrize(
    "text", ["-2..2", "-2-2", "-2–2", "−2..2", "－２〜２", "-2 … 2"]
)
def test_codings_below_zero_are_written_in_several_ways(
    tmp_path: Path, text: str
) -> None:
    """-2 to 2 is 1 to 5, however the dash is typed; messages write it as -2..2."""
    survey = read_columns(
        tmp_path,
        {"five_1": ["-2", "-1", "0", "1", "2", "−2", "3"]},
        f"coding: {{five: {text}}}",
        instruments=[FIVE],
    )
    assert answers(survey)["five_1"] == ["1", "2", "3", "4", "5", "1", "?"]
    assert survey.summary.coding == {"five": "-2..2"}


@pytest.mark.parametrize(
    ("mapping", "count"),
    [
        ("{Strongly disagree: 5, Strongly agree: 0}", 1),
        ("{Strongly disagree: 0, Strongly agree: 5}", 0),
        ("{Never mind: 0, So so: 5}", 0),
    ],
)
def test_labels_of_the_mapping_against_the_instrument(
    tmp_path: Path, mapping: str, count: int
) -> None:
    """The mapping wins, but where it turns the instrument's own labels, a person should look."""
    text = f"labels: [{{items: [pdd_1], codes: {mapping}}}]"
    survey = read_columns(tmp_path, {"pdd_1": ["Strongly agree", ""]}, text)
    asked = [q for q in questions(survey) if "is another answer in the instr" in q]
    assert len(asked) == count


def test_dictionary_of_redcap_that_turns_labels_stops(tmp_path: Path) -> None:
    """Raw codes and labels alike: the data dictionary says what the codes are."""
    options = "0, Strongly agree | 1, b | 2, c | 3, d | 4, e | 5, Strongly disagree"
    (tmp_path / "dictionary.csv").write_text(
        "field_name,form_name,field_type,field_label,select_choices_or_calculations,identifier\n"
        "record_id,pdd,text,Record ID,,\nplatform_id,pdd,text,Your ID,,\n"
        f'pdd_1,pdd,radio,Close friend,"{options}",\n'
    )
    time = "2026-03-01 10:00:00"
    raw = f"record_id,pdd_timestamp,platform_id,pdd_1,pdd_complete\n1,{time},x,0,2\n2,{time},y,4,2\n"
    labels = f"Record ID,Survey Timestamp,Your ID,Close friend,Complete?\n1,{time},x,Strongly agree,Complete\n2,{time},y,e,Complete\n"
    for content in (raw, labels):
        with pytest.raises(FileError, match=r"coding: \{pdd: 5-0\}$"):
            read_text(tmp_path, content)
        survey = read_text(tmp_path, content, "coding: {pdd: 5-0}")
        assert answers(survey)["pdd_1"] == ["5", "1"]
