"""Any number of writers, held up, killed or neither: what readers were told stays."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from panelstream.flows.workspace import Workspace
from panelstream.models.warehouse.settling import newest_instant, settle
from panelstream.models.warehouse.store import Store
from tests.lib import studies
from tests.lib.studies import HandClock
from tests.lib.writers import Writer

EXAMPLES = int(os.environ.get("PANELSTREAM_EXAMPLES", "10"))
AT = datetime(2027, 1, 5, 3, tzinfo=UTC)
PATIENCE = timedelta(minutes=10)
"""A writer that takes longer than this is given up; the warehouse promises no more."""

seconds = st.sampled_from((0.5, 4.0, 11.0, 200.0))
begins = st.tuples(
    st.sampled_from("ab"), st.integers(0, 2), st.sampled_from((0, 1, 2, 3, 3)), seconds
)
"""Somebody writes an event, so many inserts of it; then some seconds go by."""
ends = st.tuples(st.booleans(), seconds)
"""A writer goes on to the end, or is killed; a reader looks some seconds later."""


@dataclass
class Race:
    """A warehouse, those who write to it, and what a reader saw as of which instant."""

    workspace: Workspace
    clock: HandClock
    writers: list[tuple[Writer, datetime]] = field(default_factory=list)
    seen: list[tuple[datetime, list[tuple[str, datetime]]]] = field(
        default_factory=list
    )

    def begin(self, identity: str, minute: int, steps: int, seconds: float) -> None:
        """One more writer, who has looked at the clock, and made so many inserts."""
        at = AT + timedelta(minutes=minute)
        sent = studies.event("story_viewed", "aki", at, id=identity)
        writer = Writer(self.workspace, [sent])
        self.writers.append((writer, self.clock.now))
        for _ in range(steps):
            writer.step()
        self.clock.now += timedelta(seconds=seconds)

    def end(self, writer: Writer, begun_at: datetime, killed: bool) -> None:
        """A writer goes on to the end, unless it is killed, or took too long."""
        if killed or self.clock.now - begun_at >= PATIENCE:
            writer.die()
        else:
            writer.finish()

    def read(self, seconds: float) -> None:
        """After so many seconds, look at the log as a panel does."""
        self.clock.now += timedelta(seconds=seconds)
        store = self.workspace.store
        at = newest_instant(store, settle(store))
        self.seen.append((at, self.log(at)))

    def log(self, as_of: datetime) -> list[tuple[str, datetime]]:
        """Id and time of what is in the log as of an instant."""
        result = self.workspace.store._client.query_arrow(
            "SELECT id, occurred_at FROM events FINAL"
            " WHERE recorded_at <= {as_of:DateTime64(6)} ORDER BY id, occurred_at",
            parameters={"as_of": f"{as_of:%Y-%m-%d %H:%M:%S.%f}"},
        )
        return [(row["id"], row["occurred_at"]) for row in result.to_pylist()]


@pytest.fixture
def race(
    store: Store, clock: HandClock, workspace: Callable[..., Workspace]
) -> Callable[[], Race]:
    """A race from an empty warehouse."""

    def made() -> Race:
        clock.now = studies.START
        studies.empty(store)
        store.shared = True
        return Race(workspace(), clock)

    return made


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_what_was_seen_stays(data: st.DataObject, race: Callable[[], Race]) -> None:
    """As of an instant that a reader was given, the log is what it was, for ever; no
    later default is earlier; and in the end all that is complete is settled."""
    run = race()
    try:
        for begun in data.draw(st.lists(begins, min_size=2, max_size=4)):
            run.begin(*begun)
        run.read(0)
        for writer, begun_at in data.draw(st.permutations(run.writers)):
            killed, later = data.draw(ends)
            run.end(writer, begun_at, killed)
            run.read(later)
    finally:
        for writer, _ in run.writers:
            writer.die()
    run.read(PATIENCE.total_seconds() + 10)
    for at, log in run.seen:
        assert run.log(at) == log
        assert len({identity for identity, _ in log}) == len(log)
    instants = [at for at, _ in run.seen]
    assert instants == sorted(instants)
    assert settle(run.workspace.store) >= newest_instant(run.workspace.store)
