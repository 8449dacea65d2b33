"""Payloads to events: what is a batch, a sequence, one event, or none of these."""

import time

import pytest

from panelstream.ingest.events import splitting
from panelstream.ingest.events.splitting import Unsplittable, split_payload
from panelstream.models.events.event import Position

PLACE = Position("f", 7)
DEEP = b"[" * 3000 + b"]" * 3000


@pytest.mark.parametrize(
    ("payload", "form", "events"),
    [
        (b"[]", "array", []),
        (b" [ ] ", "array", []),
        (b'[1, {"a":[2]}]', "array", [b"1", b'{"a":[2]}']),
        (b"\xef\xbb\xbf[1]", "array", [b"1"]),
        (rb'[{"a":"\udc80"}, {"b":2}]', "array", [rb'{"a":"\udc80"}', b'{"b":2}']),
        (b'[NaN, {"a":{"b":[]}} ]', "array", [b"NaN", b'{"a":{"b":[]}}']),
        (b"[1," + DEEP + b",2]", "array", [b"1", DEEP, b"2"]),
        (rb'["],\"[", NaN, "{"]', "array", [rb'"],\"["', b"NaN", b'"{"']),
        (b'[{"a":1}{"b":2}, 3]', "array", [b'{"a":1}{"b":2}', b"3"]),
        (b'{"a":1}', "event", [b'{"a":1}']),
        (b'{"a":NaN}', "event", [b'{"a":NaN}']),
        (b'{"a":1}{"b":"}{"}', "sequence", [b'{"a":1}', b'{"b":"}{"}']),
        (b'{"a":1}\n {"b":NaN}\r\n', "sequence", [b'{"a":1}', b'{"b":NaN}']),
        (b'{"a":1}{"b":', "sequence", [b'{"a":1}', b'{"b":']),
        (b'{"a":1} x', "event", [b'{"a":1} x']),
        (b'{"a":1}}', "event", [b'{"a":1}}']),
        (b'{"a":1}[2, NaN]', "sequence", [b'{"a":1}', b"2", b"NaN"]),
        (b'{"a":1}, {"b":NaN}', "sequence", [b'{"a":1}', b'{"b":NaN}']),
        (b"[1][2,][3]", "sequence", [b"1", b"[2,]", b"3"]),
        (b'[1]\0{"a":2}', "sequence", [b"1", b'{"a":2}']),
        (b'{"a":1}, 7, {"b":2}', "event", [b'{"a":1}, 7, {"b":2}']),
        (b'\xef\xbb\xbf{"a":1}', "event", [b'\xef\xbb\xbf{"a":1}']),
        (b"nonsense", "event", [b"nonsense"]),
    ],
)
def test_events(payload: bytes, form: str, events: list[bytes]) -> None:
    """Each event is its own bytes, whatever is wrong inside it."""
    split = split_payload(payload)
    assert (split.form, [bytes(event) for event in split.events]) == (form, events)


@pytest.mark.parametrize(
    "payload",
    [b"[1", b"[1,]", b"[,1]", b"[1,,2]", b"[1] x", b"[1}", b'["a]', b'[{"a":[1},2]'],
)
def test_an_array_that_is_none(payload: bytes) -> None:
    """Where the array's own brackets or commas are wrong, nothing says what is in it."""
    with pytest.raises(Unsplittable) as broken:
        split_payload(payload)
    assert broken.value.reason == "not_json"


@pytest.mark.parametrize("payload", [b"[" + b"1," * 300_000 + b"1]", b"{}" * 300_001])
def test_more_events_than_memory_is_for(payload: bytes) -> None:
    """A payload of tiny elements is rejected as a whole: each would cost memory."""
    with pytest.raises(Unsplittable) as broken:
        split_payload(payload)
    assert broken.value.reason == "too_large"


@pytest.mark.parametrize(
    "unit", [b"[", b"[]", b"[1]", b'"a"', b'\\"', b"{[", b'{"a":[]}']
)
def test_time_grows_with_length_only(unit: bytes) -> None:
    """Half a megabyte of anything in a batch that is not JSON takes well under a second."""
    payload = b"[NaN," + unit * (500_000 // len(unit))
    began = time.process_time()
    with pytest.raises(Unsplittable):
        split_payload(payload)
    assert time.process_time() - began < 1


def test_positions() -> None:
    """An event of several has its index; a single one keeps the position as it is."""
    placed = dict(splitting.placed_events(b"[1,2]", PLACE))
    assert placed == {Position("f", 7, 0): b"1", Position("f", 7, 1): b"2"}
    assert dict(splitting.placed_events(b"{}", PLACE)) == {PLACE: b"{}"}
    place = Position("f", 7, 3)
    assert dict(splitting.placed_events(b"[1]", place)) == {place: b"[1]"}


def test_events_at_indexes() -> None:
    """The events of a payload by index; None is the payload, what is missing is left out."""
    assert splitting.events_at(b"[1, NaN]", [None, 1, 2]) == {
        None: b"[1, NaN]",
        1: b"NaN",
    }
    assert splitting.events_at(b"[1,", [0]) == {}


def test_lines() -> None:
    """Line ends become blanks in JSON; what is no JSON because of them stays none."""
    assert split_payload(b'[{"a":\n1},"b\nc"]').lines == [b'{"a": 1}', b'"b\0c"']
