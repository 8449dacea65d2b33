"""Acts that were refused after a withdrawal, at times that count again since.

What is refused is not stored. If a person agrees again from the midnight of a day on,
and that was recorded later, or if the new consent came in late, then acts of a time
that counts may have been refused until then: a zero of that time is not known.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from panelstream.models.study.consent import ConsentStatement, withdrawal_periods
from panelstream.models.study.intervals import Intervals
from panelstream.models.study.study import midnight
from panelstream.models.timestamps import LATEST

LEARNING = timedelta(minutes=5)
"""Until when, at the latest, a process that takes events knows a new statement."""

_DAY, _LEAST = timedelta(days=1), timedelta(microseconds=1)


class RecordedStatement(NamedTuple):
    """A yes or a withdrawal, and when it was recorded."""

    recorded_at: datetime
    statement: ConsentStatement


def refused_times(
    history: Sequence[RecordedStatement], refusals: Sequence[datetime], zone: ZoneInfo
) -> list[tuple[datetime, datetime]]:
    """Whole study days on which acts of a person may have been refused, and now count.

    `history`: all that the person said. `refusals`: in order, when batches were
    recorded of which something was refused, of anybody.
    """
    withdrawn = withdrawal_periods((line.statement for line in history), zone)
    refused = Intervals.merge(_refused(history, refusals, zone)).minus(
        Intervals.merge((start, end or LATEST) for start, end in withdrawn)
    )
    return [
        _whole_days(start.replace(tzinfo=UTC), end.replace(tzinfo=UTC), zone)
        for start, end in zip(
            refused.starts.tolist(), refused.ends.tolist(), strict=True
        )
    ]


def _refused(
    history: Sequence[RecordedStatement], refusals: Sequence[datetime], zone: ZoneInfo
) -> Iterator[tuple[datetime, datetime]]:
    """What was refused while less was recorded: nothing happens after it arrives."""
    instants = sorted({line.recorded_at for line in history})
    for begin, end in pairwise(instants):
        arrived = bisect_right(refusals, end + LEARNING)
        if arrived and refusals[arrived - 1] > begin:
            recorded = [line.statement for line in history if line.recorded_at <= begin]
            for start, until in withdrawal_periods(recorded, zone):
                yield start, min(until or LATEST, refusals[arrived - 1])


def _whole_days(
    start: datetime, end: datetime, zone: ZoneInfo
) -> tuple[datetime, datetime]:
    first = start.astimezone(zone).date()
    last = (end - _LEAST).astimezone(zone).date()
    return midnight(first, zone), midnight(last + _DAY, zone)
