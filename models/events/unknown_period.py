"""The time that a rejected event makes unknown: a zero in it may be no zero."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

from panelstream.models.events.event import Position
from panelstream.models.timestamps import EARLIEST

Period: TypeAlias = tuple[datetime, datetime]
"""Start and end of a time, the end not part of it."""

Periods: TypeAlias = Mapping[Position, Period | None]
"""When what arrived at places must have taken place; None: at any time."""

DELAY = timedelta(hours=24)
"""So long may an event that arrives as it happens have been on its way."""
TICK = timedelta(microseconds=1)


def period_before(arrived_at: datetime) -> Period:
    """When an event took place that arrived in a stream at an instant."""
    return arrived_at - DELAY, arrived_at + TICK


def unknown_period(
    occurred_at: datetime | None, period: Period | None, recorded_at: datetime
) -> Period:
    """The time that an event makes unknown.

    `occurred_at`: its own time, or None where that cannot be read or is not plausible.
    `period`: when it must have taken place, by the road that it came; None: at any time
    until it was recorded.
    """
    if occurred_at is not None:
        return occurred_at, occurred_at + TICK
    return period or (EARLIEST, recorded_at)
