"""Where lines are in a chunk, and in which order rows are written."""

import numpy as np
import pyarrow as pa
import pytest

from ingest.columns import Lines
from ingest.pipeline import sort


def test_lines_of_a_chunk() -> None:
    """Empty lines count; a line in braces is one that neither leaks nor lacks an end."""
    lines = Lines.of(b'{"a":1}\n\n{"b"\n:2}\n[1]\n{}')
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
    lines = Lines.of(b"")
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
    assert Lines.of(b"a\nbb\nccc\nd").text(np.array(kept, bool)) == text


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
    wanted = sorted(rows, key=lambda row: row[:3])
    assert sort(table)["id"].to_pylist() == [row[3] for row in wanted]
    assert sort(table)["function"].to_pylist() == [row[1] for row in wanted]
