"""Attempts that are repeated until a service answers, or the worker stops."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from panelstream.ingest.kafka.metrics import Health
from panelstream.models.errors import FileError, Unreachable

_FIRST_DELAY, _LONGEST_DELAY = 0.2, 5.0
_NAMES = {"warehouse": "the warehouse"}
_BACK = {"warehouse": "the warehouse is back", "partitions": "partitions are back"}

log = logging.getLogger("panelstream.worker")

T = TypeVar("T")


class Lifetime(Protocol):
    """When to stop, and a sleep that ends with it; a `faust.Service` has both."""

    @property
    def should_stop(self) -> bool:
        """Whether the worker was told to stop."""

    async def sleep(self, n: float) -> None:
        """Sleep `n` seconds, or until the worker is told to stop."""


async def _do_nothing() -> None:
    pass


class Waits:
    """Notes what is waited for, and logs once when that begins and when it ends.

    Several activities may wait for the same service: it is back for all of them.
    """

    def __init__(self, health: Health) -> None:
        self._waits = health.waits

    def begin(self, activity: str, service: str, error: Exception) -> None:
        """An activity waits for a service; the log never has what an error quotes."""
        if service not in self._waits.values():
            is_own = isinstance(error, (Unreachable, FileError))
            reason = str(error) if is_own else type(error).__name__
            log.warning("waiting for %s: %s", _NAMES.get(service, service), reason)
        self._waits[activity] = service

    def end(self, activity: str) -> None:
        """An activity waits no more."""
        service = self._waits.pop(activity, "")
        if service and service not in self._waits.values():
            log.warning("%s", _BACK.get(service, f"{service} is back"))


class Retries:
    """Repeats attempts with growing delays, and reports what is waited for."""

    _ACTIVITY = "attempts"

    def __init__(self, lifetime: Lifetime, health: Health, waits: Waits) -> None:
        self._lifetime, self._health, self._waits = lifetime, health, waits

    async def until_done(
        self,
        attempt: Callable[[], Awaitable[T]],
        service: str,
        errors: type[Exception] | tuple[type[Exception], ...] = Exception,
        recover: Callable[[], Awaitable[None]] = _do_nothing,
    ) -> T | None:
        """The result of the first attempt that succeeds; None if told to stop before.

        An error that is not one of `errors` is raised; `recover` runs before each
        further attempt.
        """
        delay = _FIRST_DELAY
        while True:
            self._health.turned_at = time.monotonic()
            try:
                result = await attempt()
            except errors as error:
                self._waits.begin(self._ACTIVITY, service, error)
            else:
                self._waits.end(self._ACTIVITY)
                return result
            if self._lifetime.should_stop:
                return None
            await self._lifetime.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY)
            await recover()
