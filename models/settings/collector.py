"""The collector: its settings, and every limit with its reason in one place."""

from dataclasses import dataclass
from pathlib import Path

from panelstream.models.settings.environment import Values
from panelstream.models.settings.kafka import address, whole

TOKENS = "collector.tokens"
"""The file of tokens in the study folder, unless it is set elsewhere."""


@dataclass(frozen=True)
class Limits:
    """What a client may ask of the collector; `rate` is the operator's to set."""

    rate: int = 5_000
    """Events a second of one source: one collector takes a few times as many, so that
    no source alone can use it up."""

    burst_seconds: float = 10.0
    """How much of the rate may come at once: a platform that catches up after a break
    is no attack."""

    body: int = 4 << 20
    """Bytes of a body as it was sent; a hundred events are 30 kB, gzipped 3."""

    content: int = 16 << 20
    """Bytes of a body when unpacked: a bomb of 4 MiB would be 4 GiB."""

    events: int = 10_000
    """Events a request: each rejection is named in the answer, which stays under a
    megabyte, and checking them takes a fraction of a second."""

    memory: int = 64 << 20
    """Bytes of content that is being read or is not durable yet; beyond it a request
    is told to come again. Checking takes a few times as much."""

    share: int = 2
    """One source may hold one part of so many of that memory, so that others can go on
    whatever it does."""

    body_seconds: float = 20.0
    """For reading a body: 4 MiB over a slow line, and no longer."""

    head_seconds: float = 10.0
    """For the request line and headers, which are sent at once."""

    idle_seconds: int = 60
    """How long a connection is kept for the next request; a sender that sends once a
    minute need not connect anew."""

    sink_seconds: float = 10.0
    """For becoming durable: a healthy broker or warehouse takes a fraction of a second,
    and a platform's request should not wait longer for ours."""

    retry_seconds: int = 5
    """When a client should come again if the sink is away or memory is used up."""


@dataclass(frozen=True)
class CollectorSettings:
    """Where the collector listens, whose tokens it knows, where events go."""

    host: str
    port: int
    tokens_file: Path
    through_kafka: bool
    limits: Limits

    @classmethod
    def from_values(cls, values: Values, study: Path) -> "CollectorSettings":
        """Read PANELSTREAM_COLLECTOR_ADDRESS, _TOKENS_FILE and _RATE.

        Events go through Kafka where PANELSTREAM_KAFKA is set. Raises `Unreachable`
        for a value that is not understood.
        """
        host, port = address(values, "COLLECTOR_ADDRESS", "127.0.0.1:6067")
        return cls(
            host=host,
            port=port,
            tokens_file=Path(values.get("COLLECTOR_TOKENS_FILE", str(study / TOKENS))),
            through_kafka=bool(values.get("KAFKA", "")),
            limits=Limits(rate=whole(values, "COLLECTOR_RATE", Limits.rate)),
        )
