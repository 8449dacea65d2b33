"""How a process does while it runs: its memory, and how soon it says that it is alive."""

import contextlib
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tests.lib.warm import Process

_EVERY_SECONDS, _PATIENCE = 0.1, 60.0
_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")


class Watch:
    """Looks at a process until it ends; `address`: of its pages, if it has any.

    `slowest`: seconds of its slowest answer to /health, from its first answer on;
    `peak`: bytes of memory. Time in which it was stopped on purpose does not count.
    """

    def __init__(self, process: Process, address: str = "") -> None:
        self.pid, self._process = process.pid, process
        self._pages: HTTPConnection | None = None
        if address:
            host, _, port = address.partition(":")
            self._pages = HTTPConnection(host, int(port), timeout=_PATIENCE)
        self.slowest, self.peak, self.answers, self.refused = 0.0, 0, 0, 0
        self._excuses = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @contextmanager
    def excused(self) -> Iterator[None]:
        """It is stopped, and cannot answer."""
        self._excuses += 1
        try:
            yield
        finally:
            self._excuses += 1

    def _run(self) -> None:
        while self._process.poll() is None:
            self._measure_memory()
            if self._pages:
                self._measure_answer(self._pages)
            time.sleep(_EVERY_SECONDS)
        if self._pages:
            self._pages.close()

    def _measure_memory(self) -> None:
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{self.pid}/status").read_text()
            found = _PEAK.search(status)
            self.peak = max(self.peak, int(found[1]) * 1024 if found else 0)

    def _measure_answer(self, pages: HTTPConnection) -> None:
        excuses, began = self._excuses, time.monotonic()
        try:
            pages.request("GET", "/health")
            answer = pages.getresponse()
            answer.read()
            status = answer.status
        except (OSError, HTTPException):
            pages.close()
            # Not there yet, or gone; else it took as long as we have patience.
            if time.monotonic() - began < _PATIENCE:
                return
            status = 0
        if excuses % 2 == 0 and excuses == self._excuses:
            self.answers += 1
            self.refused += status != 200
            self.slowest = max(self.slowest, time.monotonic() - began)
