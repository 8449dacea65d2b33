"""Times as people and programs write them: a text to a local time.

Year first, months and days first, names of months, Japanese; any precision; with or
without an offset or the abbreviation of a time zone. Nothing is decided here that
needs other cells or the place where it was written.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

ORDERS: Mapping[str, tuple[int, int, int]] = {
    "month first": (2, 0, 1),
    "day first": (2, 1, 0),
    "year first": (0, 1, 2),
}
"""Places of year, month and day in a date like 01/02/03."""

_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - a local time
_SERIAL = re.compile(r"\d{5}(?:[.,]\d+)?")

_MONTHS = [
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
]
_MONTH = rf"(?:{'|'.join(_MONTHS)})"
_DATE = rf"""
    (?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?[ ])?
    (?:
      (?P<year>\d{{4}})(?P<sign>[-/.])(?P<month>\d{{1,2}})(?P=sign)(?P<day>\d{{1,2}})
    | (?P<nen>\d{{4}})年[ ]?(?P<gatsu>\d{{1,2}})月[ ]?(?P<nichi>\d{{1,2}})日
      (?:[ ]?\([月火水木金土日]\))?
    | (?P<compact>\d{{8}})
    | (?P<first>\d{{1,2}})(?P<mark>[-/.])(?P<second>\d{{1,2}})(?P=mark)
      (?P<third>\d{{4}}|\d\d)
    | (?P<day_before>\d{{1,2}})[-. ]{{1,2}}(?P<name_after>{_MONTH})[a-z]*\.?
      [-, ]{{1,2}}(?P<year_last>\d{{4}}|\d\d)
    | (?P<name_before>{_MONTH})[a-z]*\.?[- ](?P<day_after>\d{{1,2}}),?[ ]
      (?P<year_after>\d{{4}})
    )"""
_CLOCK = r"""
    (?:
      (?P<half_before>午前|午後)?[ ]?(?P<hour>\d{1,2})
      (?:[:時][ ]?(?P<minute>\d{1,2})
        (?:[:分][ ]?(?P<second_of_minute>\d{1,2})(?:[.,](?P<fraction>\d+))?秒?|分)?
      |(?P<full_hour>時|(?=[ ]?[ap]\.?m)))
      (?:[ ]?(?P<half_after>午前|午後|[ap]\.?m\.?))?
    | (?P<digits>\d{4}(?:\d\d)?)
    )"""
_ZONE = r"(?P<zone>(?:GMT|UTC)?[+-]\d{1,2}(?::?\d\d)?|[A-Z]{1,5})"
_WRITTEN = re.compile(
    rf"{_DATE}(?:(?:T|,?[ ]|(?<=[日)])){_CLOCK}(?:[ ]?{_ZONE})?(?:[ ]\([^)]*\))?)?",
    re.IGNORECASE | re.VERBOSE,
)

WrittenTime = re.Match[str]


@dataclass(frozen=True)
class LocalTime:
    """A time as it is written: what the clock showed, and the zone beside it."""

    clock: datetime
    """Without a time zone; the start of the day where only a day is written."""
    zone: str = ""
    """An offset or an abbreviation; empty: not written."""
    has_clock: bool = True


def match_time(text: str) -> WrittenTime | None:
    """The parts of a written time; None where a text is none."""
    return _WRITTEN.fullmatch(text)


def local_time(written: WrittenTime, order: str) -> LocalTime | None:
    """The local time, with a date like 01/02/03 in one of the `ORDERS`.

    None where there is no such day or time of day.
    """
    time = _time_of_day(written)
    if time is None:
        return None
    try:
        clock = datetime(*_date(written, order)) + time  # noqa: DTZ001 - a local time
    except (ValueError, OverflowError):
        return None
    has_clock = bool(written["hour"] or written["digits"])
    return LocalTime(clock, (written["zone"] or "").upper(), has_clock)


def is_serial_number(text: str) -> bool:
    """Whether a text looks like a time as spreadsheets store it."""
    return _SERIAL.fullmatch(text) is not None


def read_serial_number(text: str) -> LocalTime | None:
    """Days since 1899-12-30, to the second."""
    if not is_serial_number(text):
        return None
    days = timedelta(days=float(text.replace(",", ".")))
    clock = _DAY_ZERO + days + timedelta(milliseconds=500)
    return LocalTime(clock.replace(microsecond=0))


def read_format(text: str, form: str) -> LocalTime | None:
    """A time in a format of `strptime`."""
    try:
        at = datetime.strptime(text, form)  # noqa: DTZ007 - a local time
    except ValueError:
        return None
    has_clock = any(mark in form for mark in ("%H", "%I", "%X", "%c"))
    return LocalTime(at.replace(tzinfo=None), at.strftime("%z")[:5], has_clock)


def _date(written: WrittenTime, order: str) -> tuple[int, int, int]:
    """Year, month and day."""
    if written["year"]:
        return int(written["year"]), int(written["month"]), int(written["day"])
    if written["nen"]:
        return int(written["nen"]), int(written["gatsu"]), int(written["nichi"])
    if digits := written["compact"]:
        return int(digits[:4]), int(digits[4:6]), int(digits[6:])
    if name := written["name_after"]:
        return _year(written["year_last"]), _month(name), int(written["day_before"])
    if name := written["name_before"]:
        return int(written["year_after"]), _month(name), int(written["day_after"])
    # Dots are written where the day comes first.
    places = ORDERS["day first" if written["mark"] == "." else order]
    parts = written["first"], written["second"], written["third"]
    year, month, day = (parts[place] for place in places)
    return _year(year), int(month), int(day)


def _month(name: str) -> int:
    return _MONTHS.index(name.lower()) + 1


def _year(digits: str) -> int:
    """Two digits are a year of this century."""
    return int(digits) + (2000 if len(digits) <= 2 else 0)


def _time_of_day(written: WrittenTime) -> timedelta | None:
    """Time since midnight; 24:00 is the end of the day, 午前 12:05 five past midnight."""
    hour, minute, second = _clock(written)
    half = written["half_before"] or written["half_after"] or ""
    if half and hour > 12:
        return None
    if half:
        is_later = half == "午後" or half.lower().startswith("p")
        hour = hour % 12 + 12 * is_later
    micros = int((written["fraction"] or "0")[:6].ljust(6, "0"))
    time = timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micros)
    is_time = minute < 60 and second < 60 and time <= timedelta(days=1)
    return time if is_time else None


def _clock(written: WrittenTime) -> tuple[int, int, int]:
    """Hour, minute and second; what is not written is 0."""
    if digits := written["digits"]:
        return int(digits[:2]), int(digits[2:4]), int(digits[4:] or 0)
    names = ("hour", "minute", "second_of_minute")
    hour, minute, second = (int(written[name] or 0) for name in names)
    return hour, minute, second
