"""Kafka records to raw events: values become lines, positions stay with them.

Knows no Kafka client: a record is whatever has these attributes.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from panelstream.ingest.events.pipeline import RawEvents
from panelstream.ingest.events.strict_decoder import UNREADABLE
from panelstream.models.events.event import Position, Reason, Rejection

Buffer = bytes | msgspec.Raw
Headers = Sequence[tuple[str, bytes | None]]

OURS = "panelstream-"
REASON, FIELD, ORIGIN, OFFSET, INDEX = (
    f"{OURS}{name}" for name in ("reason", "field", "origin", "offset", "index")
)
"""Headers of dead letters."""

_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])
_ANYTHING = msgspec.json.Decoder(msgspec.Raw)
_SINGLE, _BATCH = b"application/cloudevents+json", b"application/cloudevents-batch+json"


class Record(Protocol):
    """What is asked of a Kafka record."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...


@dataclass
class _Lines:
    """Lines so far; `starts` and `places` tell of each record its first line."""

    lines: list[Buffer] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    places: list[tuple[Position, bool]] = field(default_factory=list)

    def add(self, position: Position, lines: Sequence[Buffer], batch: bool) -> None:
        self.starts.append(len(self.lines))
        self.places.append((position, batch))
        self.lines.extend(lines)

    def place(self, row: int) -> Position:
        number = bisect_right(self.starts, row) - 1
        position, batch = self.places[number]
        index = row - self.starts[number] if batch else position.index
        return position.element(index)


class _Unusable(Exception):
    def __init__(self, reason: Reason) -> None:
        self.reason = reason


def origin(topic: str, partition: int) -> str:
    """The name of a partition in positions."""
    return f"{topic}[{partition}]"


def position(record: Record) -> Position:
    """Where a record is."""
    return Position(origin(record.topic, record.partition), record.offset)


def raw_events(
    name: str, records: Iterable[Record], unreadable: Iterable[Position] = ()
) -> RawEvents:
    """The events of records as one batch of lines that arrived in the topic `name`.

    `unreadable`: records that the client could not decode; they are rejected.
    """
    lines = _Lines()
    rejections = [Rejection("unreadable_record", "", entry) for entry in unreadable]
    for record in records:
        try:
            lines.add(position(record), *_split(record.value, record.headers))
        except _Unusable as unusable:
            rejections.append(Rejection(unusable.reason, "", position(record)))
    return RawEvents(name, 1, b"\n".join(lines.lines), lines.place, rejections)


def placed(name: str, payloads: Iterable[tuple[Position, bytes, Headers]]) -> RawEvents:
    """Payloads from anywhere as one batch of lines, each event at its own position.

    A payload is one event or a batch, of which its headers may say which; one whose
    position has an index is one event.
    """
    lines, rejections = _Lines(), []
    for place, value, headers in payloads:
        try:
            if place.index is None:
                lines.add(place, *_split(value, headers))
            else:
                lines.add(place, [_one_line(value)], False)
        except _Unusable as unusable:
            rejections.append(Rejection(unusable.reason, "", place))
    return RawEvents(name, 1, b"\n".join(lines.lines), lines.place, rejections)


def element(value: bytes | None, index: int | None) -> bytes | None:
    """The original bytes of the event at an index, or the whole; None if not there."""
    if index is None or value is None:
        return value
    try:
        return bytes(_ELEMENTS.decode(value)[index])
    except (*UNREADABLE, IndexError):
        return None


def _split(value: bytes | None, headers: Headers) -> tuple[Sequence[Buffer], bool]:
    """The lines of a record's value, and whether it is a batch."""
    if value is None or not value.strip():
        raise _Unusable("not_json")
    array, kind = value.lstrip()[:1] == b"[", _content_type(headers)
    if (kind == _BATCH and not array) or (kind == _SINGLE and array):
        raise _Unusable("not_cloudevent")
    return (_elements(value), True) if array else ([_one_line(value)], False)


def _elements(value: bytes) -> Sequence[Buffer]:
    """The elements of an array, as views of it."""
    try:
        elements = _ELEMENTS.decode(value)
    except UNREADABLE:
        raise _Unusable("not_json") from None
    if b"\n" not in value:
        return elements
    # In valid JSON a line's end stands between tokens only.
    return [bytes(element).replace(b"\n", b" ") for element in elements]


def _one_line(value: bytes) -> bytes:
    if b"\n" not in value:
        return value
    try:
        _ANYTHING.decode(value)
    except UNREADABLE:
        raise _Unusable("not_json") from None
    return value.replace(b"\n", b" ")


def _content_type(headers: Headers) -> bytes:
    for name, value in headers:
        if name.lower() == "content-type":
            return (value or b"").partition(b";")[0].strip().lower()
    return b""


def why(rejection: Rejection) -> list[tuple[str, bytes]]:
    """Headers of a dead letter: reason, field, and where the event was."""
    place = rejection.position
    index = [] if place.index is None else [(INDEX, str(place.index).encode())]
    return [
        (REASON, rejection.reason.encode()),
        (FIELD, rejection.field.encode()),
        (ORIGIN, place.origin.encode()),
        (OFFSET, str(place.line).encode()),
        *index,
    ]


def foreign(headers: Headers) -> list[tuple[str, bytes | None]]:
    """A record's own headers, none of which can be taken for ours."""
    return [(name, value) for name, value in headers if not name.startswith(OURS)]


def buried_at(headers: Headers) -> Position | None:
    """Where the event of a dead letter was first; None if it is no dead letter of ours."""
    result = {name: value or b"" for name, value in headers}
    try:
        offset, index = int(result[OFFSET]), result.get(INDEX)
        position = Position(
            result[ORIGIN].decode(), offset, int(index) if index else None
        )
    except (KeyError, ValueError):
        return None
    return position
