"""An act of somebody as a CloudEvent (JSON, CloudEvents 1.0)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from panelstream_emitter.trouble import InvalidEvent

MAX_EVENT_BYTES = 65_536
"""What consumers of CloudEvents must take (section 'Size Limits'); more is rejected."""

_encode = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False
).encode


def event(
    source: str,
    identity: str,
    name: str,
    subject: str | int | None,
    data: Mapping[str, Any] | None,
    time: datetime | None,
) -> dict[str, Any]:
    """The attributes of an event; `time` None is now.

    Raises `InvalidEvent` for a `time` without an offset.
    """
    at = datetime.now(timezone.utc) if time is None else time
    if at.tzinfo is None:
        raise InvalidEvent("time: has no offset; give an aware datetime")
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": identity,
        "source": source,
        "type": name,
        "time": at.isoformat(timespec="microseconds"),
    }
    if subject is not None:
        attributes["subject"] = str(subject)
    if data:
        attributes["data"] = data
    return attributes


def line(attributes: Mapping[str, Any]) -> bytes:
    """One line of JSON with its end.

    Raises `InvalidEvent` for what JSON or UTF-8 cannot say (a text that was cut in
    the middle of a character), and for more than 64 KiB.
    """
    try:
        text = _encode(attributes).encode()
    except UnicodeEncodeError:
        raise InvalidEvent("event: a text has half a character, no UTF-8") from None
    except (TypeError, ValueError, RecursionError):
        raise InvalidEvent("data: cannot be written as JSON") from None
    if len(text) > MAX_EVENT_BYTES:
        raise InvalidEvent("data: the event is larger than 64 KiB")
    return text + b"\n"
