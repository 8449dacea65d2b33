"""Attempts that are repeated until a service answers, or the worker stops."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from panelstream.ingest.kafka.metrics import Health
from panelstream.models.errors import FileError, Unreachable

_FIRST_DELAY, _LONGEST_DELAY = 0.2, 5.0

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


class Retries:
    """Repeats attempts with growing delays, and reports what is waited for."""

    def __init__(self, lifetime: Lifetime, health: Health) -> None:
        self._lifetime, self._health = lifetime, health

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
                self._report(service, error)
            else:
                self._report_back(service)
                return result
            if self._lifetime.should_stop:
                return None
            await self._lifetime.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY)
            await recover()

    def _report_back(self, service: str) -> None:
        if self._health.waiting_for == service:
            log.warning("the %s is back", service)
        self._health.waiting_for = ""

    def _report(self, service: str, error: Exception) -> None:
        """Log once that a service is waited for, never what the error quotes."""
        if self._health.waiting_for != service:
            is_own = isinstance(error, (Unreachable, FileError))
            reason = str(error) if is_own else type(error).__name__
            log.warning("waiting for the %s: %s", service, reason)
        self._health.waiting_for = service
