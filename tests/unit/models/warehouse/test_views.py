"""The views that readers query: typed, commented, and without what must not be seen."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from panelstream.flows import panels
from panelstream.flows.workspace import Workspace
from panelstream.models.errors import FileError
from panelstream.models.events import catalogue
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.load import load_study
from panelstream.models.warehouse import views
from panelstream.models.warehouse.definitions import create_views
from panelstream.models.warehouse.store import Store
from tests.lib import studies
from tests.lib.studies import Answer

FORUM = """\
catalogue: forum
namespace: forum
sources: [u2plus]
functions: [post]
types:
  forum.posted:
    function: post
    data:
      topic: {kind: slug, comment: What it's about}
      mood: {kind: one_of, choices: [good, not so good], required: false}
      words: {kind: integer, low: 0, comment: Length in words}
      pinned: {kind: boolean, required: false}
      tags: {kind: slugs, required: false}
      planned_for: {kind: instant, required: false}
  forum.answered:
    function: post
    data:
      words: {kind: integer}
views:
  post_events: {types: [forum.posted], comment: "Posts; one row each"}
  word_events: {types: [forum.posted, forum.answered], comment: Anything written}
"""
AT = datetime(2027, 1, 11, 3, tzinfo=UTC)


def forum(folder: Path, text: str = FORUM) -> catalogue.Catalogue:
    """The forum's catalogue."""
    (folder / "forum.yaml").write_text(text, encoding="utf-8")
    return catalogue.find_catalogue("forum.yaml", folder)


def forum_study(folder: Path) -> StudyFolder:
    """The base study on the forum."""
    exposure = {"window": {"lookback": 7}, "functions": ["post"]}
    changes = {"catalogue": "forum.yaml", "exposure": exposure}
    studies.write(folder, studies.with_base(**changes))
    forum(folder)
    return load_study(folder)


def rows(store: Store, sql: str) -> list[dict[str, Any]]:
    """What a reader gets."""
    result: list[dict[str, Any]] = store._client.query_arrow(
        sql, use_strings=True
    ).to_pylist()
    return result


def test_everything_says_what_it_is(store: Store) -> None:
    """Each table, each view and each of their columns has a comment in the engine."""
    for kind in ("SELECT name FROM system.tables", "SELECT * FROM system.columns"):
        silent = " WHERE database = currentDatabase() AND comment = ''"
        assert rows(store, kind + silent) == []
    kinds = "SELECT engine = 'View' AS view, count() AS n FROM system.tables"
    here = " WHERE database = currentDatabase() GROUP BY view ORDER BY view"
    tables, shown = rows(store, kinds + here)
    assert min(tables["n"], shown["n"]) >= 9


def test_views_of_an_empty_warehouse(store: Store) -> None:
    """Every view that readers are given can be read before anything is there."""
    named = rows(
        store,
        "SELECT name FROM system.tables"
        " WHERE engine = 'View' AND database = currentDatabase()",
    )
    for name in (row["name"] for row in named):
        at = "(as_of = '2027-01-11 00:00:00')" if name.endswith("_as_of") else ""
        assert rows(store, f"SELECT * FROM {name}{at}") == []  # noqa: S608 - our own names


def test_types_of_fields(tmp_path: Path, store: Store) -> None:
    """A field's kind decides the column's type; what may be absent may be null."""
    create_views(store, views.view_statements(forum_study(tmp_path)))
    told = rows(
        store,
        "SELECT name, type, comment FROM system.columns WHERE table = 'post_events'"
        " AND database = currentDatabase() ORDER BY position",
    )
    fields = [tuple(row.values()) for row in told[7:]]
    assert [row["name"] for row in told[:3]] == [
        "participant_id",
        "event_type",
        "occurred_at",
    ]
    assert fields == [
        ("topic", "LowCardinality(String)", "What it's about: a short name"),
        (
            "mood",
            "LowCardinality(Nullable(String))",
            "Field mood: one of good, not so good; null: not given",
        ),
        ("words", "Int64", "Length in words: a whole number"),
        ("pinned", "Nullable(Bool)", "Field pinned: true or false; null: not given"),
        ("tags", "Array(String)", "Field tags: short names"),
        (
            "planned_for",
            "Nullable(DateTime64(6, 'UTC'))",
            "Field planned_for: an instant, UTC; null: not given",
        ),
    ]
    [view] = rows(store, "SELECT comment FROM system.tables WHERE name = 'post_events'")
    assert view == {"comment": "Posts; one row each"}


def test_values_of_fields(
    tmp_path: Path, store: Store, workspace: Callable[..., Workspace]
) -> None:
    """Values come out as they were sent; what was not sent, as null."""
    (tmp_path / "study").mkdir()
    forum(tmp_path / "study")
    study = workspace(
        catalogue="forum.yaml",
        exposure={"window": {"lookback": 7}, "functions": ["post"]},
    )
    create_views(store, views.view_statements(study.folder))
    full = {
        "topic": "sleep",
        "mood": "not so good",
        "words": 2**53,
        "pinned": False,
        "tags": ["a", "b"],
        "planned_for": "2027-02-01T09:00:00.5+09:00",
    }
    studies.send(
        study,
        [
            _event("forum.posted", 1, full),
            _event("forum.posted", 2, {"topic": "work", "words": 0}),
            _event("forum.answered", 3, {"words": -4}),
            studies.event("enrolled", "aki", AT),
        ],
    )
    panels.build(study)
    fields = "topic, mood, words, pinned, tags, planned_for"
    posted = rows(store, f"SELECT {fields} FROM post_events ORDER BY id")  # noqa: S608 - our own names
    at = datetime(2027, 2, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    nothing: dict[str, Any] = {
        "mood": None,
        "pinned": None,
        "tags": [],
        "planned_for": None,
    }
    assert posted == [
        {**full, "planned_for": at},
        {"topic": "work", "words": 0, **nothing},
    ]
    written = rows(
        store, "SELECT event_type, topic, words FROM word_events ORDER BY id"
    )
    assert [tuple(row.values()) for row in written] == [
        ("forum.posted", "sleep", 2**53),
        ("forum.posted", "work", 0),
        ("forum.answered", None, -4),
    ]


def _event(kind: str, number: int, data: Mapping[str, Any]) -> dict[str, Any]:
    event = studies.event(kind, "aki", AT, id=f"{number}", data=dict(data))
    return {**event, "type": kind}


def test_nothing_is_seen_from_the_day_of_a_withdrawal(
    store: Store, workspace: Callable[..., Workspace]
) -> None:
    """Acts and answers of that study-local day and later are left out, whether or not
    they arrived before it; a withdrawal from contact hides nothing."""
    study = workspace()
    hours = [datetime(2027, 1, 11, hour, tzinfo=UTC) for hour in (14, 15, 20)]
    for who in ("aki", "ben"):
        studies.send(study, [studies.event("story_viewed", who, at) for at in hours])
        studies.send(study, [studies.event("enrolled", who, hours[0])])
        studies.answer(study, [Answer(who, 1, hours[0]), Answer(who, 2, hours[1])])
    panels.build(study)
    for who, level in (("aki", "collection"), ("ben", "contact")):
        at = datetime(2027, 1, 11, 18, tzinfo=UTC)
        data = {"level": level}
        studies.send(study, [studies.event("consent_withdrawn", who, at, data=data)])
    names = {
        study.pseudonyms.participant_id(entry).hex(): entry for entry in ("aki", "ben")
    }

    def counted(sql: str) -> dict[str, Any]:
        result = rows(store, f"SELECT participant_id, {sql} GROUP BY participant_id")
        return {names[row["participant_id"]]: row["n"] for row in result}

    assert counted("count() AS n FROM operator_events") == {"aki": 1, "ben": 3}
    assert counted("count() AS n FROM story_events") == {"aki": 1, "ben": 3}
    assert counted("sum(event_count) AS n FROM operator_daily_use") == {
        "aki": 1,
        "ben": 3,
    }
    assert counted("any(event_count) AS n FROM operator_participants") == {
        "aki": 1,
        "ben": 3,
    }
    assert counted("uniqExact(wave) AS n FROM operator_answers") == {"aki": 1, "ben": 2}
    [gone] = rows(store, "SELECT * FROM operator_withdrawals")
    assert (names[gone["participant_id"]], gone["withdrawn_on"]) == (
        "aki",
        date(2027, 1, 12),
    )


def test_days_are_those_of_the_study(
    store: Store, workspace: Callable[..., Workspace]
) -> None:
    """Midnight in Tokyo, 15:00 UTC, parts the days of the views."""
    study = workspace()
    minutes = [datetime(2027, 1, 11, 14, 59, tzinfo=UTC), AT.replace(hour=15)]
    studies.send(study, [studies.event("story_viewed", "aki", at) for at in minutes])
    studies.send(study, [studies.event("enrolled", "aki", AT)])
    panels.build(study)
    days = [date(2027, 1, 11), date(2027, 1, 12)]
    used = rows(store, "SELECT used_on FROM operator_daily_use ORDER BY used_on")
    acted = rows(store, "SELECT occurred_on FROM story_events ORDER BY occurred_on")
    assert [row["used_on"] for row in used] == days
    assert [row["occurred_on"] for row in acted] == days


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("types: [forum.posted],", "types: [forum.post],", 20, "'forum.posted'?"),
        ("post_events:", "posts:", 20, "call it <something>_events"),
        ("post_events:", "operator_events:", 20, "call it <something>_events"),
        ("post_events:", "a; drop_events:", 20, "call it <something>_events"),
        ("topic: {kind: slug", "source: {kind: slug", 20, "'source' of forum.posted"),
        ("topic: {kind: slug", "Die Art: {kind: slug", 20, "rename the field"),
        ('"Posts; one row each"', '""', 20, "comment"),
        ("types: [forum.posted],", "types: [],", 20, "types"),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    """Each mistake in `views` is answered with its line and a remedy."""
    assert FORUM.count(old) == 1
    with pytest.raises(FileError) as caught:
        forum(tmp_path, FORUM.replace(old, new))
    assert says in caught.value.problem
    assert caught.value.place == str(line)


def in_zone(folder: StudyFolder, timezone: str) -> StudyFolder:
    """The study with the days of another time zone."""
    study = folder.study.model_copy(update={"timezone": timezone})
    return replace(folder, study=study)


def test_views_are_made_anew_only_where_they_changed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise every command would take them away from those who read meanwhile."""
    shipped, run = studies.base_folder(), store.execute_sql
    ran: list[str] = []

    def record(sql: str, *parameters: Mapping[str, Any]) -> None:
        ran.append(sql)
        run(sql, *parameters)

    monkeypatch.setattr(store, "execute_sql", record)

    def made(timezone: str) -> int:
        ran.clear()
        create_views(store, views.view_statements(in_zone(shipped, timezone)))
        return len(ran)

    zones = ["Europe/Berlin", "Europe/Berlin", "Asia/Tokyo", "Europe/Berlin"]
    counts = [made(zone) for zone in [*zones, "Asia/Tokyo"]]
    every = len(views.view_statements(shipped))
    assert counts == [every, 0, every, every, every]


@pytest.mark.parametrize(
    ("view", "table"),
    [
        ("dim_item", "instrument_items"),
        ("dim_wave", "study_waves"),
        ("coverage", "coverage_intervals"),
        ("coverage_of_people", "person_coverage_intervals"),
        ("fact_exposure", "exposure_facts"),
    ],
)
def test_views_have_the_columns_of_their_tables(
    view: str, table: str, workspace: Callable[..., Workspace]
) -> None:
    """A column that a table has and its view has not would never be seen, or the reverse.

    The types are the same but for the participant, whom the view shows as text.
    """
    study = workspace()
    create_views(study.store, views.view_statements(study.folder))

    def columns(name: str) -> set[tuple[str, str]]:
        sql = (
            "SELECT name, type FROM system.columns"  # noqa: S608 - our own names
            f" WHERE database = currentDatabase() AND table = '{name}' AND name != 'build'"
        )
        return {
            (row["name"], "" if row["name"] == "participant_id" else row["type"])
            for row in rows(study.store, sql)
        }

    assert columns(view) == columns(table)
