"""The metrics of a worker for Prometheus, and whether it is alive."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import metadata

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from panelstream.models.events.event import Counts
from panelstream.models.events.log_gap import LogGap

disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's

STUCK_SECONDS = 300
"""So long without a turn of its loop, and a worker counts as stuck; a write to a
warehouse that does not answer is given up much earlier, and tried again."""

SERVICES = ("warehouse", "Kafka", "partitions")
"""What a worker can wait for."""
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""Of the page of metrics."""

_EVENTS = (100, 1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000)
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class WorkerMetrics:
    """The figures of one worker, under the names that `docs/how-to/streaming.md` lists."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._add_counters()
        self._add_log_counters()
        self._add_gauges()
        self._add_states()
        self._add_histograms()

    def _add_log_counters(self) -> None:
        self.gaps = Counter(
            "panelstream_log_gaps",
            "Gaps of the log: what was there is gone, and no worker read it",
            ["reason"],
            registry=self.registry,
        )
        self.gap_offsets = Counter(
            "panelstream_log_gap_offsets",
            "Offsets in gaps of the log, where their number is known",
            registry=self.registry,
        )
        self.rebalances = Counter(
            "panelstream_rebalances",
            "Times at which the group gave this worker partitions",
            registry=self.registry,
        )
        self.commit_failures = Counter(
            "panelstream_commit_failures",
            "Commits that Kafka did not take; a later one includes them",
            registry=self.registry,
        )

    def _add_states(self) -> None:
        self.seconds_behind = Gauge(
            "panelstream_seconds_behind",
            "Age of the oldest record that is not stored; 0: all are; NaN: not known",
            registry=self.registry,
        )
        self.seconds_behind.set(float("nan"))
        self.waiting_for = Gauge(
            "panelstream_waiting_for",
            "1 while this worker waits for the service",
            ["service"],
            registry=self.registry,
        )
        self.parked_kinds = Gauge(
            "panelstream_parked_kinds",
            "Kinds of events (source, type, reason) of which nearly all are rejected",
            ["reason"],
            registry=self.registry,
        )
        self.open_letters = Gauge(
            "panelstream_open_dead_letters",
            "Dead letters in the warehouse that nothing has settled, by reason",
            ["reason"],
            registry=self.registry,
        )
        build = Gauge(
            "panelstream_build_info",
            "1, labelled with the version of the program",
            ["version"],
            registry=self.registry,
        )
        build.labels(metadata.version("panelstream")).set(1)

    def _add_counters(self) -> None:
        self.accepted = Counter(
            "panelstream_events_accepted",
            "Events this worker wrote to the log",
            registry=self.registry,
        )
        self.rejected = Counter(
            "panelstream_events_rejected",
            "Events that became dead letters",
            ["reason"],
            registry=self.registry,
        )
        self.refused = Counter(
            "panelstream_events_refused",
            "Events of people who withdrew from collection",
            registry=self.registry,
        )
        self.retries = Counter(
            "panelstream_write_retries",
            "Attempts to write that failed",
            registry=self.registry,
        )

    def _add_gauges(self) -> None:
        self.lag = Gauge(
            "panelstream_lag_records",
            "Offsets of a partition that are not stored yet",
            ["partition"],
            registry=self.registry,
        )
        self.warehouse = Gauge(
            "panelstream_warehouse_events",
            "The whole warehouse: accepted = stored + duplicate + conflicting",
            ["state"],
            registry=self.registry,
        )
        self.newest = Gauge(
            "panelstream_newest_event_timestamp_seconds",
            "When the newest event that was stored took place; its age is now minus this",
            registry=self.registry,
        )
        self.last_write = Gauge(
            "panelstream_last_write_timestamp_seconds",
            "When something was stored last",
            registry=self.registry,
        )

    def _add_histograms(self) -> None:
        self.batch_events = Histogram(
            "panelstream_batch_events",
            "Events a write",
            buckets=_EVENTS,
            registry=self.registry,
        )
        self.flush_seconds = Histogram(
            "panelstream_flush_seconds",
            "From the first attempt to write a batch until it was stored",
            buckets=_SECONDS,
            registry=self.registry,
        )

    def text(self) -> bytes:
        """What Prometheus reads."""
        return generate_latest(self.registry)

    def stored(
        self, counts: Counts, seconds: float, newest: datetime | None, now: float
    ) -> None:
        """A batch was written."""
        self.accepted.inc(counts.accepted)
        self.refused.inc(counts.refused)
        for reason, number in counts.reasons.items():
            self.rejected.labels(reason).inc(number)
        self.batch_events.observe(counts.received)
        self.flush_seconds.observe(seconds)
        self.last_write.set(now)
        if newest is not None:
            self.newest.set(newest.timestamp())

    def lost(self, gap: LogGap) -> None:
        """A gap of the log was recorded."""
        self.gaps.labels(gap.reason).inc()
        self.gap_offsets.inc(gap.until_offset - gap.from_offset)

    def waits(self, services: Collection[str]) -> None:
        """What is waited for."""
        for name in SERVICES:
            self.waiting_for.labels(name).set(name in services)

    def behind(self, lags: Mapping[int, int]) -> None:
        """How far behind each partition is; those of other workers are left out."""
        self.lag.clear()
        for partition, records in lags.items():
            self.lag.labels(partition).set(records)

    def forget_lag(self) -> None:
        """How far behind this worker is, is not known."""
        self.lag.clear()
        self.seconds_behind.set(float("nan"))

    def parks(self, kinds: Mapping[str, int]) -> None:
        """Kinds of events that are set apart, by reason."""
        self.parked_kinds.clear()
        for reason, count in kinds.items():
            self.parked_kinds.labels(reason).set(count)

    def leaves_open(self, letters: Mapping[str, int]) -> None:
        """Dead letters that nothing has settled, by reason."""
        self.open_letters.clear()
        for reason, count in letters.items():
            self.open_letters.labels(reason).set(count)

    def holds(self, counts: Mapping[str, int]) -> None:
        """What the warehouse holds, after `arrival_counts`."""
        for state in ("stored", "duplicate", "conflicting"):
            self.warehouse.labels(state).set(counts[state])


@dataclass
class Health:
    """What a worker does; seconds are those of a monotonic clock.

    `turned_at`: when its loop last began something, or tried again. `waits`: which of
    its activities waits for which service. How far it is behind is None where that is
    not known.
    """

    turned_at: float
    is_member: bool = False
    waits: dict[str, str] = field(default_factory=dict)
    records_behind: int | None = None
    seconds_behind: float | None = None

    @property
    def waiting_for(self) -> list[str]:
        """The services that are waited for."""
        return sorted(set(self.waits.values()))

    def liveness(self, now: float) -> dict[str, object]:
        """Whether its loop turns, whatever other services do."""
        idle = now - self.turned_at
        status = "stuck" if idle > STUCK_SECONDS else "ok"
        return {"status": status, "seconds_since_turn": round(idle, 1)}

    def readiness(self) -> dict[str, object]:
        """Whether it takes events, else what it waits for."""
        seconds = self.seconds_behind
        return {
            "ready": self.is_member and not self.waits,
            "waiting_for": ", ".join(self.waiting_for),
            "records_behind": self.records_behind,
            "seconds_behind": None if seconds is None else round(seconds, 1),
        }
