"""A Faust agent on the topic of dead letters: a live table of what is rejected, and why.

In a process of its own, so that nothing of it can end a worker, or slow one down. The
table is what its Kafka topic and changelog say: how many letters *arrived*, by reason
and day. Which are still open the warehouse alone knows (`panelstream dead-letters
list`): an event settles its letter by whatever road it comes, and most roads do not
touch Kafka. If this process is down nothing is lost, and it goes on where it was.
"""

import asyncio
import logging
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import faust
from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.transport.drivers import aiokafka as driver

from panelstream.ingest.kafka import clients, records
from panelstream.ingest.kafka.bounded_decoders import use_bounded_decoders
from panelstream.ingest.kafka.faust_process import (
    app_options,
    require_free_address,
    run_app,
)
from panelstream.ingest.kafka.letter_metrics import LetterMetrics
from panelstream.ingest.kafka.metrics import CONTENT_TYPE
from panelstream.ingest.kafka.record_fetcher import RecordFetcher
from panelstream.models.settings.kafka import CONSUMER, KafkaSettings, WorkerSettings

_PAUSE = 0.1
_ANSWER_SECONDS = 5.0

log = logging.getLogger("panelstream.letters")


class LetterApp(faust.App):
    """A Faust app that passes over records that cannot be decoded."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.metrics = LetterMetrics()
        super().__init__(*args, **options)

    def skip(self, partition: TopicPartition, offset: int) -> None:
        """Count and name a record that cannot be decoded."""
        self.metrics.skipped.inc()
        place = records.origin(*partition)
        log.warning("the record %s:%d cannot be decoded and is skipped", place, offset)

    def _new_transport(self) -> driver.Transport:
        return _Transport(self.conf.broker_consumer, self)


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's own would crash at a record that cannot be decoded, at every start."""

    _fetcher: RecordFetcher | None = None

    async def _fetch_records(
        self,
        consumer: AIOKafkaConsumer,
        active_partitions: set[Any],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> dict[Any, Any]:
        if not self.consumer.flow_active:
            return {}
        fetcher = self._fetcher = self._fetcher or RecordFetcher(consumer)
        result: dict[Any, Any] = {}
        for name, number in active_partitions or consumer.assignment():
            partition = TopicPartition(name, number)  # Faust has a type of its own
            fetched = await fetcher.fetch(partition)
            if fetched.skipped is not None:
                cast(LetterApp, self.app).skip(partition, fetched.skipped)
            if fetched.records:
                result[partition] = fetched.records
        if not result:
            await asyncio.sleep(_PAUSE)
        return result


class _Consumer(driver.Consumer):
    def _new_consumer_thread(self) -> _ConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)


class _Transport(driver.Transport):
    Consumer = _Consumer


def run_letter_agent(kafka: KafkaSettings, settings: WorkerSettings) -> None:
    """Keep the table until told to stop (SIGTERM, SIGINT).

    Raises `Unreachable` where Kafka or a topic cannot be reached, or the address of the
    pages is in use.
    """
    use_bounded_decoders()
    clients.describe_topics(kafka)
    require_free_address(settings)
    with tempfile.TemporaryDirectory() as folder:
        run_app(letter_app(kafka, settings, folder))


def letter_app(
    kafka: KafkaSettings, settings: WorkerSettings, folder: str
) -> LetterApp:
    """The app: an agent, its table, and the pages that show it."""
    app = LetterApp(
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

    _log_assignments(app, kafka.dead_topic)
    _add_pages(app, arrived, kafka.dead_topic)
    return app


def _log_assignments(app: LetterApp, topic: str) -> None:
    @app.on_partitions_assigned.connect
    async def log_assignment(
        sender: Any, /, *arguments: Any, signal: Any, **_: Any
    ) -> None:
        [assigned] = arguments
        numbers = sorted(entry.partition for entry in assigned if entry.topic == topic)
        log.info(
            "counting the dead letters of topic %s as group %s, partitions %s",
            topic,
            app.conf.id,
            ", ".join(map(str, numbers)) or "none",
        )


def _add_pages(app: LetterApp, arrived: Mapping[str, int], topic: str) -> None:
    @app.page("/dead-letters")
    async def dead_letters(self: Any, request: Any) -> Any:
        return self.json(summary(arrived))

    @app.page("/health")
    async def health(self: Any, request: Any) -> Any:
        return self.json({"status": "ok"})

    @app.page("/ready")
    async def ready(self: Any, request: Any) -> Any:
        report = await readiness(app, topic)
        return self.json(report, status=200 if report["ready"] else 503)

    @app.page("/metrics")
    async def metrics(self: Any, request: Any) -> Any:
        report = await readiness(app, topic)
        headers = {"Content-Type": CONTENT_TYPE}
        page = app.metrics.text(summary(arrived), report["records_behind"])
        return self.bytes(page, headers=headers)


async def readiness(app: LetterApp, topic: str) -> dict[str, Any]:
    """Whether the table is loaded and Kafka answers; else what is waited for."""
    assigned = {entry for entry in app.consumer.assignment() if entry.topic == topic}
    if (
        not assigned
        or app.rebalancing
        or not cast(Any, app.tables).recovery.completed.is_set()
    ):
        return {"ready": False, "waiting_for": "partitions", "records_behind": None}
    try:
        ends = await asyncio.wait_for(
            app.consumer.highwaters(*assigned), _ANSWER_SECONDS
        )
        positions = {entry: await app.consumer.position(entry) for entry in assigned}
    except Exception:
        return {"ready": False, "waiting_for": "Kafka", "records_behind": None}
    behind = sum(end - (positions[entry] or 0) for entry, end in ends.items())
    return {"ready": True, "waiting_for": "", "records_behind": behind}


def table_key(message: Any) -> str:
    """Reason and day of a letter; what no worker of ours sent has no reason."""
    reason = dict(message.headers or {}).get(records.REASON, b"")
    day = datetime.fromtimestamp(message.timestamp, UTC).date()
    return f"{day} {reason.decode(errors='replace')}"


def summary(table: Mapping[str, int]) -> list[dict[str, Any]]:
    """The rows of the page, by day and reason."""
    rows = [(*key.split(" ", 1), letters) for key, letters in sorted(table.items())]
    return [
        {"day": day, "reason": reason, "arrived": letters}
        for day, reason, letters in rows
    ]
