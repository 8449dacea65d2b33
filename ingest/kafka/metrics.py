"""The metrics of a worker for Prometheus, and whether it is alive."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from panelstream.models.events.event import Counts

disable_created_metrics()  # type: ignore[no-untyped-call]

STUCK_SECONDS = 120
"""So long without a write while records wait, and a worker counts as stuck."""

_EVENTS = (100, 1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000)
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class WorkerMetrics:
    """The figures of one worker, under the names that `docs/how-to/streaming.md` lists."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._add_counters()
        self._add_gauges()
        self._add_histograms()

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
            "Records of a partition that are not stored yet",
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

    def behind(self, lags: Mapping[int, int]) -> None:
        """How far behind each partition is; those of other workers are left out."""
        self.lag.clear()
        for partition, records in lags.items():
            self.lag.labels(partition).set(records)

    def holds(self, counts: Mapping[str, int]) -> None:
        """What the warehouse holds, after `arrival_counts`."""
        for state in ("stored", "duplicate", "conflicting"):
            self.warehouse.labels(state).set(counts[state])


@dataclass
class Health:
    """Whether a worker does its work; seconds are those of a monotonic clock."""

    progress_at: float
    records_behind: int = 0
    ready: bool = False
    waiting_for: str = ""

    def report(self, now: float) -> dict[str, object]:
        """What the health page says; `stuck` is a reason to start the worker again."""
        idle = now - self.progress_at
        stuck = self.records_behind > 0 and idle > STUCK_SECONDS
        return {
            "status": "stuck" if stuck else "ok",
            "ready": self.ready and not self.waiting_for,
            "waiting_for": self.waiting_for,
            "records_behind": self.records_behind,
            "seconds_since_progress": round(idle, 1),
        }
