"""File → warehouse against ClickHouse's own insert of the same lines."""

import tempfile
from pathlib import Path

from bench.log import write_log
from bench.peers import compare, show

LINES = 1_000_000


def measure_files(lines: int = LINES) -> None:
    """Print the rows of the table for clean files and for one bad line in a hundred."""
    with tempfile.TemporaryDirectory() as folder:
        clean, dirty = Path(folder) / "clean.ndjson", Path(folder) / "dirty.ndjson"
        write_log(clean, lines)
        write_log(dirty, lines, bad_share=0.01)
        peer = ("bench.insert_with_clickhouse", str(clean))
        pair = compare(
            "clean file", ("bench.insert_with_panelstream", str(clean)), peer
        )
        show("file → warehouse", "INSERT … FORMAT JSONEachRow", pair, lines, "0.9")
        pair = compare(
            "dirty file", ("bench.insert_with_panelstream", str(dirty)), peer
        )
        show(
            "… one bad line in a hundred",
            "the same (of a clean file)",
            pair,
            lines,
            "0.5",
        )
