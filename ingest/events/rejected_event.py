"""What can be read of an event that is rejected, whatever the reason.

Nothing of it is taken; it tells which time, whose, and of which function is not known.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from panelstream.ingest.pseudonymise import normalize_id
from panelstream.models.events.catalogue import Catalogue
from panelstream.models.events.event import (
    NO_KEY,
    NOBODY,
    RejectedEvent,
    event_key,
    unknown_type,
)
from panelstream.models.timestamps import EARLIEST, parse_instant

Identify = Callable[[str], bytes]
"""From a subject to a participant id."""

_MAX_LENGTH = 256


def nobody(_subject: str) -> bytes:
    """Nobody, whatever the subject: where events are checked and not stored."""
    return NOBODY


def describe_rejected(
    attributes: Mapping[str, Any],
    catalogue: Catalogue,
    latest: datetime,
    identify: Identify,
) -> RejectedEvent:
    """What the attributes of an event tell; times after `latest` are not plausible."""
    name, source = _text(attributes, "type"), _text(attributes, "source")
    rule = catalogue.types.get(name)
    return RejectedEvent(
        event_type=name if rule or not name else unknown_type(name),
        function=catalogue.affected_function(name),
        every_function=rule is None and not name.startswith("study."),
        participant_id=_participant(_text(attributes, "subject"), identify),
        occurred_at=_plausible(_text(attributes, "time"), source, catalogue, latest),
        event_key=_key(source, _text(attributes, "id")),
        source=source if source in catalogue.accepted_sources else "",
    )


def _text(attributes: Mapping[str, Any], name: str) -> str:
    """The text of an attribute; empty where it could not be one of an event."""
    value = attributes.get(name)
    return value if isinstance(value, str) and len(value) <= _MAX_LENGTH else ""


def _participant(subject: str, identify: Identify) -> bytes:
    return identify(subject) if normalize_id(subject) else NOBODY


def _plausible(
    text: str, source: str, catalogue: Catalogue, latest: datetime
) -> datetime | None:
    """The time as recorded; what is judged is when that was."""
    instant = parse_instant(text)
    if instant is None or instant < EARLIEST:
        return None
    return instant if catalogue.clocks.correct(source, instant) <= latest else None


def _key(source: str, identity: str) -> bytes:
    return event_key(source, identity) if source and identity else NO_KEY
