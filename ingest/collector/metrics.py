"""What a collector tells about itself: Prometheus metrics."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from panelstream.models.events.event import Counts

disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class CollectorMetrics:
    """The figures of one collector, under the names that `docs/how-to/collector.md` lists."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.requests = Counter(
            "panelstream_collector_requests",
            "Requests to send events, by the status of the answer",
            ["status"],
            registry=registry,
        )
        self.events = Counter(
            "panelstream_collector_events",
            "Events by source and outcome: accepted, rejected, refused",
            ["source", "outcome"],
            registry=registry,
        )
        self.rejected = Counter(
            "panelstream_collector_rejected",
            "Rejected events by source and reason",
            ["source", "reason"],
            registry=registry,
        )
        self.durable_seconds = Histogram(
            "panelstream_collector_durable_seconds",
            "From the checks until the events of a request were durable",
            buckets=_SECONDS,
            registry=registry,
        )
        self.held_bytes = Gauge(
            "panelstream_collector_held_bytes",
            "Content that is being read or is not durable yet",
            registry=registry,
        )
        self.sink_up = Gauge(
            "panelstream_collector_sink_up",
            "1 while Kafka, or the warehouse, takes events",
            registry=registry,
        )
        self.sink_up.set(1)

    def text(self) -> bytes:
        """What Prometheus reads."""
        return generate_latest(self.registry)

    def answered(self, source: str, counts: Counts) -> None:
        """The events of a request were taken, refused or rejected."""
        for outcome in ("accepted", "rejected", "refused"):
            number = getattr(counts, outcome)
            self.events.labels(source, outcome).inc(number)
        for reason, number in counts.reasons.items():
            self.rejected.labels(source, reason).inc(number)
