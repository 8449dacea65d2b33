"""A segment's way to the sink: tried until it arrives, taken apart if refused."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from panelstream_emitter.reports import Reports
from panelstream_emitter.sinks import (
    MAX_BATCH_BYTES,
    Ending,
    Refused,
    Rejected,
    Sink,
    Unavailable,
)
from panelstream_emitter.spool import Owner, Segment, Spool

_FIRST_DELAY, _LONGEST_DELAY = 0.2, 10.0

Batch = Sequence[bytes]


class Stopped(BaseException):
    """We are told to stop, and there is no time left."""


class Delivery:
    """Sends segments; counts what was sent, moves aside what was rejected."""

    def __init__(
        self,
        sink: Sink,
        spool: Spool,
        owner: Owner,
        lock: threading.RLock,
        reports: Reports,
    ) -> None:
        """`lock` is held while the owner's counters are changed."""
        self.sink = sink
        self._spool, self._owner, self._lock = spool, owner, lock
        self._reports = reports
        self._stop = threading.Event()
        self._deadline = float("inf")
        self._moved = 0

    @property
    def stopping(self) -> bool:
        """Whether we are told to stop."""
        return self._stop.is_set()

    def stop(self, deadline: float) -> None:
        """Try until `deadline` (monotonic), and no longer."""
        self._deadline = deadline
        self._stop.set()

    def pause(self, seconds: float) -> None:
        """Wait, less if we are told to stop. Raises `Stopped` if no time is left."""
        self._stop.wait(seconds)
        if self.stopping:
            remaining = self._deadline - time.monotonic()
            if remaining <= 0:
                raise Stopped
            time.sleep(min(remaining, seconds, _FIRST_DELAY))

    def deliver(self, path: Path, foreign: bool = False) -> None:
        """Send a segment and remove it.

        What another process wrote (`foreign`) a power cut may have damaged: it is
        looked at line by line, and left for others when we are told to stop.
        Raises `Stopped`.
        """
        try:
            with path.open("rb") as file:
                whole = (line for line in file if line.endswith(b"\n"))
                lines = self._sound(whole) if foreign else whole
                for batches in self._windows(lines):
                    if self._late(foreign):
                        raise Stopped
                    self._take(batches)
        except FileNotFoundError:
            return
        path.unlink()

    def _late(self, foreign: bool) -> bool:
        return self.stopping and (foreign or time.monotonic() > self._deadline)

    def _take(self, batches: Sequence[Batch]) -> None:
        delay = _FIRST_DELAY
        while True:
            try:
                rejected = self.sink.send(batches)
            except Refused as refused:
                self._take_apart(batches, str(refused))
                return
            except Unavailable as away:
                self._reports.add("waiting", str(away), 0)
                if self.stopping and isinstance(away, Ending):
                    raise Stopped from None
                self.pause(max(away.seconds, delay * random.uniform(0.5, 1.0)))
                delay = min(2 * delay, _LONGEST_DELAY)
            else:
                self._count("sent", sum(map(len, batches)) - len(rejected))
                self._put_aside(rejected)
                return

    def _take_apart(self, batches: Sequence[Batch], why: str) -> None:
        lines = list(chain.from_iterable(batches))
        if len(lines) == 1:
            self._put_aside([Rejected(lines[0], why)])
            return
        middle = len(lines) // 2
        parts = batches if len(batches) > 1 else [lines[:middle], lines[middle:]]
        for part in parts:
            self._take([part])

    def _put_aside(self, rejected: Sequence[Rejected]) -> None:
        if not rejected:
            return
        self._count("rejected", len(rejected))
        for one in rejected:
            self._reports.add("rejected", one.why, 1)
        self._moved += 1
        segment = Segment(
            self._spool.aside, f"{self._owner.name}-{self._moved}", before=0
        )
        try:
            segment.write(b"".join(one.line for one in rejected))
        finally:
            segment.close()

    def _sound(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        for line in lines:
            if _is_event(line):
                yield line
            else:
                self._put_aside([Rejected(line, "damaged")])

    def _windows(self, lines: Iterable[bytes]) -> Iterator[list[Batch]]:
        """So many batches as the sink takes at once."""
        window: list[Batch] = []
        for batch in _batches(lines, self.sink.batch_events):
            window.append(batch)
            if len(window) == self.sink.batches:
                yield window
                window = []
        if window:
            yield window

    def _count(self, name: str, count: int) -> None:
        with self._lock:
            self._owner.counters.add(name, count)


def _batches(lines: Iterable[bytes], events: int) -> Iterator[Batch]:
    batch: list[bytes] = []
    size = 0
    for line in lines:
        if len(batch) == events or (batch and size + len(line) > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield batch


def _is_event(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
