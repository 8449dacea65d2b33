"""Kafka: where it is, and every setting of topics, producers and consumers.

One place, each with its reason; knows no client. The names are those that
kafka-python and aiokafka share, so that both are connected alike.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from panelstream.models.errors import SettingError
from panelstream.models.settings.setting import (
    ADDRESS,
    ADDRESSES,
    GROUP_NAME,
    KAFKA_COMMANDS,
    NAME,
    OPTIONAL_PATH,
    SECONDS,
    TEXT,
    WHOLE_NUMBER,
    Environment,
    Setting,
    choice,
)

DEAD = ".dead"
"""What the name of the topic of dead letters ends in."""

MAX_RECORD_BYTES = 16 << 20
"""A record of one of our senders has 100 events, about 30 kB; a foreign one with
thousands must still arrive to be taken apart, and a useless one to be reported."""

DEAD_RECORD_BYTES = 2 * MAX_RECORD_BYTES
"""A dead letter is the original and its headers, so it may be longer than that."""

MAX_UNPACKED_BYTES = 4 * MAX_RECORD_BYTES
"""What the broker's limits bound is compressed; this bounds what a batch of records is
when decompressed, and so the memory of a worker."""

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
    # A partition that was added, and a topic that was created again, is noticed within
    # this time.
    "metadata_max_age_ms": 15_000,
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

KAFKA = Setting(
    name="KAFKA",
    format=ADDRESSES,
    default="localhost:9092",
    meaning="brokers: `host:port`, several separated by commas. A collector sends to Kafka only if this is set",
    example="localhost:9092",
    read_by=KAFKA_COMMANDS,
)
TOPIC_NAME = Setting(
    name="KAFKA_TOPIC",
    format=NAME,
    default="panelstream.events",
    meaning="topic of events; the topic of dead letters has the same name with `.dead`",
    example="panelstream.events",
    read_by=KAFKA_COMMANDS,
)
GROUP = Setting(
    name="KAFKA_GROUP",
    format=GROUP_NAME,
    default="panelstream",
    meaning="consumer group, whose workers share the partitions",
    example="panelstream",
    read_by="`worker`",
)
PARTITIONS = Setting(
    name="KAFKA_PARTITIONS",
    format=WHOLE_NUMBER,
    default="8",
    meaning="partitions of a new topic: the largest number of workers that can share it",
    example="8",
    read_by="`topics create`",
)
REPLICATION = Setting(
    name="KAFKA_REPLICATION",
    format=WHOLE_NUMBER,
    default="1",
    meaning="copies of a new topic; 3 on a cluster",
    example="1",
    read_by="`topics create`",
)
RETENTION_DAYS = Setting(
    name="KAFKA_RETENTION_DAYS",
    format=WHOLE_NUMBER,
    default="30",
    meaning="days for which Kafka keeps the events and dead letters of a new topic, read or not",
    example="30",
    read_by="`topics create`",
)
SECURITY_PROTOCOL = Setting(
    name="KAFKA_SECURITY_PROTOCOL",
    format=choice("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    default="PLAINTEXT",
    meaning="or `SSL`, `SASL_PLAINTEXT`, `SASL_SSL`",
    example="PLAINTEXT",
    read_by=KAFKA_COMMANDS,
)
SASL_MECHANISM = Setting(
    name="KAFKA_SASL_MECHANISM",
    format=choice("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
    default="PLAIN",
    meaning="or `SCRAM-SHA-256`, `SCRAM-SHA-512`",
    example="PLAIN",
    read_by=KAFKA_COMMANDS,
)
SASL_USERNAME = Setting(
    name="KAFKA_SASL_USERNAME",
    format=TEXT,
    default="",
    meaning="user, with `SASL_…`",
    example="panelstream",
    read_by=KAFKA_COMMANDS,
)
SASL_PASSWORD_FILE = Setting(
    name="KAFKA_SASL_PASSWORD_FILE",
    format=OPTIONAL_PATH,
    default="",
    meaning="file that holds the password and nothing else, mode 0600",
    example="/secure/place/kafka.password",
    read_by=KAFKA_COMMANDS,
)
CA_FILE = Setting(
    name="KAFKA_CA_FILE",
    format=OPTIONAL_PATH,
    default="",
    meaning="PEM file of the certificate authorities that the brokers' certificates are checked against, with `…SSL`; without it, those of the system",
    example="/secure/place/ca.pem",
    read_by=KAFKA_COMMANDS,
)
CERTIFICATE_FILE = Setting(
    name="KAFKA_CERTIFICATE_FILE",
    format=OPTIONAL_PATH,
    default="",
    meaning="PEM file of the client's certificate, if the brokers require one",
    example="/secure/place/panelstream.pem",
    read_by=KAFKA_COMMANDS,
)
KEY_FILE = Setting(
    name="KAFKA_KEY_FILE",
    format=OPTIONAL_PATH,
    default="",
    meaning="PEM file of the certificate's private key",
    example="/secure/place/panelstream.key",
    read_by=KAFKA_COMMANDS,
)

KAFKA_SETTINGS: tuple[Setting[Any], ...] = (
    KAFKA,
    TOPIC_NAME,
    GROUP,
    PARTITIONS,
    REPLICATION,
    RETENTION_DAYS,
    SECURITY_PROTOCOL,
    SASL_MECHANISM,
    SASL_USERNAME,
    SASL_PASSWORD_FILE,
    CA_FILE,
    CERTIFICATE_FILE,
    KEY_FILE,
)

WORKER_ADDRESS = Setting(
    name="WORKER_ADDRESS",
    format=ADDRESS,
    default="127.0.0.1:6066",
    meaning="where a worker shows health and metrics; each worker of a machine needs its own",
    example="127.0.0.1:6066",
    read_by="`worker`",
)
WORKER_MAX_AGE = Setting(
    name="WORKER_MAX_AGE",
    format=SECONDS,
    default="2",
    meaning="seconds after which collected events are written",
    example="2",
    read_by="`worker`",
)
WORKER_MAX_BYTES = Setting(
    name="WORKER_MAX_BYTES",
    format=WHOLE_NUMBER,
    default=str(4 << 20),
    meaning="bytes after which collected events are written, whatever their age",
    example="4194304",
    read_by="`worker`",
)

WORKER_SETTINGS: tuple[Setting[Any], ...] = (
    WORKER_ADDRESS,
    WORKER_MAX_AGE,
    WORKER_MAX_BYTES,
)


@dataclass(frozen=True)
class Security:
    """How we trust the broker, and how it trusts us."""

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

        Raises `SettingError` where it cannot be read.
        """
        if self.password_file is None:
            return ""
        try:
            return self.password_file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise SettingError(
                f"PANELSTREAM_KAFKA_SASL_PASSWORD_FILE: {self.password_file} cannot be "
                f"read; name a file that holds the password and nothing else"
            ) from None

    def ssl_context(self) -> ssl.SSLContext | None:
        """Trust in the broker's certificate, and our own where it asks for one.

        Raises `SettingError` for a file that is no certificate or key.
        """
        if not self.protocol.endswith("SSL"):
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.certificate_file:
                context.load_cert_chain(self.certificate_file, self.key_file)
        except (OSError, ssl.SSLError) as error:
            raise SettingError(
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
    def from_environment(cls, environment: Environment) -> "KafkaSettings":
        """Read `KAFKA_SETTINGS`. Raises `SettingError` for a wrong value."""
        return cls(
            servers=environment.get(KAFKA),
            where=environment.where(KAFKA),
            topic=environment.get(TOPIC_NAME),
            group=environment.get(GROUP),
            partitions=environment.get(PARTITIONS),
            replication=environment.get(REPLICATION),
            retention_days=environment.get(RETENTION_DAYS),
            security=_security(environment),
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
            # Long enough to repair a warehouse after a holiday; personal data, so no
            # longer than that.
            "retention.ms": str(self.retention_days * 86_400_000),
            "max.message.bytes": str(longest),
            # With three copies one may fail and nothing acknowledged is lost.
            "min.insync.replicas": "2" if self.replication > 2 else "1",
        }


@dataclass(frozen=True)
class WorkerSettings:
    """When a worker writes a batch, and where it shows its health."""

    host: str
    port: int
    max_age: float
    max_bytes: int

    @classmethod
    def from_environment(cls, environment: Environment) -> "WorkerSettings":
        """Read `WORKER_SETTINGS`. Raises `SettingError` for a wrong value."""
        host, port = environment.get(WORKER_ADDRESS)
        return cls(
            host=host,
            port=port,
            max_age=environment.get(WORKER_MAX_AGE),
            max_bytes=environment.get(WORKER_MAX_BYTES),
        )


def _security(environment: Environment) -> Security:
    protocol = environment.get(SECURITY_PROTOCOL)
    security = Security(
        protocol=protocol,
        mechanism=environment.get(SASL_MECHANISM),
        username=environment.get(SASL_USERNAME),
        password_file=environment.get(SASL_PASSWORD_FILE),
        ca_file=environment.get(CA_FILE),
        certificate_file=environment.get(CERTIFICATE_FILE),
        key_file=environment.get(KEY_FILE),
    )
    if protocol.startswith("SASL") and not security.username:
        raise environment.error(SASL_USERNAME, f"a name, as {protocol} needs one")
    if security.key_file and not security.certificate_file:
        raise environment.error(KEY_FILE, f"{CERTIFICATE_FILE.variable} with it")
    return security
