"""What a worker does when nearly everything of a kind is rejected.

Rejected events are dead letters, and can be replayed once the cause is fixed. So a
kind of event (its source, type and reason) of which nearly all are rejected is only
*parked*: counted in the log and a metric, while everybody else's events go on. The
worker stops only for what is rather its own fault, a wrong clock or a wrong topic: that
is so if no other source has events accepted meanwhile.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

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


class Kind(NamedTuple):
    """Source, type and reason of rejected events; empty where they cannot be read.

    A clock or a topic is wrong for all types: `STOPPING` reasons have no type.
    """

    source: str
    event_type: str
    reason: Reason


class TooManyRejected(PanelstreamError):
    """Nearly everything is rejected for a reason that tells of a wrong deployment."""


@dataclass(frozen=True)
class _Tally:
    accepted: Counter[tuple[str, str]]
    rejected: Counter[Kind]
    received: int


class RejectionBrake:
    """Watches the share of rejected events by kind."""

    def __init__(self, stops: bool = True) -> None:
        self._stops = stops
        self._tallies: deque[_Tally] = deque()

    def check(self, batch: Batch) -> None:
        """Add a batch.

        Raises `TooManyRejected` where `STOPPING` reasons abound, and nothing is accepted
        but of the sources that they are of.
        """
        self._tallies.append(_tally(batch))
        while self._received - self._tallies[0].received >= WINDOW_EVENTS:
            self._tallies.popleft()
        stopping = Counter(
            {kind: n for kind, n in self._rejected.items() if kind.reason in STOPPING}
        )
        is_flood = _is_nearly_all(stopping.total(), self._received)
        if self._stops and is_flood and not self._accepts_others(stopping):
            reason, count = _by_reason(stopping).most_common(1)[0]
            raise TooManyRejected(
                f"{count:,} of the last {self._received:,} events were rejected as "
                f"{reason}: stopped before taking more; nothing of the last batch is "
                f"committed. Check this machine's clock and PANELSTREAM_KAFKA_TOPIC and "
                f"start again, or accept them as dead letters with --no-limit"
            )

    @property
    def parked(self) -> Mapping[Kind, int]:
        """Kinds of which nearly all were rejected lately, with how many."""
        accepted = self._accepted
        return {
            kind: count
            for kind, count in self._rejected.items()
            if _is_nearly_all(count, count + accepted[kind.source, kind.event_type])
        }

    def _accepts_others(self, stopping: Iterable[Kind]) -> bool:
        """Whether events of a source are accepted that none of the rejected is of."""
        sources = {source for source, _ in self._accepted}
        return not sources <= {kind.source for kind in stopping}

    @property
    def _accepted(self) -> Counter[tuple[str, str]]:
        return _sum(tally.accepted for tally in self._tallies)

    @property
    def _rejected(self) -> Counter[Kind]:
        return _sum(tally.rejected for tally in self._tallies)

    @property
    def _received(self) -> int:
        return sum(tally.received for tally in self._tallies)


def _is_nearly_all(rejected: int, received: int) -> bool:
    return received >= MIN_EVENTS and rejected >= MAX_SHARE * received


def _tally(batch: Batch) -> _Tally:
    return _Tally(
        _accepted(batch.events),
        Counter(map(_kind, batch.rejections)),
        batch.counts.received,
    )


def _accepted(events: pa.Table) -> Counter[tuple[str, str]]:
    """Accepted events by source and type, and by source alone."""
    groups = events.group_by(["source", "event_type"]).aggregate([([], "count_all")])
    rows = groups.to_pylist()
    result: Counter[tuple[str, str]] = Counter()
    for row in rows:
        for event_type in (row["event_type"], ""):
            result[row["source"], event_type] += row["count_all"]
    return result


def _kind(rejection: Rejection) -> Kind:
    event, reason = rejection.event, rejection.reason
    return Kind(event.source, "" if reason in STOPPING else event.event_type, reason)


def _by_reason(kinds: Mapping[Kind, int]) -> Counter[Reason]:
    result: Counter[Reason] = Counter()
    for kind, count in kinds.items():
        result[kind.reason] += count
    return result


def _sum(counters: Iterable[Counter[T]]) -> Counter[T]:
    result: Counter[T] = Counter()
    for counter in counters:
        result.update(counter)
    return result
