"""Where lines are in a chunk, what names made up cost, the order rows are written in."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from panelstream.ingest.events.column_decoder import ColumnDecoder, split_lines
from panelstream.ingest.events.pipeline import sort_events
from panelstream.models.events import catalogue
from tests.lib import studies


def test_lines_of_a_chunk() -> None:
    """Empty lines count; a line in braces is one that neither leaks nor lacks an end."""
    lines = split_lines(b'{"a":1}\n\n{"b"\n:2}\n[1]\n{}')
    assert [lines.line(row) for row in range(6)] == [
        b'{"a":1}',
        b"",
        b'{"b"',
        b":2}",
        b"[1]",
        b"{}",
    ]
    assert lines.braced.tolist() == [True, False, False, False, False, True]


def test_an_empty_chunk_is_one_empty_line() -> None:
    """As split says, too."""
    lines = split_lines(b"")
    assert (lines.line(0), lines.braced.tolist()) == (b"", [False])


@pytest.mark.parametrize(
    ("kept", "text"),
    [
        ([1, 1, 1, 1], b"a\nbb\nccc\nd"),
        ([0, 1, 1, 0], b"bb\nccc"),
        ([1, 0, 1, 1], b"a\nccc\nd"),
        ([0, 0, 0, 0], b""),
    ],
)
def test_the_lines_that_are_kept(kept: list[int], text: bytes) -> None:
    """They follow one another, wherever the others were."""
    assert split_lines(b"a\nbb\nccc\nd").text(np.array(kept, bool)) == text


PLAIN = {
    "specversion": "1.0",
    "source": "u2plus",
    "type": "u2plus.signed_in",
    "time": "2026-05-01T09:00:00Z",
    "subject": "p01",
}


@pytest.mark.parametrize(
    ("made_up", "left"),
    [(lambda name: {"data": {name: 1}}, 4_000), (lambda name: {name: 1}, 4_000)],
    ids=["of the data", "of the envelope"],
)
def test_names_made_up_take_no_memory(made_up: Any, left: int) -> None:
    """Four thousand events, each with names of its own, as much as any others."""
    events = [PLAIN | {"id": f"e{n}"} | made_up(f"made{n}up") for n in range(4_000)]
    chunk = "\n".join(map(json.dumps, events)).encode()
    decoder = ColumnDecoder(
        catalogue.find_catalogue("u2plus", Path()),
        datetime(2026, 6, 1, tzinfo=UTC),
    )
    before = pa.default_memory_pool()
    counted = pa.system_memory_pool()  # which nothing else here uses
    pa.set_memory_pool(counted)
    try:
        columns = decoder.decode(chunk)
    finally:
        pa.set_memory_pool(before)
    assert (columns.events.num_rows, columns.strict_rows.size) == (4_000 - left, left)
    assert 0 < (counted.max_memory() or 0) < 10 * len(chunk)


@pytest.mark.parametrize("last", [7, 2**62])
def test_rows_are_written_in_the_order_of_the_table(last: int) -> None:
    """By person, function and time, as Python sorts; also where no word holds them.

    Rows that are equal in all three stay in the order in which they came.
    """
    rows = [
        (b"b" * 16, "story", 5, "x"),
        (b"a" * 16, "story", last, "x"),
        (b"a" * 16, "cycle", 9, "x"),
        (b"b" * 16, "story", 5, "w"),
        (b"a" * 16, "story", 0, "x"),
    ]
    people, functions, times, ids = zip(*rows, strict=True)
    table = pa.table(
        {
            "participant_id": pa.array(people, pa.binary(16)),
            "function": functions,
            "occurred_at": pa.array(times, pa.timestamp("us", "UTC")),
            "id": ids,
        }
    )
    expected = sorted(rows, key=lambda row: row[:3])
    assert sort_events(table)["id"].to_pylist() == [row[3] for row in expected]
    assert sort_events(table)["function"].to_pylist() == [row[1] for row in expected]


@pytest.mark.parametrize(
    ("name", "value", "left"),
    [
        ("traceparent", "00-ab", 0),
        ("class", "a", 3),
        ("1x", "a", 3),
        ("sampled", 5, 3),
        ("comExample", "a", 3),
        ("dataschema", "", 3),
    ],
)
def test_extensions(name: str, value: object, left: int) -> None:
    """Texts that every event has are decoded by columns; all else is looked at strictly."""
    lines = [
        json.dumps(
            studies.event(
                "signed_in", "ann", studies.START, id=f"e{n}", **{name: value}
            )
        )
        for n in range(3)
    ]
    decoder = ColumnDecoder(catalogue.find_catalogue("u2plus", Path()), studies.START)
    decoded = decoder.decode("\n".join(lines).encode())
    assert len(decoded.strict_rows) == left
