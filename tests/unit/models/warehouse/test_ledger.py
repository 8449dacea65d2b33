"""Up to where the log is settled, while writers are held up, or die, at any point."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from panelstream.flows.workspace import Workspace
from panelstream.models.errors import Unreachable
from panelstream.models.warehouse.settling import newest_instant, settle
from panelstream.models.warehouse.store import Store
from tests.lib import studies
from tests.lib.studies import Answer, HandClock
from tests.lib.writers import Interrupted, Writer

AT = datetime(2027, 1, 5, 3, tzinfo=UTC)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
START = studies.START
TICK = timedelta(microseconds=1)
Make = Callable[..., Workspace]


@pytest.fixture
def made(workspace: Make) -> Workspace:
    """A study whose warehouse is shared: readers do not know who else writes."""
    study = workspace()
    study.store.shared = True
    return study


@pytest.fixture
def writer(made: Workspace) -> Iterator[Callable[..., Writer]]:
    """Begin to write an event; what is still under way at the end is killed."""
    begun: list[Writer] = []

    def begin(identity: str, minute: int = 0) -> Writer:
        at = AT + timedelta(minutes=minute)
        event = studies.event("story_viewed", "aki", at, id=identity)
        begun.append(Writer(made, [event]))
        return begun[-1]

    yield begin
    for entry in begun:
        entry.die()


def after(clock: HandClock, seconds: float) -> None:
    """Let the clock show so many seconds after START."""
    clock.now = START + timedelta(seconds=seconds)


def ids(store: Store, table: str = "events") -> list[tuple[str, datetime]]:
    """Id and time of every row that a reader sees."""
    result = store._client.query_arrow(
        f"SELECT id, occurred_at FROM {table} FINAL ORDER BY id, occurred_at"  # noqa: S608 - our own names
    )
    return [(row["id"], row["occurred_at"]) for row in result.to_pylist()]


def test_nothing_is_settled_for_ten_seconds(
    made: Workspace, clock: HandClock, writer: Callable[..., Writer]
) -> None:
    """What is younger may be preceded by somebody who is about to enter a batch."""
    writer("a").finish()
    after(clock, 9.9)
    assert settle(made.store) < START
    after(clock, 10)
    assert settle(made.store) == START
    assert newest_instant(made.store, settle(made.store)) == START


def test_an_embedded_warehouse_waits_for_nobody(
    made: Workspace, clock: HandClock, writer: Callable[..., Writer]
) -> None:
    """This process is the only one: a batch that is not complete was broken off."""
    made.store.shared = False
    writer("a").finish(until="events")
    writer("b").finish()
    assert newest_instant(made.store, settle(made.store)) == START + TICK


@pytest.mark.parametrize("table", ["events", "completions"])
def test_a_writer_that_is_held_up_is_waited_for(
    made: Workspace, clock: HandClock, writer: Callable[..., Writer], table: str
) -> None:
    """Between arrival and rows, or rows and completion: readers stop before it."""
    after(clock, 0)
    slow = writer("slow")
    slow.finish(until=table)
    after(clock, 1)
    writer("quick").finish()
    after(clock, 599)
    assert settle(made.store) == START - TICK
    slow.finish()
    assert settle(made.store) == START + timedelta(seconds=589)
    assert newest_instant(made.store, settle(made.store)) == START + timedelta(
        seconds=1
    )


@pytest.mark.parametrize("table", ["events", "completions"])
def test_a_writer_that_died_is_waited_for_ten_minutes(
    made: Workspace, clock: HandClock, writer: Callable[..., Writer], table: str
) -> None:
    """Then its batch never comes, or is here without anybody to say so."""
    dead = writer("dead")
    dead.finish(until=table)
    dead.die()
    after(clock, 1)
    writer("quick").finish()
    after(clock, 599)
    assert newest_instant(made.store, settle(made.store)) == BEGINNING
    after(clock, 600)
    assert newest_instant(made.store, settle(made.store)) == START + timedelta(
        seconds=1
    )


def test_two_batches_of_one_instant(
    made: Workspace, clock: HandClock, writer: Callable[..., Writer]
) -> None:
    """Two processes may hit on the same microsecond; both must be complete."""
    first, second = writer("a"), writer("b")
    first.finish()
    second.finish(until="completions")
    after(clock, 10)
    assert settle(made.store) == START - TICK
    second.finish()
    assert settle(made.store) == START


def test_a_batch_that_is_entered_late_takes_a_later_instant(
    made: Workspace, clock: HandClock, writer: Callable[..., Writer]
) -> None:
    """Paused between looking at the clock and the ledger: a reader may have passed it."""
    late = writer("late")
    after(clock, 1)
    writer("quick").finish()
    after(clock, 11)
    seen = newest_instant(made.store, settle(made.store))
    assert seen == START + timedelta(seconds=1)
    late.step()
    assert newest_instant(made.store, settle(made.store)) == seen
    late.finish()
    after(clock, 30)
    assert newest_instant(made.store, settle(made.store)) == START + timedelta(
        seconds=11
    )
    [counts] = made.store.query("arrival_counts", as_of=clock.now).to_pylist()
    assert (counts["accepted"], counts["stored"], counts["duplicate"]) == (2, 2, 0)


def test_a_warehouse_that_takes_nothing_in_time(
    made: Workspace, clock: HandClock
) -> None:
    """It is told, rather than tried for ever; nothing is left in the ledger."""

    def slow(table: str) -> None:
        clock.now += timedelta(seconds=6)

    store = Interrupted(made.store, clock, slow)
    with pytest.raises(Unreachable, match="overloaded"):
        studies.send(studies.open_in(made.folder.path, store, clock), [_event("a")])
    assert made.store.query("last_recorded_at").to_pylist() == [{"last": BEGINNING}]


def test_an_earlier_content_from_a_writer_that_was_held_up(
    made: Workspace, clock: HandClock, writer: Callable[..., Writer]
) -> None:
    """It is the first recorded, though the log was settled before it came."""
    slow = writer("e", minute=1)
    slow.finish(until="events")
    after(clock, 1)
    writer("e", minute=2).finish()
    after(clock, 300)
    settle(made.store)
    assert ids(made.store) == [("e", AT + timedelta(minutes=2))]
    slow.finish()
    settle(made.store)
    assert ids(made.store) == [("e", AT + timedelta(minutes=1))]
    assert ids(made.store, "event_conflicts") == [("e", AT + timedelta(minutes=2))]


def test_a_settled_conflict_from_a_writer_that_was_held_up(
    made: Workspace, clock: HandClock, writer: Callable[..., Writer]
) -> None:
    """What was set apart comes again with an earlier instant: what won, stays."""
    slow = writer("e", minute=2)
    slow.finish(until="events")
    for second in (1, 2):
        after(clock, second)
        writer("e", minute=second).finish()
    settle(made.store)
    assert ids(made.store) == [("e", AT + timedelta(minutes=1))]
    slow.finish()
    after(clock, 60)
    settle(made.store)
    assert ids(made.store) == [("e", AT + timedelta(minutes=1))]
    [result] = made.store.query("arrival_counts", as_of=clock.now).to_pylist()
    names = ("stored", "conflicting", "duplicate")
    assert [result[name] for name in names] == [1, 1, 1]


def test_what_is_settled_is_not_looked_at_again(
    made: Workspace, clock: HandClock, writer: Callable[..., Writer]
) -> None:
    """Settling ends once the watermark has passed the newest event."""
    writer("a").finish()
    for second, due in ((1, True), (9, True), (11, True), (12, False)):
        after(clock, second)
        [bounds] = made.store.query(
            "settled_at", now=clock.now, shared=True
        ).to_pylist()
        assert bool(bounds["due"]) is due
        settle(made.store)


def test_answers_are_waited_for_too(made: Workspace, clock: HandClock) -> None:
    """An import of answers that is held up: readers stop before it."""
    seen: list[datetime] = []

    def held_up(table: str) -> None:
        if table == "completions":
            after(clock, 300)
            seen.append(newest_instant(made.store, settle(made.store)))

    store = Interrupted(made.store, clock, held_up)
    importing = studies.open_in(made.folder.path, store, clock)
    studies.answer(importing, [Answer("aki", 1, AT)])
    assert seen == [BEGINNING]
    assert newest_instant(made.store, settle(made.store)) == START


def _event(identity: str) -> dict[str, object]:
    return studies.event("story_viewed", "aki", AT, id=identity)
