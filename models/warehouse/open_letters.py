"""Rejected events that are open: not stored since, not replayed, not dismissed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from panelstream.models.timestamps import EARLIEST, LATEST
from panelstream.models.warehouse.store import Store

Letter = Mapping[str, Any]
"""A row of the view `open_dead_letters_as_of`."""


@dataclass(frozen=True)
class LetterSelection:
    """Which letters: what is empty selects all. `origin` is a name or an `origin_id`."""

    reason: str = ""
    event_type: str = ""
    origin: str = ""
    since: datetime = EARLIEST


ALL_LETTERS = LetterSelection()


@dataclass(frozen=True)
class LetterGroup:
    """Open letters of one reason, type and day (UTC) of recording.

    `functions`: those that are concerned, of types that the catalogue has;
    `every_function`: any may be. `people`: that could be read. The time from
    `unknown_from` to `unknown_until` holds all that the letters make unknown.
    """

    reason: str
    event_type: str
    day: date
    letters: int
    first_recorded_at: datetime
    last_recorded_at: datetime
    functions: Sequence[str]
    every_function: bool
    people: int
    letters_of_unknown_people: int
    unknown_from: datetime
    unknown_until: datetime


def list_open_letters(
    store: Store, selection: LetterSelection = ALL_LETTERS, as_of: datetime = LATEST
) -> list[dict[str, Any]]:
    """Open letters by place, as known at an instant."""
    rows: list[dict[str, Any]] = store.query(
        "open_dead_letters", as_of=as_of, **asdict(selection)
    ).to_pylist()
    return rows


def summarize_open_letters(
    store: Store, as_of: datetime = LATEST, selection: LetterSelection = ALL_LETTERS
) -> list[LetterGroup]:
    """Open letters by reason, type and day, as known at an instant."""
    rows = store.query(
        "open_letter_groups", as_of=as_of, **asdict(selection)
    ).to_pylist()
    return [
        LetterGroup(**{**row, "every_function": bool(row["every_function"])})
        for row in rows
    ]


def count_open_conflicts(
    store: Store, event_type: str = "", as_of: datetime = LATEST
) -> int:
    """Conflicting events about which nothing is stated, as known at an instant."""
    rows = store.query("open_conflict_count", as_of=as_of, event_type=event_type)
    [row] = rows.to_pylist()
    return int(row["conflicts"])
