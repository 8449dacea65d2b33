"""REDCap exports: which columns are a form's status, and what identifies a response."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from panelstream.ingest.surveys import read_export
from panelstream.ingest.surveys.mapping import read_mapping
from panelstream.ingest.surveys.read_export import SurveyExport
from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import find_instrument

CANARY = "canary7f3a"
INSTRUMENTS = [find_instrument(name, Path()).value for name in ("phq9", "pdd")]
ITEMS = read_export.items_by_column(INSTRUMENTS)
TIMED = "submitted_at: at\n"


def read(folder: Path, content: str, mapping: str = TIMED) -> SurveyExport:
    """Read a file with this text as wave 1."""
    path = folder / "export.csv"
    path.write_text(content, encoding="utf-8")
    (folder / "mapping.yaml").write_text(mapping, encoding="utf-8")
    rule = read_mapping(folder / "mapping.yaml", INSTRUMENTS)
    return read_export.read_survey_export(path, 1, ITEMS, rule, ZoneInfo("Asia/Tokyo"))


SPLIT = f"""record_id,platform_id,at,phq9_1,treated_complete,phq9_2,mood_complete
1,{CANARY},2026-03-01 09:30:00,1,2,2,2
"""
ADJACENT = f"""record_id,platform_id,at,phq9_1,study_complete,mood_complete
1,{CANARY},2026-03-01 09:30:00,1,1,2
"""
BLANK = f"""record_id,platform_id,at,phq9_1,left_complete,pdd_1,mood_complete
1,{CANARY},2026-03-01 09:30:00,1,,3,2
"""


@pytest.mark.parametrize("content", [SPLIT, ADJACENT, BLANK])
def test_a_status_that_may_be_a_field_stops(tmp_path: Path, content: str) -> None:
    """It splits an instrument, precedes a status, or is blank beside answers."""
    with pytest.raises(
        FileError, match=r"column 5: a form's status, or a field\?"
    ) as e:
        read(tmp_path, content, TIMED + "coding: {pdd: 0-5}")
    assert "dictionary.csv" in str(e.value)
    assert CANARY not in str(e.value)


@pytest.mark.parametrize(
    ("content", "header"),
    [(SPLIT, "treated"), (ADJACENT, "study"), (BLANK, "left")],
)
def test_the_mapping_says_that_it_is_a_field(
    tmp_path: Path, content: str, header: str
) -> None:
    """Listed under ignore (or columns) it ends no form, and the whole form is read."""
    ignored = f"{TIMED}coding: {{pdd: 0-5}}\nignore: [{header}_complete]"
    survey = read(tmp_path, content, ignored)
    [row] = survey.rows
    assert row.response_id.endswith("|mood")
    assert row.finished


def test_values_that_no_status_has_make_a_field(tmp_path: Path) -> None:
    """A yes is no status; as a field, the header must be mapped or ignored."""
    content = SPLIT.replace(",1,2,2,2", ",1,Yes,2,2")
    with pytest.raises(FileError, match="column 5: this header is not mapped"):
        read(tmp_path, content)


def test_a_response_is_known_without_its_time(tmp_path: Path) -> None:
    """Record, event, repetition and form stay when a time is corrected."""
    content = "record_id,platform_id,at,phq9_1,mood_complete\n1,a,{},1,2\n"
    first, second = (
        read(tmp_path, content.format(at)).rows[0].response_id
        for at in ("2026-03-01 09:30:00", "2026-03-02 10:00:00")
    )
    assert first == second


def test_record_id_that_is_marked_as_an_identifier_stays(tmp_path: Path) -> None:
    """Records are known by it: dropped, the next column would stand for it."""
    (tmp_path / "dictionary.csv").write_text(
        "field_name,form_name,field_type,field_label,select_choices_or_calculations,identifier\n"
        "record_id,mood,text,Record,,y\nplatform_id,mood,text,Id,,\n"
        "at,mood,text,When,,\nphq9_1,mood,text,Little interest,,\n",
        encoding="utf-8",
    )
    content = "record_id,platform_id,at,phq9_1,mood_complete\n"
    content += "1,a,2026-03-01 09:30:00,1,2\n2,a,2026-03-02 09:30:00,0,2\n"
    rows = read(tmp_path, content).rows
    assert [row.response_id for row in rows] == ["1||||mood", "2||||mood"]


def test_a_response_of_two_people_stops(tmp_path: Path) -> None:
    """One response id, two people: a wrong column; with both rows, without the id."""
    content = f"{CANARY},platform_id,submitted_at,phq9_1\n"
    content += f"{CANARY}1,a,2026-03-01,1\n{CANARY}1,b,2026-03-02,1\n"
    mapping = f"response_id: {CANARY}"
    with pytest.raises(FileError, match="one response id, but two people"):
        read(tmp_path, content, mapping)


def test_an_id_with_one_blank_person_is_no_second_person(tmp_path: Path) -> None:
    """The row without a person is set apart on its own."""
    content = "id,platform_id,submitted_at,phq9_1\n7,a,2026-03-01,1\n7,,2026-03-02,1\n"
    assert len(read(tmp_path, content, "response_id: id").rows) == 2


UNTIMED = f"""record_id,platform_id,phq9_1,mood_complete
1,{CANARY},1,2
2,{CANARY}b,2,2
"""


def test_a_file_without_any_time_is_refused(tmp_path: Path) -> None:
    """Not one answer could be stored: the message says what to write."""
    with pytest.raises(FileError, match=r"row 2, mood: .*submitted_at: wave") as e:
        read(tmp_path, UNTIMED, "format: redcap")
    assert CANARY not in str(e.value)


def test_a_form_that_nobody_started_needs_no_time(tmp_path: Path) -> None:
    """Without an answer there is nothing whose time could be missing."""
    content = "record_id,platform_id,phq9_1,mood_complete\n1,u-1,,0\n"
    assert not read(tmp_path, content, "format: redcap").rows
