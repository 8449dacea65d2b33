"""Connections: those that keep us waiting for the head of a request are closed.

uvicorn bounds how long a connection is idle, but not how long a request's line and
headers may take; bodies have their own limit.
"""

import asyncio
from functools import partial
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


class Connection(H11Protocol):
    """An HTTP/1.1 connection whose requests must begin in time."""

    def __init__(self, *given: Any, head_seconds: float, **named: Any) -> None:
        super().__init__(*given, **named)
        self._head_seconds = head_seconds
        self._overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # narrower: only TCP here
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Wait no more once a request is being answered."""
        super().data_received(data)
        if self._is_answering():
            self._wait_no_more()
        elif self._overdue is None:
            self._wait()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        self._overdue = self.loop.call_later(self._head_seconds, self._give_up)

    def _wait_no_more(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _give_up(self) -> None:
        self._overdue = None
        if not self._is_answering():
            self.transport.close()


def within(seconds: float) -> Any:
    """The kind of connection for uvicorn's `http` setting."""
    return partial(Connection, head_seconds=seconds)
