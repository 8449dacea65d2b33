"""HTTP messages to events: CloudEvents' three modes, and NDJSON.

After the HTTP protocol binding of CloudEvents 1.0.2, section 3.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal
from urllib.parse import unquote_to_bytes

from starlette.requests import Request

from panelstream.ingest.collector.problems import Problem
from panelstream.ingest.events.binary_mode import binary_event, read_attributes
from panelstream.ingest.events.media_types import (
    is_json_media_type,
    parse_media_type,
)
from panelstream.ingest.events.pipeline import RawEvents
from panelstream.ingest.events.splitting import (
    Unsplittable,
    is_json,
    is_utf8,
    without_bom,
)
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
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)


def mode(request: Request) -> Mode:
    """How the events of a request are written. Raises a problem, 415, for other media."""
    content_type = request.headers.get("content-type", "").lstrip()
    media, charset = parse_media_type(content_type)
    result = _BY_TYPE.get(media)
    if not result and "ce-specversion" in request.headers:
        is_json_data = not media or is_json_media_type(content_type)
        result = "binary" if is_json_data else None
    if result is None or charset not in ("", "utf-8"):
        known = ", ".join(_BY_TYPE)
        detail = f"Content-Type may be {known}, or JSON beside ce- headers; in UTF-8."
        raise Problem(415, detail, {"Accept": known})
    return result


def read(request: Request, kind: Mode, content: bytes, place: Position) -> RawEvents:
    """The events of a request, each at its line or index; `place`: of its first line.

    Raises a problem, 400, if a body that is one JSON text is none, or not of its kind.
    """
    if kind == "lines":
        return records.placed(place.origin, _lines(content, place))
    value = content
    if kind == "binary":
        value = _from_headers(request, without_bom(content))
    elif kind == "structured":
        value = _single(content)
    raw = records.placed(place.origin, [(place, value, _HEADERS.get(kind, ()))])
    if any(rejection.position.index is None for rejection in raw.rejections):
        wanted = "a JSON array of events" if kind == "batch" else "one JSON object"
        raise Problem(400, f"The body is not {wanted}.")
    return raw


def _lines(
    content: bytes, first: Position
) -> Iterator[tuple[Position, bytes, Headers]]:
    for number, line in enumerate(content.split(b"\n"), start=first.line):
        if line.strip():
            yield replace(first, line=number), line, ()


def _from_headers(request: Request, content: bytes) -> bytes:
    """The event of a binary message in JSON."""
    headers = [
        (name.removeprefix("ce-"), _unescaped(value))
        for name, value in request.headers.items()
        if name.startswith("ce-")
    ]
    try:
        media = request.headers.get("content-type", "")
        return binary_event(read_attributes(headers, media), content)
    except Unsplittable as broken:
        if broken.reason == "not_json":
            raise _not_json() from None
        raise Problem(400, "A ce- header is malformed, or there twice.") from None


def _single(content: bytes) -> bytes:
    if not (is_json(without_bom(content)) and is_utf8(content)):
        raise _not_json()
    return content


def _not_json() -> Problem:
    return Problem(400, "The body is not JSON.")


def _unescaped(value: str) -> str:
    """A header's text: quotes first, then one round of percent-decoding."""
    text = _QUOTED.sub(lambda match: re.sub(r"\\(.)", r"\1", match[1]), value)
    try:
        return unquote_to_bytes(text.encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise Problem(400, "A ce- header is not UTF-8, percent-encoded.") from None
