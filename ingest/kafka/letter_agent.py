"""A Faust agent on the topic of dead letters: a live table of what is rejected, and why.

In a process of its own, so that nothing of it can end a worker, or slow one down. The
table is what its Kafka topic and changelog say: how many letters *arrived*, by reason
and day. Which are still open the warehouse alone knows (`panelstream dead-letters
list`); if this process is down nothing is lost, and it goes on where it was.
"""

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import faust

from panelstream.ingest.kafka import clients, records
from panelstream.ingest.kafka.faust_process import (
    app_options,
    require_free_address,
    run_app,
)
from panelstream.models.settings.kafka import CONSUMER, KafkaSettings, WorkerSettings


def run_letter_agent(kafka: KafkaSettings, settings: WorkerSettings) -> None:
    """Keep the table until told to stop (SIGTERM, SIGINT).

    Raises `Unreachable` where Kafka or a topic cannot be reached, or the address of the
    pages is in use.
    """
    clients.describe_topics(kafka)
    require_free_address(settings)
    with tempfile.TemporaryDirectory() as folder:
        run_app(letter_app(kafka, settings, folder))


def letter_app(
    kafka: KafkaSettings, settings: WorkerSettings, folder: str
) -> faust.App:
    """The app: an agent, its table, and the page that shows it."""
    app = faust.App(
        f"{kafka.group}.letters",
        store="memory://",
        topic_partitions=1,
        topic_replication_factor=kafka.replication,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        # As those of workers, and for the same reasons.
        broker_session_timeout=CONSUMER["session_timeout_ms"] / 1000,
        broker_heartbeat_interval=CONSUMER["heartbeat_interval_ms"] / 1000,
        broker_max_poll_interval=CONSUMER["max_poll_interval_ms"] / 1000,
        **app_options(kafka, settings, folder),
    )
    letters = app.topic(
        kafka.dead_topic,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
    )
    arrived = app.GlobalTable("arrived", default=int, partitions=1)

    @app.agent(letters)
    async def count(stream: Any) -> None:
        async for event in stream.events():
            arrived[table_key(event.message)] += 1

    @app.page("/dead-letters")
    async def dead_letters(self: Any, request: Any) -> Any:
        return self.json(summary(arrived))

    return app


def table_key(message: Any) -> str:
    """Reason and day of a letter; what no worker of ours sent has no reason."""
    reason = dict(message.headers or {}).get(records.REASON, b"")
    day = datetime.fromtimestamp(message.timestamp, UTC).date()
    return f"{day} {reason.decode(errors='replace')}"


def summary(table: Mapping[str, int]) -> list[dict[str, object]]:
    """The rows of the page, by day and reason."""
    rows = [(*key.split(" ", 1), letters) for key, letters in sorted(table.items())]
    return [
        {"day": day, "reason": reason, "arrived": letters}
        for day, reason, letters in rows
    ]
