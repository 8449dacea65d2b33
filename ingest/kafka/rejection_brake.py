"""What a worker does when nearly everything of a kind is rejected.

Rejected events are dead letters, and can be replayed once the cause is fixed. So a
kind of event (its source and type) of which nearly all are rejected is only *parked*:
named in the log and a metric, while everybody else's events go on. The worker stops
only for what is rather its own fault, a wrong clock or a wrong topic.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa

from panelstream.models.errors import PanelstreamError
from panelstream.models.events.event import Reason, Rejection
from panelstream.models.warehouse.ledger import Batch

T = TypeVar("T")

WINDOW_EVENTS = 10_000
"""Shares are those of so many last events."""
MIN_EVENTS = 1_000
"""Fewer events prove nothing."""
MAX_SHARE = 0.95
"""The share of rejected events that counts as nearly all."""
STOPPING: frozenset[Reason] = frozenset({"time_in_future", "not_json"})
"""Reasons that tell of a wrong worker (its clock, its topic) rather than of events."""

Kind = tuple[str, str]
"""Source and type of events; empty where they cannot be read."""


class TooManyRejected(PanelstreamError):
    """Nearly everything is rejected for a reason that tells of a wrong deployment."""


@dataclass(frozen=True)
class _Tally:
    accepted: Counter[Kind]
    rejected: Counter[Kind]
    stopping: Counter[Reason]
    received: int


class RejectionBrake:
    """Watches the share of rejected events by kind."""

    def __init__(self, stops: bool = True) -> None:
        self._stops = stops
        self._tallies: deque[_Tally] = deque()

    def check(self, batch: Batch) -> None:
        """Add a batch. Raises `TooManyRejected` where `STOPPING` reasons abound."""
        self._tallies.append(_tally(batch))
        while self._received - self._tallies[0].received >= WINDOW_EVENTS:
            self._tallies.popleft()
        stopping = _sum(tally.stopping for tally in self._tallies)
        if self._stops and _is_nearly_all(stopping.total(), self._received):
            reason, count = stopping.most_common(1)[0]
            raise TooManyRejected(
                f"{count:,} of the last {self._received:,} events were rejected as "
                f"{reason}: stopped before taking more; nothing of the last batch is "
                f"committed. Check this machine's clock and PANELSTREAM_KAFKA_TOPIC and "
                f"start again, or accept them as dead letters with --no-limit"
            )

    @property
    def parked(self) -> Mapping[Kind, int]:
        """Kinds of which nearly all were rejected lately, with how many."""
        accepted = _sum(tally.accepted for tally in self._tallies)
        rejected = _sum(tally.rejected for tally in self._tallies)
        return {
            kind: count
            for kind, count in rejected.items()
            if _is_nearly_all(count, count + accepted[kind])
        }

    @property
    def _received(self) -> int:
        return sum(tally.received for tally in self._tallies)


def _is_nearly_all(rejected: int, received: int) -> bool:
    return received >= MIN_EVENTS and rejected >= MAX_SHARE * received


def _tally(batch: Batch) -> _Tally:
    reasons = (rejection.reason for rejection in batch.rejections)
    return _Tally(
        _accepted(batch.events),
        Counter(map(_kind, batch.rejections)),
        Counter(reason for reason in reasons if reason in STOPPING),
        batch.counts.received,
    )


def _accepted(events: pa.Table) -> Counter[Kind]:
    groups = events.group_by(["source", "event_type"]).aggregate([([], "count_all")])
    rows = groups.to_pylist()
    return Counter(
        {(row["source"], row["event_type"]): row["count_all"] for row in rows}
    )


def _kind(rejection: Rejection) -> Kind:
    return rejection.event.source, rejection.event.event_type


def _sum(counters: Iterable[Counter[T]]) -> Counter[T]:
    result: Counter[T] = Counter()
    for counter in counters:
        result.update(counter)
    return result
