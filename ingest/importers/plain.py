"""Plain CSV: one row a response, headers are item codes (or mapped to them)."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from ingest.decode import EARLIEST
from ingest.importers.survey import (
    Export,
    SurveyMapping,
    SurveyRow,
    coded,
    codes_by_column,
    column_of,
    instant,
)
from models.errors import FileError

FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d")


def recognises(export: Export) -> bool:
    """Anything with a header may be a plain file."""
    return bool(export.header)


def rows(
    export: Export, mapping: SurveyMapping, known: Sequence[str], zone: ZoneInfo
) -> Iterator[SurveyRow]:
    """Yield the responses; raises `FileError` with row and column."""
    person = column_of(export, mapping.person, "the person")
    time = column_of(export, mapping.submitted_at, "the time of the answer")
    codes = codes_by_column(export, mapping, known)
    for number, record in enumerate(export.records, start=2):
        if any(record):
            yield SurveyRow(
                number=number,
                person=record[person].strip(),
                responded_at=_time(export, number, time, record[time], zone),
                answers=coded(mapping, codes, record),
            )


def _time(
    export: Export, number: int, column: int, text: str, zone: ZoneInfo
) -> datetime:
    at = _iso(text, zone) or instant(text, FORMATS, zone)
    if at is None or at.year < EARLIEST.year:
        place = f"row {number}, column {column + 1}"
        raise FileError(
            export.path, place, "not a time; write 2027-01-31T09:30:00+09:00"
        )
    return at


def _iso(text: str, zone: ZoneInfo) -> datetime | None:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=zone)
