"""Any small study: the engine counts as the oracle does, and replay changes nothing."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from panelstream.analysis.panel import export_formats
from panelstream.flows import panels
from panelstream.flows.rebuild import rebuild_projections
from panelstream.flows.workspace import Workspace
from panelstream.models.events import catalogue
from panelstream.models.events.event import Counts
from panelstream.models.study.measures import available_measures
from panelstream.models.study.study import Window
from panelstream.models.warehouse import store as stores
from panelstream.models.warehouse.settling import settle
from panelstream.models.warehouse.store import Store
from tests.lib import studies
from tests.lib.oracle import Oracle, is_rejected
from tests.lib.studies import Answer, Arrival, HandClock

EXAMPLES = int(os.environ.get("PANELSTREAM_EXAMPLES", "10"))
PEOPLE = ("aki", "ben", "chie")
ZONES = ("Asia/Tokyo", "Europe/Berlin", "Asia/Beirut", "Australia/Lord_Howe")
"""No summer time; it begins at 02:00; at midnight; and ends, by half an hour."""

USE = ("story_viewed", "story_posted", "reaction_given", "signed_in")
SOURCES = ("u2plus", "u2plus.app")
TAKES_BACK = ("reaction_given", "reaction_withdrawn")
RARE = ("enrolled", "consent_given", "consent_withdrawn", "consent_given")

ENROLS, JOINS = ("enrolled",), ("enrolled", "consent_given")
BOTH = ["story", "reaction"]
MEASURES = available_measures(BOTH, catalogue.find_catalogue("u2plus", Path()))
SCOPES = (
    ["survey"],
    ["survey", "telemetry"],
    ["survey", "telemetry", "contact"],
    ["survey", "telemetry", "retrospective"],
)

FIRST = date(2027, 3, 15)
"""Studies lie in the four weeks from here, in which the clocks go forward."""

SUITE = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
Event = Mapping[str, Any]
Make = Callable[[Mapping[str, Any]], Workspace]

days = st.integers(0, 27).map(lambda n: FIRST + timedelta(days=n))
sources = st.sampled_from(SOURCES)
hours = st.sampled_from(
    ("00:00:00", "00:00:01", "01:30:00", "12:00:00", "23:59:59.999999")
)


@st.composite
def instants(draw: DrawFn, zone: str) -> datetime:
    """Instants that like to lie at the bounds of study-local days."""
    text = f"{draw(days)}T{draw(hours)}"
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@st.composite
def spans(draw: DrawFn, zone: str) -> dict[str, str]:
    """From and to of an outage."""
    start = draw(instants(zone))
    later = timedelta(hours=draw(st.sampled_from((1, 36, 24 * 7))))
    # In UTC: the wall clock of a zone may repeat an hour.
    end = (start.astimezone(UTC) + later).astimezone(start.tzinfo)
    return {"from": start.isoformat(), "to": end.isoformat()}


@st.composite
def corrections(draw: DrawFn, zone: str) -> list[dict[str, str]]:
    """Clocks that were wrong for a while, of one source or of two."""
    rows = []
    for source in sorted(draw(st.sets(sources, min_size=1))):
        span = draw(spans(zone))
        shift = draw(st.sampled_from(("+1h", "-1h", "+9h", "-33h")))
        row = {"source": source, "from": span["from"], "until": span["to"]}
        rows.append({**row, "shift": shift})
    return rows


@st.composite
def beats(draw: DrawFn, zone: str) -> dict[str, str]:
    """From and to of a heartbeat: often all the time there is."""
    start, end = draw(instants(zone)), draw(instants(zone))
    margin = timedelta(days=draw(st.sampled_from((0, 90, 90))))
    start, end = min(start, end) - margin, max(start, end) + margin
    return {"from": start.isoformat(), "to": end.isoformat()}


@st.composite
def waves(draw: DrawFn) -> list[dict[str, Any]]:
    """Up to four waves: calendar ones, perhaps of two rounds, or from enrolment."""
    number = draw(st.integers(1, 4))
    calendar = draw(st.sampled_from((True, True, False)))
    second = draw(st.integers(1, number))
    made, at = [], draw(st.integers(0, 12))
    for wave in range(1, number + 1):
        length = draw(st.integers(1, 5))
        opens = FIRST + timedelta(days=at)
        if calendar:
            closes = opens + timedelta(days=length - 1)
            one = {"opens_on": opens, "closes_on": closes, "round": 1 + (wave > second)}
        else:
            one = {"opens_after_days": at, "open_days": length}
        made.append({"wave": wave, **one})
        at += length + draw(st.integers(0, 9))
    return made


@st.composite
def study_files(draw: DrawFn, measures: SearchStrategy[list[str]]) -> dict[str, Any]:
    """Small studies of every kind that concerns exposure."""
    zone = draw(st.sampled_from(ZONES))
    telemetry_from = st.sampled_from(
        ("consent", "retrospective", FIRST + timedelta(days=9))
    )
    renewal = st.builds(lambda day: [{"version": 2, "from": day}], days)
    consent = st.fixed_dictionaries(
        {
            "required": st.just(["survey", "telemetry"]),
            "telemetry_from": telemetry_from,
            "renewals": st.just([]) | renewal,
        }
    )
    outage = st.builds(
        lambda span, functions, handling: {
            **span,
            "functions": functions,
            "handling": handling,
        },
        spans(zone),
        some_functions,
        st.sampled_from(("missing", "prorate")),
    )
    kinds = st.sampled_from(
        ("between_waves", "between_responses", {"lookback": 4}, {"lookback": 14})
    )
    exposure = {"window": draw(kinds), "functions": ["story", "reaction"]}
    exposure["measures"] = draw(measures)
    first = draw(st.none() | st.integers(1, 9))
    return studies.with_base(
        timezone=zone,
        consent=draw(st.just("external") | consent),
        coverage=draw(st.sampled_from(("assumed", "heartbeats"))),
        enrolment=draw(st.sampled_from(("roster", "roster", "activity"))),
        waves=draw(waves()),
        exposure=exposure | ({"first_window_days": first} if first else {}),
        outages=draw(st.lists(outage, max_size=2)),
        clock_corrections=draw(st.just([]) | corrections(zone)),
    )


all_measures = st.just(list[Any]()) | st.permutations(MEASURES)
few_measures = st.lists(st.sampled_from(MEASURES), max_size=3, unique=True)
"""Enough where a panel is only compared with itself: each comes up in some study."""

some_functions = st.sampled_from((["story"], ["reaction"], BOTH, BOTH))


@st.composite
def usage(draw: DrawFn, zone: str) -> Event:
    """Something that somebody did; enrolling and consenting are rarer than use."""
    kind = draw(st.sampled_from((*USE, *USE, *TAKES_BACK, *TAKES_BACK, *RARE)))
    at, who = draw(instants(zone)), draw(st.sampled_from(PEOPLE))
    more: dict[str, Any] = {}
    if kind in TAKES_BACK:
        words = draw(st.sampled_from(("like", "like", "great")))
        more["data"] = {"kind": words, "target": "story"}
    if kind == "consent_withdrawn":
        more["data"] = {
            "level": draw(st.sampled_from(("contact", "collection", "erase")))
        }
    if kind == "consent_given":
        scopes = st.sampled_from(SCOPES)
        more["data"] = {"version": draw(st.integers(1, 2)), "scopes": draw(scopes)}
    return studies.event(kind, who, at, source=draw(sources), **more)


@st.composite
def heartbeats(draw: DrawFn, zone: str) -> Event:
    """A stretch for which the log of some functions, or of a device, is whole."""
    data: dict[str, Any] = {"functions": draw(some_functions), **draw(beats(zone))}
    who = draw(st.sampled_from((None, None, None, *PEOPLE[:1])))
    identity = f"{who} {data['functions']} {data['from']} {data['to']}"
    at = datetime.fromisoformat(data["to"])
    return studies.event(
        "heartbeat", who, at, id=identity, source=draw(sources), data=data
    )


@st.composite
def rejections(draw: DrawFn, zone: str) -> Event:
    """What is rejected: of a field, of a type, of nobody; the type may be right later."""
    kind = draw(st.sampled_from((*USE, "unheard_of")))
    who, at = draw(st.sampled_from((*PEOPLE, None))), draw(instants(zone))
    noted = draw(st.booleans()) and kind != "signed_in"
    data = {"data": {"note": "?"}} if noted else {}
    wrong = studies.event(kind, who, at, id=f"wrong {kind} {who} {at}", **data)
    return wrong if is_rejected(wrong) else studies.event("unheard_of", who, at)


def answers(zone: str) -> SearchStrategy[Answer]:
    """A response of somebody to some wave, whenever."""
    return st.builds(
        Answer,
        st.sampled_from(PEOPLE),
        st.sampled_from((1, 1, 2, 2, 3, 4)),
        instants(zone),
        st.booleans(),
        st.integers(0, 10),
    )


@st.composite
def beginnings(draw: DrawFn, zone: str) -> list[Event]:
    """Most people enrol and consent early, so that there is something to see."""
    start = datetime.combine(FIRST, datetime.min.time(), ZoneInfo(zone))
    made: list[Event] = []
    for who in draw(st.sets(st.sampled_from(PEOPLE), min_size=2)):
        for kind in draw(st.sampled_from((ENROLS, JOINS, JOINS))):
            at = start - timedelta(days=draw(st.integers(0, 3)))
            made.append(studies.event(kind, who, at))
    return made


@st.composite
def cases(
    draw: DrawFn, measures: SearchStrategy[list[str]] = all_measures
) -> tuple[dict[str, Any], list[Event], list[Answer]]:
    """A study, events without repetitions or conflicts, and answers."""
    content = draw(study_files(measures))
    zone = content["timezone"]
    events = draw(beginnings(zone))
    events += draw(st.lists(usage(zone), min_size=12, max_size=24))
    events += draw(st.lists(heartbeats(zone), max_size=4))
    events += draw(st.lists(rejections(zone), max_size=2))
    given = draw(
        st.lists(
            answers(zone),
            min_size=2,
            max_size=9,
            unique_by=lambda item: (item.who, item.wave, item.at),
        )
    )
    return content, list({one["id"]: one for one in events}.values()), given


@st.composite
def splits(draw: DrawFn, events: list[Event], batches: int = 3) -> list[list[Event]]:
    """The events in any order, in batches, some of them sent several times."""
    again = draw(st.lists(st.sampled_from(events), max_size=6))
    parts: list[list[Event]] = [[] for _ in range(batches)]
    for entry in draw(st.permutations([*events, *again])):
        parts[draw(st.integers(0, batches - 1))].append(entry)
    return parts


@st.composite
def arrivals(
    draw: DrawFn, events: list[Event], given_answers: list[Answer]
) -> list[Arrival]:
    """Events in any order, again and with other content under their ids, and answers."""
    parts = draw(splits(events))
    for number, part in enumerate(parts[:-1]):
        known = st.lists(st.sampled_from(part), max_size=2) if part else st.just([])
        twisted = [_twisted(one, index) for index, one in enumerate(draw(known))]
        parts[draw(st.integers(number + 1, len(parts) - 1))] += twisted
    made = [Arrival(tuple(part)) for part in parts]
    made[1] = Arrival(made[1].events, tuple(given_answers))
    return made


@pytest.fixture
def make(tmp_path: Path, store: Store, clock: HandClock) -> Make:
    """A workspace of a study, on the store emptied."""

    def made(content: Mapping[str, Any]) -> Workspace:
        clock.now = studies.START
        studies.empty(store)
        return studies.open_in(studies.write(tmp_path, content), store, clock)

    return made


@SUITE
@given(data=st.data())
def test_engine_is_oracle(data: st.DataObject, make: Make, clock: HandClock) -> None:
    """Every cell that the oracle has is the engine's too, as of every arrival."""
    content, events, given_answers = data.draw(cases())
    arrived = data.draw(arrivals(events, given_answers))
    workspace = make(content)
    studies.arrive(workspace, clock, arrived)
    settle(workspace.store)
    for number in range(len(arrived)):
        panel = panels.Snapshot(workspace, studies.as_of(number)).panel(
            window_of(workspace)
        )
        assert not (panel["window_end"] > panel["responded_at"]).any()
        expected = Oracle(content, arrived, number).panel(content["exposure"]["window"])
        assert_same(studies.named(workspace, panel, PEOPLE), expected)


@settings(SUITE, max_examples=max(1, EXAMPLES // 5))
@given(data=st.data())
def test_the_past_stays(data: st.DataObject, make: Make, clock: HandClock) -> None:
    """A panel of the past keeps its bytes, whatever comes, is merged or rebuilt since."""
    content, events, given_answers = data.draw(cases(few_measures))
    arrived = data.draw(arrivals(events, given_answers))
    workspace, then = make(content), []
    for number, one in enumerate(arrived):
        studies.arrive(workspace, clock, [one], first=number)
        settle(workspace.store)
        then.append(panel_as_of(workspace, number))
    studies.merge(workspace.store)
    assert [panel_as_of(workspace, number) for number in range(len(then))] == then
    rebuild_projections(workspace)
    assert [panel_as_of(workspace, number) for number in range(len(then))] == then


def without_returned(
    workspace: Workspace, panel: pd.DataFrame, events: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """The panel but for people who both withdrew and agreed."""
    withdrew, agreed = (
        {event["subject"] for event in events if event["type"] == f"study.{kind}"}
        for kind in ("consent_withdrawn", "consent_given")
    )
    ids = [workspace.pseudonyms.participant_id(who).hex() for who in withdrew & agreed]
    return panel[~panel["participant_id"].isin(ids)].reset_index(drop=True)


@settings(SUITE, max_examples=max(1, EXAMPLES // 2))
@given(data=st.data())
def test_replay(data: st.DataObject, make: Make, clock: HandClock) -> None:
    """Order, batches and repetition of what arrives leave the panel's bytes alone.

    Not those of people who came back after a withdrawal: what of them was refused
    before that was known depends on it.
    """
    content, events, given_answers = data.draw(cases(few_measures))
    written = []
    for parts in ([events], [*data.draw(splits(events)), events]):
        workspace = make(content)
        arrivals = [Arrival(tuple(part)) for part in parts]
        arrivals[-1] = Arrival(arrivals[-1].events, tuple(given_answers))
        studies.arrive(workspace, clock, arrivals)
        panel = panels.build(workspace).by_window[window_of(workspace)]
        panel = without_returned(workspace, panel, events)
        written.append((panel, as_parquet(workspace, panel)))
    (once, bytes_once), (replayed, bytes_replayed) = written
    pd.testing.assert_frame_equal(once, replayed)
    assert bytes_once == bytes_replayed


@settings(SUITE, max_examples=max(1, EXAMPLES // 3))
@given(data=st.data())
def test_counts_add_up(
    data: st.DataObject, make: Make, clock: HandClock, warehouse: str
) -> None:
    """received = accepted + rejected + refused, accepted = stored + duplicate +
    conflicting; and of contents under one id the first recorded is stored."""
    content, events, _ = data.draw(cases(few_measures))
    parts = data.draw(splits(events))
    twisted = data.draw(st.lists(st.sampled_from(events), max_size=4))
    parts.append([_twisted(one, index) for index, one in enumerate(twisted)])
    parts += data.draw(splits(events, batches=1))
    parts[0].append({"id": "rejected", "type": "u2plus.unheard_of"})
    workspace = make(content)
    counts = Counts()
    for number, part in enumerate(parts):
        clock.now = studies.recorded_at(number)
        counts += studies.send(workspace, part) if part else Counts()
        if data.draw(st.booleans()):
            settle(workspace.store)
    settle(workspace.store)
    settle(workspace.store)
    [result] = workspace.store.query(
        "arrival_counts", as_of=workspace.store.next_instant()
    ).to_pylist()
    assert result["received"] == sum(map(len, parts)) == counts.received
    assert (result["accepted"], result["refused"]) == (counts.accepted, counts.refused)
    rejected = [one for part in parts for one in part if is_rejected(one)]
    assert result["rejected"] == len(rejected) >= 1
    assert result["duplicate"] >= 0
    assert result["accepted"] == sum(
        result[name] for name in ("stored", "duplicate", "conflicting")
    )
    with closing(stores.open_store(warehouse)) as reader:
        stored = reader.select("SELECT id, occurred_at FROM events FINAL").to_pylist()
    times = {one["id"]: datetime.fromisoformat(one["time"]) for one in events}
    assert {one["id"]: one["occurred_at"] for one in stored}.items() <= times.items()
    assert len({one["id"] for one in stored}) == len(stored) == result["stored"]


def panel_as_of(workspace: Workspace, number: int) -> bytes:
    """The panel as of an arrival, in bytes."""
    window = window_of(workspace)
    panel = panels.Snapshot(workspace, studies.as_of(number)).panel(window)
    return as_parquet(workspace, panel)


def as_parquet(workspace: Workspace, panel: pd.DataFrame) -> bytes:
    """The panel's bytes, which do not tell the as-of."""
    return export_formats.to_parquet(
        export_formats.describe_panel(workspace.folder, panel, studies.START)
    )


def window_of(workspace: Workspace) -> Window:
    """The study's own window."""
    return workspace.folder.study.exposure.window


def assert_same(panel: pd.DataFrame, expected: list[dict[str, Any]]) -> None:
    """The oracle's rows, in every column that it has."""
    assert list(zip(panel["who"], panel["wave"], strict=True)) == [
        (row["who"], row["wave"]) for row in expected
    ]
    for result, row in zip(panel.to_dict("records"), expected, strict=True):
        shown = {name: _plain(result[name]) for name in row}
        wanted = {name: _approximate(value) for name, value in row.items()}
        assert shown == wanted


def _plain(value: Any) -> Any:
    return None if pd.isna(value) else value


def _approximate(value: Any) -> Any:
    return pytest.approx(value, rel=1e-9) if isinstance(value, float) else value


def _twisted(event: Event, index: int) -> dict[str, Any]:
    """Other content under an id that was recorded before: a later day."""
    later = datetime.fromisoformat(event["time"]) + timedelta(days=index + 1)
    return {**event, "time": later.isoformat()}
