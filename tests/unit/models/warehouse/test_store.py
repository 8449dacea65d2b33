"""The warehouse: migrating, recording, settling, reading."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from panelstream.flows.workspace import Workspace
from panelstream.models.errors import (
    PanelstreamError,
    SettingError,
    Unreachable,
    UsageError,
)
from panelstream.models.warehouse import store as stores
from panelstream.models.warehouse.client import as_parameters
from panelstream.models.warehouse.settling import newest_instant, settle
from panelstream.models.warehouse.statements import read_statement
from panelstream.models.warehouse.store import Store
from panelstream.models.warehouse.study_records import record_study_version
from tests.lib import studies
from tests.lib.studies import Answer, HandClock

AT = datetime(2027, 1, 5, 3, tzinfo=UTC)
Make = Callable[..., Workspace]


def rows(store: Store, table: str) -> list[dict[str, object]]:
    """What a reader sees of a table."""
    query = f"SELECT * FROM {table} FINAL"  # noqa: S608 - our own names
    listed: list[dict[str, object]] = store._client.query_arrow(query).to_pylist()
    return listed


def counts(workspace: Workspace) -> dict[str, int]:
    """What became of everything that arrived."""
    at = workspace.store.next_instant()
    table = workspace.store.query("arrival_counts", as_of=at)
    counted: dict[str, int] = table.to_pylist()[0]
    return counted


def test_instants_increase_while_the_clock_stands(
    store: Store, clock: HandClock
) -> None:
    """Two batches never share an instant, though the clock does not move."""
    tick = timedelta(microseconds=1)
    assert store.next_instant() == clock.now
    assert store.next_instant() == clock.now + tick
    clock.now += timedelta(seconds=1)
    assert store.next_instant() == clock.now


def test_instants_increase_while_the_clock_goes_back(
    workspace: Make, store: Store, warehouse: str, clock: HandClock
) -> None:
    """The next instant follows the last one recorded, in another process too."""
    studies.send(workspace(), [studies.event("story_viewed", "aki", AT)])
    clock.now -= timedelta(days=1)
    later = stores.open_store(warehouse, clock)
    assert later.next_instant() == studies.START + timedelta(microseconds=1)
    later.close()


def test_newest_is_what_is_present(
    workspace: Make, store: Store, clock: HandClock
) -> None:
    """A batch recorded twice is as old as at first; an answer counts too."""
    study = workspace()
    assert newest_instant(store) == datetime(1970, 1, 1, tzinfo=UTC)
    for hour in range(2):
        clock.now = studies.recorded_at(hour)
        studies.send(study, [studies.event("story_viewed", "aki", AT)])
    assert newest_instant(store) == studies.recorded_at(0)
    studies.answer(study, [Answer("aki", 1, AT)])
    assert newest_instant(store) == studies.recorded_at(1) + timedelta(microseconds=1)


def test_settling_can_be_repeated(workspace: Make, store: Store) -> None:
    """Conflicts are set apart once; settling again changes nothing."""
    study = workspace()
    for minute in (0, 1, 2):
        at = AT + timedelta(minutes=minute)
        studies.send(study, [studies.event("story_viewed", "aki", at, id="e")])
    settle(store)
    first = rows(store, "events"), rows(store, "event_conflicts")
    assert [row["occurred_at"] for row in first[0]] == [AT]
    assert len(first[1]) == 2
    settle(store)
    assert (rows(store, "events"), rows(store, "event_conflicts")) == first
    assert counts(study)["conflicting"] == 2


def test_settling_after_an_interruption(workspace: Make, store: Store) -> None:
    """Stopped after the conflicts were copied, the next settling ends the work."""
    study = workspace()
    for minute in (0, 1):
        at = AT + timedelta(minutes=minute)
        studies.send(study, [studies.event("story_viewed", "aki", at, id="e")])
    [bounds] = store.query("settled_at", now=AT, shared=False).to_pylist()
    step = read_statement("settle/1_set_conflicts_apart")
    store._client.command(step, parameters=as_parameters(bounds))
    settle(store)
    assert [row["occurred_at"] for row in rows(store, "events")] == [AT]
    result = counts(study)
    assert (result["stored"], result["conflicting"], result["duplicate"]) == (1, 1, 0)


def test_a_settled_conflict_sent_again(workspace: Make, store: Store) -> None:
    """Content that lost stays out, however often it comes back; it is a duplicate."""
    study = workspace()
    for minute in (0, 1, 1):
        at = AT + timedelta(minutes=minute)
        studies.send(study, [studies.event("story_viewed", "aki", at, id="e")])
        settle(store)
    assert [row["occurred_at"] for row in rows(store, "events")] == [AT]
    result = counts(study)
    assert (result["stored"], result["conflicting"], result["duplicate"]) == (1, 1, 1)


def test_the_same_id_of_two_sources(workspace: Make, store: Store) -> None:
    """An id belongs to its source; two sources may use the same one."""
    events = [
        studies.event("story_viewed", "aki", AT, id="e", source=source)
        for source in ("u2plus.web", "u2plus.app")
    ]
    studies.send(workspace(), events)
    settle(store)
    assert len(rows(store, "events")) == 2


def test_a_tie_is_decided_by_content(workspace: Make, store: Store) -> None:
    """In one batch the order of two contents under one id does not matter."""
    made, kept = workspace(), []
    events = [
        studies.event("story_viewed", "aki", AT + timedelta(minutes=n), id="e")
        for n in range(2)
    ]
    for order in (events, events[::-1]):
        studies.empty(store)
        studies.send(made, order)
        settle(store)
        kept.append([row["occurred_at"] for row in rows(store, "events")])
    assert kept[0] == kept[1]
    assert len(kept[0]) == 1


def test_study_versions_are_kept_once(store: Store) -> None:
    """A version is kept with its text, from when it was first used."""
    record_study_version(store, "v1", "study: a")
    record_study_version(store, "v1", "study: a")
    record_study_version(store, "v2", "study: b")
    kept = rows(store, "study_versions")
    assert len(kept) == 2
    assert {row["version"]: row["text"] for row in kept} == {
        "v1": "study: a",
        "v2": "study: b",
    }


def test_an_edited_answer(workspace: Make, store: Store, clock: HandClock) -> None:
    """The answer recorded last holds; as of before, the one before."""
    study = workspace()
    for number, calm in enumerate((3, 4, 3)):
        clock.now = studies.recorded_at(number)
        studies.answer(study, [Answer("aki", 1, AT, calm=calm)])
    for number, calm in enumerate((3, 4)):
        result = store.query("answers", as_of=studies.as_of(number)).to_pylist()
        assert [row["answer"] for row in result if row["item"] == "calm"] == [str(calm)]


def test_reading_sql(store: Store) -> None:
    """A reader's statement gives a table; a wrong one the engine's message."""
    assert store.select("SELECT 1 AS one").to_pylist() == [{"one": 1}]
    with pytest.raises(UsageError, match="Syntax error"):
        store.select("SELEC 1")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO study_versions (version) VALUES ('x')",
        "DROP TABLE events",
        "TRUNCATE TABLE events",
        "CREATE TABLE mine (a Int8) ENGINE = Memory",
        "ALTER TABLE events DELETE WHERE 1",
        "SELECT 1; DROP TABLE events",
    ],
)
def test_reading_changes_nothing(store: Store, warehouse: str, statement: str) -> None:
    """Whatever would change the warehouse is refused."""
    record_study_version(store, "v1", "study: a")
    reader = stores.open_store(warehouse)
    with pytest.raises(UsageError):
        reader.select(statement)
    reader.close()
    assert [row["version"] for row in rows(store, "study_versions")] == ["v1"]
    assert rows(store, "events") == []
    assert store._client.command("EXISTS TABLE mine") == 0


@pytest.mark.parametrize(
    ("dsn", "named"),
    [
        ("http://reader:secret@127.0.0.1:1", "127.0.0.1:1"),
        ("chdb:///dev/null/warehouse", "/dev/null/warehouse"),
        ("nonsense", "nonsense"),
    ],
)
def test_unreachable(dsn: str, named: str) -> None:
    """What cannot be opened is named with the setting that names it, no password."""
    with pytest.raises(Unreachable) as caught:
        stores.open_store(dsn)
    assert caught.value.exit_code == 5
    assert named in str(caught.value)
    assert "PANELSTREAM_WAREHOUSE" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_no_such_cluster(warehouse: str) -> None:
    """A cluster that the server's configuration does not have is a wrong setting."""
    with pytest.raises(
        SettingError, match=r"PANELSTREAM_CLUSTER.*knows no cluster 'c'"
    ):
        stores.open_store(warehouse, cluster="c")


def test_no_such_statement(store: Store) -> None:
    """A query that was never written is a defect, told by its file."""
    with pytest.raises(PanelstreamError, match=r"queries/nothing\.sql"):
        store.query("nothing")
