"""The limit of rejected events, at which a worker stops."""

from collections import deque

from panelstream.models.errors import PanelstreamError
from panelstream.models.events.event import Counts

WINDOW_EVENTS = 10_000
"""The share is that of so many last events."""
MIN_EVENTS = 1_000
"""Fewer events prove nothing."""
MAX_SHARE = 0.95
"""The share of rejected events at which a worker stops."""


class TooManyRejected(PanelstreamError):
    """Nearly everything is rejected: rather a wrong deployment than wrong events."""


class RejectLimit:
    """Watches the share of rejected events."""

    def __init__(self) -> None:
        self._batches: deque[Counts] = deque()

    def check(self, counts: Counts) -> None:
        """Add a batch. Raises `TooManyRejected` at `MAX_SHARE` of the last events."""
        self._batches.append(counts)
        while self._received - self._batches[0].received >= WINDOW_EVENTS:
            self._batches.popleft()
        rejected = sum(batch.rejected for batch in self._batches)
        if self._received >= MIN_EVENTS and rejected >= MAX_SHARE * self._received:
            reasons = sum(self._batches, Counts()).reasons
            most = max(reasons, key=lambda reason: reasons[reason])
            raise TooManyRejected(
                f"{rejected:,} of the last {self._received:,} events were rejected, most "
                f"as {most}: stopped before taking more; nothing of the last batch is "
                f"committed. Correct the catalogue or the code and start again, or "
                f"accept them as dead letters with --no-limit"
            )

    @property
    def _received(self) -> int:
        return sum(batch.received for batch in self._batches)
