"""A payload to the events in it: split once, so that one bad event harms no other.

A payload is one event, a JSON array of events, or a sequence of events and arrays, as
delivery streams write that put no line ends between records. Arrays and sequences are
split leniently: where they are not JSON as a whole, strings and brackets still say
where each part ends, and the decoder judges the events one by one.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Literal, NamedTuple

import msgspec

from panelstream.models.events.event import Position, Reason

Slice = bytes | msgspec.Raw
"""The bytes of one event, which may be a view of the payload."""

MAX_EVENTS = 300_000
"""Of one payload. 32 MB of the shortest events are not more; each costs memory."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding bytes that are not JSON can raise."""

_BLANKS = b" \t\r\n"
_BETWEEN = b" \t\r\n,\0"
"""What may stand between the parts of a sequence. NUL is a line end of before."""
_BOM = b"\xef\xbb\xbf"
"""No JSON starts with it, and a reader may ignore it (RFC 8259, section 8.1)."""
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_ANYTHING = msgspec.json.Decoder(msgspec.Raw)
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_INNERMOST = rb"[\[{](?:[^\"\[\]{}]++|%b)*+[\]}]" % _STRING
"""Brackets with none inside: most of all brackets, so they are passed in one step."""
_NEXT_MARK = re.compile(
    rb'(?:[^"\[\]{},]++|%b|%b)*+([\[\]{},])' % (_STRING, _INNERMOST), re.DOTALL
)
_NEXT_BRACKETS = re.compile(
    rb'(?:[^"\[\]{}]++|%b|%b)*+([\[{]++|[\]}]++)' % (_STRING, _INNERMOST), re.DOTALL
)


class Unsplittable(Exception):
    """A payload whose events cannot be told from each other, and the reason."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason


class Split(NamedTuple):
    """The events of a payload, and how they were written.

    A single event is the payload itself, with the mark that may precede it.
    """

    payload: bytes
    form: Literal["event", "array", "sequence"]
    events: Sequence[Slice]

    @property
    def lines(self) -> Sequence[Slice]:
        """The same events without line ends."""
        if b"\n" not in self.payload:
            return self.events
        return [_one_line(bytes(event)) for event in self.events]


def split_payload(payload: bytes) -> Split:
    """Split a payload; its time and memory are linear in the payload's length.

    Raises `Unsplittable`: for an array, where its own brackets and commas are wrong
    or an element is missing; for anything, where there are more than `MAX_EVENTS`.
    """
    text = without_bom(payload)
    start = text.lstrip()[:1]
    if start == b"[":
        return _split_arrays(text)
    if start == b"{" and not is_json(text):
        parts = list(_parts(text))
        if len(parts) > 1:
            return _join_parts(text, parts)
    return Split(payload, "event", [payload])


def placed_events(
    payload: bytes, position: Position
) -> Iterator[tuple[Position, bytes]]:
    """The events of a payload, each with its own position.

    What already has an index is one event. Raises `Unsplittable`.
    """
    if position.index is not None:
        yield position, payload
        return
    split = split_payload(payload)
    if split.form == "event":
        yield position, without_bom(payload)
        return
    for index, event in enumerate(split.events):
        yield position.element(index), bytes(event)


def events_at(payload: bytes, indexes: Iterable[int | None]) -> dict[int | None, bytes]:
    """The original bytes of the events at some indexes, of which None is the payload.

    An index where there is no event is not in it.
    """
    result: dict[int | None, bytes] = {}
    try:
        events = split_payload(payload).events
    except Unsplittable:
        events = ()
    for index in indexes:
        if index is None:
            result[index] = payload
        elif index < len(events):
            result[index] = bytes(events[index])
    return result


def is_json(payload: Slice) -> bool:
    """Whether it is one JSON text, but for the encoding of its strings."""
    try:
        _ANYTHING.decode(payload)
    except UNREADABLE:
        return False
    return True


def without_bom(payload: bytes) -> bytes:
    """A payload without the mark that some editors put first."""
    return payload.removeprefix(_BOM)


def is_utf8(payload: bytes) -> bool:
    """Whether it can be decoded."""
    try:
        return payload.isascii() or bool(payload.decode())
    except UnicodeDecodeError:
        return False


def _one_line(event: bytes) -> bytes:
    """In JSON, line ends are between tokens only.

    In what is not JSON they become NUL, which JSON has nowhere, so that it does not
    turn into JSON.
    """
    end = b" " if is_json(without_bom(event)) else b"\0"
    return event.replace(b"\n", end)


def _split_arrays(text: bytes) -> Split:
    """An array, or a sequence that begins with one. Raises `Unsplittable`."""
    try:
        return Split(text, "array", _elements(text))
    except Unsplittable as broken:
        parts = list(_parts(text)) if broken.reason == "not_json" else []
        if len(parts) < 2:
            raise
        return _join_parts(text, parts)


def _join_parts(text: bytes, parts: Iterable[bytes]) -> Split:
    """The events of all parts. Raises `Unsplittable` if there are too many."""
    events = [event for part in parts for event in _events(part)]
    if len(events) > MAX_EVENTS:
        raise Unsplittable("too_large")
    return Split(text, "sequence", events)


def _events(part: bytes) -> Sequence[Slice]:
    """The elements of an array, or an object; what is no array is one bad event."""
    with suppress(Unsplittable):
        return _elements(part) if part.startswith(b"[") else [part]
    return [part]


def _elements(payload: bytes) -> Sequence[Slice]:
    if len(payload) < MAX_EVENTS or payload.count(b",") < MAX_EVENTS:
        with suppress(*UNREADABLE):
            return _ARRAY.decode(payload)
    return list(_scanned_elements(payload))


def _scanned_elements(payload: bytes) -> Iterator[bytes]:
    """The elements of an array by its strings and brackets alone."""
    begin = position = payload.index(b"[") + 1
    mark, count = b",", 0
    while mark == b",":
        match = _next(_NEXT_MARK, payload, position)
        mark, position = match[1], match.end()
        if mark in (b"[", b"{"):
            position, mark = _end_of_brackets(payload, position), b","
            continue
        element = payload[begin : position - 1].strip(_BLANKS)
        is_empty_array = mark == b"]" and not count
        if element:
            yield element
        elif not is_empty_array:
            raise Unsplittable("not_json")
        begin, count = position, _counted(count)
    if mark != b"]" or payload[position:].strip(_BLANKS):
        raise Unsplittable("not_json")


def _parts(payload: bytes) -> Iterator[bytes]:
    """Objects and arrays that follow each other; the last one may be cut off.

    None where anything else stands among them: then it is no sequence of events.
    """
    spans: list[tuple[int, int]] = []
    position, count = _next_start(payload, 0), 0
    while position < len(payload):
        if payload[position] not in b"[{":
            return
        try:
            end = _end_of_brackets(payload, position + 1)
        except Unsplittable:
            end = len(payload)
        spans.append((position, end))
        position, count = _next_start(payload, end), _counted(count)
    for start, end in spans:
        yield payload[start:end]


def _next_start(payload: bytes, position: int) -> int:
    while position < len(payload) and payload[position] in _BETWEEN:
        position += 1
    return position


def _end_of_brackets(payload: bytes, position: int) -> int:
    """Where what was opened before `position` is closed, whatever is inside."""
    depth = 1
    while depth:
        match = _next(_NEXT_BRACKETS, payload, position)
        brackets = match[1]
        if brackets[:1] in (b"[", b"{"):
            depth, position = depth + len(brackets), match.end()
        else:
            closed = min(depth, len(brackets))
            depth, position = depth - closed, match.start(1) + closed
    return position


def _next(pattern: re.Pattern[bytes], payload: bytes, position: int) -> re.Match[bytes]:
    match = pattern.match(payload, position)
    if match is None:
        raise Unsplittable("not_json")
    return match


def _counted(count: int) -> int:
    if count >= MAX_EVENTS:
        raise Unsplittable("too_large")
    return count + 1
