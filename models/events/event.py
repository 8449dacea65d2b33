"""An event on its way into the warehouse: accepted with a place in it, or rejected.

The wire format is CloudEvents 1.0 JSON. `(source, id)` is the identity of an
event; an attribute or field that is null counts as absent.
"""

import dataclasses
import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

import pyarrow as pa

Reason = Literal[
    "not_json",
    "not_cloudevent",
    "missing_subject",
    "unknown_type",
    "unsupported_version",
    "invalid_data",
    "time_unparsable",
    "time_in_future",
    "too_large",
    "unreadable_record",
    "not_storable",
]
"""The last two are no fault of the event's text: a Kafka record that its client cannot
decode, and a row that the warehouse's engine does not take."""

COUNTED_REJECTIONS = 1000
"""Rejections that `Counts` carry; a longer import would hold them all in memory."""

NOBODY = bytes(16)
"""The participant of an event that names nobody, as a heartbeat."""

NO_KEY = bytes(16)
"""The key of an event whose source or id cannot be read."""

_TIME = pa.timestamp("us", "UTC")

DECODED = pa.schema(
    {
        "source": pa.string(),
        "id": pa.string(),
        "event_type": pa.string(),
        "function": pa.string(),
        "subject": pa.string(),
        "occurred_at": _TIME,
        "sent_at": _TIME,
        "schema_version": pa.uint8(),
        "data": pa.string(),
    }
)
"""Accepted events while they still name the platform's user."""

PSEUDONYMOUS = pa.schema(
    [
        pa.field("participant_id", pa.binary(16))
        if column.name == "subject"
        else column
        for column in DECODED
    ]
)
"""Accepted events as they are stored; no raw identifier exists beyond here."""


class Event(NamedTuple):
    """One accepted event; `data` is canonical JSON of its closed fields."""

    source: str
    id: str
    event_type: str
    function: str
    subject: str
    occurred_at: datetime
    sent_at: datetime | None
    schema_version: int
    data: str


@dataclass(frozen=True)
class Position:
    """Where an event stood, and its index if that was a batch of events.

    In a file: its name and the 1-based line. In Kafka: `topic[partition]` and the
    offset of the record. Over HTTP: `collector/<request>` and the line of its body.
    `origin_id`: the content that `origin` names; empty where the name is enough.
    """

    origin: str
    line: int
    index: int | None = None
    origin_id: str = ""

    def element(self, index: int | None) -> "Position":
        """The place of an event of a batch, or with None that of the whole."""
        return Position(self.origin, self.line, index, self.origin_id)


@dataclass(frozen=True)
class RejectedEvent:
    """What can be read of a rejected event, as the defaults where it cannot.

    `every_function`: any function may be concerned, as the catalogue does not have its
    type. `function`: the one whose counts it would have changed, be it by taking an act
    back. `occurred_at`: its own time where that is plausible. `event_key`: what its
    source and id are known by (`event_key`). `source`: if the catalogue has it.
    """

    event_type: str = ""
    function: str = ""
    every_function: bool = True
    participant_id: bytes = NOBODY
    occurred_at: datetime | None = None
    event_key: bytes = NO_KEY
    source: str = ""


NOTHING_READ = RejectedEvent()


@dataclass(frozen=True)
class Rejection:
    """Why an event was not taken: the reason and the field, never a value.

    `event`: what it makes unknown; two rejections are the same whatever it says.
    """

    reason: Reason
    field: str
    position: Position
    event: RejectedEvent = dataclasses.field(
        default=NOTHING_READ, compare=False, repr=False
    )

    def as_dict(self) -> dict[str, Any]:
        """Reason, field and place, flat."""
        place = self.position
        return {
            "reason": self.reason,
            "field": self.field,
            "origin": place.origin,
            "line": place.line,
            "index": place.index,
        }


def unknown_type(name: str) -> str:
    """What a type that the catalogue does not have is called: never the name itself.

    The same as `concat('unknown:', lower(hex(substring(MD5(name), 1, 4))))` in SQL.
    """
    text = name.encode("utf-8", "surrogatepass")
    return f"unknown:{hashlib.md5(text, usedforsecurity=False).hexdigest()[:8]}"


def event_key(source: str, identity: str) -> bytes:
    """16 bytes by which a rejected event is recognised when it is stored after all.

    The same as `MD5(concat(source, char(31), id))` in SQL.
    """
    text = f"{source}\x1f{identity}".encode("utf-8", "surrogatepass")
    return hashlib.md5(text, usedforsecurity=False).digest()


@dataclass(frozen=True)
class Counts:
    """What became of events on arrival; `received` is the sum of the three."""

    accepted: int = 0
    refused: int = 0
    rejected: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    rejections: tuple[Rejection, ...] = ()
    """The first of them; all are in the dead letters."""

    @property
    def received(self) -> int:
        """Events that arrived, whatever became of them."""
        return self.accepted + self.rejected + self.refused

    def __add__(self, counts: "Counts") -> "Counts":
        reasons = {
            reason: self.reasons.get(reason, 0) + counts.reasons.get(reason, 0)
            for reason in sorted(self.reasons | counts.reasons)
        }
        return Counts(
            self.accepted + counts.accepted,
            self.refused + counts.refused,
            self.rejected + counts.rejected,
            reasons,
            (self.rejections + counts.rejections)[:COUNTED_REJECTIONS],
        )
