"""Kafka's clients, connected from the settings; what goes wrong becomes one line.

kafka-python looks and makes topics; aiokafka moves records.
"""

import asyncio
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import aiokafka.errors
import kafka.errors
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.conn import create_conn, get_ip_port_afi
from aiokafka.errors import CorruptRecordException, UnsupportedCodecError
from aiokafka.structs import OffsetAndMetadata
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.structs import TopicPartition

from panelstream.ingest.kafka.log_positions import TopicLog
from panelstream.models.errors import Unreachable
from panelstream.models.settings.kafka import CONSUMER, PRODUCER, KafkaSettings

ERRORS = (kafka.errors.KafkaError, aiokafka.errors.KafkaError, OSError)
"""What the clients raise."""

_NOT_SIGNED_IN = (
    aiokafka.errors.AuthenticationFailedError,
    aiokafka.errors.SaslAuthenticationFailed,
    aiokafka.errors.UnsupportedSaslMechanismError,
)
_PATIENCE_MS = 10_000
_SHOWN = ("retention.ms", "max.message.bytes", "min.insync.replicas")


@dataclass(frozen=True)
class Topic:
    """A topic as it is; `settings` are those that keep or lose records."""

    name: str
    partitions: int
    replication: int
    settings: dict[str, str]


@contextmanager
def admin(settings: KafkaSettings) -> Iterator[KafkaAdminClient]:
    """A client that looks and makes topics.

    Raises `Unreachable` for whatever goes wrong with Kafka while it is in use.
    """
    quieten()
    connection = settings.connection()
    try:
        client = KafkaAdminClient(
            **connection,
            request_timeout_ms=_PATIENCE_MS,
            bootstrap_timeout_ms=_PATIENCE_MS,
        )
    except ERRORS as error:
        raise unreachable(settings, _why(settings) or error) from None
    try:
        yield client
    except ERRORS as error:
        raise unreachable(settings, error) from None
    finally:
        client.close()


def quieten() -> None:
    """The clients log each failed attempt; we say once what matters."""
    for name in ("kafka", "aiokafka"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def create_topics(settings: KafkaSettings) -> list[str]:
    """Make the topic of events and the one of dead letters; returns those made now."""
    names = (settings.topic, settings.dead_topic)
    with admin(settings) as client:
        missing = [name for name in names if name not in client.list_topics()]
        # The client takes no empty list.
        if missing:
            client.create_topics(
                [_new(settings, name) for name in missing], wait_for_metadata=True
            )
    return missing


def describe_topics(settings: KafkaSettings) -> list[Topic]:
    """Our topics as they are. Raises `Unreachable` where one is missing."""
    names = [settings.topic, settings.dead_topic]
    with admin(settings) as client:
        missing = [name for name in names if name not in client.list_topics()]
        if missing:
            raise Unreachable(_missing(settings, missing))
        described = {topic["name"]: topic for topic in client.describe_topics(names)}
        return [
            _topic(client, described[name]["name"], described[name]) for name in names
        ]


def read_log(settings: KafkaSettings) -> TopicLog:
    """The topic of events as it is, and what the group has committed."""
    with admin(settings) as client:
        [topic] = client.describe_topics([settings.topic])
        partitions = [
            TopicPartition(settings.topic, partition["partition_index"])
            for partition in topic["partitions"]
        ]
        ends = client.list_partition_offsets(dict.fromkeys(partitions, -1))
        starts = client.list_partition_offsets(dict.fromkeys(partitions, -2))
        commits = client.list_group_offsets(settings.group)[settings.group]
    return TopicLog(
        str(topic["topic_id"]),
        {partition.partition: starts[partition].offset for partition in partitions},
        {partition.partition: ends[partition].offset for partition in partitions},
        {
            partition.partition: OffsetAndMetadata(commit.offset, commit.metadata or "")
            for partition, commit in commits.items()
            if partition.topic == settings.topic and commit.offset >= 0
        },
    )


def consumer(settings: KafkaSettings) -> AIOKafkaConsumer:
    """A member of the group; it subscribes to the topic of events itself."""
    # Where to begin is decided by whom it concerns: the client would skip in silence.
    own = {**CONSUMER, "auto_offset_reset": "none"}
    return AIOKafkaConsumer(group_id=settings.group, **settings.connection(), **own)


def reader(settings: KafkaSettings, topic: str) -> AIOKafkaConsumer:
    """A consumer of no group, to read a topic from its start, or at a place."""
    return AIOKafkaConsumer(topic, group_id=None, **settings.connection(), **CONSUMER)


def is_undecodable(error: Exception) -> bool:
    """Whether a record cannot be decoded; other errors are Kafka's, or a program's.

    What decompression and decoding raise is no Kafka error.
    """
    if isinstance(error, aiokafka.errors.KafkaError):
        return isinstance(error, (CorruptRecordException, UnsupportedCodecError))
    return not isinstance(error, _DEFECTS)


_DEFECTS = (AssertionError, NameError)
"""What a mistake in a program raises, and no record does."""


def producer(settings: KafkaSettings) -> AIOKafkaProducer:
    """A producer whose records are safe once they are acknowledged."""
    return AIOKafkaProducer(**settings.connection(), **PRODUCER)


def unreachable(settings: KafkaSettings, error: Exception) -> Unreachable:
    """What happened, where the address was set, and what to do."""
    return Unreachable(
        f"cannot use Kafka at {settings.address} ({type(error).__name__}); the address "
        f"is from {settings.where}: {_remedy(settings, error)}"
    )


def _why(settings: KafkaSettings) -> Exception | None:
    """Why we are not let in; the client that was to be let in only says timeout."""
    try:
        asyncio.run(_knock(settings))
    except ERRORS as error:
        return error
    return None


async def _knock(settings: KafkaSettings) -> None:
    connection = settings.connection()
    host, port, _ = get_ip_port_afi(connection.pop("bootstrap_servers")[0])
    opened = await create_conn(
        host, port, request_timeout_ms=_PATIENCE_MS, **connection
    )
    opened.close()


def _remedy(settings: KafkaSettings, error: Exception) -> str:
    if isinstance(error, _NOT_SIGNED_IN):
        return (
            "check PANELSTREAM_KAFKA_SASL_USERNAME, _MECHANISM, and the password's file"
        )
    if isinstance(error, ssl.SSLError):
        return "check PANELSTREAM_KAFKA_CA_FILE, _CERTIFICATE_FILE and _KEY_FILE"
    if isinstance(error, kafka.errors.BrokerResponseError):
        return "ask the broker's operator, or check the settings PANELSTREAM_KAFKA_…"
    if isinstance(error, OSError):
        return "start it (make kafka), or check the address"
    if settings.security.protocol == "SSL":
        return "start it, or check the address and PANELSTREAM_KAFKA_CERTIFICATE_FILE"
    if settings.security.protocol == "PLAINTEXT":
        return "start it, or check the address and PANELSTREAM_KAFKA_SECURITY_PROTOCOL"
    return "start it, or check the address"


def _missing(settings: KafkaSettings, names: list[str]) -> str:
    return (
        f"Kafka at {settings.address} has no topic {', '.join(names)}; make it with "
        f"'panelstream topics create', or name another in PANELSTREAM_KAFKA_TOPIC"
    )


def _new(settings: KafkaSettings, name: str) -> NewTopic:
    return NewTopic(
        name,
        settings.partitions if name == settings.topic else 1,
        settings.replication,
        topic_configs=settings.topic_settings(name),
    )


def _topic(client: KafkaAdminClient, name: str, described: dict[str, list]) -> Topic:  # type: ignore[type-arg]  # as the client returns it
    from kafka.admin import ConfigResource, ConfigResourceType

    resource = ConfigResource(ConfigResourceType.TOPIC, name)
    [result] = client.describe_configs([resource], config_filter="all").values()
    values = {key: str(entry["value"]) for key, entry in result[name].items()}
    partitions = described["partitions"]
    return Topic(
        name=name,
        partitions=len(partitions),
        replication=len(partitions[0]["replica_nodes"]),
        settings={key: values[key] for key in _SHOWN if key in values},
    )
