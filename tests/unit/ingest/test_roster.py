"""A roster file becomes study events."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from ingest import roster
from ingest.pseudonymise import Pseudonyms
from models.errors import FileError

TOKYO = ZoneInfo("Asia/Tokyo")
HEADER = "platform_id,enrolled_on,consent_version,consent_scopes,consented_at,group\n"


def write(folder, rows, header=HEADER):
    """A roster file."""
    path = folder / "roster.csv"
    path.write_text(header + rows, encoding="utf-8")
    return path


def test_row_says_who_since_when_and_agreed_to_what(tmp_path):
    """A full row and a row without consent."""
    path = write(
        tmp_path,
        "a,2026-01-05,2,survey;telemetry,2026-01-06T10:00:00,young\nb,2026-01-07,,,,\n",
    )
    first, second = roster.read(path, TOKYO)
    assert first.enrolled_on == date(2026, 1, 5)
    assert first.consent_version == 2
    assert first.consent_scopes == ("survey", "telemetry")
    assert first.consented_at == datetime(2026, 1, 6, 1, tzinfo=UTC)
    assert (second.consent_version, second.consented_at) == (None, None)


def test_events_carry_no_platform_id_in_their_id(tmp_path):
    """Ids are stored; they derive from the pseudonym, and repeat for the same fact."""
    path = write(tmp_path, "canary-9,2026-01-05,1,survey,2026-01-05,\n")
    [row] = roster.read(path, TOKYO)
    people = Pseudonyms((b"k" * 32,), "u2plus")
    events = list(roster.events_of(row, people, TOKYO))
    assert [one["type"] for one in events] == ["study.enrolled", "study.consent_given"]
    assert all("canary-9" not in one["id"] for one in events)
    assert events == list(roster.events_of(row, people, TOKYO))
    assert events[0]["time"] == "2026-01-04T15:00:00Z"


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (",2026-01-05,,,,\n", HEADER, "row 2, platform_id: is empty"),
        ("a,5 Jan,,,,\n", HEADER, "row 2, enrolled_on: not a day"),
        ("a,2026-01-05,one,x,2026-01-05,\n", HEADER, "row 2, consent_version"),
        ("a,2026-01-05,1,x,soon,\n", HEADER, "row 2, consented_at: not a time"),
        ("a,2026-01-05\n", "platform_id,since\n", "no column 'enrolled_on'"),
        ("a,2026-01-05,x\n", "platform_id,enrolled_on,email\n", "column 3: not a col"),
    ],
)
def test_mistake_has_row_and_column(tmp_path, rows, header, message):
    """The message says where and what, and shows no cell."""
    with pytest.raises(FileError, match=message):
        roster.read(write(tmp_path, rows, header), TOKYO)
