"""Trouble on its way to the platform, summed up and told by a thread of ours."""

from __future__ import annotations

import logging
import threading
from typing import Callable

from panelstream_emitter.trouble import Trouble

_log = logging.getLogger("panelstream_emitter")


def log(trouble: Trouble) -> None:
    """What is done where the platform gave no callback."""
    _log.warning("%s: %s (%d events)", trouble.what, trouble.why, trouble.events)


def why(error: Exception) -> str:
    """An error in words that hold no value and no file's name."""
    if isinstance(error, OSError):
        return f"spool: {error.strerror or error}"
    return f"a fault in the emitter itself ({type(error).__name__}); report it"


class Reports:
    """Collects trouble from any thread; `pass_on` tells it, each kind once."""

    def __init__(self, tell: Callable[[Trouble], None]) -> None:
        self._tell = tell
        self._lock = threading.RLock()
        self._pending: dict[tuple[str, str], int] = {}

    def add(self, what: str, why: str, events: int) -> None:
        """Remember trouble."""
        with self._lock:
            self._pending[what, why] = self._pending.get((what, why), 0) + events

    def pass_on(self) -> None:
        """Tell what was added since; a callback that fails is not our affair."""
        with self._lock:
            pending, self._pending = self._pending, {}
        for (what, why), events in pending.items():
            try:
                self._tell(Trouble(what, why, events))
            except Exception:
                _log.exception("on_trouble failed")
