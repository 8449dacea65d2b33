"""The limit of rejected events, and what the health page calls stuck."""

import pytest

from panelstream.ingest.kafka.metrics import STUCK_SECONDS, Health
from panelstream.ingest.kafka.reject_limit import (
    MIN_EVENTS,
    WINDOW_EVENTS,
    RejectLimit,
    TooManyRejected,
)
from panelstream.models.events.event import Counts


def mixed(accepted: int, rejected: int) -> Counts:
    """A batch of both."""
    return Counts(accepted, 0, rejected, {"not_json": rejected})


def test_few_events_prove_nothing() -> None:
    """Below the least number nothing stops, at it everything rejected does."""
    limit = RejectLimit()
    limit.check(mixed(0, MIN_EVENTS - 1))
    with pytest.raises(TooManyRejected, match=r"1,000 of the last 1,000 .* not_json"):
        limit.check(mixed(0, 1))


def test_a_twentieth_accepted_is_enough() -> None:
    """Just under 95 % goes on, 95 % stops."""
    RejectLimit().check(mixed(51, 949))
    with pytest.raises(TooManyRejected):
        RejectLimit().check(mixed(50, 950))


def test_the_past_is_forgotten() -> None:
    """A good past does not hide that the last 10,000 events are bad."""
    limit = RejectLimit()
    limit.check(mixed(1_000_000, 0))
    limit.check(mixed(0, WINDOW_EVENTS // 2))
    with pytest.raises(TooManyRejected):
        limit.check(mixed(0, WINDOW_EVENTS // 2))


@pytest.mark.parametrize(
    ("behind", "idle", "status"),
    [
        (0, 10 * STUCK_SECONDS, "ok"),
        (5, STUCK_SECONDS, "ok"),
        (5, STUCK_SECONDS + 1, "stuck"),
    ],
)
def test_stuck(behind: int, idle: int, status: str) -> None:
    """Nothing written for long is a trouble only while records wait."""
    health = Health(progress_at=0.0, records_behind=behind, ready=True)
    assert health.report(float(idle))["status"] == status
