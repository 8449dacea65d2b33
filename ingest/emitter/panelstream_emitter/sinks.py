"""What a place that takes events has in common, be it Kafka or the collector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

BATCH_TYPE = "application/cloudevents-batch+json"
"""Content type of a JSON array of events (CloudEvents, JSON batch format)."""

MAX_BATCH_BYTES = 512 << 10
"""Half of what a Kafka broker takes by default, before compression."""


class Unavailable(Exception):
    """The events can be sent later: wait, at least `seconds` if it is given."""

    def __init__(self, why: str, seconds: float = 0.0) -> None:
        super().__init__(why)
        self.seconds = seconds


class Ending(Unavailable):
    """The process ends, so that it can begin to send nothing: the next one sends it."""


class Refused(Exception):
    """The batches will never be taken as they are; parts of them might be."""


@dataclass(frozen=True)
class Rejected:
    """An event that will never be taken: its line, and the reason given."""

    line: bytes
    why: str


class Sink(Protocol):
    """Takes batches of lines."""

    batch_events: int
    """Events a batch."""
    batches: int
    """Batches at once."""

    def send(self, batches: Sequence[Sequence[bytes]]) -> list[Rejected]:
        """Return once everything is durable there; what was rejected.

        Raises `Unavailable` or `Refused`; then nothing counts as sent.
        """

    def close(self) -> None:
        """Let connections go."""

    def disown(self) -> None:
        """Called in a forked child: the connections are the parent's."""


def array(lines: Sequence[bytes]) -> bytes:
    """Lines as a JSON array."""
    return b"[" + b",".join(line.rstrip(b"\n") for line in lines) + b"]"
