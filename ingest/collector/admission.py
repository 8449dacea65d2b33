"""Who may send, and how much: tokens, rates, and memory."""

import time
from collections import Counter
from dataclasses import dataclass

from starlette.requests import Request

from panelstream.ingest.collector.problems import Problem, later
from panelstream.ingest.collector.tokens import Tokens
from panelstream.models.errors import FileError
from panelstream.models.settings.collector import Limits

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="panelstream"'}


def authenticate(tokens: Tokens, request: Request) -> str:
    """The source that this request may write. Raises a problem, 401 or 503."""
    try:
        tokens.refresh()
    except FileError:
        # A revoked token must not be accepted because the file cannot be read.
        raise later(503, "The tokens cannot be read just now.", 30) from None
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    source = tokens.source_of(token.strip()) if scheme.lower() == "bearer" else None
    if source is None:
        detail = "Send 'Authorization: Bearer TOKEN' with a token that is valid."
        raise Problem(401, detail, _CHALLENGE)
    return source


@dataclass
class _Bucket:
    left: float
    at: float


class Rates:
    """Events a second by source.

    How many events a request has is known when it is read, so it is let in while
    something is left, and charged afterwards, also below zero.
    """

    def __init__(self, limits: Limits) -> None:
        self._rate, self._most = limits.rate, limits.rate * limits.burst_seconds
        self._buckets: dict[str, _Bucket] = {}

    def admit(self, source: str) -> None:
        """Charge one event for asking. Raises a problem, 429, if nothing is left."""
        bucket, now = self._bucket(source), time.monotonic()
        bucket.left = min(self._most, bucket.left + (now - bucket.at) * self._rate)
        bucket.at = now
        if bucket.left < 1:
            detail = f"More than {self._rate:,} events a second: send fewer."
            raise later(429, detail, (1 - bucket.left) / self._rate)
        bucket.left -= 1

    def charge(self, source: str, events: int) -> None:
        """Charge the events beyond the first."""
        self._bucket(source).left -= max(0, events - 1)

    def _bucket(self, source: str) -> _Bucket:
        full = _Bucket(self._most, time.monotonic())
        return self._buckets.setdefault(source, full)


class Memory:
    """Bytes that are being read or are not durable yet, bounded in all and by source."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held: Counter[str] = Counter()

    @property
    def used(self) -> int:
        """Bytes held now."""
        return self._held.total()

    def take(self, source: str, size: int) -> None:
        """Hold more. Raises a problem, 503, beyond the limit."""
        limit = self._limits.memory
        share = limit // self._limits.share
        if self.used + size > limit or self._held[source] + size > share:
            detail = "Too much is under way: send it again later."
            raise later(503, detail, self._limits.retry_seconds)
        self._held[source] += size

    def give_back(self, source: str, size: int) -> None:
        """Hold less."""
        self._held[source] -= size


@dataclass
class Reservation:
    """The memory that one request has reserved."""

    memory: Memory
    source: str
    size: int = 0

    def take(self, size: int) -> None:
        """Hold more."""
        self.memory.take(self.source, size)
        self.size += size

    def passed_on(self) -> "Reservation":
        """The same, for somebody else to release."""
        transfer = Reservation(self.memory, self.source, self.size)
        self.size = 0
        return transfer

    def release(self) -> None:
        """Hold nothing any more."""
        self.memory.give_back(self.source, self.size)
        self.size = 0
