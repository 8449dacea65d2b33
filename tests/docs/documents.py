"""Markdown pages as tests read them: fenced blocks, headings, tables, links."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_FIRST_CELL = re.compile(r"^\| `([^`]+)`", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language and its text."""

    language: str
    text: str


def read(page: str) -> str:
    """The text of a page, named from the root of the repository."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(text: str, *languages: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    result = [Block(language, body) for language, body in _FENCE.findall(text)]
    return [entry for entry in result if entry.language in languages]


def section(text: str, heading: str) -> str:
    """What stands between a heading and the next one of any level.

    Raises `KeyError` if the page has no such heading.
    """
    parts = _HEADING.split(_FENCE.sub("", text))
    return dict(zip(parts[1::2], parts[2::2], strict=True))[heading]


def documented(text: str, heading: str) -> list[str]:
    """The code words that open the rows of the tables under a heading."""
    return _FIRST_CELL.findall(section(text, heading))


def pages() -> Iterator[Path]:
    """Every page that is written by hand: at the root and in the folders."""
    yield from sorted(ROOT.glob("*.md"))
    for folder in ("deploy", "docs", "examples", "ingest", "tests", "bench"):
        yield from sorted((ROOT / folder).rglob("*.md"))


def links(text: str) -> Sequence[str]:
    """The targets of all links and pictures outside fenced blocks."""
    return _LINK.findall(_FENCE.sub("", text))


def anchors(text: str) -> set[str]:
    """The names by which a page's headings can be linked."""
    return {_anchor(entry) for entry in _HEADING.findall(_FENCE.sub("", text))}


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
