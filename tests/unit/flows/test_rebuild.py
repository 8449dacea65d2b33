"""What is derived and kept: written with each panel, rebuilt, never half seen."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from panelstream.flows import panels
from panelstream.flows.rebuild import rebuild_projections
from panelstream.flows.workspace import Workspace
from panelstream.models.errors import PanelstreamError, UsageError
from panelstream.models.warehouse import projections
from panelstream.models.warehouse.projections import Basis, Build
from panelstream.models.warehouse.store import Store
from tests.lib import studies
from tests.lib.studies import Answer, HandClock

WAVES = [
    {"wave": 1, "opens_on": "2027-01-11", "closes_on": "2027-01-17"},
    {"wave": 2, "opens_on": "2027-02-08", "closes_on": "2027-02-14"},
]
OUTAGE = {
    "from": "2027-02-03T00:00+09:00",
    "to": "2027-02-04T00:00+09:00",
    "functions": ["story"],
    "handling": "prorate",
}
LATER = {"lookback": 14}
Make = Callable[..., Workspace]


class Broken(Exception):
    """The rebuild is broken off."""


@pytest.fixture
def made(workspace: Make) -> Workspace:
    """Two people, two waves, two windows; reactions are on record in January only."""
    study = workspace(
        waves=WAVES,
        coverage="heartbeats",
        outages=[OUTAGE],
        plan={
            "exploratory": [
                {
                    "specification": "longer",
                    "estimator": "fixed_effects",
                    "outcomes": ["mood_total"],
                    "exposures": ["story"],
                    "window": LATER,
                }
            ]
        },
    )
    studies.send(study, EVENTS)
    studies.answer(study, [Answer("aki", 1, at("2027-01-12T03:00"))])
    return study


def at(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def beat(function: str, until: str) -> Mapping[str, Any]:
    """The log of a function is whole from New Year in Tokyo."""
    data = {"functions": [function], "from": "2026-12-31T15:00:00Z", "to": until}
    return studies.event("heartbeat", None, at("2027-03-01"), id=function, data=data)


EVENTS = [
    *(studies.event("enrolled", who, at("2026-12-01")) for who in ("aki", "ben")),
    *(studies.event("story_viewed", "aki", at(f"2027-02-0{day}")) for day in (2, 5, 6)),
    studies.event("story_viewed", "aki", at("2027-02-06T01:00")),
    studies.event("reaction_given", "aki", at("2027-01-10")),
    beat("story", "2027-02-28T15:00:00Z"),
    beat("reaction", "2027-01-31T15:00:00Z"),
]


def rows(store: Store, relation: str, where: str = "1") -> list[dict[str, Any]]:
    """What a reader sees, in order."""
    result = store._client.query_arrow(
        f"SELECT * FROM {relation} WHERE {where} ORDER BY ALL",  # noqa: S608 - our own names
        use_strings=True,
    )
    listed: list[dict[str, Any]] = result.to_pylist()
    return listed


def stored(store: Store) -> dict[str, int]:
    """How many rows the tables beneath hold."""
    tables = [*projections.TABLES.values(), "projection_builds", "projection_chunks"]
    return {
        table: store._client.query_df(f"SELECT 1 FROM {table} FINAL").shape[0]  # noqa: S608 - our own names
        for table in tables
    }


def test_measured_use_by_function(made: Workspace) -> None:
    """The cells of the panel, one row each; null where the log does not cover them."""
    panels.build(made)
    aki = made.pseudonyms.participant_id("aki").hex()
    columns = ("observed_days", "event_count", "active_days", "frequency")
    result = {
        (row["window"], row["wave"], row["function"]): [row[name] for name in columns]
        for row in rows(made.store, "fact_exposure", f"participant_id = '{aki}'")
    }
    # Wave 2 opens on 8 February: seven days are from the 1st, and one of them is lost.
    assert result == {
        ("lookback_7", 1, "story"): [7, 0, 0, 0],
        ("lookback_7", 1, "reaction"): [7, 1, 1, 3],
        ("lookback_7", 2, "story"): [6, 4 * 7 / 6, 3 * 7 / 6, 4],
        ("lookback_7", 2, "reaction"): [0, None, None, None],
        ("lookback_14", 1, "story"): [11, None, None, None],
        ("lookback_14", 1, "reaction"): [11, None, None, None],
        ("lookback_14", 2, "story"): [13, 4 * 14 / 13, 3 * 14 / 13, 3],
        ("lookback_14", 2, "reaction"): [7, None, None, None],
    }


def test_coverage(made: Workspace) -> None:
    """Heartbeats, less outages."""
    built = panels.build(made)
    result = rows(made.store, "coverage")
    spans = [(r["function"], r["covered_from"], r["covered_until"]) for r in result]
    assert spans == [
        ("reaction", at("2026-12-31T15:00"), at("2027-01-31T15:00")),
        ("story", at("2026-12-31T15:00"), at("2027-02-02T15:00")),
        ("story", at("2027-02-03T15:00"), at("2027-02-28T15:00")),
    ]
    assert {row["as_of"] for row in result} == {built.as_of}
    assert {row["study_version"] for row in result} == {made.folder.version}


def test_a_second_panel_writes_nothing(made: Workspace, clock: HandClock) -> None:
    """Nor do later ones pile up: what is superseded goes."""
    panels.build(made)
    before, seen = stored(made.store), rows(made.store, "projection_builds")
    panels.build(made)
    assert rows(made.store, "projection_builds") == seen
    clock.now += timedelta(hours=1)
    studies.send(made, [studies.event("story_viewed", "ben", at("2027-02-05"))])
    panels.build(made)
    assert stored(made.store) == before
    assert rows(made.store, "projection_builds") != seen


def test_a_panel_of_the_past_changes_nothing_for_readers(
    made: Workspace, clock: HandClock
) -> None:
    """Readers keep the newest; the windows of the past are not kept."""
    past = panels.build(made).as_of
    clock.now += timedelta(hours=1)
    studies.send(made, [studies.event("story_viewed", "ben", at("2027-02-05"))])
    panels.build(made)
    before, seen = stored(made.store), rows(made.store, "fact_exposure")
    assert panels.build(made, past).as_of == past
    assert rows(made.store, "fact_exposure") == seen
    assert stored(made.store) == before


def test_rebuilding_changes_nothing(made: Workspace) -> None:
    """Panel, measured use and coverage are what they were, and no row is left over:
    of all projections at once, and of each by itself."""
    before, held = panels.build(made), stored(made.store)
    seen = [rows(made.store, view) for view in ("fact_exposure", "coverage")]
    for name in (None, *projections.TABLES):
        old = {row["build"] for row in rows(made.store, "projection_builds")}
        built = rebuild_projections(made, name)
        names = [name] if name else list(projections.TABLES)
        assert [entry.projection for entry in built] == names
        assert old.isdisjoint(entry.name for entry in built), name
        views = [rows(made.store, view) for view in ("fact_exposure", "coverage")]
        assert views == seen, name
        assert stored(made.store) == held, name
        if name in (None, projections.WINDOWS, projections.COVERAGE):
            assert_same(panels.build(made), before)
    assert_same(panels.build(made), before)


def test_rebuilding_what_was_never_built(made: Workspace) -> None:
    """The same as what a panel leaves."""
    rebuild_projections(made)
    left = [rows(made.store, view) for view in ("fact_exposure", "coverage")]
    held = stored(made.store)
    panels.build(made)
    assert [rows(made.store, view) for view in ("fact_exposure", "coverage")] == left
    assert stored(made.store) == held


def test_readers_keep_the_old_while_it_is_rebuilt(made: Workspace) -> None:
    """After each chunk that is written they see all that they saw, once."""
    panels.build(made)
    seen = [rows(made.store, view) for view in ("fact_exposure", "coverage")]
    looks = []

    def look(done: int, total: int) -> None:
        looks.append((done, total))
        views = [rows(made.store, view) for view in ("fact_exposure", "coverage")]
        assert views == seen

    rebuild_projections(made, progress=look)
    # Windows, functions for everybody and for single people, windows × waves, people,
    # waves of the panel, items, the list of waves.
    total = 2 + 2 + 2 + 2 * 2 + 1 + 2 + 1 + 1
    assert looks == [(number, total) for number in range(1, total + 1)]


@pytest.mark.parametrize("chunks", [1, 2, 6, 8])
def test_a_rebuild_that_is_broken_off(made: Workspace, chunks: int) -> None:
    """The next one goes on after the last chunk, as of the same instant, whatever has
    arrived since; meanwhile readers and panels are what they were."""
    before = panels.build(made)
    seen = rows(made.store, "fact_exposure")

    def break_off(done: int, total: int) -> None:
        if done == chunks:
            raise Broken

    with pytest.raises(Broken):
        rebuild_projections(made, progress=break_off)
    written = rows(made.store, "projection_chunks")
    assert rows(made.store, "fact_exposure") == seen
    studies.send(made, [studies.event("story_viewed", "ben", at("2027-02-05"))])
    rebuild_projections(made)
    assert rows(made.store, "fact_exposure") == seen
    kept = {row["build"] for row in rows(made.store, "projection_builds")}
    still = [row for row in written if row["build"] in kept]
    assert all(row in rows(made.store, "projection_chunks") for row in still)
    assert_same(panels.build(made, before.as_of), before)


def test_an_unknown_projection(made: Workspace) -> None:
    """The known ones are named."""
    with pytest.raises(UsageError, match="known: exposure_windows, coverage, cov"):
        rebuild_projections(made, "exposure")


def test_windows_that_are_gone(made: Workspace) -> None:
    """Somebody emptied the table: told, not counted as unknown; a rebuild mends it."""
    before = panels.build(made)
    made.store._client.command("TRUNCATE TABLE exposure_windows")
    with pytest.raises(PanelstreamError, match="panelstream rebuild"):
        panels.build(made)
    rebuild_projections(made, projections.WINDOWS)
    assert_same(panels.build(made), before)


def test_what_others_read_stays_for_an_hour(made: Workspace, clock: HandClock) -> None:
    """Where others may be reading the old build, it is dropped an hour later."""
    made.store.shared = True
    clock.now += timedelta(minutes=1)
    panels.build(made)
    held = stored(made.store)
    clock.now += timedelta(minutes=30)
    rebuild_projections(made)
    assert stored(made.store) == {table: 2 * n for table, n in held.items()}
    clock.now += timedelta(minutes=61)
    panels.build(made)
    assert stored(made.store) == held


def build(as_of: int, started: int, finished: int | None) -> Build:
    """A build by the hours of its instants."""
    basis = Basis("v", "c", studies.recorded_at(as_of))
    end = projections.NEVER if finished is None else studies.recorded_at(finished)
    name = f"{as_of} {started} {finished}"
    return Build("coverage", name, basis, studies.recorded_at(started), end)


@pytest.mark.parametrize(
    ("made", "dropped"),
    [
        ([], []),
        ([(1, 1, 2)], []),
        ([(1, 1, 2), (1, 3, 4)], ["1 1 2"]),
        ([(2, 1, 2), (1, 3, 4)], ["1 3 4"]),
        ([(1, 1, 2), (2, 3, 9)], []),
        ([(1, 1, 2), (2, 3, 4), (3, 5, 9)], ["1 1 2"]),
        ([(1, 1, None), (2, 3, 4)], ["1 1 None"]),
        ([(2, 1, None), (2, 3, 4)], []),
        ([(1, 4, None), (2, 3, 4)], []),
        ([(1, 1, None)], []),
    ],
)
def test_what_nobody_reads_or_writes_any_more(
    made: list[tuple[int, int, int | None]], dropped: list[str]
) -> None:
    """Finished before hour 5 and not the newest of those; or begun before hour 3, not
    finished, and knowing less."""
    old = projections.superseded_builds(
        [build(*one) for one in made], studies.recorded_at(5), studies.recorded_at(3)
    )
    assert [entry.name for entry in old] == dropped


def assert_same(one: panels.Panels, other: panels.Panels) -> None:
    """The panels of every window."""
    assert one.as_of == other.as_of
    assert list(one.by_window) == list(other.by_window)
    for window, panel in one.by_window.items():
        pd.testing.assert_frame_equal(panel, other.by_window[window])
