"""Kafka records to lines: what is one event, what a batch, what neither."""

from dataclasses import dataclass

import pytest

from panelstream.ingest.kafka import records
from panelstream.models.events.event import Position, Rejection

SINGLE, BATCH = b"application/cloudevents+json", b"application/cloudevents-batch+json"


@dataclass(frozen=True)
class Record:
    """A Kafka record by hand."""

    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    topic: str = "t"
    partition: int = 3
    offset: int = 9
    timestamp: int = 1_768_000_000_000


@pytest.mark.parametrize(
    ("value", "kind", "lines"),
    [
        (b'{"a":1}', None, [b'{"a":1}']),
        (b'{"a":1}', SINGLE, [b'{"a":1}']),
        (b'{"a":\n1}', SINGLE + b"; charset=utf-8", [b'{"a": 1}']),
        (b' [{"a":1},\n2]', None, [b'{"a":1}', b"2"]),
        (b"[[1]]", BATCH, [b"[1]"]),
        (b"[NaN,\n2]", BATCH, [b"NaN", b"2"]),
        (b'{"a":1}\n{"b":\n2}', None, [b'{"a":1}', b'{"b": 2}']),
        (b'{"a":"x\ny"}', None, [b'{"a":"x\0y"}']),
    ],
)
def test_lines(value: bytes, kind: bytes | None, lines: list[bytes]) -> None:
    """Header or first byte tell a batch; a line's end inside is a space, or spoils it."""
    headers = (("Content-Type", kind),) if kind else ()
    raw = records.raw_events("t", [Record(value, headers)])
    assert raw.payload.split(b"\n") == lines
    assert not raw.rejections


@pytest.mark.parametrize(
    ("value", "kind", "reason"),
    [
        (None, None, "not_json"),
        (b" \n", None, "not_json"),
        (b"[1,", None, "not_json"),
        (b'{"a":1}{"b":2}', SINGLE, "not_cloudevent"),
        (b'{"a":1}{"b":2}', BATCH, "not_cloudevent"),
        (b"[1]", SINGLE, "not_cloudevent"),
        (b"{}", BATCH, "not_cloudevent"),
    ],
)
def test_unusable(value: bytes | None, kind: bytes | None, reason: str) -> None:
    """What is no event and no batch is rejected whole."""
    headers = (("content-type", kind),) if kind else ()
    raw = records.raw_events("t", [Record(value, headers)])
    assert raw.payload == b""
    assert raw.rejections == [Rejection(reason, "", Position("t[3]", 9))]  # type: ignore[arg-type]


def test_a_dead_letter_tells_its_place() -> None:
    """What the headers say is read back."""
    place = Position("t[3]", 9, 4)
    assert records.buried_at(records.why(Rejection("not_json", "", place))) == place
