"""The roads of events, in this process: files, Kafka records, HTTP requests."""

import asyncio
import gzip
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from panelstream.ingest.collector import tokens
from panelstream.ingest.collector.application import Collector
from panelstream.ingest.collector.checks import Checked
from panelstream.ingest.collector.sinks import Written
from panelstream.ingest.collector.tokens import Tokens
from panelstream.ingest.events import files
from panelstream.ingest.events.pipeline import Decoded, RawEvents, decode_batch
from panelstream.ingest.events.splitting import UNREADABLE
from panelstream.ingest.kafka import records
from panelstream.models.events.catalogue import find_catalogue
from panelstream.models.events.event import Rejection
from panelstream.models.settings.collector import Limits
from tests.lib.intake import Record
from tests.spec.roads.table import Input, event

CATALOGUE = find_catalogue("u2plus", Path())
NOW = datetime(2026, 6, 1, tzinfo=UTC)
SINGLE, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
LINES = "application/x-ndjson"

_ROW = re.compile(r"row(\d+)(?:\.(\d+))?")
_HEADER_NAME = re.compile(r"[a-z0-9]+")

Place = tuple[int, int]
"""The number of an input, and the index of an event in it."""


@dataclass
class Outcome:
    """What became of the inputs of a road: verdicts by place, events as stored."""

    verdicts: dict[Place, str] = field(default_factory=dict)
    events: dict[Place, Mapping[str, Any]] = field(default_factory=dict)
    neighbours: list[str] = field(default_factory=list)

    def of(self, number: int) -> list[str]:
        """The verdicts on an input, in the order of its events."""
        places = sorted(place for place in self.verdicts if place[0] == number)
        assert [index for _, index in places] == [*range(len(places))]
        return [self.verdicts[place] for place in places]

    def of_element(self, number: int) -> list[str]:
        """The verdict on the middle one of three elements, or `batch` on all."""
        neighbours = [f"before{number}", f"after{number}"]
        if not {*neighbours} & {*self.neighbours}:
            assert self.verdicts[number, 0] in ("not_json", "400")
            return ["batch"]
        assert [self.neighbours.count(name) for name in neighbours] == [1, 1]
        return [
            self.verdicts[place]
            for place in [(number, 0), (number, 1)]
            if place in self.verdicts
        ]

    def add_stored(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Events that were stored, by id, or where a row changes that, by subject."""
        for row in rows:
            match = _ROW.fullmatch(row["id"]) or _ROW.fullmatch(row["subject"])
            if match is None:
                self.neighbours.append(row["id"])
                continue
            place = int(match[1]), int(match[2] or 0)
            self.verdicts[place], self.events[place] = "stored", row

    def add_rejected(self, place: Place, reason: str, name: str) -> None:
        """An event that was rejected."""
        assert place not in self.verdicts
        self.verdicts[place] = f"{reason} {name}".strip()


def is_line(payload: bytes) -> bool:
    """Whether it is one line."""
    return b"\n" not in payload


def in_array(entry: Input) -> bytes:
    """An input between two good events."""
    before, after = (
        event(f"{side}{entry.number}", "neighbour") for side in ("before", "after")
    )
    return b"[" + before + b", " + entry.payload + b", " + after + b"]"


def through_file(path: Path, numbers: Sequence[int], lines: Sequence[bytes]) -> Outcome:
    """A file with an input a line."""
    path.write_bytes(b"\n".join(lines))
    [source] = files.find_event_files([str(path)])
    outcome = Outcome()
    for decoded in files.check_file(source, CATALOGUE, NOW):
        _add(outcome, decoded, lambda rejection: numbers[rejection.position.line - 1])
    return outcome


def through_kafka(inputs: Mapping[int, bytes], kind: str | None = None) -> Outcome:
    """An input a record, whose offset is its number."""
    headers = (("content-type", kind.encode()),) if kind else ()
    made = [Record(number, value, headers) for number, value in inputs.items()]
    return _through_records(made)


def through_kafka_binary(inputs: Iterable[Input]) -> Outcome:
    """Attributes in the headers of a record."""
    made = []
    for entry in inputs:
        attributes, data = in_headers(entry)
        media = attributes.pop("datacontenttype", "")
        content_type = (("content-type", media.encode()),) if media else ()
        named = ((f"ce_{name}", attributes[name].encode()) for name in attributes)
        made.append(Record(entry.number, data or None, (*content_type, *named)))
    return _through_records(made)


def _through_records(made: Sequence[Record]) -> Outcome:
    outcome = Outcome()
    raw = records.raw_events("t", made)
    decoded = decode_batch(raw, CATALOGUE, NOW)
    rejections = [*raw.rejections, *decoded.rejections]
    _add(
        outcome,
        Decoded(decoded.events, rejections),
        lambda rejection: rejection.position.line,
    )
    return outcome


def _add(outcome: Outcome, decoded: Decoded, number: Any) -> None:
    outcome.add_stored(decoded.events.to_pylist())
    for rejection in decoded.rejections:
        outcome.add_rejected(
            (number(rejection), _index(rejection)), rejection.reason, rejection.field
        )


def _index(rejection: Rejection) -> int:
    """The whole payload counts as its first event."""
    return rejection.position.index or 0


def can_be_binary(entry: Input) -> bool:
    """Whether its attributes are texts that headers can hold."""
    try:
        attributes, _ = in_headers(entry)
    except (*UNREADABLE, TypeError):
        return False
    return bool(attributes) and all(
        _HEADER_NAME.fullmatch(name) and text.strip() == text
        for name, text in attributes.items()
    )


def in_headers(entry: Input) -> tuple[dict[str, str], bytes]:
    """The attributes of an event, and its data. Raises `TypeError` for other types."""
    members = msgspec.json.decode(entry.payload) if entry.members else {}
    data = members.pop("data", None)
    if not all(isinstance(value, str) for value in members.values()):
        raise TypeError
    return members, b"" if data is None else json.dumps(data).encode()


class Kept:
    """A sink that keeps what passed the checks."""

    name = "memory"

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    async def start(self) -> None:
        """Nothing to connect."""

    async def write(self, checked: Checked) -> Written:
        self.lines += checked.lines
        return Written()

    async def probe(self) -> None:
        """Always there."""

    async def stop(self) -> None:
        """Nothing to close."""


@dataclass(frozen=True)
class Request:
    """A request with one input (`number`) or, where it is None, one a line."""

    number: int | None
    body: bytes
    headers: Mapping[str, str]


def through_http(
    folder: Path, requests: Iterable[Request], numbers: Sequence[int] = ()
) -> Outcome:
    """The collector as an application, without a socket."""
    sink, outcome, file = Kept(), Outcome(), folder / "tokens"
    file.unlink(missing_ok=True)
    _, token = tokens.add(file, "u2plus", "2026-01-01")
    collector = Collector(
        CATALOGUE, Tokens(file), sink, Limits(rate=10**9), lambda: NOW
    )
    application = collector.application()

    async def run() -> None:
        for request in requests:
            headers = {**request.headers, "authorization": f"Bearer {token}"}
            status, said = await _post(application, request.body, headers)
            _add_answer(outcome, request, status, said, numbers)

    asyncio.run(run())
    raw = RawEvents("t", 1, b"\n".join(sink.lines))
    _add(outcome, decode_batch(raw, CATALOGUE, NOW), None)
    return outcome


def _add_answer(
    outcome: Outcome,
    request: Request,
    status: int,
    said: Mapping[str, Any],
    numbers: Sequence[int],
) -> None:
    if status not in (202, 403, 422):
        assert request.number is not None
        outcome.add_rejected((request.number, 0), str(status), "")
        return
    taken = said["accepted"] + said["rejected"] + said["refused"]
    assert said["received"] == taken
    for rejection in said["rejections"]:
        number = request.number
        if number is None:
            number = numbers[rejection["line"] - 1]
        place = number, rejection.get("index", 0)
        outcome.add_rejected(place, rejection["reason"], rejection["field"])


def one_a_request(inputs: Iterable[Input]) -> list[Request]:
    """Inputs that each say they are one event."""
    headers = {"content-type": SINGLE}
    return [Request(entry.number, entry.payload, headers) for entry in inputs]


def array_a_request(inputs: Iterable[Input]) -> list[Request]:
    """Inputs between good events."""
    headers = {"content-type": BATCH}
    return [Request(entry.number, in_array(entry), headers) for entry in inputs]


def lines_in_a_request(lines: Sequence[bytes], packed: bool) -> list[Request]:
    """All of them in one request."""
    body, headers = b"\n".join(lines), {"content-type": LINES}
    if packed:
        body, headers = gzip.compress(body), {**headers, "content-encoding": "gzip"}
    return [Request(None, body, headers)]


def binary_requests(inputs: Iterable[Input]) -> list[Request]:
    """Attributes in the headers of a request."""
    made = []
    for entry in inputs:
        attributes, data = in_headers(entry)
        media = attributes.pop("datacontenttype", "")
        headers = {
            f"ce-{name}": quote(text, safe=" /:+.,;=[]@-")
            for name, text in attributes.items()
        }
        if media:
            headers["content-type"] = media
        made.append(Request(entry.number, data, headers))
    return made


async def _post(
    application: Any, body: bytes, headers: Mapping[str, str]
) -> tuple[int, Mapping[str, Any]]:
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/events",
        "query_string": b"",
        "headers": [(name.encode(), text.encode()) for name, text in headers.items()],
    }
    answers: list[Mapping[str, Any]] = []

    async def receive() -> Mapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        answers.append(message)

    await application(scope, receive, send)
    content = b"".join(answer.get("body", b"") for answer in answers)
    return answers[0]["status"], json.loads(content)
