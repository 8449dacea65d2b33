"""Kafka: where it is, and every setting of topics, producers and consumers.

One place, each with its reason; knows no client. The names are those that
kafka-python and aiokafka share, so that both are connected alike.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from panelstream.models.errors import Unreachable
from panelstream.models.settings.environment import Values

DEAD = ".dead"
"""What the name of the topic of dead letters ends in."""

MAX_RECORD_BYTES = 16 << 20
"""A record of one of our senders has 100 events, about 30 kB; a foreign one with
thousands must still arrive to be taken apart, and a useless one to be reported."""

DEAD_RECORD_BYTES = 2 * MAX_RECORD_BYTES
"""A dead letter is the original and its headers, so it may be longer than that."""

CONSUMER: Mapping[str, Any] = {
    # Offsets are committed by the worker, after the events are stored.
    "enable_auto_commit": False,
    # A group without an offset reads from the start; "latest" would skip what was
    # sent before the first commit.
    "auto_offset_reset": "earliest",
    # How long the partitions of a killed worker wait for another.
    "session_timeout_ms": 10_000,
    "heartbeat_interval_ms": 2_500,
    # Waiting for the warehouse is no reason to lose the partitions: the client would
    # leave the group in silence. Whether a worker works is for its health page.
    "max_poll_interval_ms": 86_400_000,
    # What is read ahead for a partition: bounds memory, and is a batch or more, as
    # events shrink to a tenth.
    "max_partition_fetch_bytes": 512 << 10,
    "fetch_max_bytes": 4 << 20,
    # A damaged record is a dead letter, not an event with other content.
    "check_crcs": True,
    # What a transaction of the sender took back has never happened.
    "isolation_level": "read_committed",
    # A partition that was added is noticed within this time.
    "metadata_max_age_ms": 60_000,
}

PRODUCER: Mapping[str, Any] = {
    # A record is sent once every replica in sync has it, and a retry is no double.
    "acks": "all",
    "enable_idempotence": True,
    # JSON of a hundred similar events shrinks to a tenth.
    "compression_type": "zstd",
    # Fills batches without being felt.
    "linger_ms": 20,
    "max_batch_size": 256 << 10,
    "max_request_size": DEAD_RECORD_BYTES,
}

TOPIC: Mapping[str, str] = {
    # Every record counts: nothing is compacted away.
    "cleanup.policy": "delete",
    # As the sender compressed it; the broker does not do it again.
    "compression.type": "producer",
    # When the sender sent it.
    "message.timestamp.type": "CreateTime",
}

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

_SERVER = re.compile(r"[A-Za-z0-9._-]+:\d{1,5}|\[[0-9A-Fa-f:]+\]:\d{1,5}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,200}")


@dataclass(frozen=True)
class Security:
    """How the broker is to be trusted, and we by it."""

    protocol: str
    mechanism: str
    username: str
    password_file: Path | None
    ca_file: Path | None
    certificate_file: Path | None
    key_file: Path | None

    @property
    def password(self) -> str:
        """The content of the password file without the line's end.

        Raises `Unreachable` where it cannot be read.
        """
        if self.password_file is None:
            return ""
        try:
            return self.password_file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise Unreachable(
                f"PANELSTREAM_KAFKA_SASL_PASSWORD_FILE: {self.password_file} cannot be "
                f"read; name a file that holds the password and nothing else"
            ) from None

    def ssl_context(self) -> ssl.SSLContext | None:
        """Trust in the broker's certificate, and our own where it asks for one.

        Raises `Unreachable` for a file that is no certificate or key.
        """
        if not self.protocol.endswith("SSL"):
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.certificate_file:
                context.load_cert_chain(self.certificate_file, self.key_file)
        except (OSError, ssl.SSLError) as error:
            raise Unreachable(
                f"PANELSTREAM_KAFKA_CA_FILE, _CERTIFICATE_FILE or _KEY_FILE: "
                f"{error.strerror or 'not a PEM file'}; name PEM files that can be read"
            ) from None
        return context


@dataclass(frozen=True)
class KafkaSettings:
    """Where Kafka is, what our topic is called, and how it is made."""

    servers: tuple[str, ...]
    where: str
    topic: str
    group: str
    partitions: int
    replication: int
    retention_days: int
    security: Security

    @classmethod
    def from_values(cls, values: Values) -> "KafkaSettings":
        """Read PANELSTREAM_KAFKA and the settings that begin with PANELSTREAM_KAFKA_.

        Raises `Unreachable` naming the setting, where it was set and what it may be.
        """
        return cls(
            servers=_servers(values),
            where=values.where("KAFKA"),
            topic=_topic(values),
            group=values.get("KAFKA_GROUP", "panelstream"),
            partitions=whole(values, "KAFKA_PARTITIONS", 8),
            replication=whole(values, "KAFKA_REPLICATION", 1),
            retention_days=whole(values, "KAFKA_RETENTION_DAYS", 30),
            security=_security(values),
        )

    @property
    def dead_topic(self) -> str:
        """The topic of dead letters."""
        return self.topic + DEAD

    @property
    def address(self) -> str:
        """The brokers, for a message."""
        return ",".join(self.servers)

    def connection(self) -> dict[str, Any]:
        """What every client needs to connect."""
        security = self.security
        sasl = {
            "sasl_mechanism": security.mechanism,
            "sasl_plain_username": security.username,
            "sasl_plain_password": security.password,
        }
        return {
            "bootstrap_servers": list(self.servers),
            "security_protocol": security.protocol,
            "ssl_context": security.ssl_context(),
            **(sasl if security.protocol.startswith("SASL") else {}),
        }

    def topic_settings(self, name: str) -> dict[str, str]:
        """The settings of our topic, or of the one of dead letters."""
        longest = DEAD_RECORD_BYTES if name == self.dead_topic else MAX_RECORD_BYTES
        return {
            **TOPIC,
            # Long enough to mend a warehouse after a holiday; personal data, so no
            # longer than that.
            "retention.ms": str(self.retention_days * 86_400_000),
            "max.message.bytes": str(longest),
            # With three copies one may fail and nothing acknowledged is lost.
            "min.insync.replicas": "2" if self.replication > 2 else "1",
        }


@dataclass(frozen=True)
class WorkerSettings:
    """How a worker gathers, and where it tells how it is."""

    host: str
    port: int
    max_age: float
    max_bytes: int

    @classmethod
    def from_values(cls, values: Values) -> "WorkerSettings":
        """Read PANELSTREAM_WORKER_ADDRESS, _MAX_AGE (seconds) and _MAX_BYTES."""
        host, port = address(values, "WORKER_ADDRESS", "127.0.0.1:6066")
        return cls(
            host=host,
            port=port,
            max_age=_seconds(values, "WORKER_MAX_AGE", 2.0),
            max_bytes=whole(values, "WORKER_MAX_BYTES", 4 << 20),
        )


def address(values: Values, name: str, default: str) -> tuple[str, int]:
    """A setting that is a host and a port to listen on."""
    text = values.get(name, default)
    if not _SERVER.fullmatch(text):
        raise _wrong(values, name, "host:port")
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def whole(values: Values, name: str, default: int) -> int:
    """A setting that is a whole number of 1 or more."""
    text = values.get(name, str(default))
    if not text.isdecimal() or int(text) < 1:
        raise _wrong(values, name, "a whole number of 1 or more")
    return int(text)


def _seconds(values: Values, name: str, default: float) -> float:
    text = values.get(name, str(default))
    if not re.fullmatch(r"\d+(\.\d+)?", text) or not 0 < float(text) <= 3600:
        raise _wrong(values, name, "seconds, above 0 and up to 3600")
    return float(text)


def _servers(values: Values) -> tuple[str, ...]:
    servers = tuple(
        one.strip() for one in values.get("KAFKA", "localhost:9092").split(",")
    )
    if not all(map(_SERVER.fullmatch, servers)):
        raise _wrong(values, "KAFKA", "host:port, several separated by commas")
    return servers


def _topic(values: Values) -> str:
    topic = values.get("KAFKA_TOPIC", "panelstream.events")
    if not _TOPIC.fullmatch(topic):
        raise _wrong(values, "KAFKA_TOPIC", "letters, digits, '.', '_' and '-'")
    return topic


def _security(values: Values) -> Security:
    protocol = _choice(values, "KAFKA_SECURITY_PROTOCOL", get_args(Protocol))
    security = Security(
        protocol=protocol,
        mechanism=_choice(values, "KAFKA_SASL_MECHANISM", get_args(Mechanism)),
        username=values.get("KAFKA_SASL_USERNAME", ""),
        password_file=_path(values, "KAFKA_SASL_PASSWORD_FILE"),
        ca_file=_path(values, "KAFKA_CA_FILE"),
        certificate_file=_path(values, "KAFKA_CERTIFICATE_FILE"),
        key_file=_path(values, "KAFKA_KEY_FILE"),
    )
    if protocol.startswith("SASL") and not security.username:
        raise _wrong(values, "KAFKA_SASL_USERNAME", f"a name, as {protocol} needs one")
    return security


def _choice(values: Values, name: str, choices: tuple[str, ...]) -> str:
    choice = values.get(name, choices[0])
    if choice not in choices:
        raise _wrong(values, name, ", ".join(choices))
    return choice


def _path(values: Values, name: str) -> Path | None:
    text = values.get(name, "")
    return Path(text) if text else None


def _wrong(values: Values, name: str, right: str) -> Unreachable:
    return Unreachable(f"{values.where(name)} is not understood; it may be: {right}")
