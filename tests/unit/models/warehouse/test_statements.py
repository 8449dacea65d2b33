"""The SQL files: found by name, each with a comment that reads as written."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from panelstream.models.errors import PanelstreamError
from panelstream.models.warehouse.statements import SQL, read_statement

FILES = sorted(SQL.rglob("*.sql"))
SHORTEST = 72
"""A line of a comment that could be longer ends a sentence, or is followed by a long word."""
_KEY = re.compile(r"-- (\w+|fmt): ")


def broken_lines(text: str) -> list[str]:
    """Lines of comments that end early in the middle of a sentence."""
    lines = [line.strip() for line in text.splitlines()]
    return [
        line
        for line, following in pairwise(lines)
        if line.startswith("-- ")
        and following.startswith("-- ")
        and not _KEY.match(line)
        and not _KEY.match(following)
        and not line.endswith((".", ":", ";", ","))
        and len(f"{line} {following.split()[1]}") <= SHORTEST
    ]


@pytest.mark.parametrize(
    "path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_comments_are_whole(path: Path) -> None:
    """sqlfmt breaks a long comment after the word that no longer fits."""
    text = path.read_text(encoding="utf-8")
    assert text.startswith("-- ")
    assert broken_lines(text) == []


def test_a_broken_comment_is_seen() -> None:
    """A fragment is; the end of a sentence and a line of 80 characters are not."""
    text = (
        "-- A fact that was too long for a line of the formatter, broken after its last\n"
        "-- word\n"
        "-- and then continued. A sentence\n"
        "-- may end early.\n"
        "-- So may a last line\n"
        "select 1\n"
    )
    assert broken_lines(text) == ["-- word", "-- and then continued. A sentence"]


def test_a_statement_that_there_is_not() -> None:
    """Its name is told."""
    with pytest.raises(PanelstreamError, match=r"no statement queries/nothing\.sql"):
        read_statement("queries/nothing")
