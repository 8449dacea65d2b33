"""The collector: its settings, and every limit with its reason in one place."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from panelstream.models.settings.kafka import KAFKA
from panelstream.models.settings.setting import (
    ADDRESS,
    PATH,
    WHOLE_NUMBER,
    Environment,
    Setting,
)


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
    minute need not connect again."""

    sink_seconds: float = 10.0
    """For becoming durable: a healthy broker or warehouse takes a fraction of a second,
    and a platform's request should not wait longer for ours."""

    retry_seconds: int = 5
    """When a client should come again if the sink is away or memory is used up."""


COLLECTOR_ADDRESS = Setting(
    name="COLLECTOR_ADDRESS",
    format=ADDRESS,
    default="127.0.0.1:6067",
    meaning="where a collector takes events",
    example="127.0.0.1:6067",
    read_by="`collector`",
)
TOKENS_FILE = Setting(
    name="COLLECTOR_TOKENS_FILE",
    format=PATH,
    default="{study}/collector.tokens",
    meaning="hashes of the tokens, mode 0600",
    example="/secure/place/collector.tokens",
    read_by="`collector`, `tokens`",
)
RATE = Setting(
    name="COLLECTOR_RATE",
    format=WHOLE_NUMBER,
    default=str(Limits.rate),
    meaning="events a second that one source may send",
    example="5000",
    read_by="`collector`",
)

COLLECTOR_SETTINGS: tuple[Setting[Any], ...] = (COLLECTOR_ADDRESS, TOKENS_FILE, RATE)


@dataclass(frozen=True)
class CollectorSettings:
    """Where the collector listens, which tokens it accepts, where events go."""

    host: str
    port: int
    tokens_file: Path
    through_kafka: bool
    limits: Limits

    @classmethod
    def from_environment(cls, environment: Environment) -> "CollectorSettings":
        """Read `COLLECTOR_SETTINGS`; events go through Kafka where its address is set.

        Raises `SettingError` for a wrong value.
        """
        host, port = environment.get(COLLECTOR_ADDRESS)
        return cls(
            host=host,
            port=port,
            tokens_file=environment.get(TOKENS_FILE),
            through_kafka=environment.is_set(KAFKA),
            limits=Limits(rate=environment.get(RATE)),
        )
