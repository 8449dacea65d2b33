"""One payload of CloudEvents to an event or a rejection, strictly, one by one.

This decoder defines the rules. The column decoder takes whole chunks of unremarkable
events, and leaves every line to this one where it is in doubt.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from panelstream.ingest.events.media_types import is_json_media_type
from panelstream.ingest.events.rejected_event import (
    Identify,
    damaged_attributes,
    describe_rejected,
    nobody,
)
from panelstream.ingest.events.splitting import (
    UNREADABLE,
    Unsplittable,
    placed_events,
)
from panelstream.ingest.pseudonymise import normalize_id
from panelstream.models.events.catalogue import (
    HEARTBEAT,
    RESPONSE_SUBMITTED,
    Catalogue,
    EventType,
)
from panelstream.models.events.event import (
    NOTHING_READ,
    Event,
    Position,
    Reason,
    RejectedEvent,
    Rejection,
)
from panelstream.models.events.unknown_period import TICK
from panelstream.models.timestamps import EARLIEST, FUTURE_TOLERANCE, parse_instant

MAX_EVENT_BYTES = 65_536
"""The size up to which CloudEvents consumers should take an event (section 'Size Limits')."""
_MAX_DESCRIBED_BYTES = 1 << 20
"""Of an event that is too large, but not too large to say what it was."""
MAX_ID_LENGTH = 256
ATTRIBUTES = (
    "specversion",
    "id",
    "source",
    "type",
    "time",
    "subject",
    "datacontenttype",
    "schemaversion",
    "senttime",
    "data",
)
"""What of an event is read; other attributes are checked and not stored."""
_EXTENSION = re.compile(r"[a-z0-9]+")
_INT32 = range(-(2**31), 2**31)


class _Invalid(Exception):
    def __init__(self, reason: Reason, field: str = "") -> None:
        self.reason, self.field = reason, field


class Decoder:
    """Decodes payloads against a catalogue, as seen at `received_at` (UTC).

    `identify` gives the participant of a rejected event; no subject leaves here. What
    a rejected event says of its time counts from `opened` on.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        received_at: datetime,
        identify: Identify = nobody,
        opened: datetime = EARLIEST,
    ) -> None:
        self.catalogue, self._identify = catalogue, identify
        self._received_at, self.latest = received_at, received_at + FUTURE_TOLERANCE
        self._plausible = opened, self.latest + TICK

    def decode(self, payload: bytes, position: Position) -> Iterator[Event | Rejection]:
        """Yield one outcome for each event of a payload.

        What already has an index in a batch is one event.
        """
        try:
            for place, event in placed_events(payload, position):
                yield self._decode_event(event, place)
        except Unsplittable as broken:
            yield Rejection(broken.reason, "", position, self._rejected_event(payload))

    def _decode_event(self, payload: bytes, position: Position) -> Event | Rejection:
        try:
            if len(payload) > MAX_EVENT_BYTES:
                raise _Invalid("too_large")
            return self._event(_attributes(payload))
        except _Invalid as invalid:
            event = self._rejected_event(payload)
            return Rejection(invalid.reason, invalid.field, position, event)

    def _rejected_event(self, payload: bytes) -> RejectedEvent:
        if len(payload) > _MAX_DESCRIBED_BYTES:
            return NOTHING_READ
        try:
            attributes = _attributes(payload)
        except _Invalid:
            attributes = damaged_attributes(bytes(payload))
        return describe_rejected(
            attributes, self.catalogue, self._plausible, self._identify
        )

    def _event(self, attributes: Mapping[str, Any]) -> Event:
        if attributes.get("specversion") != "1.0":
            raise _Invalid("not_cloudevent", "specversion")
        identity, source = _identity(attributes), _text(attributes, "source")
        name = _text(attributes, "type")
        if source not in self.catalogue.accepted_sources:
            raise _Invalid("invalid_data", "source")
        rule = self.catalogue.types.get(name)
        if rule is None:
            raise _Invalid("unknown_type", "type")
        _check_others(attributes)
        subject = _subject(attributes, rule)
        version = _version(attributes, rule)
        occurred_at = self._occurred_at(attributes, source)
        return Event(
            source=source,
            id=identity,
            event_type=name,
            function=rule.function or "",
            subject=subject,
            schema_version=version,
            occurred_at=occurred_at,
            sent_at=_instant(attributes, "senttime"),
            data=canonical_json(self._data(attributes, rule, occurred_at)),
        )

    def _data(
        self, attributes: Mapping[str, Any], rule: EventType, occurred_at: datetime
    ) -> dict[str, Any]:
        data = _data(attributes, rule)
        try:
            if attributes["type"] == RESPONSE_SUBMITTED:
                data["answers"] = self.catalogue.questionnaires.coded_answers(data)
            elif attributes["type"] == HEARTBEAT:
                # A period that was over when it arrived, whatever time it was sent with.
                at = max(occurred_at, self._received_at)
                self.catalogue.check_heartbeat(data, at)
        except ValueError as field:
            raise _Invalid("invalid_data", f"data.{field}") from None
        return data

    def _occurred_at(self, attributes: Mapping[str, Any], source: str) -> datetime:
        occurred_at = _instant(attributes, "time")
        if occurred_at is None or occurred_at < EARLIEST:
            raise _Invalid("time_unparsable", "time")
        if self.catalogue.clocks.correct(source, occurred_at) > self.latest:
            raise _Invalid("time_in_future", "time")
        return occurred_at


def canonical_json(data: Mapping[str, Any]) -> str:
    """The one way to write an event's data, so that equal content is equal text."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"))


def _attributes(payload: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(payload)
    except UNREADABLE:
        raise _Invalid("not_json") from None
    if not isinstance(value, dict):
        raise _Invalid("not_cloudevent")
    return without_nulls(value)


def without_nulls(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that are not null: null counts as absent."""
    return {name: value for name, value in members.items() if value is not None}


def is_extension(name: str, value: object) -> bool:
    """Whether an attribute that is not stored is as CloudEvents has it (1.0.2, 3.1)."""
    if name == "dataschema":
        return isinstance(value, str) and bool(value)
    if isinstance(value, int):
        return value in _INT32 and _EXTENSION.fullmatch(name) is not None
    return isinstance(value, str) and _EXTENSION.fullmatch(name) is not None


def _check_others(attributes: Mapping[str, Any]) -> None:
    """An extension's name is the sender's, so a rejection does not tell it."""
    if "data_base64" in attributes:
        reason: Reason = "not_cloudevent" if "data" in attributes else "invalid_data"
        raise _Invalid(reason, "data_base64")
    for name in sorted(attributes.keys() - ATTRIBUTES):
        if not is_extension(name, attributes[name]):
            field = name if name == "dataschema" else "extension"
            raise _Invalid("not_cloudevent", field)


def _text(attributes: Mapping[str, Any], name: str) -> str:
    value = attributes.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID_LENGTH:
        raise _Invalid("not_cloudevent", name)
    return value


def _identity(attributes: Mapping[str, Any]) -> str:
    """Ids are stored as they are sent, so one that holds an address is not taken."""
    identity = _text(attributes, "id")
    if "@" in identity:
        raise _Invalid("invalid_data", "id")
    return identity


def _subject(attributes: Mapping[str, Any], rule: EventType) -> str:
    subject = attributes.get("subject", "")
    if rule.subject is not True and "subject" not in attributes:
        return ""
    if not rule.subject:
        _text(attributes, "subject")
        return ""
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_ID_LENGTH:
        raise _Invalid("missing_subject", "subject")
    if not normalize_id(subject):
        raise _Invalid("missing_subject", "subject")
    return subject


def _version(attributes: Mapping[str, Any], rule: EventType) -> int:
    version = attributes.get("schemaversion", 1)
    # An Integer of CloudEvents has no fraction: 1.0 is none, nor is true.
    if type(version) is not int or version not in rule.versions:
        raise _Invalid("unsupported_version", "schemaversion")
    return version


def _instant(attributes: Mapping[str, Any], name: str) -> datetime | None:
    value = attributes.get(name)
    if value is None:
        return None
    instant = parse_instant(value) if isinstance(value, str) else None
    if instant is None:
        raise _Invalid("time_unparsable", name)
    return instant


def _data(attributes: Mapping[str, Any], rule: EventType) -> dict[str, Any]:
    content = attributes.get("datacontenttype", "application/json")
    if not isinstance(content, str) or not is_json_media_type(content):
        raise _Invalid("not_cloudevent", "datacontenttype")
    data = attributes.get("data", {})
    if not isinstance(data, dict):
        raise _Invalid("invalid_data", "data")
    data = without_nulls(data)
    if not data.keys() <= rule.data.keys():
        raise _Invalid("invalid_data", "data")
    for name, field in rule.data.items():
        if name in data:
            if not field.accepts(data[name]):
                raise _Invalid("invalid_data", f"data.{name}")
        elif field.required:
            raise _Invalid("invalid_data", f"data.{name}")
    return data
