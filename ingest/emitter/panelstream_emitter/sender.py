"""The thread that sends what is in the spool, and removes what has arrived."""

from __future__ import annotations

import threading
import time
from collections import deque
from pathlib import Path

from panelstream_emitter import spool as spools
from panelstream_emitter.delivery import Delivery, Stopped
from panelstream_emitter.reports import Reports, why
from panelstream_emitter.spool import Owner, Spool

ADOPT_SECONDS = 5.0
"""How often it is looked for what dead processes left."""
_AFTER_AN_ERROR = 10.0


class Sender(threading.Thread):
    """Sends the segments that it is given and those of the dead, one after another.

    A segment is removed once all of it is acknowledged; until then it is sent again,
    even if a process dies meanwhile. An event may so arrive twice: its id makes it one.
    """

    def __init__(
        self, spool: Spool, owner: Owner, delivery: Delivery, reports: Reports
    ) -> None:
        super().__init__(name="panelstream-emitter-sender", daemon=True)
        self._spool, self._owner = spool, owner
        self._delivery, self._reports = delivery, reports
        self._given: deque[Path] = deque()
        self._wake = threading.Event()
        self._adopt_at = 0.0

    @property
    def idle(self) -> bool:
        """Whether everything that it was given has arrived."""
        return not self._given

    @property
    def arrived(self) -> bool:
        """Whether it has ended, with nothing left."""
        return self._delivery.stopping and self.idle

    def give(self, segment: Path) -> None:
        """Send a segment, to which nothing is written any more."""
        self._given.append(segment)
        self._wake.set()

    def stop(self, deadline: float) -> None:
        """Send what was given until `deadline` (monotonic), then end."""
        self._delivery.stop(deadline)
        self._wake.set()

    def run(self) -> None:
        """Send until told to stop; what is then left stays in the spool."""
        try:
            while self._turn():
                pass
        except Stopped:
            pass
        self._delivery.sink.close()
        try:
            self._end()
        except OSError as error:
            self._reports.add("waiting", why(error), 0)

    def _turn(self) -> bool:
        try:
            self._adopt_if_due()
            if self._given:
                self._delivery.deliver(self._given[0])
                self._given.popleft()
            elif self._delivery.stopping:
                return False
            else:
                self._wake.wait(max(0.0, self._adopt_at - time.monotonic()))
                self._wake.clear()
        except Exception as error:  # whatever becomes of the disk, the thread lives on
            self._reports.add("waiting", why(error), 0)
            self._delivery.pause(_AFTER_AN_ERROR)
        return True

    def _adopt_if_due(self) -> None:
        if not self._delivery.stopping and time.monotonic() >= self._adopt_at:
            self._adopt_at = time.monotonic() + ADOPT_SECONDS
            while self._adopt():
                pass
            for path in self._spool.strays():
                self._adopt_stray(path)

    def _adopt(self) -> bool:
        """Send what one dead process left; whether there was one."""
        with self._spool.orphan() as orphan:
            if orphan is None:
                return False
            lost = self._spool.leave(orphan)
            if lost:
                self._reports.add("lost", "a process was killed", lost)
            for path in orphan.segments():
                self._delivery.deliver(path, foreign=True)
            self._spool.remove(orphan)
        return True

    def _adopt_stray(self, path: Path) -> None:
        descriptor = spools.lock(path)
        if descriptor is not None:
            try:
                self._delivery.deliver(path, foreign=True)
            finally:
                spools.unlock(descriptor)

    def _end(self) -> None:
        """Leave nothing behind if everything has arrived, else let others adopt it."""
        if self._owner.segments():
            self._owner.release()
        else:
            self._spool.leave(self._owner)
            self._spool.remove(self._owner)
