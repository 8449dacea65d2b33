"""Days of which acts were refused after a withdrawal, and which count again since."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from panelstream.models.study.consent import ConsentStatement
from panelstream.models.study.refusals import RecordedStatement, refused_times

ZONE = ZoneInfo("UTC")


def at(day: int, hour: int = 0) -> datetime:
    """An instant of January 2027."""
    return datetime(2027, 1, day, hour, tzinfo=UTC)


LEFT = RecordedStatement(at(5, 10), ConsentStatement(at(5, 10), level="collection"))
BACK = RecordedStatement(at(9, 12), ConsentStatement(at(9, 12), 1))
BACKDATED = RecordedStatement(at(9, 12), ConsentStatement(at(7, 8), 1))


@pytest.mark.parametrize(
    ("history", "refusals", "expected"),
    [
        ([LEFT], [at(6)], []),
        ([LEFT, BACK], [], []),
        ([LEFT, BACK], [at(4), at(5, 9), at(10)], []),
        ([LEFT, BACK], [at(6)], []),
        ([LEFT, BACK], [at(9, 11)], [(at(9), at(10))]),
        ([LEFT, BACKDATED], [at(8, 1), at(10)], [(at(7), at(9))]),
    ],
)
def test_refused_days(
    history: list[RecordedStatement],
    refusals: list[datetime],
    expected: list[tuple[datetime, datetime]],
) -> None:
    """By hand: from the midnight of the new consent to the last arrival before it.

    Nothing without a return, without a refusal between the two recordings, or before
    the day from which the new consent counts.
    """
    assert refused_times(history, refusals, ZONE) == expected
