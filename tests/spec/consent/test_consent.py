"""Consent by examples: each table of this folder, on the engine and on the oracle.

A table's file is prose, the study's `consent` as YAML, then the `statements` of
participants (at study-local times in Asia/Tokyo) and the intervals of days that follow:
`consented`, on which answers count, or `telemetry`, whose use may be looked at. `until`
is the day after the last; `-` has no end. The engine is given every statement by each
way that there is: by events, and, but for withdrawals, by the roster; `declined` is a no
in a survey, by whichever way the others come.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import yaml

from panelstream.flows import imports
from panelstream.flows.workspace import Workspace
from panelstream.models.study import consent
from panelstream.models.timestamps import END_DAY, FIRST_DAY, LATEST
from panelstream.models.warehouse import reads
from tests.lib import ascii_table, studies
from tests.lib.oracle import Oracle
from tests.lib.studies import Arrival

HERE = Path(__file__).parent
FILES = sorted(path.stem for path in HERE.glob("*.txt"))
TOKYO = ZoneInfo("Asia/Tokyo")
FIRST, LAST = date(2026, 12, 1), date(2027, 4, 1)
"""The oracle looks at each day between these."""

Make = Callable[..., Workspace]
Row = Mapping[str, str]
Intervals = Mapping[str, list[tuple[str, str]]]


@dataclass(frozen=True)
class Example:
    """A file of this folder, understood."""

    consent: Any
    statements: list[dict[str, str]]
    kind: str
    intervals: list[dict[str, str]]

    @property
    def people(self) -> list[str]:
        """Everybody person said anything."""
        return sorted({row["who"] for row in self.statements})

    @property
    def expected(self) -> Intervals:
        """From and until by person."""
        return {
            person: [
                (r["from"], r["until"]) for r in self.intervals if r["who"] == person
            ]
            for person in self.people
        }


def read(name: str) -> Example:
    """Read one file."""
    text = (HERE / f"{name}.txt").read_text(encoding="utf-8")
    _, content, statements, kind, rows = re.split(
        r"^consent:(.*?)^statements$(.*?)^(consented|telemetry)$",
        text,
        flags=re.M | re.S,
    )
    agreement = yaml.safe_load(f"consent:{content}")["consent"]
    return Example(
        agreement, ascii_table.read(statements), kind, ascii_table.read(rows)
    )


@pytest.mark.parametrize("name", FILES)
def test_engine_by_events(name: str, workspace: Make) -> None:
    """What people said in events, and what the warehouse makes of it."""
    example = read(name)
    study = workspace(consent=example.consent)
    studies.send(study, list(events(example.statements)))
    decline(study, example.statements)
    assert intervals(study, example) == example.expected


@pytest.mark.parametrize("name", FILES)
def test_engine_by_both_roads(name: str, workspace: Make, tmp_path: Path) -> None:
    """Every yes in the roster and as an event counts once."""
    example = read(name)
    study = workspace(consent=example.consent)
    path = write_roster(tmp_path / "roster.csv", example.statements)
    imports.import_roster(study, path)
    again = events(example.statements[::2])
    left = events(row for row in example.statements if row["said"] != "given")
    studies.send(study, [*again, *left])
    decline(study, example.statements)
    assert intervals(study, example) == example.expected


@pytest.mark.parametrize("name", FILES)
def test_oracle(name: str) -> None:
    """What is computed day by day, slowly and obviously."""
    example = read(name)
    content = studies.with_base(consent=example.consent)
    said = tuple(event(row) for row in example.statements)
    oracle = Oracle(content, [Arrival(said)], 0)
    holds = oracle.agreed if example.kind == "consented" else oracle.visible
    result = {person: runs(holds, person) for person in example.people}
    assert result == example.expected


def event(row: Row) -> dict[str, Any]:
    """What somebody said, as an event."""
    if row["said"] in ("given", "declined"):
        data: dict[str, Any] = {
            "version": int(row["version"]),
            "scopes": row["scopes"].split(),
        }
        return studies.event(f"consent_{row['said']}", row["who"], at(row), data=data)
    level = {"level": row["said"]}
    return studies.event("consent_withdrawn", row["who"], at(row), data=level)


def events(statements: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """What there are events for."""
    return (event(row) for row in statements if row["said"] != "declined")


def decline(study: Workspace, statements: Iterable[Row]) -> None:
    """Store every no, as answers of a survey."""
    for row in statements:
        if row["said"] == "declined":
            version, scopes = int(row["version"]), row["scopes"]
            studies.decline(study, row["who"], at(row), version, scopes)


def at(row: Row) -> datetime:
    """When somebody said it."""
    return datetime.fromisoformat(row["at"]).replace(tzinfo=TOKYO)


def write_roster(path: Path, statements: Iterable[Row]) -> Path:
    """Every yes as a row of a roster."""
    header = ("platform_id", "consented_at", "consent_version", "consent_scopes")
    rows = [
        (row["who"], row["at"], row["version"], row["scopes"].replace(" ", ";"))
        for row in statements
        if row["said"] == "given"
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def intervals(study: Workspace, example: Example) -> Intervals:
    """The intervals that the warehouse yields, by person."""
    statements = reads.read_consent_statements(study.store, LATEST)
    names = {
        study.pseudonyms.participant_id(person).hex(): person
        for person in example.people
    }
    consents = consent.derive_consents(study.folder.study, names, statements)
    rows = getattr(consents, example.kind).to_dict("records")
    shown: dict[str, list[tuple[str, str]]] = {person: [] for person in example.people}
    for row in rows:
        days = (_day(row["from_on"]), _day(row["until_on"]))
        shown[names[row["participant_id"]]].append(days)
    return shown


def runs(holds: Callable[[str, date], bool], person: str) -> list[tuple[str, str]]:
    """Runs of days that hold, by their first day and the day after their last."""
    days = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days)]
    held = [holds(person, day) for day in days]
    result: list[tuple[str, str]] = []
    for day, now, before in zip(days, held, [False, *held], strict=False):
        if now and not before:
            result.append(("-" if day == FIRST else day.isoformat(), "-"))
        if before and not now:
            result[-1] = (result[-1][0], day.isoformat())
    return result


def _day(at: pd.Timestamp) -> str:
    """The day, or a dash for the beginning and the end of time."""
    bounds = (FIRST_DAY, END_DAY)
    return "-" if at.date() in bounds else at.date().isoformat()
