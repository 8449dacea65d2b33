"""Writers of one warehouse that are held up, or die, at any point of a batch.

A `Writer` runs the real `ledger.append_batch` in a thread of its own and stops before each of
its inserts until it is told to go on; only one of all threads ever runs.
"""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pyarrow as pa

from panelstream.flows.workspace import Workspace
from panelstream.ingest.events.pipeline import RawEvents
from panelstream.models.timestamps import Clock
from panelstream.models.warehouse.ledger import append_batch
from panelstream.models.warehouse.store import Store

SECONDS = 300.0
Event = Mapping[str, Any]


class Killed(Exception):
    """The process of a writer has gone."""


class Interrupted(Store):
    """A shared warehouse as one process sees it, which stops before each insert."""

    def __init__(self, store: Store, clock: Clock, before: Callable[[str], None]):
        super().__init__(store._client, clock, shared=True)
        self._before = before

    def insert(self, table: str, rows: pa.Table) -> None:
        self._before(table)
        super().insert(table, rows)


class Writer:
    """One batch on its way into the warehouse."""

    def __init__(self, workspace: Workspace, events: Iterable[Event]) -> None:
        payload = "\n".join(map(json.dumps, events)).encode()
        raw = RawEvents("test.ndjson", 1, payload)
        batch = workspace.pipeline.prepare(raw).batch
        store = Interrupted(workspace.store, workspace.clock, self._pause)
        self.next = ""
        """The table that is written next; empty: the batch is complete, or given up."""
        self._go, self._here, self._dies = threading.Event(), threading.Event(), False
        thread = threading.Thread(target=self._run, args=(store, batch), daemon=True)
        self._resume(thread.start)

    def step(self) -> None:
        """Write into one table more."""
        self._resume(self._go.set)

    def finish(self, until: str = "") -> None:
        """Go on to just before the insert into `until`, or to the end."""
        while self.next != until:
            self.step()

    def die(self) -> None:
        """Never go on."""
        self._dies = True
        self.finish()

    def _resume(self, act: Callable[[], None]) -> None:
        self._here.clear()
        act()
        assert self._here.wait(SECONDS), "the writer does not come back"

    def _run(self, store: Store, batch: Any) -> None:
        try:
            append_batch(store, batch)
        except Killed:
            pass
        finally:
            self.next = ""
            self._here.set()

    def _pause(self, table: str) -> None:
        self.next = table
        self._here.set()
        told = self._go.wait(SECONDS)
        self._go.clear()
        if self._dies or not told:
            raise Killed
