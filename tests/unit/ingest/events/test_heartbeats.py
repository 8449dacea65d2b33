"""Heartbeats that would cover nothing are rejected; those of a device name a person."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from panelstream.ingest.events.strict_decoder import Decoder
from panelstream.models.events.catalogue import find_catalogue
from panelstream.models.events.event import Event, Position, Rejection
from tests.lib import studies

AT = datetime(2027, 1, 8, 3, tzinfo=UTC)
FROM, TO = "2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z"


def decoded(who: str | None, **data: Any) -> Event | Rejection:
    """What becomes of a heartbeat."""
    whole = {"functions": ["story"], "from": FROM, "to": TO, **data}
    event = studies.event("heartbeat", who, AT, data=whole)
    decoder = Decoder(find_catalogue("u2plus", Path()), AT)
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


@pytest.mark.parametrize(("who", "subject"), [(None, ""), ("aki", "aki")])
def test_a_subject_is_optional(who: str | None, subject: str) -> None:
    """Without one it speaks of everybody's log, with one of a person's device."""
    outcome = decoded(who)
    assert isinstance(outcome, Event)
    assert outcome.subject == subject
