"""The limit of rejected events, and what the health page calls stuck."""

import pytest

from panelstream.ingest.kafka.metrics import STUCK_SECONDS, Health
from panelstream.ingest.kafka.worker import (
    LIMIT_EVENTS,
    LIMIT_LEAST,
    Limit,
    TooManyRejected,
)
from panelstream.models.events.event import Counts


def mixed(accepted: int, rejected: int) -> Counts:
    """A batch of both."""
    return Counts(accepted, 0, rejected, {"not_json": rejected})


def test_few_events_prove_nothing() -> None:
    """Below the least number nothing stops, at it everything rejected does."""
    limit = Limit()
    limit.check(mixed(0, LIMIT_LEAST - 1))
    with pytest.raises(TooManyRejected, match=r"1,000 of the last 1,000 .* not_json"):
        limit.check(mixed(0, 1))


def test_a_twentieth_accepted_is_enough() -> None:
    """Just under 95 % goes on, 95 % stops."""
    Limit().check(mixed(51, 949))
    with pytest.raises(TooManyRejected):
        Limit().check(mixed(50, 950))


def test_the_past_is_forgotten() -> None:
    """A good past does not hide that the last 10,000 events are bad."""
    limit = Limit()
    limit.check(mixed(1_000_000, 0))
    limit.check(mixed(0, LIMIT_EVENTS // 2))
    with pytest.raises(TooManyRejected):
        limit.check(mixed(0, LIMIT_EVENTS // 2))


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
