"""CloudEvents' binary mode: attributes in the headers of a message, data in its body.

What the protocol bindings of CloudEvents 1.0.2 for HTTP and for Kafka have in common;
how a header is named and encoded differs.
"""

import json
import re
from collections.abc import Iterable, Mapping

from panelstream.ingest.events.media_types import is_json_media_type
from panelstream.ingest.events.splitting import Unsplittable, is_json, is_utf8

_ATTRIBUTE = re.compile(r"[a-z0-9]{1,64}")
_NUMBER = re.compile(r"[0-9]{1,9}")
_RESERVED = ("data", "datacontenttype")
"""Attributes that the body and its content type say."""

Attributes = Mapping[str, str | int]


def read_attributes(headers: Iterable[tuple[str, str]], media: str) -> Attributes:
    """The attributes of an event from its headers, whose names have no prefix any more.

    `media`: the content type of its data, or empty. Raises `Unsplittable` for a name
    that is malformed, reserved or there twice.
    """
    attributes: dict[str, str | int] = {}
    for name, value in headers:
        repeated = name in attributes or name in _RESERVED
        if repeated or not _ATTRIBUTE.fullmatch(name):
            raise Unsplittable("not_cloudevent")
        attributes[name] = value
    version = str(attributes.get("schemaversion", ""))
    # Headers have no types; this is the only number that we take.
    if _NUMBER.fullmatch(version):
        attributes["schemaversion"] = int(version)
    return attributes | {"datacontenttype": media} if media else attributes


def binary_event(attributes: Attributes, data: bytes) -> bytes:
    """The same event in JSON, with its data as it was sent.

    Data of another media type is left out: the event is rejected for that. Raises
    `Unsplittable` for data that is not one JSON value.
    """
    event = json.dumps(attributes).encode()
    media = str(attributes.get("datacontenttype", "application/json"))
    if not data.strip() or not is_json_media_type(media):
        return event
    # Checked by itself: what is no single value could write further attributes.
    if not (is_json(data) and is_utf8(data)):
        raise Unsplittable("not_json")
    return b'%b, "data": %b}' % (event[:-1], data)
