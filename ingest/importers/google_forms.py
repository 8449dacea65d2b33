"""Google Forms CSV: question titles as headers, option labels as answers.

A direct download stamps times as `2025/07/11 10:16:35 午前 GMT+9`, a linked sheet
as `2025/09/11 0:05:19` without a zone. Titles repeat and get edited, so they
count only through a mapping.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

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

TIMESTAMPS = ("タイムスタンプ", "Timestamp")
FORMATS = ("%Y/%m/%d %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S")

_DIRECT = re.compile(
    r"(\d{4})/(\d{1,2})/(\d{1,2}) (\d{1,2}):(\d\d):(\d\d) (午前|午後|AM|PM)(?: GMT([+-]\d{1,2})(?::(\d\d))?)?"
)


def recognises(export: Export) -> bool:
    """A form's first column is its timestamp."""
    return export.header[0] in TIMESTAMPS


def rows(
    export: Export, mapping: SurveyMapping, known: Sequence[str], zone: ZoneInfo
) -> Iterator[SurveyRow]:
    """Yield the responses; raises `FileError` with row and column."""
    mapping = with_own_timestamp(export, mapping)
    person = column_of(export, mapping.person, "the person")
    codes = codes_by_column(export, mapping, known)
    for number, record in enumerate(export.records, start=2):
        if any(record):
            yield SurveyRow(
                number=number,
                person=record[person].strip(),
                responded_at=_time(export, number, record[0], zone),
                answers=coded(mapping, codes, record),
            )


def with_own_timestamp(export: Export, mapping: SurveyMapping) -> SurveyMapping:
    """A form's first column is the time of the answer, whatever its language."""
    return mapping.model_copy(update={"submitted_at": export.header[0]})


def _time(export: Export, number: int, text: str, zone: ZoneInfo) -> datetime:
    at = _direct(text.strip(), zone) or instant(text, FORMATS, zone)
    if at is None:
        raise FileError(
            export.path, f"row {number}, column 1", "not a form's timestamp"
        )
    return at


def _direct(text: str, zone: ZoneInfo) -> datetime | None:
    match = _DIRECT.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if hour > 12:
        return None
    hour = hour % 12 + (12 if match[7] in ("午後", "PM") else 0)
    return datetime(year, month, day, hour, minute, second, tzinfo=_offset(match, zone))


def _offset(match: re.Match[str], zone: ZoneInfo) -> timezone | ZoneInfo:
    if match[8] is None:
        return zone
    hours, minutes = int(match[8]), int(match[9] or 0)
    return timezone(timedelta(hours=hours, minutes=minutes if hours >= 0 else -minutes))
