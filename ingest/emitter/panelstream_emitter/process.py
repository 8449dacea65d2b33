"""One process's part: its place in the spool, the thread that keeps it, the sender."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress

from panelstream_emitter.delivery import Delivery
from panelstream_emitter.ids import Ids
from panelstream_emitter.reports import Reports, why
from panelstream_emitter.sender import Sender
from panelstream_emitter.sinks import Sink
from panelstream_emitter.spool import Segment, Spool
from panelstream_emitter.trouble import Dropped

GATHER_SECONDS = 0.02
"""How long events are gathered before they are written (fast) and sent."""
LOOK_SECONDS = 1.0
"""How often what waits is synced to the disk, the room is measured, trouble is told."""
QUEUE_EVENTS = 10_000
"""Events in memory at most, in the mode `fast`."""
SEGMENT_BYTES = 1 << 20
"""A segment is sent again as a whole, so it is not longer."""


class Process:
    """Takes lines, and sees to it that they are written, sent and counted."""

    def __init__(self, spool: Spool, sink: Sink, fast: bool, reports: Reports) -> None:
        """Raises `OSError` where the spool takes nothing."""
        self.ids = Ids()
        self.reports = reports
        # A signal handler or a finalizer may emit in the middle of an emit.
        self._lock = threading.RLock()
        self._spool = spool
        self._deadline = float("inf")
        self._written = 0
        self._owner = spool.enter(at_risk=fast)
        try:
            self._segment = Segment(spool.folder, self._owner.name, self._written)
        except OSError:
            spool.remove(self._owner)
            raise
        self._queue: deque[bytes] = deque()
        self._room = spool.room()
        self._look_at = 0.0
        self._wake, self._closing = threading.Event(), threading.Event()
        delivery = Delivery(sink, spool, self._owner, self._lock, reports)
        self._sink = sink
        self._sender = Sender(spool, self._owner, delivery, reports)
        self._keeper = threading.Thread(
            target=self._keep, name="panelstream-emitter-keeper", daemon=True
        )
        self._fast = self._start() and fast

    def _start(self) -> bool:
        """Start the threads; not at the interpreter's exit, when it is too late."""
        try:
            self._keeper.start()
            self._sender.start()
        except RuntimeError:
            return False
        return True

    def accept(self, line: bytes) -> None:
        """Write a line (durable), or queue it (fast).

        Raises `Dropped` or `OSError` where it was not taken.
        """
        with self._lock:
            if self._closing.is_set():
                raise Dropped("the emitter is closed")
            if len(line) > self._room:
                raise Dropped("the spool is full")
            if self._fast:
                self._put_in_queue(line)
            else:
                self._segment.write(line)
                self._written += 1
            self._room -= len(line)
            self._owner.counters.accept()
        if not self._wake.is_set():
            self._wake.set()

    def drop(self, reason: str, events: int = 1) -> None:
        """Count what was not taken."""
        with self._lock:
            self._owner.counters.add("dropped", events)
        self.reports.add("dropped", reason, events)

    def close(self, seconds: float) -> bool:
        """Write and send everything; whether it arrived in time."""
        self._deadline = time.monotonic() + seconds
        with self._lock:
            self._closing.set()
        self._wake.set()
        # Each thread ends what it has begun; here it is only waited for.
        for thread in (self._keeper, self._sender):
            if thread.is_alive():
                remaining = max(0.0, self._deadline - time.monotonic())
                thread.join(remaining + LOOK_SECONDS)
        self.reports.pass_on()
        return self._sender.arrived

    def abandon(self) -> None:
        """In a forked child: all of it belongs to the parent."""
        self._sink.disown()
        self._segment.close()
        self._owner.release()

    def _put_in_queue(self, line: bytes) -> None:
        if len(self._queue) >= QUEUE_EVENTS:
            raise Dropped("the queue is full")
        self._queue.append(line)

    def _keep(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()
            self._closing.wait(GATHER_SECONDS)
            try:
                self._tend()
            except Exception as error:  # a full disk may have room again
                self.reports.add("waiting", why(error), 0)
                self.reports.pass_on()
                self._closing.wait(LOOK_SECONDS)
        self._finish()
        self._sender.stop(self._deadline)

    def _tend(self) -> None:
        self._write_queue()
        size = self._segment.size
        if size and (self._sender.idle or size >= SEGMENT_BYTES):
            self._retire()
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_SECONDS
            self.reports.pass_on()
            self._room = self._spool.room() - sum(map(len, tuple(self._queue)))
            self._segment.sync()

    def _write_queue(self) -> None:
        lines = [self._queue.popleft() for _ in range(len(self._queue))]
        if not lines:
            return
        try:
            self._segment.write(b"".join(lines))
        except OSError:
            self._queue.extendleft(reversed(lines))
            raise
        self._written += len(lines)

    def _retire(self) -> None:
        """Hand the segment to the sender, and begin another."""
        fresh = Segment(self._spool.folder, self._owner.name, self._written)
        with self._lock:
            old, self._segment = self._segment, fresh
        if not self._sender.idle:
            old.sync()
        old.close()
        self._sender.give(old.path)

    def _finish(self) -> None:
        """Write and hand over the last segment."""
        try:
            self._write_queue()
        except OSError as error:
            self.reports.add("lost", why(error), len(self._queue))
            self._owner.counters.add("lost", len(self._queue))
        self._owner.counters.at_risk = False
        last = self._segment
        with suppress(OSError):
            last.sync()
        last.close()
        if last.size:
            self._sender.give(last.path)
        else:
            last.path.unlink(missing_ok=True)
