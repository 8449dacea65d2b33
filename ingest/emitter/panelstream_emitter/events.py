"""An act of somebody as a CloudEvent (JSON, CloudEvents 1.0)."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from panelstream_emitter.trouble import InvalidEvent

MAX_EVENT_BYTES = 65_536
"""What consumers of CloudEvents must take (section 'Size Limits'); more is rejected."""

_INVISIBLE = {"Cc", "Cf", "Mn", "Me"}
"""Categories of characters that are nobody's id: controls, formats, marks."""

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

    Raises `InvalidEvent` for a `time` that is no datetime or has no offset, a subject
    without a visible character, an id or a type that is no text, data that are no
    mapping.
    """
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": _text("id", identity),
        "source": source,
        "type": _text("type", name),
        "time": _instant(datetime.now(timezone.utc) if time is None else time),
    }
    if subject is not None:
        attributes["subject"] = _subject(subject)
    if data is not None and not isinstance(data, Mapping):
        raise InvalidEvent("data: give a mapping")
    if data:
        attributes["data"] = data
    return attributes


def _text(field: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidEvent(f"{field}: give a text")
    return value


def _instant(time: Any) -> str:
    if not isinstance(time, datetime):
        raise InvalidEvent("time: is no datetime; give an aware datetime")
    try:
        text, has_offset = time.isoformat(timespec="microseconds"), time.utcoffset()
    except Exception:  # a time zone may be anybody's code
        raise InvalidEvent("time: its time zone fails") from None
    if has_offset is None:
        raise InvalidEvent("time: has no offset; give an aware datetime")
    return text


def _subject(subject: Any) -> str:
    try:
        text = str(subject)
    except Exception:  # anybody's code, or a number of thousands of digits
        raise InvalidEvent("subject: cannot be written as a text") from None
    if not any(map(_is_visible, text)):
        raise InvalidEvent("subject: is blank")
    return text


def _is_visible(sign: str) -> bool:
    return not sign.isspace() and unicodedata.category(sign) not in _INVISIBLE


def line(attributes: Mapping[str, Any]) -> bytes:
    """One line of JSON with its end.

    Raises `InvalidEvent` for what JSON or UTF-8 cannot say (a text that was cut in
    the middle of a character), and for more than 64 KiB.
    """
    try:
        text = _encode(attributes).encode()
    except UnicodeEncodeError:
        raise InvalidEvent("event: a text has half a character, no UTF-8") from None
    except Exception:  # members of data may be of anybody's classes
        raise InvalidEvent("data: cannot be written as JSON") from None
    if len(text) > MAX_EVENT_BYTES:
        raise InvalidEvent("data: the event is larger than 64 KiB")
    return text + b"\n"
