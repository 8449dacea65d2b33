"""Kafka records to lines: what is one event, what a batch, what neither."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from panelstream.ingest.events.files import Source
from panelstream.ingest.kafka import records, send_files
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


ATTRIBUTES = (("ce_specversion", b"1.0"), ("ce_id", "\u00e9".encode()))
JSON = ("content-type", b"application/json")


def test_binary_mode() -> None:
    """Attributes are headers in UTF-8, without percent-encoding; data is the value."""
    headers = (*ATTRIBUTES, ("ce_schemaversion", b"1"), JSON, ("other", b"x"))
    raw = records.raw_events("t", [Record(b'{"kind":\n"like"}', headers)])
    assert json.loads(raw.payload) == {
        "specversion": "1.0",
        "id": "\u00e9",
        "schemaversion": 1,
        "datacontenttype": "application/json",
        "data": {"kind": "like"},
    }
    assert (raw.payload.count(b"\n"), raw.position(0)) == (0, Position("t[3]", 9))
    without = records.raw_events("t", [Record(None, ATTRIBUTES)])
    assert json.loads(without.payload) == {"specversion": "1.0", "id": "\u00e9"}


@pytest.mark.parametrize(
    ("value", "header", "reason"),
    [
        (b"{}", ("ce_id", b"again"), "not_cloudevent"),
        (b"{}", ("ce_data", b"{}"), "not_cloudevent"),
        (b"{}", ("ce_datacontenttype", b"text/plain"), "not_cloudevent"),
        (b"{}", ("ce_Source", b"x"), "not_cloudevent"),
        (b"{}", ("ce_source", b"\xff"), "not_cloudevent"),
        (b'{}, "source": "x"', JSON, "not_json"),
        (b'{"a": "\xff"}', JSON, "not_json"),
    ],
)
def test_binary_mode_gone_wrong(
    value: bytes, header: tuple[str, bytes], reason: str
) -> None:
    """A header is malformed, or the value could write attributes: rejected whole."""
    raw = records.raw_events("t", [Record(value, (*ATTRIBUTES, header))])
    assert raw.payload == b""
    assert raw.rejections == [Rejection(reason, "", Position("t[3]", 9))]  # type: ignore[arg-type]


def test_lines_that_are_no_objects_are_sent_by_themselves(tmp_path: Path) -> None:
    """A line that is cut off would spoil the array of its neighbours."""
    path = tmp_path / "e.ndjson"
    path.write_bytes(b'{"a":1}\n{"b":2}\n{"c":\n\n[{"d":4}]\n{"e":5}\n')
    sent = send_files.records(Source(str(path), path.name, 0))
    assert [value for value, _ in sent] == [
        b'[{"a":1},{"b":2}]',
        b'{"c":',
        b'[{"d":4}]',
        b'[{"e":5}]',
    ]
