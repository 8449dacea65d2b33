"""Offsets from Greenwich as they are written beside a time: +09:00, GMT+9, JST."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

SHARED_ABBREVIATIONS = frozenset({"AST", "BST", "CST", "GST", "IST", "SST"})
"""Of time zones with different offsets; the declared zone decides, or nothing does."""

_HOURS = {
    **dict.fromkeys(("Z", "UTC", "GMT", "WET"), 0.0),
    **dict.fromkeys(("WEST", "CET", "MEZ"), 1.0),
    **dict.fromkeys(("CEST", "MESZ", "EET", "SAST"), 2.0),
    **dict.fromkeys(("EEST", "MSK"), 3.0),
    **dict.fromkeys(("HKT", "SGT", "AWST"), 8.0),
    **dict.fromkeys(("JST", "KST"), 9.0),
    **{"ACST": 9.5, "AEST": 10.0, "ACDT": 10.5, "AEDT": 11.0},
    **{"NZST": 12.0, "NZDT": 13.0},
    **{"NDT": -2.5, "ADT": -3.0, "NST": -3.5},
    **{"EDT": -4.0, "EST": -5.0, "CDT": -5.0, "MDT": -6.0},
    **{"MST": -7.0, "PDT": -7.0, "PST": -8.0},
    **{"AKDT": -8.0, "AKST": -9.0, "HST": -10.0},
}
"""East of Greenwich, of abbreviations that are commonly used for one offset."""

_OFFSET = re.compile(r"(?:GMT|UTC)?([+-])(\d{1,2}):?(\d\d)?")
_FARTHEST = timedelta(hours=14)


def find_offset(written: str, clock: datetime, zone: ZoneInfo) -> timedelta | None:
    """The offset that is written beside a local time; None where it is none.

    What the declared zone calls its own offsets goes before what others call theirs.
    """
    if match := _OFFSET.fullmatch(written):
        size = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
        offset = -size if match[1] == "-" else size
        return offset if size <= _FARTHEST else None
    own = _abbreviations(clock, zone).get(written)
    hours = _HOURS.get(written)
    return own if own is not None or hours is None else timedelta(hours=hours)


def _abbreviations(
    clock: datetime, zone: ZoneInfo
) -> dict[str | None, timedelta | None]:
    """What a zone calls its offsets in the year of a local time."""
    near = [
        *(clock.replace(month=month, day=1) for month in (1, 7)),
        *(clock.replace(fold=fold) for fold in (1, 0)),
    ]
    times = [local.replace(tzinfo=zone) for local in near]
    return {local.tzname(): local.utcoffset() for local in times}
