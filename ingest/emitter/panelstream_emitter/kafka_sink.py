"""Batches of events to Kafka: idempotent, acknowledged by every replica in sync."""

from __future__ import annotations

import atexit
import contextlib
import re
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from kafka import KafkaProducer
from kafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)

from panelstream_emitter.sinks import (
    BATCH_TYPE,
    MAX_BATCH_BYTES,
    Ending,
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
    "request_timeout_ms": 8_000,
    "delivery_timeout_ms": 10_000,
    "reconnect_backoff_max_ms": 1_000,
}
_PATIENCE = 20.0
_CONNECT_SECONDS = 5.0

_SERVER = re.compile(r"[A-Za-z0-9._-]+:\d{1,5}|\[[0-9A-Fa-f:]+\]:\d{1,5}")
_HEADERS = [("content-type", BATCH_TYPE.encode())]
_INHERITED: list[KafkaProducer] = []
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)


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
            self._send([array(batch) for batch in batches])
        except _TOO_LARGE:
            raise Refused("larger than the topic takes") from None
        except KafkaTimeoutError:
            self.close()
            raise Unavailable(f"Kafka: no answer, or no topic {self._topic}") from None
        except (KafkaError, OSError, ValueError) as error:
            self.close()
            raise Unavailable(f"Kafka: {type(error).__name__}") from None
        return []

    def _send(self, values: Sequence[bytes]) -> None:
        if self._producer is None:
            # A producer that finds nobody leaves its sockets open.
            _find_one(self._options["bootstrap_servers"])
            self._producer = self._make()
        producer = self._producer
        futures = [
            producer.send(self._topic, value, headers=_HEADERS) for value in values
        ]
        for future in futures:
            future.get(timeout=_PATIENCE)

    def _make(self) -> KafkaProducer:
        """A producer, closed by us alone. Raises `Ending` where the process ends."""
        try:
            producer = KafkaProducer(**self._options)
        except RuntimeError:  # Python 3.12 starts no thread while it ends
            raise Ending("Kafka: the process ends") from None
        # kafka-python would close it at the exit before our last events are sent.
        atexit.unregister(getattr(producer, "_cleanup", None))
        return producer

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
    addresses = [entry.strip() for entry in servers.split(",")]
    if not all(map(_SERVER.fullmatch, addresses)):
        raise Misconfigured("kafka: give host:port, several separated by commas")
    return addresses


def _find_one(addresses: Sequence[str]) -> None:
    """Raises `OSError` where none of the brokers can be connected to."""
    for number, address in enumerate(addresses, start=1):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection(
                (host.strip("[]"), int(port)), _CONNECT_SECONDS
            ).close()
            return
        except OSError:
            if number == len(addresses):
                raise


def _check(options: Mapping[str, Any]) -> None:
    for name in options:
        if name in PRODUCER or name == "bootstrap_servers":
            raise Misconfigured(f"kafka_options: {name} is set by the emitter")
        if name not in KafkaProducer.DEFAULT_CONFIG:
            raise Misconfigured(f"kafka_options: kafka-python has no setting {name}")
