"""Heartbeats that would cover nothing are rejected; those of a device name a person."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from panelstream.ingest.events.strict_decoder import Decoder
from panelstream.models.events.catalogue import find_catalogue
from panelstream.models.events.event import Event, Position, Rejection
from tests.lib import studies

AT = datetime(2027, 1, 8, 3, tzinfo=UTC)
FROM, TO = "2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z"


def decoded(
    who: str | None, received_at: datetime = AT, **data: Any
) -> Event | Rejection:
    """What becomes of a heartbeat."""
    whole = {"functions": ["story"], "from": FROM, "to": TO, **data}
    event = studies.event("heartbeat", who, AT, data=whole)
    decoder = Decoder(find_catalogue("u2plus", Path()), received_at)
    [outcome] = decoder.decode(json.dumps(event).encode(), Position("test", 1))
    return outcome


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"functions": ["story", "storey"]}, "data.functions"),
        ({"functions": []}, "data.functions"),
        ({"from": TO, "to": FROM}, "data.to"),
        ({"to": FROM}, "data.to"),
        ({"from": "2027-01-02T09:00:00+09:00"}, "data.to"),
    ],
)
def test_heartbeats_that_cover_nothing(data: dict[str, Any], field: str) -> None:
    """An unknown function, no function, an end that is not after the beginning."""
    outcome = decoded(None, **data)
    assert isinstance(outcome, Rejection)
    assert (outcome.reason, outcome.field) == ("invalid_data", field)


@pytest.mark.parametrize(
    ("received_at", "end", "is_taken"),
    [
        (AT, "2027-01-08T03:00:01Z", True),
        (AT, "2027-01-08T03:00:02Z", False),
        (AT + timedelta(days=9), "2027-01-08T03:00:02Z", True),
        (AT + timedelta(days=9), "2027-01-17T03:00:00.001Z", True),
        (AT + timedelta(days=9), "2027-01-17T03:00:00.002Z", False),
        (AT - timedelta(days=9), "2027-01-08T03:00:00Z", False),
    ],
)
def test_heartbeats_of_the_future(
    received_at: datetime, end: str, is_taken: bool
) -> None:
    """Nobody knows yet that a log will be complete; of the past it may be said late.

    The last of the cases is itself in the future, as its own time is.
    """
    outcome = decoded(None, received_at, to=end)
    assert isinstance(outcome, Event) is is_taken


@pytest.mark.parametrize(("who", "subject"), [(None, ""), ("aki", "aki")])
def test_a_subject_is_optional(who: str | None, subject: str) -> None:
    """Without one it speaks of everybody's log, with one of a person's device."""
    outcome = decoded(who)
    assert isinstance(outcome, Event)
    assert outcome.subject == subject
