"""HTTP messages to events: CloudEvents' three modes, and NDJSON.

After the HTTP protocol binding of CloudEvents 1.0.2, section 3.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal
from urllib.parse import unquote_to_bytes

from starlette.requests import Request

from panelstream.ingest.collector.problems import Problem
from panelstream.ingest.events.pipeline import RawEvents
from panelstream.ingest.events.splitting import is_json, is_utf8
from panelstream.ingest.kafka import records
from panelstream.ingest.kafka.records import Headers
from panelstream.models.events.event import Position

Mode = Literal["structured", "batch", "lines", "binary"]

_BY_TYPE: Mapping[str, Mode] = {
    "application/cloudevents+json": "structured",
    "application/cloudevents-batch+json": "batch",
    "application/x-ndjson": "lines",
}
_HEADERS: Mapping[str, Headers] = {
    "structured": [("content-type", b"application/cloudevents+json")],
    "batch": [("content-type", b"application/cloudevents-batch+json")],
}
_ATTRIBUTE = re.compile(r"[a-z0-9]{1,64}")
_JSON = re.compile(r"application/([a-z0-9.+-]+\+)?json")
_CHARSET = re.compile(r'charset\s*=\s*"?([^";\s]*)', re.IGNORECASE)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_RESERVED = ("data", "datacontenttype")
"""Attributes that the body and its Content-Type say in binary mode."""


def mode(request: Request) -> Mode:
    """How the events of a request are written. Raises a problem, 415, for other media."""
    media, charset = _media(request)
    result = _BY_TYPE.get(media)
    if not result and "ce-specversion" in request.headers:
        result = "binary" if not media or _JSON.fullmatch(media) else None
    if result is None or charset not in ("", "utf-8"):
        known = ", ".join(_BY_TYPE)
        detail = f"Content-Type may be {known}, or JSON beside ce- headers; in UTF-8."
        raise Problem(415, detail, {"Accept": known})
    return result


def read(request: Request, kind: Mode, content: bytes, name: str) -> RawEvents:
    """The events of a request, each at its line or index under the name `name`.

    Raises a problem, 400, if a body that is one JSON text is none, or not of its kind.
    """
    if kind == "lines":
        return records.placed(name, _lines(content, name))
    value = content
    if kind == "binary":
        value = _from_headers(request, content)
    elif kind == "structured":
        value = _single(content)
    place = Position(name, 1)
    raw = records.placed(name, [(place, value, _HEADERS.get(kind, ()))])
    if any(rejection.position.index is None for rejection in raw.rejections):
        wanted = "a JSON array of events" if kind == "batch" else "one JSON object"
        raise Problem(400, f"The body is not {wanted}.")
    return raw


def _lines(content: bytes, name: str) -> Iterator[tuple[Position, bytes, Headers]]:
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.strip():
            yield Position(name, number), line, ()


def _from_headers(request: Request, content: bytes) -> bytes:
    """The event of a binary message in JSON, with its data as it was sent."""
    attributes: dict[str, str | int] = {}
    for header, value in request.headers.items():
        if header.startswith("ce-"):
            name = header.removeprefix("ce-")
            twice = name in attributes or name in _RESERVED
            if twice or not _ATTRIBUTE.fullmatch(name):
                raise Problem(400, "A ce- header is malformed, or there twice.")
            attributes[name] = _unescaped(value)
    _take_number(attributes)
    media = request.headers.get("content-type")
    if media:
        attributes["datacontenttype"] = media
    event = json.dumps(attributes).encode()
    if not content.strip():
        return event
    # Checked by itself: what is no single value could write further attributes.
    return b'%b, "data": %b}' % (event[:-1], _single(content))


def _take_number(attributes: dict[str, str | int]) -> None:
    """Headers have no types; `schemaversion` is the only number that we take."""
    version = str(attributes.get("schemaversion", ""))
    if re.fullmatch(r"[0-9]{1,9}", version):
        attributes["schemaversion"] = int(version)


def _single(content: bytes) -> bytes:
    if not (is_json(content) and is_utf8(content)):
        raise Problem(400, "The body is not JSON.")
    return content


def _unescaped(value: str) -> str:
    """A header's text: quotes first, then one round of percent-decoding."""
    text = _QUOTED.sub(lambda match: re.sub(r"\\(.)", r"\1", match[1]), value)
    try:
        return unquote_to_bytes(text.encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise Problem(400, "A ce- header is not UTF-8, percent-encoded.") from None


def _media(request: Request) -> Sequence[str]:
    """The media type and the charset, in lower case; either may be empty."""
    media, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = _CHARSET.search(parameters)
    return media.strip().lower(), charset[1].lower() if charset else ""
