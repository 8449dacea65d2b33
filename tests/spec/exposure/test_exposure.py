"""Exposure by examples: each table of this folder, on the engine and on the oracle.

A table's file is prose, then sections, each below its name:

- `study`: what differs from `tests.lib.studies.BASE` (Asia/Tokyo; wave 1 from 11 to
  17 January 2027; the seven days before the answer; the log is whole; consent is
  kept elsewhere), as YAML;
- `heartbeats`: functions, from, to; optionally `source` and `in`;
- `events`: who, what, at; optionally `id`, `source`, `data`, and the number of the
  arrival in which it came (`in`, 0 unless said);
- `answers`: who, wave, at; optionally `complete` (yes or no) and `in`;
- `panel`, or `panel as of N`: the columns of the panel that matter, all rows.

Times without an offset are study-local. A participant of whom no enrolment is stated is
enrolled since 1 December 2026. In a panel `?` is not known and `-` is none; windows are
shown by their study-local days, the end not included.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from textwrap import dedent
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import yaml

from panelstream.analysis.panel.person_waves import frequency_codes
from panelstream.flows import panels
from panelstream.models.study.load import load_study
from panelstream.models.warehouse.settling import settle
from panelstream.models.warehouse.store import Store
from tests.lib import ascii_table, oracle, studies
from tests.lib.oracle import Oracle
from tests.lib.studies import Answer, Arrival, HandClock

HERE = Path(__file__).parent
FILES = sorted(path.stem for path in HERE.glob("*.txt"))
FILES += sorted(f"measures/{path.stem}" for path in HERE.glob("measures/*.txt"))
ENROLLED = datetime(2026, 12, 1, 12, tzinfo=UTC)

_NAME = re.compile(r"^(study|heartbeats|events|answers|panel(?: as of \d+)?)$", re.M)
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Example:
    """A file of this folder, understood."""

    study: Mapping[str, Any]
    arrivals: tuple[Arrival, ...]
    expected: Mapping[int, list[dict[str, str]]]

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the study."""
        return ZoneInfo(self.study["timezone"])


def read(name: str) -> Example:
    """Read one file."""
    _, *parts = _NAME.split((HERE / f"{name}.txt").read_text(encoding="utf-8"))
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    content = studies.with_base(**yaml.safe_load(dedent(sections.pop("study", "{}"))))
    tables = {title: ascii_table.read(text) for title, text in sections.items()}
    zone = ZoneInfo(content["timezone"])
    events = [*_heartbeats(tables, zone), *_events(tables, zone)]
    answers = list(_answers(tables, zone))
    if content.get("enrolment", "roster") == "roster":
        events += _enrolments(events, answers)
    shown = {t: rows for t, rows in tables.items() if t.startswith("panel")}
    last = max((number for number, _ in [*events, *answers]), default=0)
    return Example(
        content,
        tuple(_arrival(number, events, answers) for number in range(last + 1)),
        {_number(title, last): rows for title, rows in shown.items()},
    )


@pytest.mark.parametrize("name", FILES)
def test_engine(name: str, tmp_path: Path, store: Store, clock: HandClock) -> None:
    """The panel that the warehouse yields is the table's."""
    example = read(name)
    workspace = studies.open_in(studies.write(tmp_path, example.study), store, clock)
    studies.arrive(workspace, clock, example.arrivals)
    settle(store)
    people = {row["who"] for rows in example.expected.values() for row in rows}
    for number, expected in example.expected.items():
        window = workspace.folder.study.exposure.window
        panel = panels.Snapshot(workspace, studies.as_of(number)).panel(window)
        named = studies.named(workspace, panel, people)
        _assert_shown(expected, named.to_dict("records"), example.zone)


@pytest.mark.parametrize("name", FILES)
def test_oracle(name: str) -> None:
    """What is computed slowly and obviously is the table's."""
    example = read(name)
    for number, expected in example.expected.items():
        rows = Oracle(example.study, example.arrivals, number).panel(
            example.study["exposure"]["window"]
        )
        _assert_shown(expected, rows, example.zone)


def test_studies_of_the_tables_are_valid(tmp_path: Path) -> None:
    """Every file's study would pass `panelstream check`."""
    for name in FILES:
        folder = studies.write(tmp_path / name, read(name).study)
        assert load_study(folder).study.study == "tiny"


def test_limits_of_frequency() -> None:
    """The six answers begin where the table says, in the panel and in the oracle."""
    rows = ascii_table.read_file(HERE / "limits" / "frequency.txt")
    table = pd.DataFrame(rows)[["days_a_year", "frequency"]].astype(float)
    result = frequency_codes(table["days_a_year"].to_numpy())
    assert result.tolist() == pytest.approx(table["frequency"].tolist(), nan_ok=True)
    for days, code in table.dropna().itertuples(index=False):
        assert oracle.frequency(Fraction(days)) == code


def _number(title: str, last: int) -> int:
    return int(title.removeprefix("panel as of ")) if title != "panel" else last


def _arrival(number: int, events: list[Any], answers: list[Any]) -> Arrival:
    return Arrival(
        tuple(one for n, one in events if n == number),
        tuple(one for n, one in answers if n == number),
    )


def _heartbeats(tables: Mapping[str, Any], zone: ZoneInfo) -> Iterator[tuple[int, Row]]:
    for index, row in enumerate(tables.get("heartbeats", ())):
        start, end = _at(row["from"], zone), _at(row["to"], zone)
        data = {
            "functions": row["functions"].split(),
            "from": start.isoformat(),
            "to": end.isoformat(),
        }
        more = {"id": f"beat-{index}", "data": data, **_source(row)}
        yield int(row.get("in", 0)), studies.event("heartbeat", None, end, **more)


def _events(tables: Mapping[str, Any], zone: ZoneInfo) -> Iterator[tuple[int, Row]]:
    for row in tables.get("events", ()):
        more = {**({"id": row["id"]} if row.get("id") else {}), **_source(row)}
        if row.get("data"):
            more["data"] = yaml.safe_load(row["data"])
        at = _at(row["at"], zone)
        yield int(row.get("in", 0)), studies.event(row["what"], row["who"], at, **more)


def _source(row: Row) -> Row:
    return {"source": row["source"]} if row.get("source") else {}


def _answers(tables: Mapping[str, Any], zone: ZoneInfo) -> Iterator[tuple[int, Answer]]:
    for row in tables.get("answers", ()):
        given = Answer(row["who"], int(row["wave"]), _at(row["at"], zone))
        complete = row.get("complete", "yes") == "yes"
        yield int(row.get("in", 0)), replace(given, complete=complete)


def _enrolments(events: list[Any], answers: list[Any]) -> list[tuple[int, Row]]:
    enrolled = {one["subject"] for _, one in events if one["type"] == "study.enrolled"}
    people = {one["subject"] for _, one in events if "subject" in one}
    people |= {one.who for _, one in answers}
    return [
        (0, studies.event("enrolled", p, ENROLLED)) for p in sorted(people - enrolled)
    ]


def _at(text: str, zone: ZoneInfo) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=zone)


def _assert_shown(
    expected: list[dict[str, str]], rows: list[dict[Any, Any]], zone: ZoneInfo
) -> None:
    """The rows are those expected, in every column that the table shows."""
    assert [(row["who"], str(row["wave"])) for row in rows] == [
        (row["who"], row["wave"]) for row in expected
    ]
    for wanted, row in zip(expected, rows, strict=True):
        result = {name: _shown(row[name], zone) for name in wanted}
        assert result == {name: _wanted(cell) for name, cell in wanted.items()}


def _wanted(cell: str) -> Any:
    try:
        return pytest.approx(float(cell), abs=5e-5)
    except ValueError:
        return {"?": "-"}.get(cell, cell)


def _shown(value: Any, zone: ZoneInfo) -> Any:
    """The value as the table writes it: an instant as a study-local day or time."""
    if pd.isna(value):
        return "-"
    if not isinstance(value, datetime):
        return value
    local = value.astimezone(zone)
    midnight = local.time().isoformat() == "00:00:00"
    return f"{local:%Y-%m-%d}" if midnight else f"{local:%Y-%m-%d %H:%M}"
