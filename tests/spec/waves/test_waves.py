"""Who took part in which wave, by examples: on the engine and on the oracle.

A table's file is prose, then a `roster`, `events` and `answers` (at study-local times;
`complete` is `no` where one item is left blank, and `blank` where all are), and the
counts of each wave that follow.
"""

import csv
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from panelstream.flows import imports, status
from panelstream.flows.workspace import Workspace
from tests.lib import ascii_table, studies
from tests.lib.oracle import Oracle
from tests.lib.studies import Answer, Arrival, HandClock

HERE = Path(__file__).parent
FILES = sorted(path.stem for path in HERE.glob("*.txt"))
TOKYO = ZoneInfo("Asia/Tokyo")
TODAY = datetime(2027, 2, 20, 3, tzinfo=UTC)
WAVES = [
    {"wave": 1, "opens_on": date(2027, 1, 11), "closes_on": date(2027, 1, 17)},
    {"wave": 2, "opens_on": date(2027, 2, 8), "closes_on": date(2027, 2, 14)},
    {"wave": 3, "opens_on": date(2027, 3, 8), "closes_on": date(2027, 3, 14)},
]
CHANGES = {"waves": WAVES, "consent": {"required": ["survey", "telemetry"]}}

Make = Callable[..., Workspace]
Row = Mapping[str, str]


@dataclass(frozen=True)
class Example:
    """A file of this folder, understood."""

    roster: list[dict[str, str]]
    events: list[dict[str, Any]]
    answers: list[Answer]
    waves: list[dict[str, str]]


def read(name: str) -> Example:
    """Read one file."""
    text = (HERE / f"{name}.txt").read_text(encoding="utf-8")
    _, *parts = re.split(r"^(roster|events|answers|waves)$", text, flags=re.M)
    tables = {
        title: ascii_table.read(part)
        for title, part in zip(parts[::2], parts[1::2], strict=True)
    }
    answers = [_answer(row) for row in tables["answers"]]
    events = [_event(row) for row in tables["events"]]
    return Example(tables["roster"], events, answers, tables["waves"])


@pytest.fixture
def held(workspace: Make, tmp_path: Path, clock: HandClock) -> Callable[..., Workspace]:
    """A study in which everything of an example has happened."""

    def make(example: Example) -> Workspace:
        clock.now = TODAY
        study = workspace(**CHANGES)
        path = _write_roster(tmp_path / "roster.csv", example.roster)
        imports.import_roster(study, path)
        studies.send(study, example.events)
        studies.answer(study, example.answers)
        return study

    return make


@pytest.mark.parametrize("name", FILES)
def test_engine(name: str, held: Callable[..., Workspace]) -> None:
    """What `panelstream status` counts is the table's."""
    example = read(name)
    result = [_shown(vars(wave)) for wave in status.read_status(held(example)).waves]
    assert result == [_wanted(row) for row in example.waves]


@pytest.mark.parametrize("name", FILES)
def test_oracle(name: str) -> None:
    """What is counted slowly and obviously is the table's."""
    example = read(name)
    said = [event for row in example.roster for event in _said(row)]
    arrival = Arrival((*example.events, *said), tuple(example.answers))
    oracle = Oracle(studies.with_base(**CHANGES), [arrival], 0)
    apart = {row["who"] for row in example.roster if row["account"]}
    invited = {
        wave: {r["who"] for r in example.roster if str(wave) in r["invited"].split(";")}
        for wave in (1, 2, 3)
    }
    result = oracle.participation(date(2027, 2, 20), invited, apart)
    assert [_shown(row) for row in result] == [_wanted(row) for row in example.waves]


def test_the_rest_of_the_status(held: Callable[..., Workspace]) -> None:
    """People, scopes, withdrawals, accounts, strangers: counts and nobody's id."""
    study = held(read("participation"))
    result = status.read_status(study)
    assert (result.enrolled, result.agreed, result.declined) == (6, 4, 0)
    assert result.scopes == {"survey": 5, "telemetry": 4}
    assert result.withdrawn == {"contact": 1, "collection": 1, "erase": 0}
    assert (result.accounts, result.not_enrolled) == ({"test": 1}, {2: 1})
    everybody = [
        study.pseudonyms.participant_id(r["who"]).hex()
        for r in read("participation").roster
    ]
    assert not any(entry in str(result.as_dict()) for entry in everybody)


def test_dates_and_days_left(held: Callable[..., Workspace], clock: HandClock) -> None:
    """The days of each wave, and how many are left after today while one is open.

    Today is a day of the study's zone: 15 hours UTC is midnight in Tokyo.
    """
    study = held(read("participation"))
    days = [(wave["wave"], wave["opens_on"], wave["closes_on"]) for wave in WAVES]
    for at, left in (
        (datetime(2027, 2, 7, 14, tzinfo=UTC), [None, None, None]),
        (datetime(2027, 2, 7, 15, tzinfo=UTC), [None, 6, None]),
        (datetime(2027, 2, 14, 14, tzinfo=UTC), [None, 0, None]),
        (datetime(2027, 2, 14, 15, tzinfo=UTC), [None, None, None]),
    ):
        clock.now = at
        dates = status.read_status(study).dates
        assert [(d.wave, d.opens_on, d.closes_on) for d in dates] == days
        assert [entry.days_left for entry in dates] == left


def test_waves_that_count_from_enrolment_have_no_dates(workspace: Make) -> None:
    """Their days differ from person to person."""
    waves = [{"wave": 1, "opens_after_days": 0, "open_days": 7}]
    [entry] = status.read_status(workspace(waves=waves)).dates
    assert entry == status.WaveDates(1, None, None, None)


def test_how_new_the_log_is(workspace: Make) -> None:
    """The newest event of the platform, and until when each function is covered."""
    study = workspace()
    nothing = status.read_status(study)
    assert (nothing.newest_event, nothing.covered_until) == (None, {})
    beat = {"functions": ["story", "reaction"], "from": "2027-01-01T00:00:00Z"}
    studies.send(
        study,
        [
            studies.event("story_viewed", "aki", _at("2027-01-12 09:00")),
            studies.event("story_viewed", "aki", _at("2027-01-11 09:00")),
            studies.event("enrolled", "aki", _at("2027-01-13 09:00")),
            _heartbeat({**beat, "to": "2027-01-02T00:00:00Z"}),
            _heartbeat({**beat, "functions": ["story"], "to": "2027-01-03T00:00:00Z"}),
        ],
    )
    result = status.read_status(study)
    assert result.newest_event == datetime(2027, 1, 12, tzinfo=UTC)
    assert result.covered_until == {
        "reaction": datetime(2027, 1, 2, tzinfo=UTC),
        "story": datetime(2027, 1, 3, tzinfo=UTC),
    }


def test_who_declined(workspace: Make, tmp_path: Path) -> None:
    """A no in a survey after a yes in the roster counts, and ends the agreement."""
    study = workspace(**CHANGES)
    path = _write_roster(tmp_path / "roster.csv", read("usable").roster)
    imports.import_roster(study, path)
    studies.decline(study, "emi", _at("2027-01-12 12:00"), 1, "telemetry")
    studies.decline(study, "dai", _at("2026-12-12 12:00"), 1, "telemetry")
    result = status.read_status(study)
    assert (result.enrolled, result.agreed, result.declined) == (5, 4, 1)
    assert result.scopes == {"survey": 5, "telemetry": 4}
    assert sum(result.withdrawn.values()) == 0


def test_an_item_that_no_response_holds(workspace: Make) -> None:
    """Status names it, by wave; a blank was asked."""
    study = workspace(**CHANGES | {"consent": "external", "enrolment": "activity"})
    answers = [
        Answer("aki", 1, _at("2027-01-12 12:00"), complete=False),
        Answer("aki", 2, _at("2027-02-12 12:00"), items=("calm",)),
    ]
    studies.answer(study, answers)
    assert status.read_status(study).not_asked == {2: ("awake",)}


def test_due_after_an_unusable_or_unfinished_answer(
    held: Callable[..., Workspace], tmp_path: Path, clock: HandClock
) -> None:
    """`chie` sent blanks only and `emi` stopped in the middle; `dai` skipped an item."""
    study = held(read("usable"))
    path = tmp_path / "ids.csv"
    path.write_text("platform_id\naki\nben\nchie\ndai\nemi\n")
    clock.now = datetime(2027, 1, 16, tzinfo=UTC)
    assert status.list_due(study, 1, path) == ["chie", "emi"]
    clock.now = datetime(2027, 2, 10, tzinfo=UTC)
    assert status.list_due(study, 2, path) == ["ben", "chie", "dai", "emi"]


def test_who_is_due(
    held: Callable[..., Workspace], tmp_path: Path, clock: HandClock
) -> None:
    """Enrolled, agreed, in an open wave, without an answer, and wanting letters.

    `ben` left a blank in his answer, which he may have done on purpose.
    """
    study = held(read("participation"))
    names = ("emi", "aki", "gen", "dai", "chie", "nobu", "tess", "emi", "fumi", "ben")
    path = tmp_path / "ids.csv"
    path.write_text("platform_id\n" + "\n".join(names) + "\n")
    for at, wave, expected in (
        (datetime(2027, 2, 9, tzinfo=UTC), 2, ["emi"]),
        (datetime(2027, 1, 16, tzinfo=UTC), 1, ["emi"]),
        (TODAY, 2, []),
        (TODAY, 3, []),
    ):
        clock.now = at
        assert status.list_due(study, wave, path) == expected


def _heartbeat(data: Mapping[str, Any]) -> dict[str, Any]:
    at = _at("2027-01-14 12:00")
    return studies.event("heartbeat", None, at, data=data, id=f"beat-{data['to']}")


def _said(row: Row) -> list[dict[str, Any]]:
    """What a row of the roster says, as events."""
    said = []
    if row["enrolled_on"]:
        at = _at(f"{row['enrolled_on']} 00:00")
        said.append(studies.event("enrolled", row["who"], at))
    if row["consented_at"]:
        data = {"version": 1, "scopes": row["scopes"].split(";")}
        at = _at(row["consented_at"])
        said.append(studies.event("consent_given", row["who"], at, data=data))
    return said


def _write_roster(path: Path, rows: list[dict[str, str]]) -> Path:
    header = (
        "platform_id",
        "enrolled_on",
        "account",
        "invited_waves",
        "consented_at",
        "consent_scopes",
        "consent_version",
    )
    with path.open("w", encoding="utf-8", newline="") as file:
        version = {True: "1", False: ""}
        csv.writer(file).writerows(
            [header, *([*r.values(), version[bool(r["scopes"])]] for r in rows)]
        )
    return path


def _answer(row: Row) -> Answer:
    finished = {"yes": True, "no": False}
    return Answer(
        row["who"],
        int(row["wave"]),
        _at(row["at"]),
        complete=row["complete"] == "yes",
        blank=row["complete"] == "blank",
        response=row.get("response", ""),
        finished=finished.get(row.get("finished", "")),
    )


def _event(row: Row) -> dict[str, Any]:
    data = yaml.safe_load(row["data"])
    return studies.event(row["what"], row["who"], _at(row["at"]), data=data)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: "-" if value is None else value for name, value in row.items()}


def _wanted(row: Row) -> dict[str, Any]:
    return {
        name: cell if cell == "-" else pytest.approx(float(cell), abs=5e-5)
        for name, cell in row.items()
    }
