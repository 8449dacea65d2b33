"""Golden pairs: one payload as a platform sends it, one outcome worked by hand."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from panelstream.ingest.events.pipeline import RawEvents, decode_batch
from panelstream.models.events import catalogue
from panelstream.models.events.catalogue import Catalogue, Questionnaires
from panelstream.models.events.clocks import Clocks
from panelstream.models.instruments.instrument import find_instrument

HERE = Path(__file__).parent / "events"
RECEIVED_AT = datetime(2026, 6, 1, tzinfo=UTC)
NAMES = sorted(file.stem for file in (HERE / "raw").iterdir())
PLAIN = (HERE / "raw" / "reaction.json").read_bytes()


@pytest.fixture(scope="module")
def u2plus() -> Catalogue:
    """The shipped catalogue, in a study of two waves that asks PHQ-9."""
    asked = {"phq9": find_instrument("phq9", HERE).value}
    questionnaires = Questionnaires((1, 2), asked)
    shipped = catalogue.find_catalogue("u2plus", HERE)
    return shipped.in_study(questionnaires, Clocks())


def outcome(payload: bytes, catalogue: Catalogue) -> dict[str, Any]:
    """The single outcome of a payload, as the expected files write it."""
    decoded = decode_batch(RawEvents("f", 1, payload), catalogue, RECEIVED_AT)
    for rejection in decoded.rejections:
        said = asdict(rejection)
        return {"rejected": {"reason": said["reason"], "field": said["field"]}}
    [event] = decoded.events.to_pylist()
    times = {
        name: event[name] and event[name].isoformat()
        for name in ("occurred_at", "sent_at")
    }
    return {"event": event | times}


@pytest.mark.parametrize("name", NAMES)
def test_payload_has_its_expected_outcome(name: str, u2plus: Catalogue) -> None:
    """Alone in its chunk, each raw payload gives the expected event or rejection."""
    expected = json.loads((HERE / "expected" / f"{name}.json").read_text())
    assert outcome((HERE / "raw" / f"{name}.json").read_bytes(), u2plus) == expected


@pytest.mark.parametrize("name", NAMES)
def test_neighbours_do_not_matter(name: str, u2plus: Catalogue) -> None:
    """Between two plain events the payload has the same outcome, and they are kept."""
    raw = (HERE / "raw" / f"{name}.json").read_bytes()
    neighbour = PLAIN.replace(b'"e-1"', b'"other"')
    raws = RawEvents("f", 1, b"\n".join([neighbour, raw, neighbour]))
    decoded = decode_batch(raws, u2plus, RECEIVED_AT)
    expected = json.loads((HERE / "expected" / f"{name}.json").read_text())
    ids = decoded.events["id"].to_pylist()
    assert ids.count("other") == 2
    if "rejected" in expected:
        [rejection] = decoded.rejections
        assert (rejection.reason, rejection.field) == (
            expected["rejected"]["reason"],
            expected["rejected"]["field"],
        )
        assert rejection.position.line == 2
    else:
        assert ids.count(expected["event"]["id"]) == 1


def test_every_raw_file_has_an_expected_one() -> None:
    """A payload without an outcome would be a test that checks nothing."""
    assert sorted(file.stem for file in (HERE / "expected").iterdir()) == NAMES
