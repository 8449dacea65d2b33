"""A study that corrects a clock, beside the same study whose clocks were right."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from panelstream.analysis.panel.codebook import build_codebook
from panelstream.analysis.report.input import ReportInput
from panelstream.analysis.report.tables.provenance import facts
from panelstream.flows import panels
from panelstream.flows.analyse_study import analyse_study
from panelstream.flows.commands.status import show_status
from panelstream.flows.status import read_status
from panelstream.flows.workspace import Workspace
from panelstream.models.warehouse import views
from panelstream.models.warehouse.definitions import create_views
from panelstream.models.warehouse.store import Store
from tests.lib import studies
from tests.lib.studies import Answer

Make = Callable[..., Workspace]
Event = dict[str, Any]
TOKYO = ZoneInfo("Asia/Tokyo")
CONTENT: Mapping[str, Any] = {
    "consent": {"required": ["survey", "telemetry"]},
    "coverage": "heartbeats",
    "enrolment": "activity",
    "waves": [
        {"wave": 1, "opens_on": date(2027, 1, 11), "closes_on": date(2027, 1, 17)},
        {"wave": 2, "opens_on": date(2027, 1, 25), "closes_on": date(2027, 1, 31)},
    ],
    "exposure": {
        "window": {"lookback": 7},
        "functions": ["story", "reaction"],
        "measures": ["sessions", "night_use", "dose_to_date"],
    },
    "outages": [
        {
            "from": "2027-01-22T00:00+09:00",
            "to": "2027-01-22T12:00+09:00",
            "functions": ["reaction"],
            "handling": "prorate",
        }
    ],
}
BEHIND = ("2026-12-31T15:00+09:00", "2027-01-15T15:00+09:00", timedelta(hours=9))
AHEAD = ("2027-01-17T09:00+09:00", "2027-02-10T00:00+09:00", timedelta(hours=-33))
"""From and until as the app's wrong clock shows them, and its shift."""
CORRECTIONS = [
    {"source": "u2plus.app", "from": BEHIND[0], "until": BEHIND[1], "shift": "+9h"},
    {"source": "u2plus.app", "from": AHEAD[0], "until": AHEAD[1], "shift": "-1d9h"},
]
VIEWS = {
    "study_events": "* except (recorded_at)",
    "study_daily_use": "*",
    "weekly_use": "*",
    "sessions": "*",
    "coverage": "function, covered_from, covered_until",
    "coverage_of_people": "participant_id, function, covered_from, covered_until",
    "fact_exposure": "* except (study_version, as_of)",
    "participants": "participant_id, enrolled_on, study_periods, consent_periods",
    "operator_consents": "*",
    "operator_participants": "*",
    "operator_daily_use": "*",
    "operator_answers": "*",
    "operator_answer_statements": "* except (recorded_at)",
}


def true_events() -> Iterator[Event]:
    """What the app sent, by a right clock: use, consent, heartbeats, an answer."""
    for number, who in enumerate(("aki", "ben", "chie")):
        start = datetime(2027, 1, 2 + number, 23, 50, tzinfo=TOKYO)
        yield of_app("consent_given", who, start)
        for day in range(0, 27, number + 1):
            at = start + timedelta(days=day)
            yield of_app("story_viewed", who, at)
            yield of_app("story_viewed", who, at + timedelta(minutes=25))
            yield of_app("reaction_given", who, at + timedelta(minutes=70))
        yield of_app("reaction_withdrawn", who, start + timedelta(days=9, hours=3))
    yield of_app("consent_withdrawn", "chie", datetime(2027, 1, 28, 1, tzinfo=TOKYO))
    yield of_app(
        "response_submitted",
        "ben",
        datetime(2027, 1, 12, 0, 30, tzinfo=TOKYO),
        data={"wave": 1, "instrument": "mood", "answers": {"calm": 3, "awake": 4}},
    )
    for day in range(2, 30):
        yield beat(datetime(2027, 1, day, tzinfo=TOKYO), None)
        if day != 20:
            yield beat(datetime(2027, 1, day, tzinfo=TOKYO), "aki")


def of_app(kind: str, who: str | None, at: datetime, **more: Any) -> Event:
    """An event of the app; its id does not tell its time."""
    identity = f"{kind} {who} {at:%d %H:%M}"
    return studies.event(kind, who, at, source="u2plus.app", id=identity, **more)


def beat(day: datetime, who: str | None) -> Event:
    """The log, or somebody's device, was whole for a day from noon on."""
    start, end = day + timedelta(hours=12), day + timedelta(hours=36)
    data = {
        "functions": ["story", "reaction"],
        "from": start.isoformat(),
        "to": end.isoformat(),
    }
    return of_app("heartbeat", who, end, data=data)


def by_wrong_clock(event: Event) -> Event:
    """The same as the app's wrong clock would have it, heartbeats as well."""
    wrong = {**event, "time": shown(event["time"])}
    if event["type"] == "study.heartbeat":
        times = {name: shown(event["data"][name]) for name in ("from", "to")}
        wrong["data"] = {**event["data"], **times}
    return wrong


def shown(text: str) -> str:
    """What the clock showed at a time: it was behind, then ahead."""
    at = datetime.fromisoformat(text)
    is_behind = at < datetime(2027, 1, 16, tzinfo=TOKYO)
    return (at - (BEHIND if is_behind else AHEAD)[2]).isoformat()


def read_views(study: Workspace) -> dict[str, list[str]]:
    """The rows of every view, in any order."""
    create_views(study.store, views.view_statements(study.folder))
    panels.build(study)
    return {
        name: sorted(map(repr, rows(study.store, f"select {columns} from {name}")))  # noqa: S608
        for name, columns in VIEWS.items()
    }


def rows(store: Store, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a query, by a client that may write afterwards."""
    return [tuple(row) for row in store._client.query(sql).result_rows]


def fill(study: Workspace, events: list[Event]) -> None:
    """Events, and an answer from a file."""
    studies.send(study, events)
    at = datetime(2027, 1, 26, 12, tzinfo=UTC)
    studies.answer(study, [Answer("aki", 2, at)])


def test_wrong_clocks_that_are_corrected_are_right_clocks(
    workspace: Make, clock: studies.HandClock
) -> None:
    """Panel and views of the study are those of the same events with right times.

    The app's clock was nine hours behind, and then 33 hours ahead. Heartbeats move,
    too; at the change of the clock they are cut, and the pieces touch again.
    """
    events = list(true_events())
    right = workspace(**CONTENT)
    fill(right, events)
    expected = read_views(right)
    panel = panels.build(right).by_window[right.folder.study.own_window]
    assert panel["story_count"].sum() > 20
    assert all(expected.values())
    studies.empty(right.store)
    clock.now = studies.START
    wrong = workspace(**CONTENT, clock_corrections=CORRECTIONS)
    fill(wrong, list(map(by_wrong_clock, events)))
    assert read_views(wrong) == expected
    corrected = panels.build(wrong).by_window[wrong.folder.study.own_window]
    pd.testing.assert_frame_equal(corrected, panel)


def test_both_times_are_shown_to_operators(workspace: Make) -> None:
    """The log keeps the recorded time; the corrected one and its day are columns."""
    study = workspace(clock_corrections=CORRECTIONS[:1])
    create_views(study.store, views.view_statements(study.folder))
    at = datetime(2027, 1, 10, 20, tzinfo=TOKYO)
    studies.send(study, [of_app("story_viewed", "aki", at)])
    columns = "toString(occurred_at), toString(corrected_at), toString(occurred_on)"
    [row] = rows(study.store, f"select {columns} from operator_events")  # noqa: S608
    recorded, corrected = "2027-01-10 11:00:00.000000", "2027-01-10 20:00:00.000000"
    assert row == (recorded, corrected, "2027-01-11")
    [stored] = rows(study.store, "select toString(occurred_at) from events")
    assert stored == (recorded,)


def test_what_is_corrected_is_stated(
    workspace: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    """`status`, `panel`, the manifest, the codebook and the report say so."""
    study = workspace(clock_corrections=CORRECTIONS[:1])
    day = datetime(2027, 1, 9, 12, tzinfo=TOKYO)
    studies.send(
        study,
        [
            studies.event("enrolled", "aki", day),
            of_app("story_viewed", "aki", day),
            of_app("story_viewed", "aki", datetime(2027, 2, 9, tzinfo=TOKYO)),
        ],
    )
    line = (
        "clock corrected: u2plus.app +9h from 2026-12-31 15:00:00+09:00 until "
        "2027-01-15 15:00:00+09:00; 1 events"
    )
    lines: list[str] = []
    built = panels.build(study, say=lines.append)
    assert line in lines
    show_status(read_status(study), as_json=False)
    assert line in capsys.readouterr().out.replace("\n", " ")
    show_status(read_status(study), as_json=True)
    assert json.loads(capsys.readouterr().out)["clocks"][0]["events"] == 1
    analysis = analyse_study(study, built)
    stated = {
        "source": "u2plus.app",
        "from": "2026-12-31T15:00:00+09:00",
        "until": "2027-01-15T15:00:00+09:00",
        "shift": "+9h",
    }
    assert analysis.manifest["clock_corrections"] == [stated]
    codebook = build_codebook(study.folder, analysis.panel).set_index("column")
    assert codebook.loc["story_count", "source"] == "events, clocks corrected"
    report = ReportInput(
        study.folder,
        built.by_window,
        analysis.results.estimates,
        analysis.results.tests,
        analysis.reliability,
        analysis.manifest,
    )
    shown = facts(report).exact.set_index("fact")["value"]
    assert shown["clock corrections"] == ", ".join(
        f"{name} {value}" for name, value in stated.items()
    )


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (
            "u2plus.ap",
            "no event has the source 'u2plus.ap'; did you mean 'u2plus.app'?",
        ),
        (
            "u2plus.app",
            "no event of 'u2plus.app' has a time from 'from' until 'until'; write the "
            "times as they were recorded, or remove the entry",
        ),
    ],
)
def test_a_correction_of_nothing(workspace: Make, source: str, says: str) -> None:
    """The place in the study file, and what may be meant, at `status` and `panel`."""
    study = workspace(clock_corrections=[{**CORRECTIONS[0], "source": source}])
    at = datetime(2027, 3, 1, tzinfo=TOKYO)
    studies.send(
        study,
        [studies.event("enrolled", "aki", at), of_app("story_viewed", "aki", at)],
    )
    line = f"study.yaml: clock_corrections, entry 1: {says}"
    lines: list[str] = []
    panels.build(study, say=lines.append)
    assert line in lines
    assert [clock.line for clock in read_status(study).clocks] == [line]


def test_a_letter_may_be_of_either_clock(workspace: Make) -> None:
    """Its source is not kept: both days are unknown, and it is counted once."""
    study = workspace(clock_corrections=CORRECTIONS[:1])
    at = datetime(2027, 1, 8, 20, tzinfo=TOKYO)
    studies.send(
        study,
        [
            studies.event("enrolled", "aki", at - timedelta(days=20)),
            of_app("reaction_given", "aki", at, data={"note": "?"}),
        ],
    )
    snapshot = panels.Snapshot(study, study.clock() + timedelta(hours=1))
    summary = snapshot.coverage_summary
    assert (summary.dead_letters, summary.letter_days) == (1, 2)
    times = {unknown.time[1:3] for unknown in snapshot.statements.unknown}
    midnights = [datetime(2027, 1, day, tzinfo=TOKYO) for day in (8, 9, 10)]
    assert times == {(midnights[0], midnights[1]), (midnights[1], midnights[2])}
