"""What a file says of itself: the zone of its times against the mapping's, its days."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from panelstream.ingest.surveys import read_export
from panelstream.ingest.surveys.mapping import read_mapping
from panelstream.ingest.surveys.read_export import SurveyExport
from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import find_instrument

CANARY = "canary7f3a"
INSTRUMENTS = [find_instrument(name, Path()).value for name in ("phq9",)]
ITEMS = read_export.items_by_column(INSTRUMENTS)


def survey(zone: str, *rows: str) -> str:
    """A Qualtrics export whose import ids name this zone."""
    end = f'"{{""ImportId"":""endDate"",""timeZone"":""{zone}""}}"'
    ids = '"{""ImportId"":""_recordId""}","{""ImportId"":""platform_id""}"'
    lines = [
        "EndDate,ResponseId,platform_id,Finished,phq9_1",
        "End,Response ID,platform_id,Finished,Interest",
        f'{end},{ids},"{{""ImportId"":""finished""}}","{{""ImportId"":""QID1""}}"',
        *rows,
    ]
    return "\n".join(lines) + "\n"


ROW = f"2026-03-01 09:30:00,R_1,{CANARY},1,2"


def read(folder: Path, content: str, mapping: str = "{}") -> SurveyExport:
    """Read a file with this text as wave 1 of a study in Tokyo."""
    path = folder / "export.csv"
    path.write_text(content, encoding="utf-8")
    (folder / "mapping.yaml").write_text(mapping, encoding="utf-8")
    known = read_mapping(folder / "mapping.yaml", INSTRUMENTS)
    zone = ZoneInfo("Asia/Tokyo")
    return read_export.read_survey_export(path, 1, ITEMS, known, zone)


@pytest.mark.parametrize(
    ("zone", "hour"),
    [
        ("America/Denver", "16:30"),
        ("Z", "09:30"),
        ("UTC", "09:30"),
        ("+09:00", "00:30"),
        ("GMT-3", "12:30"),
    ],
)
def test_times_are_where_the_file_says(tmp_path: Path, zone: str, hour: str) -> None:
    """Not in the study's zone, and the mapping need not say it again."""
    [row] = read(tmp_path, survey(zone, ROW)).rows
    assert f"{row.responded_at:%H:%M}" == hour


def test_a_zone_that_contradicts_the_mapping_stops(tmp_path: Path) -> None:
    """Both readings, side by side."""
    message = "in America/Denver, the mapping says America/New_York"
    with pytest.raises(FileError, match=message) as caught:
        read(tmp_path, survey("America/Denver", ROW), "timezone: America/New_York")
    assert CANARY not in str(caught.value)


def test_another_name_of_the_same_zone_is_no_contradiction(tmp_path: Path) -> None:
    """Japan and +09:00 have the clock of Asia/Tokyo."""
    for name in ("Japan", "+09:00"):
        survey_export = read(tmp_path, survey(name, ROW), "timezone: Asia/Tokyo")
        assert survey_export.summary.timezone == "Asia/Tokyo"


def test_a_zone_that_nobody_knows_is_not_shown(tmp_path: Path) -> None:
    """It stops, unless the mapping says where times were written."""
    content = survey(CANARY, ROW)
    with pytest.raises(FileError, match="time zone that is not known") as caught:
        read(tmp_path, content)
    assert CANARY not in str(caught.value)
    [row] = read(tmp_path, content, "timezone: Asia/Tokyo").rows
    assert f"{row.responded_at:%H:%M}" == "00:30"


def test_header_only_has_no_responses(tmp_path: Path) -> None:
    """Of every tool: nobody has answered yet, which is no mistake."""
    for content in (
        survey("UTC"),
        "Timestamp,platform_id,phq9_1\n",
        "record_id,platform_id,phq9_timestamp,phq9_1,phq9_complete\n",
        "platform_id,submitted_at,phq9_1\n",
        "platform_id,submitted_at,item,answer\n",
    ):
        export = read(tmp_path, content)
        assert (export.rows, export.set_apart) == ((), ())
        assert export.summary.rows == 0


def test_days_and_labels_are_facts(tmp_path: Path) -> None:
    """In study-local days; codes are shown by their ends."""
    (tmp_path / "dictionary.csv").write_text(
        "field_name,form_name,field_type,field_label,select_choices_or_calculations,identifier\n"
        'phq9_1,mood,radio,Interest,"0, Not at all | 3, Nearly every day",\n',
        encoding="utf-8",
    )
    content = "record_id,platform_id,mood_timestamp,phq9_1,mood_complete\n"
    content += "1,a,2026-03-01T20:00:00Z,1,2\n2,b,2026-03-05 10:00:00,0,2\n"
    assert read(tmp_path, content).summary.facts == (
        "answers from 2026-03-02 to 2026-03-05",
        "the file labels phq9 from 0 to 3",
    )
