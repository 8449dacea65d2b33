"""The statements for a cluster: they parse, none is forgotten, and two shards agree."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from panelstream.flows import panels
from panelstream.flows.workspace import Workspace
from panelstream.models.errors import PanelstreamError
from panelstream.models.warehouse import cluster, views
from panelstream.models.warehouse.cluster import Cluster, sharding
from panelstream.models.warehouse.definitions import apply_migrations, create_views
from panelstream.models.warehouse.open_letters import list_open_letters
from panelstream.models.warehouse.statements import (
    SQL,
    with_relations,
    without_merges,
)
from panelstream.models.warehouse.store import Store
from tests.lib import studies
from tests.lib.shards import SHARDS, Sharded
from tests.lib.studies import Answer, HandClock

MIGRATIONS = [path.read_text() for path in sorted(SQL.glob("migrations/*.sql"))]
CLUSTER = Cluster("c", "panel", sharding(MIGRATIONS))
FILES = sorted(path.relative_to(SQL) for path in SQL.rglob("*.sql"))
FRAGMENTS = "relations"
"""The folder of what stands at the beginning of other queries."""

OVER_RELATIONS = ("measures", "queries/taken_back.sql")
_PARAMETER = re.compile(r"\{\w+:[^}]+\}")
AT = datetime(2027, 1, 5, 3, tzinfo=UTC)


def text(path: Path) -> str:
    """A file's statement, as the store sends it where nobody is merged."""
    read = without_merges((SQL / path).read_text())
    if str(path).startswith(OVER_RELATIONS):
        return without_merges(with_relations(read))
    return read


def statements() -> Iterator[tuple[str, str]]:
    """Every statement of every file, and of every view, for the cluster."""
    for path in FILES:
        if path.parts[0] not in (FRAGMENTS, "views"):
            for one in CLUSTER.statements(text(path)):
                yield str(path), one
    for view in views.view_statements(studies.base_folder()):
        for one in CLUSTER.statements(view):
            yield "views", one


def test_every_statement_parses(store: Store) -> None:
    """The engine's own parser takes each statement of each file."""
    seen = set()
    for name, statement in statements():
        plain = _PARAMETER.sub("1", statement)
        assert store._client.query(f"EXPLAIN AST {plain}").row_count > 0, name
        seen.add(name)
    there = {str(p) for p in FILES if p.parts[0] not in (FRAGMENTS, "views")}
    assert seen == there | {"views"}


def test_every_setting_is_one_of_the_engine(store: Store) -> None:
    """A setting with a name that no server knows would be refused."""
    names = ", ".join(f"'{name}'" for name in cluster.CLUSTER_SETTINGS)
    result = store._client.query(
        f"SELECT name FROM system.settings WHERE name IN ({names})"  # noqa: S608 - our own names
    )
    assert result.row_count == len(cluster.CLUSTER_SETTINGS) > 5


def test_what_changes_a_table_does_so_everywhere() -> None:
    """No table or view is made or changed on one server only, none is not replicated."""
    for name, statement in statements():
        if re.match(r"create|alter|delete", statement):
            assert " on cluster 'c'" in statement, name
        if statement.startswith("create table"):
            assert re.search(
                r"engine = (Replicated\w*MergeTree|Distributed)\(", statement
            )


def test_participants_stay_on_their_shard() -> None:
    """Every query that names them runs as a whole on each shard, over local tables.

    But for one that reads a view of what was known at an instant, or a table that is
    sharded by something else: that has all shards.
    """
    about = [
        one
        for name, one in statements()
        if _asks(name)
        and "participant" in one
        and not _is_of_views(one)
        and not re.search(rf"\b(from|join) ({_sharded_otherwise()})\b", one)
    ]
    assert len(about) >= 11
    for one in about:
        assert one.startswith("select *\nfrom cluster('c', view(\n")
        assert not re.search(r"(from|join) (events|responses|exposure_windows)\b", one)


def test_what_was_known_is_asked_of_all_shards_once() -> None:
    """A view of it reads all shards: each of them would give the same rows again."""
    asked = [one for name, one in statements() if _asks(name) and _is_of_views(one)]
    assert len(asked) >= 6
    assert not any("cluster('c'" in one or "_local" in one for one in asked)


def _sharded_otherwise() -> str:
    """Tables whose rows do not lie with their participant, as a pattern."""
    return "|".join(
        table for table, key in CLUSTER.keys.items() if key != cluster.BY_PARTICIPANT
    )


def _is_of_views(statement: str) -> bool:
    return "_as_of(" in statement


def _asks(name: str) -> bool:
    return name.startswith(("queries", "measures"))


def test_other_queries_look_up_what_all_shards_hold() -> None:
    """A plain IN or JOIN would look at one shard's rows."""
    for name, one in statements():
        if "cluster('c', view(" not in one and not one.startswith("delete"):
            plain = re.search(r"(?<!global )\b(not in|in|left join) *\(\s*select", one)
            assert not plain or one[plain.start() - 4 :].startswith("not in"), name


def test_tables_are_sharded_by_participant_or_key() -> None:
    """Those that have participants by them; of the others the same rows meet."""
    by_participant = {
        table for table, key in CLUSTER.keys.items() if key == cluster.BY_PARTICIPANT
    }
    assert by_participant == {
        "events",
        "event_conflicts",
        "responses",
        "exposure_windows",
        "exposure_facts",
        "study_participants",
        "panel_rows",
        "person_coverage_intervals",
        "roster",
        "similar_ids",
        "readings",
    }
    assert CLUSTER.keys["dead_letters"] == CLUSTER.keys["dead_letter_resolutions"]
    assert CLUSTER.keys["arrivals"] == CLUSTER.keys["completions"]


def test_a_table() -> None:
    """A replicated table on each shard, and one over all of them under its name."""
    assert CLUSTER.statements((SQL / "migrations/012_completions.sql").read_text()) == [
        "create table if not exists panel.completions_local on cluster 'c' (\n"
        "    recorded_at DateTime64(6, 'UTC') comment 'Same as in arrivals; written"
        " after the last row of the batch'\n"
        ")\n"
        "engine = ReplicatedMergeTree('/clickhouse/tables/{shard}/panel/completions',"
        " '{replica}')\n"
        "order by recorded_at\n"
        "comment 'Batches that are here as a whole; one in arrivals that is not may"
        " still be running'",
        "create table if not exists panel.completions on cluster 'c'\n"
        "as panel.completions_local\n"
        "engine = Distributed('c', 'panel', 'completions_local',"
        " cityHash64(recorded_at))\n"
        "comment 'Batches that are here as a whole; one in arrivals that is not may"
        " still be running'",
    ]


def test_a_deletion() -> None:
    """Each shard deletes its own rows, by what it has set apart itself."""
    [made] = CLUSTER.statements(
        "-- Why.\ndelete from events\nwhere id in (select id from event_conflicts)\n"
    )
    assert made == (
        "delete from panel.events_local on cluster 'c'\n"
        "where id in (select id from panel.event_conflicts_local as event_conflicts)"
    )


def test_a_query_about_participants() -> None:
    """Each shard answers for its own; the answers are put in order together."""
    [made] = CLUSTER.statements(
        "select participant_id, count() as n\nfrom events as e final\n"
        "left join responses on true\ngroup by participant_id\norder by n\n"
        "settings max_threads = 1\n"
    )
    assert made == (
        "select *\nfrom cluster('c', view(\n"
        "select participant_id, count() as n\nfrom panel.events_local as e final\n"
        "left join panel.responses_local as responses on true\n"
        "group by participant_id\nsettings max_threads = 1\n))\norder by n"
    )


def test_a_conflict_is_looked_for_on_all_shards() -> None:
    """Of one identity two participants may have been sent."""
    [made] = CLUSTER.statements(
        "insert into event_conflicts (id)\nselect id\nfrom events final\n"
        "where id in (\n    select id from events\n)\n"
    )
    assert made == (
        "insert into event_conflicts (id)\nselect id\nfrom events final\n"
        "where id global in (\n    select id from events\n)"
    )


@pytest.mark.parametrize(
    "statement", ["rename table a to b", "create table a as b", "delete whatever"]
)
def test_what_is_not_known(statement: str) -> None:
    """A statement of a new kind is refused, rather than sent as it is."""
    with pytest.raises(PanelstreamError, match="on a cluster"):
        CLUSTER.statements(statement)


def test_without_a_cluster_nothing_changes(store: Store) -> None:
    """Every statement is sent as its file has it."""
    for path in FILES:
        read = (SQL / path).read_text()
        assert store._statements(read) == [read]


@pytest.fixture
def sharded(warehouse: str, clock: HandClock) -> Iterator[Sharded]:
    """An empty warehouse on two shards."""
    made = Sharded(warehouse, clock)
    apply_migrations(made)
    create_views(made, views.view_statements(studies.base_folder()))
    yield made
    made.close()


def test_two_shards_give_what_one_server_gives(
    workspace: Callable[..., Workspace], sharded: Sharded, clock: HandClock
) -> None:
    """Panel, counts and views, with repetitions, and conflicts between people of two
    shards; the past too, and again after a second settling."""
    single = workspace(
        consent={
            "required": ["survey", "telemetry"],
            "telemetry_from": "retrospective",
        },
        enrolment="activity",
        exposure={
            "window": {"lookback": 7},
            "functions": ["story", "reaction"],
            "measures": ["sessions", "breadth", "dose_to_date"],
        },
    )
    double = studies.open_in(single.folder.path, sharded, clock)
    listed, frames = [], []
    for made in (single, double):
        clock.now = studies.START
        studies.send(made, _events())
        studies.answer(
            made, [Answer(person, 1, AT + timedelta(days=7)) for person in PEOPLE]
        )
        first = panels.build(made)
        clock.now += timedelta(hours=1)
        studies.send(made, [*_events(minute=1), {"id": "rejected"}])
        last = panels.build(made)
        past = panels.build(made, first.as_of)
        [counts] = made.store.query("arrival_counts", as_of=clock.now).to_pylist()
        letters = list_open_letters(made.store)
        shown = [_seen(made.store, view) for view in VIEWS]
        listed.append((counts, letters, shown))
        built = (first, last, past)
        frames.append([next(iter(panels.by_window.values())) for panels in built])
    assert listed[0] == listed[1]
    assert listed[0][0]["conflicting"] >= 6
    for frame, sharded_frame in zip(*frames, strict=True):
        pd.testing.assert_frame_equal(frame, sharded_frame)
    assert frames[0][0]["story_count"].sum() > 0
    for shard in SHARDS:
        count = f"SELECT count() FROM {shard}.events_local FINAL"  # noqa: S608 - our own names
        [[events]] = sharded._client.query(count).result_rows
        assert events > 3


PEOPLE = ("aki", "ben", "chie", "dai", "emi", "fumi")
VIEWS = (
    "operator_events",
    "operator_daily_use",
    "operator_participants",
    "operator_answers",
    "coverage",
    "fact_exposure",
)


def _seen(store: Store, view: str) -> list[dict[str, object]]:
    """What a reader sees, but for what every warehouse calls its own."""
    result = store._client.query_arrow(f"SELECT * FROM {view} ORDER BY ALL")  # noqa: S608 - our own names
    rows: list[dict[str, object]] = result.to_pylist()
    return rows


def _events(minute: int = 0) -> list[dict[str, object]]:
    """Use of everybody; in minute 1 all of it again, and each id for somebody else."""
    at = AT + timedelta(minutes=minute)
    made = []
    for number, who in enumerate(PEOPLE):
        made.append(studies.event("consent_given", who, AT))
        for day in range(number + 1):
            then = AT + timedelta(days=day)
            made.append(studies.event("story_viewed", who, then))
        name = PEOPLE[(number + minute) % len(PEOPLE)]
        made.append(studies.event("reaction_given", name, at, id=f"r{number}"))
    return made
