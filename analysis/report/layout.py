"""How the page shows a table: its columns, and what they are grouped by."""

from dataclasses import dataclass
from typing import Literal

CellFormat = Literal[
    "name",  # what readers call it
    "code",
    "word",
    "note",
    "prose",  # sentences
    "count",
    "share",  # a count and its percentage
    "value",  # as many decimals as the intervals beside it need
    "decimal",  # two decimals
    "interval",
    "p",
]


@dataclass(frozen=True)
class PageColumn:
    """A column of the page, made of one or more columns of the CSV file."""

    heading: str
    format: CellFormat
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """The columns of the page, and the columns that a group of rows has in common."""

    columns: tuple[PageColumn, ...] = ()
    grouped_by: tuple[str, ...] = ()


def column(heading: str, format: CellFormat, *sources: str) -> PageColumn:
    """A column of the page."""
    return PageColumn(heading, format, sources)


def share(heading: str, name: str) -> PageColumn:
    """A count with its percentage."""
    return PageColumn(heading, "share", (name, f"{name}_percent"))


INTERVAL = column("95\u202f% CI", "interval", "ci_low", "ci_high")
WAVE = (column("Round", "word", "round"), column("Wave", "word", "wave"))
UNIT = ("measure", "transform")
"""Columns that say what one more of an exposure is."""
