"""Whether a panel knows what it should: each count, or that it cannot be known.

The oracle knows only what the test sent, deleted and spoiled, and compares by days:
a cell is a person, a function and a week.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from panelstream.ingest.pseudonymise import Pseudonyms
from tests.faults.ledger import Act, Blind, Expected
from tests.faults.traffic import AT, FUNCTIONS, PEOPLE, WEEK, local_day
from tests.lib import studies

WEEKS = 100
"""So many waves has the study, each on the day after a week."""

MONDAY = local_day(AT)


class Cell(NamedTuple):
    """What is counted."""

    person: str
    function: str
    week: int


Count = int | None
"""None: it cannot be known."""


@dataclass(frozen=True)
class Comparison:
    """Every cell that is not as it should be, with what should be and what is there."""

    expected: Mapping[Cell, Count]
    panel: Mapping[Cell, Count]

    @property
    def wrong(self) -> dict[Cell, tuple[Count, Count]]:
        """Cells with what should be, and what the panel says."""
        return {
            cell: (due, self.panel.get(cell, -1))
            for cell, due in self.expected.items()
            if self.panel.get(cell, -1) != due
        }

    @property
    def shares(self) -> tuple[float, float]:
        """The share of cells that cannot be known, and of those that can."""
        unknown = sum(due is None for due in self.expected.values())
        return unknown / len(self.expected), 1 - unknown / len(self.expected)

    @property
    def sound(self) -> bool:
        """Whether every cell is right, and there are many of both kinds.

        How many cells a fault makes unknown depends on how long the machine took to
        overcome it; right they must be whatever their shares.
        """
        return not self.wrong and min(self.shares) >= 0.1

    def lines(self) -> list[str]:
        """What is printed."""
        unknown, known = self.shares
        wrong = list(self.wrong.items())
        zeros = sum(due == 0 for due in self.expected.values())
        return [
            f"panel         {len(self.expected):,} cells: {unknown:.0%} must be null, "
            f"{known:.0%} a number ({zeros:,} of them 0); wrong: {len(wrong):,}",
            *(
                f"  {cell.person} {cell.function} week {cell.week}: {due} is right, "
                f"the panel says {told}"
                for cell, (due, told) in wrong[:10]
            ),
        ]


def study() -> dict[str, Any]:
    """A study with a wave after each week, whose window is that week."""
    waves = [
        {
            "wave": week + 1,
            "opens_on": _begins(week + 1),
            "closes_on": _begins(week + 1),
        }
        for week in range(WEEKS)
    ]
    exposure = {"window": {"lookback": 7}, "functions": list(FUNCTIONS)}
    return studies.with_base(waves=waves, exposure=exposure)


def expect(due: Expected) -> dict[Cell, Count]:
    """What each cell up to the last week of the traffic, or of the study, should be."""
    acts = [act for act in due.stored.values() if act]
    counts = Counter(_cell(act) for act in acts)
    unknown = {cell for blind in due.blind for cell in _cells(blind)}
    weeks = min(WEEKS, 1 + max(_week(act.day) for act in acts))
    return {
        cell: None if cell in unknown else counts[cell]
        for week in range(weeks)
        for person in PEOPLE
        for function in FUNCTIONS
        for cell in [Cell(person, function, week)]
    }


def read(path: Path) -> dict[Cell, Count]:
    """The cells of a panel that was written as CSV."""
    pseudonyms = Pseudonyms((studies.KEY,), "u2plus")
    people = {pseudonyms.participant_id(person).hex(): person for person in PEOPLE}
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["participant_id"] in people]
    return {
        Cell(people[row["participant_id"]], function, int(row["wave"]) - 1): _count(
            row[f"{function}_count"]
        )
        for row in rows
        for function in FUNCTIONS
    }


def _count(text: str) -> Count:
    return int(float(text)) if text else None


def _cell(act: Act) -> Cell:
    return Cell(act.person, act.function, _week(act.day))


def _cells(blind: Blind) -> Iterator[Cell]:
    people: Sequence[str] = [blind.person] if blind.person else PEOPLE
    functions: Sequence[str] = [blind.function] if blind.function else FUNCTIONS
    first, last = _week(blind.first), min(_week(blind.last), WEEKS)
    for week in range(max(0, first), last + 1):
        for person in people:
            for function in functions:
                yield Cell(person, function, week)


def _week(day: date) -> int:
    return (day - MONDAY) // WEEK


def _begins(week: int) -> date:
    return MONDAY + timedelta(days=7 * week)
