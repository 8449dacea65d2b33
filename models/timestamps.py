"""Instants: as RFC 3339 writes them, what may be one, and clocks."""

import re
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""The beginning of time: ClickHouse's Date and all our microseconds count from here."""
LATEST = datetime(2149, 1, 1, tzinfo=UTC)
"""The end of time, exclusive: no event, window or state of knowledge is later.

ClickHouse's Date ends on 2149-06-06, its DateTime64(6) in 2299: this instant is a day of
the one and an instant of the other in every time zone, with room for a window after it.
"""
FIRST_DAY, END_DAY = EARLIEST.date(), LATEST.date()
"""The same as days; the second one is exclusive."""
FUTURE_TOLERANCE = timedelta(hours=24)
"""How far a sender's clock may be ahead of ours."""

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:[0-5]\d)",
    re.ASCII,
)
_LEAP_SECOND = "60"


def parse_instant(text: str) -> datetime | None:
    """The instant in UTC, cut to microseconds; None for anything else.

    A leap second (RFC 3339, section 5.7: the last one of a month in UTC) is read as
    the second after it, as POSIX time has none.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    day, clock, second, fraction, offset = match.groups()
    micros = (fraction or "0")[:6].ljust(6, "0")
    is_leap = second == _LEAP_SECOND
    written = f"{day}T{clock}:{'59' if is_leap else second}.{micros}{offset.upper()}"
    try:
        instant = datetime.fromisoformat(written).astimezone(UTC)
        return _after_leap_second(instant) if is_leap else instant
    except (ValueError, OverflowError):
        return None


def _after_leap_second(instant: datetime) -> datetime | None:
    later = instant + timedelta(seconds=1)
    starts_a_month = (later.day, later.hour, later.minute, later.second) == (1, 0, 0, 0)
    return later if starts_a_month else None


def resolution(*instants: datetime) -> timedelta:
    """The unit in which all are written: a second, a millisecond, or a microsecond."""
    for unit in (timedelta(seconds=1), timedelta(milliseconds=1)):
        if not any((instant - EARLIEST) % unit for instant in instants):
            return unit
    return timedelta(microseconds=1)


def microseconds(instant: datetime) -> int:
    """Microseconds since `EARLIEST`, as SQL parameters state instants."""
    return (instant - EARLIEST) // timedelta(microseconds=1)


class Clock(Protocol):
    """Tells the time (UTC, aware)."""

    def __call__(self) -> datetime: ...


def utc_now() -> datetime:
    """The clock of this machine."""
    return datetime.now(UTC)


def known_zone(name: str) -> str:
    """The name, if it is of a time zone; else `ValueError`."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(
            f"'{name}' is not a time zone; write one like Asia/Tokyo"
        ) from None
    return name
