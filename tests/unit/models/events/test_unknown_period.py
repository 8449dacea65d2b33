"""The time that a rejected event makes unknown, by what is known of it."""

from datetime import UTC, datetime, timedelta

import pytest

from panelstream.models.events.unknown_period import (
    Period,
    period_before,
    unknown_period,
)

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
RECORDED = datetime(2027, 3, 9, 12, tzinfo=UTC)
ACT = datetime(2027, 3, 1, 8, tzinfo=UTC)
ARRIVED = datetime(2027, 3, 8, 6, tzinfo=UTC)
FILE = (datetime(2027, 2, 1, tzinfo=UTC), datetime(2027, 3, 1, tzinfo=UTC))
TICK = timedelta(microseconds=1)

TABLE: list[tuple[str, datetime | None, Period | None, Period]] = [
    ("own time", ACT, None, (ACT, ACT + TICK)),
    ("own time in a stream", ACT, period_before(ARRIVED), (ACT, ACT + TICK)),
    ("own time in a file", ACT, FILE, (ACT, ACT + TICK)),
    (
        "stream",
        None,
        period_before(ARRIVED),
        (datetime(2027, 3, 7, 6, tzinfo=UTC), ARRIVED + TICK),
    ),
    ("file with accepted events", None, FILE, FILE),
    ("nothing is known", None, None, (BEGINNING, RECORDED)),
]


@pytest.mark.parametrize(
    ("occurred_at", "period", "expected"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_rule(
    occurred_at: datetime | None, period: Period | None, expected: Period
) -> None:
    """Its own instant, else what its road tells, else all until it was recorded."""
    assert unknown_period(occurred_at, period, RECORDED) == expected
