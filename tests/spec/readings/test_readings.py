"""What holds after imports, corrections and retractions: on the engine and on an oracle.

A file is prose and three tables. `exports`: the rows of each, at local times of the
zone that the mapping names; a column of `-` is one that the file does not have, and
`wave` is where the mapping's rule, if there is one, puts the row. `steps`: what happens,
an hour apart. `form` is what the engine has to recognise; steps of one number are one
folder. `holds`: a response each, after which steps; what is not named does not hold.
"""

import csv
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
import yaml

from panelstream.flows import folder_import, survey_imports
from panelstream.flows.survey_imports import WaveImport
from panelstream.flows.workspace import Workspace
from panelstream.models.errors import FileError
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse.settling import newest_instant
from tests.lib import ascii_table, readings_oracle, studies
from tests.lib.readings_oracle import Answers, Event, Reading, Response
from tests.lib.studies import HandClock

HERE = Path(__file__).parent
FILES = sorted(path.stem for path in HERE.glob("*.txt"))
PEOPLE = ("aki", "ben", "chie", "dai")
ITEMS = {"calm": "mood", "awake": "mood", "hours": "sleep"}
SLEEP = (
    studies.MOOD.replace("mood", "sleep").split("items:")[0]
    + "items: [{code: hours, low: 0, high: 24}]\n"
)
CHANGES: dict[str, Any] = {
    "waves": [
        {"wave": 1, "opens_on": date(2027, 1, 11), "closes_on": date(2027, 1, 17)},
        {"wave": 2, "opens_on": date(2027, 2, 8), "closes_on": date(2027, 2, 14)},
    ],
    "instruments": ["mood.yaml", "sleep.yaml"],
    "enrolment": "activity",
}
NO_COLUMN = "-"
HOUR = timedelta(hours=1)

Make = Callable[..., Workspace]
Row = Mapping[str, str]


@dataclass(frozen=True)
class Step:
    """What happens at one time: one row of the table, or the files of a folder."""

    number: int
    rows: Sequence[Row]

    @property
    def row(self) -> Row:
        """The first, or only, row."""
        return self.rows[0]

    @property
    def at(self) -> datetime:
        """When it happens."""
        return studies.START + self.number * HOUR

    @property
    def refusal(self) -> str:
        """What is said of an import that is refused; empty: it is not."""
        refusals = [
            row["outcome"].removeprefix("refused: ")
            for row in self.rows
            if row["outcome"].startswith("refused: ")
        ]
        return refusals[0] if refusals else ""


@dataclass(frozen=True)
class Example:
    """A file of this folder, understood."""

    exports: Mapping[str, Sequence[Row]]
    steps: Sequence[Step]
    holds: Sequence[Row]

    def expected(self, step: Step) -> Answers:
        """What holds after a step, by the table."""
        rows = [row for row in self.holds if step.number in _numbers(row["after"])]
        return readings_oracle.in_order(
            (row["who"], int(row["wave"]), _utc(row["at"]), _answers(row, {}))
            for row in rows
        )


def read(name: str) -> Example:
    """Read one file."""
    text = (HERE / f"{name}.txt").read_text(encoding="utf-8")
    _, *parts = re.split(r"^(exports|steps|holds)$", text, flags=re.M)
    tables = {
        title: ascii_table.read(part)
        for title, part in zip(parts[::2], parts[1::2], strict=True)
    }
    return Example(
        _grouped(tables["exports"], "export"),
        [Step(int(n), rows) for n, rows in _grouped(tables["steps"], "step").items()],
        tables["holds"],
    )


@pytest.fixture
def study(workspace: Make, tmp_path: Path) -> Workspace:
    """A study of two waves and two questionnaires."""
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "sleep.yaml").write_text(SLEEP)
    return workspace(**CHANGES)


@pytest.mark.parametrize("name", FILES)
def test_oracle(name: str) -> None:
    """What is derived slowly and obviously is the tables'."""
    example = read(name)
    readings, events = list[Reading](), list[Event]()
    for step in example.steps:
        for row in step.rows:
            _state(example, step, row, readings, events)
    for step in example.steps:
        result = readings_oracle.answers(readings, events, step.at)
        assert result == example.expected(step), f"after step {step.number}"


@pytest.mark.parametrize("name", FILES)
def test_engine(name: str, study: Workspace, clock: HandClock, tmp_path: Path) -> None:
    """What imports and retractions leave is the tables', at each time and later on."""
    example = read(name)
    ids: dict[str, str] = {}
    for step in example.steps:
        clock.now = step.at - HOUR / 2
        _act(study, example, step, tmp_path, ids)
        assert _held(study, LATEST) == example.expected(step), f"step {step.number}"
    for step in example.steps:
        assert _held(study, step.at) == example.expected(step), f"as of {step.number}"


@pytest.mark.parametrize("order", [*itertools.permutations("abc")])
@pytest.mark.parametrize("strict", [False, True])
def test_names_of_a_folder(
    strict: bool, order: tuple[str, ...], study: Workspace
) -> None:
    """Whatever their names, and so their order, the exports of a folder leave the same."""
    example = read("folder_of_forms")
    [step] = example.steps
    rows = [
        {**row, "file": f"{prefix}_{row['file']}"}
        for prefix, row in zip(order, step.rows, strict=True)
    ]
    for row in rows:
        _write(study.folder.path / "responses" / row["file"], example, row)
    folder_import.import_folder(study, strict=strict)
    assert _held(study, LATEST) == example.expected(step)


def _state(
    example: Example,
    step: Step,
    row: Row,
    readings: list[Reading],
    events: list[Event],
) -> None:
    """What a row of the steps states or takes back, for the oracle; checks its counts."""
    if row["what"] == "send":
        understood = _understood(example, row)
        events += [Event(step.at, response) for response in understood]
    elif row["what"] == "retract":
        at = studies.START + int(row["export"]) * HOUR
        readings[:] = [
            replace(reading, retracted_at=step.at) if reading.at == at else reading
            for reading in readings
        ]
    elif not step.refusal and row["outcome"] != "withheld":
        reading = _reading(example, step, row)
        before = readings_oracle.standing(readings, reading.source, step.at)
        replaced = readings_oracle.replaced(before, reading)
        counts = readings_oracle.changes(replaced, reading.responses)
        assert counts == _counts(row["outcome"]), f"step {step.number}"
        readings.append(reading)


def _reading(example: Example, step: Step, row: Row) -> Reading:
    has_rule = "waves" in _mapping(row)
    selection = int(row["wave"] or 0) if has_rule else readings_oracle.ALL
    understood = _understood(example, row)
    return Reading(row["form"] or "form", step.at, understood, selection)


def _understood(example: Example, row: Row) -> list[Response]:
    """What the rows of an export say under its mapping, links and wave."""
    mapping, links = _mapping(row), _links(row)
    has_rule, selected = "waves" in mapping, int(row["wave"] or 0)
    zone = mapping.get("timezone", "Asia/Tokyo")
    result = []
    for entry in example.exports[row["export"]]:
        if not entry["who"]:
            continue
        wave = int(entry["wave"]) if has_rule or not selected else selected
        if selected in (0, wave):
            person = links.get(entry["who"], entry["who"])
            found = _answers(entry, mapping.get("columns", {}))
            at = _utc(entry["at"], zone)
            number = entry.get("id", "").removeprefix(NO_COLUMN)
            result.append(Response(person, wave, at, found, number))
    return result


def _act(
    study: Workspace,
    example: Example,
    step: Step,
    folder: Path,
    ids: dict[str, str],
) -> None:
    """Let the engine do a step; checks its counts, and that a refusal stores nothing."""
    what, row = step.row["what"], step.row
    newest = newest_instant(study.store)
    if step.refusal:
        with pytest.raises(FileError, match=step.refusal):
            _import(study, example, step, folder)
        assert newest_instant(study.store) == newest
    elif what == "send":
        studies.send(study, [_event(entry) for entry in _understood(example, row)])
    elif what == "retract":
        survey_imports.retract_wave_import(study, ids[row["export"]])
    else:
        stored = _import(study, example, step, folder)
        ids[str(step.number)] = stored[-1].import_id
        for entry, line in zip(stored, step.rows, strict=True):
            counts = Counter(dict(entry.revision.changes))
            # An unchanged export of a folder is no import either, but not withheld.
            says_something = entry.revision.is_news or not entry.revision.replaces
            is_withheld = says_something and not entry.import_id
            assert is_withheld == (line["outcome"] == "withheld")
            assert is_withheld or +counts == _counts(line["outcome"])


def _import(
    study: Workspace, example: Example, step: Step, folder: Path
) -> list[WaveImport]:
    """The imports of a step, in the order of its rows."""
    row = step.row
    if "folder" not in row["what"]:
        path = _write(folder / row["file"], example, row)
        wave = int(row["wave"]) if row["wave"] else None
        return [survey_imports.import_responses(study, path, wave)]
    for line in step.rows:
        _write(study.folder.path / "responses" / line["file"], example, line)
    result = folder_import.import_folder(study, strict="strict" in row["what"])
    by_name = {
        entry.imported.summary.origin: entry
        for entry in (*result.exports, *result.withheld)
    }
    return [by_name[line["file"]] for line in step.rows]


def _write(path: Path, example: Example, row: Row) -> Path:
    """An export with its mapping and links beside it; returns its path."""
    path.parent.mkdir(exist_ok=True)
    entries, mapping = example.exports[row["export"]], _mapping(row)
    names = {"who": "platform_id", "at": "submitted_at", "wave": "session"}
    responses = [entry for entry in entries if entry["who"]]
    columns = [
        column
        for column in entries[0]
        if column != "export"
        and (column != "wave" or "session" in row["mapping"])
        and any(entry[column] != NO_COLUMN for entry in entries)
    ]
    header = [names.get(column, column) for column in columns]
    cells = [[entry[column] for column in columns] for entry in responses]
    _write_table(path, [header, *cells])
    if "id" in columns:
        mapping["response_id"] = "id"
    path.with_suffix(".mapping.yaml").write_text(yaml.safe_dump(mapping))
    links = [f"{survey},{platform}\n" for survey, platform in _links(row).items()]
    (path.parent / "links.csv").unlink(missing_ok=True)
    if links:
        text = "survey_id,platform_id\n" + "".join(links)
        (path.parent / "links.csv").write_text(text)
    return path


def _write_table(path: Path, rows: Iterable[Sequence[str]]) -> None:
    if path.suffix == ".xlsx":
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(list(row))
        book.save(path)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def _event(response: Response) -> dict[str, Any]:
    answers = {item: answer or None for item, answer in response.answers.items()}
    data = {"instrument": "mood", "wave": response.wave, "answers": answers}
    return studies.event("response_submitted", response.person, response.at, data=data)


def _held(study: Workspace, as_of: datetime) -> Answers:
    """What the engine says that holds."""
    names = {study.pseudonyms.participant_id(who).hex(): who for who in PEOPLE}
    responses: dict[tuple[Any, ...], dict[str, str]] = {}
    for row in study.store.query("answers", as_of=as_of).to_pylist():
        assert ITEMS[row["item"]] == row["instrument"]
        key = (names[row["participant_id"]], row["wave"], row["responded_at"])
        found = responses.setdefault((*key, row["response"]), {})
        assert row["item"] not in found
        found[row["item"]] = row["answer"]
    return readings_oracle.in_order(
        (who, wave, at, found) for (who, wave, at, _), found in responses.items()
    )


def _answers(row: Row, columns: Mapping[str, str]) -> dict[str, str]:
    """The answers in a row; `columns` maps headers to items."""
    items = {column: columns.get(column, column) for column in row}
    return {
        item: row[column]
        for column, item in items.items()
        if item in ITEMS and row[column] != NO_COLUMN
    }


def _counts(text: str) -> Counter[str]:
    """`2 new, 1 gone`."""
    pairs = [part.split() for part in text.split(",") if part.strip()]
    return Counter({name: int(number) for number, name in pairs})


def _numbers(text: str) -> list[int]:
    """`1`, `1-3` or `1,4`."""
    spans = [part.split("-") for part in text.split(",")]
    return [n for span in spans for n in range(int(span[0]), int(span[-1]) + 1)]


def _mapping(row: Row) -> dict[str, Any]:
    return yaml.safe_load(row.get("mapping", "") or "{}")  # type: ignore[no-any-return]


def _links(row: Row) -> dict[str, str]:
    return dict(pair.split("=") for pair in row.get("links", "").split())


def _utc(text: str, zone: str = "Asia/Tokyo") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _grouped(rows: Iterable[Row], column: str) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[column], []).append(row)
    return groups
