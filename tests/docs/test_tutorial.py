"""The tutorial is executed: its commands work and print what the page shows.

The rule: all `sh` blocks run in order in one bash, in an empty folder. A `text`
block shows lines that the `sh` block before it printed. Spaces are not compared,
other lines may stand between, and `…` stands for anything. Blocks without a
language are not run.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs import documents, shells

PAGE = "docs/tutorials/from-files-to-a-report.md"


def shown(page: str) -> Iterator[tuple[str, list[str]]]:
    """Each `sh` block with the lines that the page says it prints."""
    lines: list[str] = []
    for block in documents.blocks(documents.read(page), "sh", "text"):
        if block.language == "sh":
            lines = []
            yield block.text, lines
        else:
            lines.extend(block.text.splitlines())


def printed(line: str, output: str) -> bool:
    """Whether a line that a page shows stands in an output."""
    parts = [re.escape(plain(part)) for part in plain(line).split("…")]
    return re.search(".*".join(parts), plain(output)) is not None


def plain(text: str) -> str:
    """The text with any run of spaces as one, line by line."""
    return "\n".join(" ".join(line.split()) for line in text.splitlines())


def test_tutorial_runs_and_prints_what_it_shows(tmp_path: Path) -> None:
    """A stranger who types the tutorial gets through it and sees the same lines."""
    steps = list(shown(PAGE))
    outputs = shells.run([script for script, _ in steps], tmp_path)
    missing = [
        f"{line!r} not in:\n{output}"
        for (_, lines), output in zip(steps, outputs, strict=True)
        for line in lines
        if not printed(line, output)
    ]
    assert not missing, "\n".join(missing)
    assert (tmp_path / "results/public/report.html").stat().st_size > 10_000


def test_a_line_that_is_not_printed_is_found_out() -> None:
    """The comparison is able to fail, and `…` stands for a part of one line."""
    assert printed("stored  3 …", "row: stored 3 responses\n")
    assert not printed("stored 4 …", "row: stored 3 responses\n")
    assert not printed("stored … end", "stored 3\nthe end\n")
