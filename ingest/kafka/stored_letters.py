"""The payloads of dead letters that came by Kafka: copies, or the records themselves."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaTimeoutError

from panelstream.ingest.events.splitting import events_at
from panelstream.ingest.kafka import clients, records
from panelstream.ingest.kafka.record_fetcher import RecordFetcher
from panelstream.ingest.kafka.records import Headers
from panelstream.models.events.event import Position
from panelstream.models.settings.kafka import KafkaSettings

_PAUSE = 0.02
_PATIENCE_MS = 10_000

Take = Callable[[Position, tuple[bytes, Headers] | None], None]
"""Called with each payload that is there; None: it cannot be decoded."""
Skip = Callable[[str], None]
"""Called with partition and offset of a dead letter's copy that cannot be decoded."""


def read_payloads(
    kafka: KafkaSettings, places: set[Position], take: Take, skip: Skip
) -> None:
    """Read what lies at the positions of dead letters, each once.

    Raises `Unreachable` if Kafka cannot be reached.
    """
    clients.describe_topics(kafka)
    try:
        asyncio.run(_read(kafka, places, take, skip))
    except clients.ERRORS as error:
        raise clients.unreachable(kafka, error) from None


async def _read(
    kafka: KafkaSettings, places: set[Position], take: Take, skip: Skip
) -> None:
    uncopied = set(places)
    async with _reader(kafka, kafka.dead_topic) as consumer:
        async for place, payload in _copies(consumer, skip):
            if place in uncopied:
                uncopied.remove(place)
                take(place, payload)
    if uncopied:
        log = await asyncio.to_thread(clients.read_log, kafka)
        async with _reader(kafka, kafka.topic) as consumer:
            log_ids = {
                records.origin(kafka.topic, partition): log.log_id(partition)
                for partition in log.ends
            }
            await _look_again(consumer, places_in_logs(uncopied, log_ids), take)


def places_in_logs(
    places: Iterable[Position], log_ids: Mapping[str, str]
) -> list[Position]:
    """The places that partitions may have: those of a log that is gone are not there.

    `log_ids`: of each partition, by its name in positions. A place without an id was
    stored when letters did not say of which log they are.
    """
    return [
        place for place in places if place.origin_id in ("", log_ids.get(place.origin))
    ]


@asynccontextmanager
async def _reader(kafka: KafkaSettings, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = clients.reader(kafka, topic)
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def _copies(
    consumer: AIOKafkaConsumer, skip: Skip
) -> AsyncIterator[tuple[Position | None, tuple[bytes, Headers]]]:
    """What was copied to the topic of dead letters, with the place that it came from.

    A record there that cannot be decoded concerns no other.
    """
    fetcher = RecordFetcher(consumer)
    for partition, end in (await consumer.end_offsets(consumer.assignment())).items():
        while await consumer.position(partition) < end:
            fetched = await fetcher.fetch(partition)
            if fetched.skipped is not None:
                skip(f"{records.origin(*partition)}:{fetched.skipped}")
            if fetched.is_empty:
                await asyncio.sleep(_PAUSE)
            for record in fetched.records:
                if record.value is not None:
                    headers = records.foreign(record.headers)
                    yield records.buried_at(record.headers), (record.value, headers)


async def _look_again(
    consumer: AIOKafkaConsumer, places: Iterable[Position], take: Take
) -> None:
    """Read records where they were: they had no value, or none that could be copied."""
    ends = await consumer.end_offsets(consumer.assignment())
    partitions = {
        records.origin(
            topic_partition.topic, topic_partition.partition
        ): topic_partition
        for topic_partition in ends
    }
    for whole, at_index in _by_record(places).items():
        offset, partition = whole.line, partitions.get(whole.origin)
        if partition is None or offset >= ends[partition]:
            continue
        try:
            record = await _record_at(consumer, partition, offset)
        except Exception as error:
            if not clients.is_undecodable(error):
                raise
            for place in at_index.values():
                take(place, None)
            continue
        if record.offset == offset:
            headers = records.foreign(record.headers)
            for index, value in events_at(record.value or b"", at_index).items():
                take(at_index[index], (value, headers))


def _by_record(
    places: Iterable[Position],
) -> dict[Position, dict[int | None, Position]]:
    """Positions by that of their record, then by index: a record is split once."""
    result: dict[Position, dict[int | None, Position]] = {}
    for place in places:
        result.setdefault(place.element(None), {})[place.index] = place
    return result


async def _record_at(
    consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int
) -> ConsumerRecord[bytes, bytes]:
    """The record at an offset, or the next one if it is there no more."""
    consumer.seek(partition, offset)
    got = await consumer.getmany(partition, timeout_ms=_PATIENCE_MS, max_records=1)
    if not got:
        raise KafkaTimeoutError
    [record] = got[partition]
    return record
