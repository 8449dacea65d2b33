"""What can be read of an event that is rejected, whatever the reason.

Nothing of it is taken; it tells which time, whose, and of which function is not known.
Of a text that is no JSON, as a line that was cut, the attributes that are still whole.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec

from panelstream.ingest.events.splitting import UNREADABLE
from panelstream.ingest.pseudonymise import normalize_id
from panelstream.models.events.catalogue import Catalogue
from panelstream.models.events.event import (
    NO_KEY,
    NOBODY,
    RejectedEvent,
    event_key,
    unknown_type,
)
from panelstream.models.events.unknown_period import Period
from panelstream.models.timestamps import EARLIEST, parse_instant

Identify = Callable[[str], bytes]
"""From a subject to a participant id."""

_MAX_LENGTH = 256
_DESCRIBING = (b"type", b"time", b"subject")
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_MEMBER_OR_BRACKET = re.compile(
    rb"(%b)(?:\s*+:\s*+(%b))?|[\[\]{}]" % (_STRING, _STRING), re.DOTALL
)


def nobody(_subject: str) -> bytes:
    """Nobody, whatever the subject: where events are checked and not stored."""
    return NOBODY


def describe_rejected(
    attributes: Mapping[str, Any],
    catalogue: Catalogue,
    plausible: Period,
    identify: Identify,
) -> RejectedEvent:
    """What the attributes of an event tell; its time, if it is within `plausible`."""
    name, source = _text(attributes, "type"), _text(attributes, "source")
    rule = catalogue.types.get(name)
    return RejectedEvent(
        event_type=name if rule or not name else unknown_type(name),
        function=catalogue.affected_function(name),
        every_function=rule is None and not name.startswith("study."),
        participant_id=_participant(_text(attributes, "subject"), identify),
        occurred_at=_occurred_at(
            _text(attributes, "time"), source, catalogue, plausible
        ),
        event_key=_key(source, _text(attributes, "id")),
        source=source if source in catalogue.accepted_sources else "",
    )


def damaged_attributes(payload: bytes) -> dict[str, str]:
    """Type, time and subject of a text that is no JSON, where there is no doubt.

    Each is a member of the outermost object, whole, and named once in the whole text:
    what two torn events left behind names them twice. Linear in the text's length.
    """
    texts, depth = dict[str, str](), 0
    for match in _MEMBER_OR_BRACKET.finditer(payload):
        name, value = match.groups()
        if name is None:
            depth += 1 if match[0] in b"[{" else -1
        elif value and depth == 1 and _is_named_once(payload, name[1:-1]):
            with suppress(*UNREADABLE):
                texts[name[1:-1].decode()] = msgspec.json.decode(value, type=str)
    return texts


def _is_named_once(payload: bytes, name: bytes) -> bool:
    if name not in _DESCRIBING:
        return False
    return len(re.findall(rb'"%b"\s*+:' % name, payload)) == 1


def _text(attributes: Mapping[str, Any], name: str) -> str:
    """The text of an attribute; empty where it could not be one of an event."""
    value = attributes.get(name)
    return value if isinstance(value, str) and len(value) <= _MAX_LENGTH else ""


def _participant(subject: str, identify: Identify) -> bytes:
    return identify(subject) if normalize_id(subject) else NOBODY


def _occurred_at(
    text: str, source: str, catalogue: Catalogue, plausible: Period
) -> datetime | None:
    """The time as recorded; what is judged is when that was."""
    instant = parse_instant(text)
    if instant is None or instant < EARLIEST:
        return None
    start, end = plausible
    is_plausible = start <= catalogue.clocks.correct(source, instant) < end
    return instant if is_plausible else None


def _key(source: str, identity: str) -> bytes:
    return event_key(source, identity) if source and identity else NO_KEY
