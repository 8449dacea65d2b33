"""When people answered, as survey tools write it."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from panelstream.ingest.surveys.file_types.export_file import Export
from panelstream.ingest.surveys.formats.importer import ImportContext
from panelstream.models.errors import FileError
from panelstream.models.timestamps import EARLIEST

YEAR_FIRST = ("%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d")
MONTH_FIRST = (
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y",
)
DAY_FIRST = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y %I:%M:%S %p", "%d/%m/%Y")
DOTTED = ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M")

Cells = Sequence[tuple[int, str]]
"""A row's number and the text in its column of times."""

_HALVES = {"午前": 0, "AM": 0, "午後": 12, "PM": 12}
_GOOGLE = re.compile(
    r"(\d{4})/(\d{1,2})/(\d{1,2}) (\d{1,2}):(\d\d):(\d\d) (午前|午後|AM|PM)"
    r"(?: GMT(?:([+-]\d{1,2})(?::(\d\d))?)?)?"
)


def parse_timestamps(
    export: Export, place: int, cells: Cells, context: ImportContext
) -> dict[int, datetime]:
    """The time in each row; one without an offset is where the mapping says, or the study.

    Whether days or months come first, the whole column decides. Raises `FileError` with
    the row of a cell that is no time, or where both orders would do.
    """
    zone = context.zone
    if context.mapping.times:
        formats = [context.mapping.times]
        times = {row: _parse(text, formats, zone) for row, text in cells}
    else:
        times = _parse_column(export, place, cells, zone)
    for row, at in times.items():
        if at is None or at.year < EARLIEST.year:
            problem = (
                "not a time; write 2027-01-31T09:30:00+09:00, "
                "or say in the mapping how times are written"
            )
            raise FileError(export.path, f"row {row}, {export.column(place)}", problem)
    return {row: at for row, at in times.items() if at is not None}


def _parse_column(
    export: Export, place: int, cells: Cells, zone: ZoneInfo
) -> dict[int, datetime | None]:
    times = {row: _parse_unambiguous(text.strip(), zone) for row, text in cells}
    ambiguous = [(row, text) for row, text in cells if times[row] is None]
    orders = [
        {row: _parse(text, order, zone) for row, text in ambiguous}
        for order in (MONTH_FIRST, DAY_FIRST)
    ]
    complete = [parsed for parsed in orders if None not in parsed.values()]
    if len(complete) == 2 and complete[0] != complete[1]:
        problem = (
            "day and month are ambiguous; "
            "write times: '%m/%d/%Y %H:%M:%S' or '%d/%m/%Y %H:%M:%S' in the mapping"
        )
        raise FileError(export.path, export.column(place), problem)
    return times | (complete[0] if complete else orders[0])


def _parse_unambiguous(text: str, zone: ZoneInfo) -> datetime | None:
    return (
        _parse_google(text, zone)
        or _parse_iso(text, zone)
        or _parse(text, (*YEAR_FIRST, *DOTTED), zone)
    )


def _parse(text: str, formats: Sequence[str], zone: ZoneInfo) -> datetime | None:
    for form in formats:
        try:
            at = datetime.strptime(text.strip(), form)  # noqa: DTZ007 - the zone follows
        except ValueError:
            continue
        return at if at.tzinfo else at.replace(tzinfo=zone)
    return None


def _parse_iso(text: str, zone: ZoneInfo) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=zone)


def _parse_google(text: str, zone: ZoneInfo) -> datetime | None:
    """`2025/07/11 10:16:35 午前 GMT+9`; twelve o'clock 午前 is midnight."""
    match = _GOOGLE.fullmatch(text)
    if match is None or int(match[4]) > 12:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    hour = hour % 12 + _HALVES[match[7]]
    try:
        return datetime(
            year, month, day, hour, minute, second, tzinfo=_offset(match, zone)
        )
    except ValueError:
        return None


def _offset(match: re.Match[str], zone: ZoneInfo) -> tzinfo:
    if "GMT" not in match[0]:
        return zone
    hours, minutes = int(match[8] or 0), int(match[9] or 0)
    west = (match[8] or "").startswith("-")
    return timezone(timedelta(hours=hours, minutes=-minutes if west else minutes))
