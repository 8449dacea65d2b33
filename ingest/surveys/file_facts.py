"""What a file says of itself: the zone of its times, its days, its labelled codes."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from panelstream.ingest.surveys.file_types.export_file import Export
from panelstream.ingest.surveys.formats.importer import ImportContext, SurveyRow
from panelstream.ingest.surveys.labelled_codes import labelled_codes
from panelstream.ingest.surveys.mapping import SurveyMapping
from panelstream.models.errors import FileError
from panelstream.models.timestamps import known_zone

_UTC = frozenset({"Z", "UTC", "GMT"})
_OFFSET = re.compile(r"(?:GMT|UTC)?([+-])(\d{1,2})(?::?00)?")
_YEARS = range(2010, 2036)
"""In which two zones are compared: survey tools have no older answers."""


def zone_of_times(
    export: Export, mapping: SurveyMapping, study_zone: ZoneInfo
) -> ZoneInfo:
    """Where times without an offset were written: by the mapping, the file, the study.

    Raises `FileError` where file and mapping contradict each other, or the file names
    a zone that is none.
    """
    stated = _zone(export.timezone)
    if mapping.timezone is None:
        if export.timezone and stated is None:
            problem = "the file names a time zone that is not known; write timezone: in the mapping"
            raise FileError(export.path, "", problem)
        return stated or study_zone
    declared = ZoneInfo(mapping.timezone)
    if stated and not _same_clock(stated, declared):
        problem = (
            f"the file says that its times are in {stated}, the mapping says "
            f"{declared}; write timezone: {stated}, or export the file again"
        )
        raise FileError(export.path, "timezone", problem)
    return declared


def file_facts(
    export: Export, context: ImportContext, rows: Sequence[SurveyRow]
) -> Iterator[str]:
    """What the file says of itself, in words for people; no value of a cell."""
    if rows:
        days = sorted(
            row.responded_at.astimezone(context.study.zone).date() for row in rows
        )
        yield f"answers from {days[0]} to {days[-1]}"
    if _zone(export.timezone):
        yield f"the file says that its times are in {_zone(export.timezone)}"
    codes: dict[str, set[int]] = {}
    for code in labelled_codes(export, context):
        name = context.items[code.code][0].instrument
        codes.setdefault(name, set()).add(code.number)
    for name, numbers in codes.items():
        yield f"the file labels {name} from {min(numbers)} to {max(numbers)}"


def _zone(name: str) -> ZoneInfo | None:
    """The zone of a name or of an offset of whole hours."""
    if name in _UTC:
        return ZoneInfo("UTC")
    if match := _OFFSET.fullmatch(name):
        # The names of these zones count hours west of Greenwich.
        sign = "-" if match[1] == "+" else "+"
        name = f"Etc/GMT{sign}{int(match[2])}"
    try:
        return ZoneInfo(known_zone(name)) if name else None
    except ValueError:
        return None


def _same_clock(first: ZoneInfo, second: ZoneInfo) -> bool:
    """Whether two zones have the same offset all year round."""
    days = [datetime(y, m, 15) for y in _YEARS for m in range(1, 13)]  # noqa: DTZ001 - local times
    return all(
        day.replace(tzinfo=first).utcoffset() == day.replace(tzinfo=second).utcoffset()
        for day in days
    )
