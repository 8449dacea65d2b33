"""The metrics of the agent on dead letters."""

from collections import Counter as Sums
from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest


class LetterMetrics:
    """The figures of the agent, under the names that `docs/how-to/streaming.md` lists."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.skipped = Counter(
            "panelstream_dead_letters_skipped",
            "Records of the topic of dead letters that cannot be decoded",
            registry=self.registry,
        )
        self.arrived = Gauge(
            "panelstream_dead_letters_arrived",
            "Dead letters that workers sent to the topic, by reason, open or not",
            ["reason"],
            registry=self.registry,
        )
        self.behind = Gauge(
            "panelstream_dead_letters_behind",
            "Records of the topic that are not counted yet; NaN: not known",
            registry=self.registry,
        )

    def text(
        self, rows: Iterable[Mapping[str, Any]], records_behind: int | None
    ) -> bytes:
        """What Prometheus reads; `rows` are those of the table."""
        sums: Sums[str] = Sums()
        for row in rows:
            sums[row["reason"]] += row["arrived"]
        self.arrived.clear()
        for reason, letters in sums.items():
            self.arrived.labels(reason).set(letters)
        self.behind.set(float("nan") if records_behind is None else records_behind)
        return generate_latest(self.registry)
