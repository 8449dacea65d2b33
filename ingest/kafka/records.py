"""Kafka records to raw events: values become lines, positions stay with them.

Knows no Kafka client: a record is whatever has these attributes.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Protocol

from panelstream.ingest.events.binary_mode import binary_event, read_attributes
from panelstream.ingest.events.pipeline import RawEvents
from panelstream.ingest.events.splitting import (
    Slice,
    Split,
    Unsplittable,
    split_payload,
)
from panelstream.models.events.event import Position, Rejection
from panelstream.models.events.unknown_period import Period, period_before
from panelstream.models.timestamps import EARLIEST

Headers = Sequence[tuple[str, bytes | None]]

OURS = "panelstream-"
REASON, FIELD, ORIGIN, ORIGIN_ID, OFFSET, INDEX = (
    f"{OURS}{name}"
    for name in ("reason", "field", "origin", "origin-id", "offset", "index")
)
"""Headers of dead letters."""

_CLOUDEVENTS = b"application/cloudevents"
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
    @property
    def timestamp(self) -> int: ...


@dataclass
class _Lines:
    """Lines so far; `starts` and `places` tell of each record its first line."""

    lines: list[Slice] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    places: list[tuple[Position, bool]] = field(default_factory=list)

    def add(self, position: Position, split: Split) -> None:
        self.starts.append(len(self.lines))
        self.places.append((position, split.form != "event"))
        self.lines.extend(split.lines)

    def place(self, row: int) -> Position:
        number = bisect_right(self.starts, row) - 1
        position, batch = self.places[number]
        index = row - self.starts[number] if batch else position.index
        return position.element(index)


def origin(topic: str, partition: int) -> str:
    """The name of a partition in positions."""
    return f"{topic}[{partition}]"


def position(
    record: Record, log_ids: Mapping[str, str] = MappingProxyType({})
) -> Position:
    """Where a record is; the id tells a log from others with the same offsets."""
    place = origin(record.topic, record.partition)
    return Position(place, record.offset, origin_id=log_ids.get(place, ""))


def raw_events(
    name: str,
    records: Iterable[Record],
    unreadable: Mapping[Position, Period | None] = MappingProxyType({}),
    log_ids: Mapping[str, str] = MappingProxyType({}),
) -> RawEvents:
    """The events of records as one batch of lines that arrived in the topic `name`.

    `unreadable`: records that the client could not decode, which are rejected, each with
    when its events took place. `log_ids`: of which log the records of a partition are.
    """
    lines = _Lines()
    rejections = [Rejection("unreadable_record", "", entry) for entry in unreadable]
    periods = dict(unreadable)
    for record in records:
        place = position(record, log_ids)
        periods[place] = _period(record.timestamp)
        try:
            lines.add(place, _split(record.value, record.headers))
        except Unsplittable as broken:
            rejections.append(Rejection(broken.reason, "", place))
    text = b"\n".join(lines.lines)
    return RawEvents(name, 1, text, lines.place, rejections, periods=periods)


def _period(timestamp: int) -> Period | None:
    """When the events of a record took place, by its time in milliseconds."""
    if timestamp < 0:
        return None
    return period_before(EARLIEST + timedelta(milliseconds=timestamp))


def placed(name: str, payloads: Iterable[tuple[Position, bytes, Headers]]) -> RawEvents:
    """Payloads from anywhere as one batch of lines, each event at its own position.

    A payload is one event or a batch, of which its headers may say which; one whose
    position has an index is one event.
    """
    lines, rejections = _Lines(), []
    for place, value, headers in payloads:
        try:
            if place.index is None:
                lines.add(place, _split(value, headers))
            else:
                lines.add(place, Split(value, "event", [value]))
        except Unsplittable as broken:
            rejections.append(Rejection(broken.reason, "", place))
    return RawEvents(name, 1, b"\n".join(lines.lines), lines.place, rejections)


def _split(value: bytes | None, headers: Headers) -> Split:
    """The events of a record's value. Raises `Unsplittable`."""
    kind = _media_type(headers) if headers else b""
    is_binary = headers and not kind.startswith(_CLOUDEVENTS)
    if is_binary and _header(headers, "ce_specversion"):
        event = _from_headers(value or b"", headers)
        return Split(event, "event", [event])
    if value is None or not value.strip():
        raise Unsplittable("not_json")
    split = split_payload(value)
    is_array, is_single = split.form == "array", split.form == "event"
    if (kind == _BATCH and not is_array) or (kind == _SINGLE and not is_single):
        raise Unsplittable("not_cloudevent")
    return split


def _from_headers(value: bytes, headers: Headers) -> bytes:
    """The event of a record in binary mode, in JSON; CloudEvents' Kafka binding, 3.2."""
    try:
        texts = [
            (name.removeprefix("ce_"), (content or b"").decode())
            for name, content in headers
            if name.startswith("ce_")
        ]
        media = _header(headers, "content-type").decode()
    except UnicodeDecodeError:
        raise Unsplittable("not_cloudevent") from None
    return binary_event(read_attributes(texts, media), value)


def _media_type(headers: Headers) -> bytes:
    return _header(headers, "content-type").partition(b";")[0].strip().lower()


def _header(headers: Headers, wanted: str) -> bytes:
    """The first header of a name, in whatever case; empty if there is none."""
    return next(
        (content or b"" for name, content in headers if name.lower() == wanted), b""
    )


def why(rejection: Rejection) -> list[tuple[str, bytes]]:
    """Headers of a dead letter: reason, field, and where the event was."""
    place = rejection.position
    index = [] if place.index is None else [(INDEX, str(place.index).encode())]
    return [
        (REASON, rejection.reason.encode()),
        (FIELD, rejection.field.encode()),
        (ORIGIN, place.origin.encode()),
        (ORIGIN_ID, place.origin_id.encode()),
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
        index = result.get(INDEX)
        position = Position(
            result[ORIGIN].decode(),
            int(result[OFFSET]),
            int(index) if index else None,
            result.get(ORIGIN_ID, b"").decode(),
        )
    except (KeyError, ValueError):
        return None
    return position
