"""What of a request goes on: the accepted, as they were but for what is not stored."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from panelstream.ingest.collector import checks
from panelstream.ingest.events.strict_decoder import Decoder
from panelstream.ingest.kafka import records
from panelstream.models.events import catalogue
from panelstream.models.events.event import Event, Position

NOW = datetime(2027, 6, 1, tzinfo=UTC)
U2PLUS = catalogue.find_catalogue("u2plus", Path())
RAW = Path(__file__).parents[2] / "golden/events/raw"
GIVEN = {
    "specversion": "1.0",
    "id": "e1",
    "source": "u2plus",
    "type": "u2plus.reaction_given",
    "time": "2027-01-12T21:30:55.903+09:00",
    "subject": "ann",
    "data": {"kind": "like", "target": "story"},
}


@pytest.mark.parametrize("change", [{}, {"traceparent": "00"}, {"senttime": None}])
def test_what_is_not_stored_is_left_out(change: Mapping[str, Any]) -> None:
    """Other attributes and nulls, also in the data; the rest as it was."""
    data = {**GIVEN["data"], "extra": None}  # type: ignore[dict-item]
    line = json.dumps({**GIVEN, **change, "data": data}).encode()
    assert json.loads(checks.known(line)) == GIVEN


@pytest.mark.parametrize("path", sorted(RAW.glob("*.json")), ids=lambda path: path.name)
def test_what_goes_on_decodes_to_the_same(path: Path) -> None:
    """Every golden event that is taken is the same event afterwards."""
    place, decoder = Position("f", 1, 0), Decoder(U2PLUS, NOW)
    line = path.read_bytes().strip().replace(b"\n", b" ")
    [before] = decoder.decode(line, place)
    if isinstance(before, Event):
        assert list(decoder.decode(checks.known(line), place)) == [before]


def test_places_stay_with_events() -> None:
    """After rejections each line still tells where it was."""
    good, lines = json.dumps(GIVEN).encode(), (1, 2, 5, 9)
    sent = [(Position("r", n), good if n != 2 else b"{}", ()) for n in lines]
    raw = records.placed("r", sent)
    checked = checks.check(raw, checks.of_source(U2PLUS, "u2plus"), NOW)
    assert [checked.raw.position(n).line for n in range(3)] == [1, 5, 9]
    assert [rejection.position.line for rejection in checked.rejections] == [2]
    assert checked.received == 4
    none = checks.check(raw, checks.of_source(U2PLUS, "elsewhere"), NOW)
    assert (none.received, none.lines) == (4, [])
