"""Batches of events to Kafka: idempotent, acknowledged by every replica in sync."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordTooLargeError

from panelstream_emitter.sinks import (
    BATCH_TYPE,
    MAX_BATCH_BYTES,
    Refused,
    Rejected,
    Unavailable,
    array,
)
from panelstream_emitter.trouble import Misconfigured

PRODUCER: Mapping[str, Any] = {
    # Acknowledged once every replica in sync has it, and a retry is no double.
    "acks": "all",
    "enable_idempotence": True,
    # In the standard library; a hundred similar events shrink to a tenth.
    "compression_type": "gzip",
    # Batches are made here already.
    "linger_ms": 0,
    "max_request_size": 2 * MAX_BATCH_BYTES,
    # Nobody waits but our own thread, which tries again by itself.
    "bootstrap_timeout_ms": 5_000,
    "max_block_ms": 10_000,
    "request_timeout_ms": 10_000,
    "delivery_timeout_ms": 20_000,
}
_PATIENCE = 30.0

_SERVER = re.compile(r"[A-Za-z0-9._-]+:\d{1,5}|\[[0-9A-Fa-f:]+\]:\d{1,5}")
_HEADERS = [("content-type", BATCH_TYPE.encode())]
_INHERITED: list[KafkaProducer] = []
_TOO_LARGE = (MessageSizeTooLargeError, RecordTooLargeError)


class KafkaSink:
    """A producer, made when it is first needed and again after an error."""

    batch_events = 100
    """A record costs Kafka and its clients as much as an event does."""
    batches = 32

    def __init__(self, servers: str, topic: str, options: Mapping[str, Any]) -> None:
        """`options`: further settings of kafka-python's producer, such as TLS.

        Raises `Misconfigured`.
        """
        self._options = {
            **options,
            **PRODUCER,
            "bootstrap_servers": _addresses(servers),
        }
        self._topic = topic
        self._producer: KafkaProducer | None = None
        _check(options)

    def send(self, batches: Sequence[Sequence[bytes]]) -> list[Rejected]:
        """As `Sink.send`; nothing is rejected here, the workers do that later."""
        try:
            self._send([array(one) for one in batches])
        except _TOO_LARGE:
            raise Refused("larger than the topic takes") from None
        except (KafkaError, OSError, ValueError) as error:
            self.close()
            raise Unavailable(f"Kafka: {type(error).__name__}") from None
        return []

    def _send(self, values: Sequence[bytes]) -> None:
        if self._producer is None:
            self._producer = KafkaProducer(**self._options)
        producer = self._producer
        futures = [
            producer.send(self._topic, value, headers=_HEADERS) for value in values
        ]
        for future in futures:
            future.get(timeout=_PATIENCE)

    def close(self) -> None:
        """Let the producer go; what it has not delivered stays in the spool."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(KafkaError):
                producer.close(timeout=0)

    def disown(self) -> None:
        """Never to be closed here: that would reach into the parent's selector."""
        if self._producer is not None:
            self._producer._closed = True
            _INHERITED.append(self._producer)
            self._producer = None


def _addresses(servers: str) -> list[str]:
    addresses = [one.strip() for one in servers.split(",")]
    if not all(map(_SERVER.fullmatch, addresses)):
        raise Misconfigured("kafka: give host:port, several separated by commas")
    return addresses


def _check(options: Mapping[str, Any]) -> None:
    for name in options:
        if name in PRODUCER or name == "bootstrap_servers":
            raise Misconfigured(f"kafka_options: {name} is set by the emitter")
        if name not in KafkaProducer.DEFAULT_CONFIG:
            raise Misconfigured(f"kafka_options: kafka-python has no setting {name}")
