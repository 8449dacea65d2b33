"""Google Forms, Microsoft Forms, LimeSurvey: how each is recognised, and what is asked."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from panelstream.ingest.surveys import read_export
from panelstream.ingest.surveys.file_types.export_file import read_export_file
from panelstream.ingest.surveys.mapping import SurveyMapping, read_mapping
from panelstream.ingest.surveys.read_export import SurveyExport, detect_format
from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import find_instrument

CANARY = "canary7f3a"
INSTRUMENTS = [find_instrument("phq9", Path()).value]
ITEMS = read_export.items_by_column(INSTRUMENTS)
TOKYO = ZoneInfo("Asia/Tokyo")


def write(folder: Path, *lines: str) -> Path:
    """An export with these lines."""
    path = folder / "export.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(path: Path, mapping: str) -> SurveyExport:
    """Read an export as wave 1."""
    (path.parent / "mapping.yaml").write_text(mapping, encoding="utf-8")
    known = read_mapping(path.parent / "mapping.yaml", INSTRUMENTS)
    return read_export.read_survey_export(path, 1, ITEMS, known, TOKYO)


@pytest.mark.parametrize(
    ("header", "format_name"),
    [
        ("Zeitstempel,a", "google_forms"),
        ("Horodateur,a", "google_forms"),
        ("Marca temporal,a", "google_forms"),
        ("타임스탬프,a", "google_forms"),
        ("ID,Start time,Completion time,Email,Name,a", "microsoft_forms"),
        ("Id,開始時刻,完了時刻,メール,名前,a", "microsoft_forms"),
        ("ID,Startzeit,Fertigstellungszeit,E-Mail,Name,a", "microsoft_forms"),
        ("id,submitdate,lastpage,startlanguage,a", "limesurvey"),
        (
            "id. Response ID,submitdate. Date submitted,lastpage. Last page,a",
            "limesurvey",
        ),
        ("Antwort ID,Datum Abgeschickt,Letzte Seite,a", "limesurvey"),
        ("ID,Start time,a", "plain"),
        ("id,submitted_at,a", "plain"),
    ],
)
def test_tools_are_recognised_in_many_languages(
    tmp_path: Path, header: str, format_name: str
) -> None:
    """By the headers that the tool itself writes."""
    path = write(tmp_path, header, ",".join("x" for _ in header.split(",")))
    assert detect_format(read_export_file(path)) == format_name


MICROSOFT = (
    "ID,Start time,Completion time,Email,Name,Member,phq9_1",
    f"1,2026-03-01 09:00,2026-03-01 09:30,{CANARY}@example.org,{CANARY},u-1,2",
    f"2,2026-03-01 10:00,2026-03-01 10:30,{CANARY}@example.org,{CANARY},u-2,3",
)


def test_microsoft_forms_counts_the_end_and_the_number(tmp_path: Path) -> None:
    """The time is that of completion, the id the number within the form."""
    survey = read(write(tmp_path, *MICROSOFT), "person: Member")
    assert [f"{row.responded_at:%H:%M}" for row in survey.rows] == ["00:30", "01:30"]
    assert [row.response_id for row in survey.rows] == ["1", "2"]
    assert survey.summary.dropped == ("Email", "Name")


def test_limesurvey_without_dates_is_asked_about(tmp_path: Path) -> None:
    """1980-01-01 is no time of an answer; the question says what to write."""
    path = write(
        tmp_path,
        "id,submitdate,lastpage,token,phq9_1",
        "1,1980-01-01 00:00:00,2,u-1,2",
        "2,1980-01-01 00:00:00,2,u-2,3",
    )
    [question] = read(path, "person: token").summary.questions
    assert question.problem.startswith("2 times are the one that LimeSurvey writes")
    assert "submitted_at: wave" in question.remedy


def test_limesurvey_unfinished_response_has_the_time_of_its_last_action(
    tmp_path: Path,
) -> None:
    """A blank submitdate is no response that lacks a time, but one not sent."""
    path = write(
        tmp_path,
        "id,submitdate,lastpage,token,startdate,datestamp,phq9_1",
        "1,,2,u-1,2026-03-01 09:00:00,2026-03-01 09:10:00,2",
    )
    [row] = read(path, "person: token").rows
    assert (f"{row.responded_at:%H:%M}", row.finished) == ("00:10", False)


@pytest.mark.parametrize(
    "lines",
    [
        ("Timestamp,ID,Question", f"2026/03/01 9:00:00,{CANARY},1"),
        MICROSOFT,
        ("id,submitdate,lastpage,token,Q1", f"1,2026-03-01,2,{CANARY},2"),
        ("EndDate,ResponseId,Finished,Q1", f"2026-03-01,R_1,1,{CANARY}"),
        ("record_id,phq9_1,mood_complete", f"{CANARY},1,2"),
        ("member,when,Q1", f"{CANARY},2026-03-01,1"),
        ("platform_id,submitted_at,Q1", f"{CANARY},2026-03-01,1"),
    ],
)
def test_without_a_mapping_the_draft_is_named(
    tmp_path: Path, lines: tuple[str, ...]
) -> None:
    """Of every tool: which command says what the headers mean."""
    path = write(tmp_path, *lines)
    with pytest.raises(FileError, match="panelstream responses map") as caught:
        read_export.read_survey_export(path, 1, ITEMS, SurveyMapping(), TOKYO)
    assert CANARY not in str(caught.value)
