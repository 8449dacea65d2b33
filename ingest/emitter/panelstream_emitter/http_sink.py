"""Batches of events to panelstream's collector, over HTTP."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from panelstream_emitter.sinks import BATCH_TYPE, Refused, Rejected, Unavailable, array
from panelstream_emitter.trouble import Misconfigured

_TIMEOUT = 30.0
_LONGEST_WAIT = 300.0

_TOLD = (200, 202, 422)
"""Statuses whose answer lists what was rejected: some of the events, or (422) all."""
_ABOUT_EVENTS = (400, 409, 413, 422)
"""Statuses that speak of what was sent. Every other refusal is about the deployment
(a wrong token, a wrong path, a collector that is away): the events wait until it is
fixed."""


class HttpSink:
    """A connection that stays open, and is opened again after an error."""

    batch_events = 500
    batches = 1

    def __init__(self, url: str, token: str) -> None:
        """`url`: of the collector, without /events. Raises `Misconfigured`."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Misconfigured("url: give http://host:port or https://host")
        if parts.username or parts.query or parts.fragment:
            raise Misconfigured("url: no user, query or fragment; the token is apart")
        if not token or not token.isascii() or not token.isprintable():
            raise Misconfigured("token: the collector's token for this source")
        self._kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._host, self._port = parts.hostname, parts.port
        self._path = parts.path.rstrip("/") + "/events"
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": BATCH_TYPE,
            "Content-Encoding": "gzip",
        }
        self._connection: HTTPConnection | None = None

    def send(self, batches: Sequence[Sequence[bytes]]) -> list[Rejected]:
        """As `Sink.send`: what the collector says was rejected, with its reason."""
        return [entry for batch in batches for entry in self._send(batch)]

    def _send(self, lines: Sequence[bytes]) -> list[Rejected]:
        try:
            status, wait, body = self._post(gzip.compress(array(lines), 5))
        except (HTTPException, OSError) as error:
            self.close()
            raise Unavailable(f"collector: {type(error).__name__}") from None
        rejected = _rejected(lines, body) if status in _TOLD else None
        if rejected is not None:
            return rejected
        if status in _TOLD[:2]:
            raise Unavailable("collector: answers as no collector does")
        if status in _ABOUT_EVENTS:
            raise Refused(f"collector: {status}")
        raise Unavailable(f"collector: {status}", wait)

    def _post(self, body: bytes) -> tuple[int, float, bytes]:
        """Status, seconds to wait, content."""
        kept = self._connection is not None
        try:
            return self._exchange(body)
        except (HTTPException, ConnectionError):
            if not kept:
                raise
            # The other side may have closed it while there was nothing to send.
            self.close()
            return self._exchange(body)

    def _exchange(self, body: bytes) -> tuple[int, float, bytes]:
        if self._connection is None:
            self._connection = self._kind(self._host, self._port, timeout=_TIMEOUT)
        self._connection.request("POST", self._path, body, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.will_close:
            self.close()
        return answer.status, _wait(answer), content

    def close(self) -> None:
        """Let the connection go."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def disown(self) -> None:
        """Closing our copy of the socket leaves the parent's alone."""
        self.close()


def _rejected(lines: Sequence[bytes], body: bytes) -> list[Rejected] | None:
    """What the answer lists; None if it is not the collector's."""
    try:
        answer = json.loads(body)
        rejections = [
            (int(rejection["index"]), _why(rejection))
            for rejection in answer["rejections"]
        ]
        return [Rejected(lines[index], why) for index, why in rejections]
    except (ValueError, TypeError, KeyError, IndexError):
        return None


def _why(rejection: dict[str, Any]) -> str:
    reason, field = str(rejection["reason"]), str(rejection.get("field") or "")
    return f"{reason} ({field})" if field else reason


def _wait(answer: HTTPResponse) -> float:
    """Seconds of `Retry-After` (RFC 9110, 10.2.3), at most five minutes."""
    text = answer.headers.get("Retry-After", "0")
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (TypeError, ValueError):  # the former before Python 3.10
            seconds = 0.0
    return min(max(seconds, 0.0), _LONGEST_WAIT)
