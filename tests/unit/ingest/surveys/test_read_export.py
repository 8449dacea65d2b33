"""Exports of survey tools: what stops an import, and what it says; times and codings."""

import zipfile
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from panelstream.ingest.surveys import mapping as mappings
from panelstream.ingest.surveys import read_export
from panelstream.ingest.surveys.read_export import SurveyExport
from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import find_instrument

CANARY = "canary7f3a"
INSTRUMENTS = [
    find_instrument(name, Path()).value
    for name in ("phq9", "pdd", "ghsq", "ahsq", "demographics")
]
ITEMS = read_export.items_by_column(INSTRUMENTS)
TOKYO = ZoneInfo("Asia/Tokyo")
HEAD = "platform_id,submitted_at"
AT = "2026-03-01T00:00:00Z"
GOLDEN = Path(__file__).parents[3] / "golden/responses"


def read(
    folder: Path,
    content: str | bytes,
    mapping: str = "",
    name: str = "wave1.csv",
    wave: int = 1,
    linked: bool = False,
) -> SurveyExport:
    """Import a file with these bytes or this text, under a mapping."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    place = folder / "mapping.yaml"
    place.write_text(mapping or "{}", encoding="utf-8")
    said = mappings.read_mapping(place, INSTRUMENTS)
    return read_export.read_survey_export(path, wave, ITEMS, said, TOKYO, linked)


def answers(survey: SurveyExport) -> dict[str, list[str]]:
    """By item, the answers of all rows in order."""
    result: dict[str, list[str]] = {}
    for row in survey.rows:
        for code, answer in row.answers.items():
            result.setdefault(code, []).append(answer)
    return result


def times(survey: SurveyExport) -> list[str]:
    """When each response was sent, in UTC to the minute."""
    return [
        row.responded_at.astimezone(UTC).strftime("%d %H:%M") for row in survey.rows
    ]


MISTAKES: dict[str, tuple[str | bytes, str, str]] = {
    "an unmapped header": (
        f"{HEAD},phq9_1,{CANARY}\n",
        "",
        "column 4: this header is not mapped",
    ),
    "a personal header": (
        f"{HEAD},phq9_1,E-mail of {CANARY}\n",
        "",
        "column 4: looks like personal data; list this header under ignore",
    ),
    "no time": ("platform_id,phq9_1\n", "", "row 1: no column 'submitted_at'"),
    "no headers": (
        f"{CANARY}@example.org,2026-01-01\n",
        "",
        "row 1: no column 'platform_id' .* must hold the headers",
    ),
    "answers without a header": (
        f"{HEAD},phq9_1,\nx,{AT},1,{CANARY}\n",
        "",
        "column 4: answers without a header",
    ),
    "a time that is none": (
        f"{HEAD},phq9_1\nx,{CANARY},1\n",
        "",
        "row 2, column 2: not a time",
    ),
    "a time before computers": (
        f"{HEAD},phq9_1\nx,1026-01-01,1\n",
        "",
        "row 2, column 2: not a time",
    ),
    "days or months first": (
        f"{HEAD},phq9_1\nx,03/04/2026 10:00,1\n",
        "",
        "column 2: day and month are ambiguous",
    ),
    "nothing but commas": (",,\n,,\n", "", "the file is empty"),
    "an item in two columns": (
        f"{HEAD},phq9_1,Q1\nx,{AT},1,2\n",
        "columns: {Q1: phq9_1}",
        "column 4: two columns of 'phq9_1'",
    ),
    "damaged UTF-16": (b"\xff\xfea", "", "damaged UTF-16"),
    "an uneven row": (f"{HEAD},phq9_1\nx,1\n", "", "row 2: 2 cells under 3 headers"),
    "nothing": ("", "", "the file is empty"),
    "a quote that swallows the end": (
        f'{HEAD},phq9_1,note\nx,{AT},1,"{CANARY}\ny,{AT},2,z\n',
        "",
        "row 2: a quote",
    ),
    "a quote that swallows rows": (
        f'{HEAD},phq9_1,note\nx,{AT},1,"{CANARY}\ny,{AT},2,z\nw,{AT},1,"fine"\n',
        "",
        "row 2: a quote",
    ),
    "bytes of another encoding": (
        f"{HEAD},phq9_1\nx,{AT},1\ny\x81,{AT},{CANARY}\n".encode("latin-1"),
        "",
        "line 3: neither UTF-8 nor Windows Japanese",
    ),
    "an old workbook": (
        b"\xd0\xcf\x11\xe0" + CANARY.encode(),
        "",
        "save it as .xlsx or CSV",
    ),
    "half a workbook": (b"PK\x03\x04" + CANARY.encode(), "", "half-copied workbook"),
    "a damaged SPSS file": (b"$FL2" + CANARY.encode(), "", "damaged"),
    "a header mapped to nothing": (
        f"{HEAD},Q1\n",
        "columns: {Q1: phq9_10}",
        "column 3: mapped to 'phq9_10'.* did you mean 'phq9_1'",
    ),
    "a tick for nothing": (
        f"{HEAD},who\n",
        "checkboxes: [{column: who, options: {A: ahsq_frend}}]",
        "no item 'ahsq_frend'; did you mean 'ahsq_friend'",
    ),
    "a person by e-mail": (
        f"mail,submitted_at,phq9_1\n{CANARY}@example.org,{AT},1\n",
        "person: mail",
        "'mail' is no platform id",
    ),
    "an address without links": (
        f"E-mail,submitted_at,phq9_1\n{CANARY}@example.org,{AT},1\n",
        "person: E-mail",
        "'E-mail' is no platform id; give a link file",
    ),
    "another coding": (
        f"{HEAD},pdd_1,pdd_2\nx,{AT},6,1\n",
        "",
        r"pdd: .*coding: \{pdd: 1-6\}",
    ),
    "an item of a long file": (
        f"{HEAD},item,answer\nx,{AT},{CANARY},1\n",
        "",
        "row 2, item: unknown item",
    ),
    "times of Qualtrics without a zone": (
        f"ResponseId,Finished,EndDate,platform_id,phq9_1\nR_1,1,2026-03-01 10:00:00,{CANARY},1\n",
        "",
        "column 3: times without an offset; write timezone",
    ),
    "several events": (
        f"record_id,redcap_event_name,platform_id,phq9_timestamp,phq9_1,phq9_complete\n1,{CANARY},x,{AT},1,2\n2,b_arm_1,y,{AT},1,2\n",
        "",
        "column 2: several events",
    ),
    "an event that is not mapped": (
        f"record_id,redcap_event_name,platform_id,phq9_timestamp,phq9_1,phq9_complete\n1,{CANARY},x,{AT},1,2\n",
        "events: {a_arm_1: 1}",
        "row 2: its 'redcap_event_name' is not among the values of the mapping",
    ),
    "a record of two people": (
        f"record_id,redcap_event_name,platform_id,phq9_1,phq9_complete\n1,a,{CANARY},1,2\n1,a,y,1,2\n",
        "",
        "row 3, column 3: another person",
    ),
    "REDCap without forms": (
        f"record_id,redcap_event_name,platform_id,phq9_1\n1,a,{CANARY},1\n",
        "",
        "no column <form>_complete",
    ),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_mistake_has_a_place_and_a_remedy_and_no_value(
    tmp_path: Path, what: str
) -> None:
    """Nothing is guessed and nothing is quoted: the file, the place, what to do."""
    content, mapping, message = MISTAKES[what]
    with pytest.raises(FileError, match=message) as caught:
        read(tmp_path, content, mapping)
    assert caught.value.path.name == "wave1.csv"
    assert CANARY not in str(caught.value)


def test_columns_are_counted_as_in_the_file(tmp_path: Path) -> None:
    """Also where personal data or empty columns stood before them."""
    content = (
        f"Timestamp,Username,,ID,{CANARY}\n2026/03/01 9:00:00,a@example.org,,x,1\n"
    )
    with pytest.raises(FileError, match="column 5: this header is not mapped"):
        read(tmp_path, content, "person: ID")


MAPPINGS = {
    "an instrument that the study lacks": (
        "coding: {pd: 1-6}",
        "1: no instrument 'pd'; did you mean 'pdd'",
    ),
    "a coding that stretches": (
        "coding:\n  pdd: 1-5",
        "2: 1-5 cannot be the coding of pdd_1, which goes from 0 to 5",
    ),
    "a coding that is none": ("coding: {pdd: from 1}", "1: .*as 1-6"),
    "labels of no item": (
        "labels:\n  - {items: [phq9_0], codes: {a: 1}}",
        "2: no item 'phq9_0'",
    ),
    "a draft that is not filled in": (
        "columns:\n  Q1: phq9_1\n  Q2:",
        "3: .*Q2.* has no value",
    ),
    "a source and its parts": (
        "source: intake\nparts: true",
        "give source or parts, not both",
    ),
    "an unknown key": ("column: {}", "1: unknown key 'column'; did you mean 'columns'"),
}


@pytest.mark.parametrize("what", MAPPINGS)
def test_mistake_in_a_mapping_has_its_line(tmp_path: Path, what: str) -> None:
    """The line of the mapping, and the nearest right word."""
    text, message = MAPPINGS[what]
    with pytest.raises(FileError, match=message) as caught:
        read(tmp_path, f"{HEAD},phq9_1\n", text)
    assert caught.value.path.name == "mapping.yaml"


def test_value_labels_tell_another_coding(tmp_path: Path) -> None:
    """An SPSS file whose labels go from 1 to 6 is refused until its coding is declared."""
    content = (GOLDEN / "plain/spss/export.sav").read_bytes()
    said = "columns: {stigma1: pdd_1}\nignore: [email]\n"
    with pytest.raises(FileError, match=r"pdd: .*coding: \{pdd: 1-6\}"):
        read(tmp_path, content, said, "wave1.sav")
    survey = read(tmp_path, content, said + "coding: {pdd: 1-6}", "wave1.sav")
    assert answers(survey)["pdd_1"] == ["5", "0", "1"]


def test_dictionary_tells_another_coding(tmp_path: Path) -> None:
    """So is a REDCap export whose data dictionary codes options from 1 to 6."""
    flat = GOLDEN / "redcap/flat"
    (tmp_path / "dictionary.csv").write_bytes((flat / "dictionary.csv").read_bytes())
    columns = "columns: {help___1: ahsq_friend, help___2: ahsq_family}"
    with pytest.raises(FileError, match=r"coding: \{pdd: 1-6\}"):
        read(tmp_path, (flat / "export.csv").read_bytes(), columns)


def test_nobody_giving_the_lowest_answer_tells_another_coding(tmp_path: Path) -> None:
    """Coded from 1, a wave in which nobody chose 6 looks like 0 to 5 at first sight."""
    cells = [f"x{n},{AT},{1 + n % 5}\n" for n in range(50)]
    with pytest.raises(
        FileError,
        match=r"coding: \{pdd: 1-6\} if 1 means Strongly disagree, or coding: \{pdd: 6-1\} if 1 means Strongly agree, or \{pdd: 0-5\}",
    ):
        read(tmp_path, f"{HEAD},pdd_1\n" + "".join(cells))
    few = read(tmp_path, f"{HEAD},pdd_1\n" + "".join(cells[:49]))
    assert len(few.rows) == 49


@pytest.mark.parametrize(
    ("coding", "cells", "expected"),
    [
        ("1-6", ["1", "6", "4"], ["0", "5", "3"]),
        ("6-1", ["1", "6", "4"], ["5", "0", "2"]),
        ("0-5", ["0", "5", "6"], ["0", "5", "?"]),
        ("1-6", ["0", "7", "2.0"], ["?", "?", "1"]),
    ],
)
def test_declared_coding_is_applied_and_recorded(
    tmp_path: Path, coding: str, cells: list[str], expected: list[str]
) -> None:
    """The first code is the item's low end; what lies outside is no answer."""
    content = f"{HEAD},pdd_1\n" + "".join(f"x,{AT},{cell}\n" for cell in cells)
    survey = read(tmp_path, content, f"coding: {{pdd: {coding}}}")
    assert answers(survey)["pdd_1"] == expected
    assert survey.summary.coding == {"pdd": coding}


def test_does_not_apply_is_no_other_coding(tmp_path: Path) -> None:
    """The code of an answer that does not apply lies outside the range on purpose."""
    survey = read(tmp_path, f"{HEAD},ghsq_partner\nx,{AT},8\ny,{AT},2\n")
    assert answers(survey)["ghsq_partner"] == ["8", "2"]


def test_labels_of_the_mapping_win(tmp_path: Path) -> None:
    """A mapping's labels stand before the instrument's, and admit nothing else."""
    said = "labels: [{items: [phq9_1], codes: {Not at all: 3, yes: 0}}]"
    survey = read(
        tmp_path,
        f"{HEAD},phq9_1\nx,{AT},Ｎot  at all\ny,{AT},Several days\nz,{AT},yes\n",
        said,
    )
    assert answers(survey)["phq9_1"] == ["3", "?", "0"]


def test_a_zero_is_no_tick(tmp_path: Path) -> None:
    """Where each option is a column, REDCap writes 0 or Unchecked, Qualtrics nothing."""
    said = (
        "checkboxes: [{options: {a: ahsq_friend, b: ahsq_family, c: ahsq_physician}}]"
    )
    content = f"{HEAD},a,b,c\nx,{AT},1,0,\ny,{AT},Unchecked,A label,0\nz,{AT},0,,0\n"
    assert answers(read(tmp_path, content, said)) == {
        "ahsq_friend": ["1", "0", ""],
        "ahsq_family": ["0", "1", ""],
        "ahsq_physician": ["0", "0", ""],
    }


def test_options_that_hold_commas_are_told_apart(tmp_path: Path) -> None:
    """Ticked options are joined by `;` or `, `, and one may hold a comma itself."""
    said = "checkboxes: [{column: who, options: {Friend: ahsq_friend, 'Friend, old': ahsq_family, GP: ahsq_physician}}]"
    cells = ["Friend;GP", '"Friend, old, GP"', '"Friend, Friend, old"', "", "GPs"]
    content = f"{HEAD},who\n" + "".join(f"x,{AT},{cell}\n" for cell in cells)
    result = answers(read(tmp_path, content, said))
    assert result["ahsq_friend"] == ["1", "0", "1", "", "?"]
    assert result["ahsq_family"] == ["0", "1", "1", "", "?"]
    assert result["ahsq_physician"] == ["1", "1", "0", "", "?"]


@pytest.mark.parametrize(
    ("cells", "mapping", "expected"),
    [
        (["3/4/2026 10:00:00", "3/31/2026 10:00:00"], "", ["04 01:00", "31 01:00"]),
        (["3/4/2026 10:00:00", "31/3/2026 10:00:00"], "", ["03 01:00", "31 01:00"]),
        (["03/04/2026 10:00"], "times: '%d/%m/%Y %H:%M'", ["03 01:00"]),
        (["2026/03/01 12:00:00 午前 GMT+9"], "", ["28 15:00"]),
        (["2026/03/01 12:00:00 午後 GMT-3:30"], "", ["01 15:30"]),
        (["2026-03-01 00:00:00"], "timezone: Asia/Kolkata", ["28 18:30"]),
        (["2026-03-01T00:00:00+02:00"], "timezone: Asia/Kolkata", ["28 22:00"]),
    ],
)
def test_times_are_read_as_they_are_written(
    tmp_path: Path, cells: list[str], mapping: str, expected: list[str]
) -> None:
    """Offsets hold; without one the mapping's zone does; a column has one order of days."""
    content = f"{HEAD},phq9_1\n" + "".join(f"x,{cell},1\n" for cell in cells)
    assert times(read(tmp_path, content, mapping)) == expected


def test_archive_of_one_file_is_opened(tmp_path: Path) -> None:
    """Services wrap an export in a ZIP archive; of two files nobody knows which."""
    path = tmp_path / "wave1.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Form.csv", f"{HEAD},phq9_1\nx,{AT},1\n")
    assert answers(read(tmp_path, path.read_bytes(), name="wave1.zip")) == {
        "phq9_1": ["1"]
    }
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("more.csv", CANARY)
    with pytest.raises(FileError, match="an archive of 2 files"):
        read(tmp_path, path.read_bytes(), name="wave1.zip")


def test_workbook_of_two_filled_sheets_is_refused(tmp_path: Path) -> None:
    """Which sheet holds the answers is not guessed."""
    book = openpyxl.Workbook()
    book.active.append(["platform_id"])
    book.create_sheet("b").append([CANARY])
    book.save(tmp_path / "b.xlsx")
    with pytest.raises(FileError, match="2 sheets hold something"):
        read(tmp_path, (tmp_path / "b.xlsx").read_bytes(), name="wave1.xlsx")


def test_events_of_other_waves_are_left_out_and_counted(tmp_path: Path) -> None:
    """One longitudinal file is imported wave by wave, and no row counts twice."""
    output = (GOLDEN / "redcap/longitudinal/mapping.yaml").read_text("utf-8")
    content = (GOLDEN / "redcap/longitudinal/export.csv").read_bytes()
    first, second = (read(tmp_path, content, output, wave=wave) for wave in (1, 2))
    assert [row.number for row in second.rows] == [4, 4]
    assert not {row.response_id for row in first.rows} & {
        row.response_id for row in second.rows
    }


def test_plumbing_may_be_an_item_if_the_mapping_says_so(tmp_path: Path) -> None:
    """The seconds that Qualtrics counts are left out, unless an item takes them."""
    head = "ResponseId,Finished,EndDate,Duration (in seconds),platform_id"
    content = f"{head}\nR_1,1,2026-03-01T10:00:00Z,61,x\n"
    assert answers(read(tmp_path, content)) == {}
    said = "columns: {Duration (in seconds): age}"
    assert answers(read(tmp_path, content, said)) == {"age": ["61"]}


def test_the_same_mapping_has_the_same_hash(tmp_path: Path) -> None:
    """What is recorded with an import tells mappings apart, not how they are written."""
    one = mappings.SurveyMapping(columns={"a": "phq9_1"})
    (tmp_path / "m.yaml").write_text("# said otherwise\ncolumns:\n  a: phq9_1\n")
    assert mappings.read_mapping(tmp_path / "m.yaml", INSTRUMENTS).hash == one.hash
    assert mappings.SurveyMapping().hash != one.hash
