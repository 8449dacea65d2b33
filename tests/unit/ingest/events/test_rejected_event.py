"""What a rejected event tells of itself, whatever the reason of its rejection."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from panelstream.ingest.events.strict_decoder import Decoder
from panelstream.models.events.catalogue import find_catalogue
from panelstream.models.events.event import Position, RejectedEvent, Rejection

U2PLUS = find_catalogue("u2plus", Path())
NOW = datetime(2027, 1, 12, tzinfo=UTC)
AT = datetime(2027, 1, 11, 8, tzinfo=UTC)
NOTHING = RejectedEvent()
ZEROS = bytes(16)
EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "u2plus",
    "type": "u2plus.story_posted",
    "subject": "ann",
    "time": "2027-01-11T08:00:00Z",
}
KEY = hashlib.md5(b"u2plus\x1f1", usedforsecurity=False).digest()


def ann(subject: str) -> bytes:
    """The participant id of the only person that these tests know."""
    return b"participant-0001" if subject == "ann" else b"participant-0002"


WHOLE = RejectedEvent(
    event_type="u2plus.story_posted",
    function="story",
    every_function=False,
    participant_id=b"participant-0001",
    occurred_at=AT,
    event_key=KEY,
    source="u2plus",
)
UNKNOWN_TYPE: dict[str, Any] = {"type": "u2plus.new", "data": {}}
BROKEN = [
    ("unknown field", {"data": {"mood": 1}}, "invalid_data", {}),
    (
        "unknown source",
        {"source": "x"},
        "invalid_data",
        {"event_key": "x\x1f1", "source": ""},
    ),
    ("version", {"schemaversion": 9}, "unsupported_version", {}),
    ("no specversion", {"specversion": None}, "not_cloudevent", {}),
    ("too large", {"note": "x" * 70_000}, "too_large", {}),
    ("sent at no time", {"senttime": "never"}, "time_unparsable", {}),
    ("no time", {"time": None}, "time_unparsable", {"occurred_at": None}),
    ("no instant", {"time": "soon"}, "time_unparsable", {"occurred_at": None}),
    (
        "future",
        {"time": "2027-01-14T00:00:00Z"},
        "time_in_future",
        {"occurred_at": None},
    ),
    (
        "nobody",
        {"subject": "\u200b "},
        "missing_subject",
        {"participant_id": ZEROS},
    ),
    ("no id", {"id": None}, "not_cloudevent", {"event_key": None}),
    (
        "unknown type",
        {"type": "u2plus.new"},
        "unknown_type",
        {"event_type": "unknown:aeeeb6bd", "function": "", "every_function": True},
    ),
    (
        "what takes a reaction back",
        {"type": "u2plus.reaction_withdrawn", "data": {"mood": 1}},
        "invalid_data",
        {"event_type": "u2plus.reaction_withdrawn", "function": "reaction"},
    ),
    (
        "a type that is a sentence",
        {"type": "ann writes"},
        "unknown_type",
        {"event_type": "unknown:9ee85780", "function": "", "every_function": True},
    ),
    (
        "a study event that is unknown",
        {"type": "study.new"},
        "unknown_type",
        {"event_type": "unknown:ee164fde", "function": ""},
    ),
]


@pytest.mark.parametrize(
    ("change", "reason", "different"),
    [row[1:] for row in BROKEN],
    ids=[row[0] for row in BROKEN],
)
def test_every_reason(
    change: dict[str, Any], reason: str, different: dict[str, Any]
) -> None:
    """All that can be read is there, but for what the fault itself makes unreadable."""
    rejection = rejected(json.dumps({**EVENT, **change}).encode())
    expected = {**vars(WHOLE), **different}
    if "event_key" in different:
        text = different["event_key"]
        expected["event_key"] = (
            hashlib.md5(text.encode(), usedforsecurity=False).digest()
            if text
            else ZEROS
        )
    assert rejection.reason == reason
    assert vars(rejection.event) == expected


@pytest.mark.parametrize("payload", [b"{", b"7", b"\xff", b'"' + b" " * 2_000_000])
def test_nothing_can_be_read(payload: bytes) -> None:
    """Any function, person and time may be concerned."""
    assert rejected(payload).event == NOTHING


TEXT = json.dumps(EVENT).encode()
DAMAGED: list[tuple[str, bytes, dict[str, Any] | None]] = [
    ("cut at the end", TEXT[:-1], {}),
    ("cut in the data", TEXT[:-1] + b', "data": {"mood": "lo', {}),
    ("cut in the time", TEXT[:-5], {"occurred_at": None}),
    ("a wrong byte", TEXT.replace(b'"1.0"', b'"1.\xff"'), {}),
    ("a number that is none", TEXT[:-1] + b', "data": {"mood": NaN}}', {}),
    ("another time", TEXT[:-1] + b', "data": {"time": "x"}', {"occurred_at": None}),
    ("a subject twice", TEXT[:-1] + b', "subject": "bob"', {"participant_id": ZEROS}),
    ("no time of its own", b'{"data": {' + TEXT[1:], None),
    ("another event in it", TEXT[:-9] + TEXT, None),
    ("cut at the beginning", TEXT[30:], None),
    ("an array that is cut", b"[" + TEXT, None),
]


@pytest.mark.parametrize(
    ("payload", "different"),
    [row[1:] for row in DAMAGED],
    ids=[row[0] for row in DAMAGED],
)
def test_damaged_text(payload: bytes, different: dict[str, Any] | None) -> None:
    """Type, time and subject are read where they are whole and there once.

    Worked by hand; what may be of another event, or of the data, is not read.
    """
    rejection = rejected(payload)
    whole = {**vars(WHOLE), "event_key": ZEROS, "source": ""}
    expected = vars(NOTHING) if different is None else {**whole, **different}
    assert rejection.reason == "not_json"
    assert vars(rejection.event) == expected


def test_no_rejection_shows_the_event() -> None:
    """Neither the subject nor what it stands for is in the text of a rejection."""
    text = repr(rejected(json.dumps({**EVENT, **UNKNOWN_TYPE}).encode()))
    assert "ann" not in text
    assert "participant" not in text


def rejected(payload: bytes) -> Rejection:
    """The rejection of a payload."""
    [outcome] = Decoder(U2PLUS, NOW, ann).decode(payload, Position("f", 1))
    assert isinstance(outcome, Rejection)
    return outcome
