"""What is odd about a file and should be looked at by a person."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """Something odd that a person should look at: shown, and under `--strict` a stop.

    `place` is a row, column, item or wave of the file; no text holds the value of a cell.
    """

    place: str
    problem: str
    remedy: str
