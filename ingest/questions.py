"""What is odd about a file and should be looked at by a person."""

from collections.abc import Sequence
from dataclasses import dataclass

_SHOWN = 10
"""Rows that the place of a question names."""


@dataclass(frozen=True)
class Question:
    """Something odd that a person should look at: shown, and under `--strict` a stop.

    `place` is a row, column, item or wave of the file; no text holds the value of a cell.
    """

    place: str
    problem: str
    remedy: str


def row_numbers(rows: Sequence[int]) -> str:
    """Rows of a file as the place of a question; of many the first ones."""
    if len(rows) == 1:
        return f"row {rows[0]}"
    shown = ", ".join(map(str, rows[:_SHOWN]))
    return f"rows {shown}, …" if len(rows) > _SHOWN else f"rows {shown}"
