"""Dead letters sent down the path again, from where their payload still lies.

Those of files are read from the file at its place, those of Kafka from the topic of
dead letters, or where that has no copy, at their offset once more. What is taken in, refused, or rejected for another reason than before is
marked as resolved; what is rejected as before changes nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaTimeoutError

from panelstream.ingest.events import files
from panelstream.ingest.events.files import STDIN, Source
from panelstream.ingest.events.pipeline import Pipeline, RawEvents
from panelstream.ingest.events.splitting import events_at
from panelstream.ingest.kafka import clients, records
from panelstream.ingest.kafka.records import Headers
from panelstream.models.errors import FileError
from panelstream.models.events.event import Position, Rejection
from panelstream.models.settings.kafka import KafkaSettings
from panelstream.models.timestamps import EARLIEST, LATEST
from panelstream.models.warehouse.ledger import resolve_dead_letters
from panelstream.models.warehouse.store import Store

_AT_ONCE = 10_000
_FETCH_MS = 500
_PATIENCE_MS = 10_000

Letter = Mapping[str, Any]
"""A row of the query `open_dead_letters`."""

Payload = tuple[bytes, Headers]
"""The original bytes of an event and the headers of its record."""


@dataclass
class Payloads:
    """What lies at the positions of dead letters, as far as it is still there."""

    payloads: dict[Position, Payload] = field(default_factory=dict)
    unreadable: set[Position] = field(default_factory=set)

    def __contains__(self, place: Position) -> bool:
        return place in self.payloads or place in self.unreadable

    def raw_events(self, places: Iterable[Position], path: str) -> RawEvents:
        """Some of it as events that arrive again, each at its old position."""
        positions = list(places)
        lost = [
            Rejection("unreadable_record", "", place)
            for place in positions
            if place in self.unreadable
        ]
        raw = records.placed(
            "replay",
            (
                (place, *self.payloads[place])
                for place in positions
                if place in self.payloads
            ),
        )
        return replace(raw, path=path, rejections=[*raw.rejections, *lost])


@dataclass(frozen=True)
class ReplayCounts:
    """What became of dead letters: taken in (or refused), still rejected, not found."""

    resolved: int = 0
    rejected: int = 0
    missing: int = 0

    def __add__(self, counts: "ReplayCounts") -> "ReplayCounts":
        return ReplayCounts(
            self.resolved + counts.resolved,
            self.rejected + counts.rejected,
            self.missing + counts.missing,
        )


def open_dead_letters(store: Store, reason: str = "") -> list[dict[str, Any]]:
    """Dead letters that are not resolved, by place; an empty reason means all."""
    rows: list[dict[str, Any]] = store.query(
        "open_dead_letters",
        as_of=LATEST,
        reason=reason,
        event_type="",
        origin="",
        since=EARLIEST,
    ).to_pylist()
    return rows


def replay_dead_letters(
    store: Store, pipeline: Pipeline, kafka: KafkaSettings, reason: str = ""
) -> ReplayCounts:
    """Send open dead letters down the path again; a second time changes nothing.

    Raises `Unreachable` if some lie in Kafka and it cannot be reached.
    """
    counts = ReplayCounts()
    letters = sorted(
        open_dead_letters(store, reason), key=lambda letter: str(letter["path"])
    )
    for path, group in groupby(letters, key=lambda letter: str(letter["path"])):
        of_path = list(group)
        payloads = _find(path, {_position(letter) for letter in of_path}, kafka)
        available = [letter for letter in of_path if _position(letter) in payloads]
        counts += ReplayCounts(missing=len(of_path) - len(available))
        for start in range(0, len(available), _AT_ONCE):
            part = available[start : start + _AT_ONCE]
            counts += _send(store, pipeline, part, payloads, path)
    return counts


def _send(
    store: Store,
    pipeline: Pipeline,
    letters: Sequence[Letter],
    payloads: Payloads,
    path: str,
) -> ReplayCounts:
    places = dict.fromkeys(map(_position, letters))
    prepared = pipeline.prepare(payloads.raw_events(places, path))
    original = {_rejection(letter) for letter in letters}
    repeated = original.intersection(prepared.batch.rejections)
    changed = prepared.without(repeated)
    if changed.batch.counts.received:
        repeated |= original.intersection(pipeline.append(changed).rejections)
    resolved = [letter for letter in letters if _rejection(letter) not in repeated]
    if resolved:
        resolve_dead_letters(store, resolved)
    return ReplayCounts(len(resolved), len(letters) - len(resolved))


def _find(path: str, places: set[Position], kafka: KafkaSettings) -> Payloads:
    if path:
        return Payloads(dict(_in_file(path, places)))
    if not any(place.origin.endswith("]") for place in places):
        return Payloads()
    clients.describe_topics(kafka)
    try:
        return asyncio.run(_in_kafka(kafka, places))
    except clients.ERRORS as error:
        raise clients.unreachable(kafka, error) from None


def _in_file(path: str, places: set[Position]) -> Iterator[tuple[Position, Payload]]:
    if path == STDIN or not Path(path).is_file():
        return
    by_line = {line: at_index for (_, line), at_index in _by_line(places).items()}
    try:
        for number, line in files.read_lines(Source(path, path, 0), by_line.keys()):
            at_index = by_line[number]
            for index, event in events_at(line, at_index).items():
                yield at_index[index], (event, ())
    except FileError:
        return  # what it still held was found


async def _in_kafka(kafka: KafkaSettings, places: set[Position]) -> Payloads:
    async with _reader(kafka, kafka.dead_topic) as consumer:
        payloads = Payloads(await _copies(consumer, places))
    uncopied = places - payloads.payloads.keys()
    if uncopied:
        async with _reader(kafka, kafka.topic) as consumer:
            await _look_again(consumer, uncopied, payloads)
    return payloads


@asynccontextmanager
async def _reader(kafka: KafkaSettings, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = clients.reader(kafka, topic)
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def _copies(
    consumer: AIOKafkaConsumer, places: set[Position]
) -> dict[Position, Payload]:
    """What was copied to the topic of dead letters."""
    copies: dict[Position, Payload] = {}
    ends = await consumer.end_offsets(consumer.assignment())
    while any(
        [await consumer.position(partition) < end for partition, end in ends.items()]
    ):
        for got in (await consumer.getmany(timeout_ms=_FETCH_MS)).values():
            for record in got:
                place = records.buried_at(record.headers)
                if place in places and record.value is not None:
                    copies[place] = record.value, records.foreign(record.headers)
    return copies


async def _look_again(
    consumer: AIOKafkaConsumer, places: Iterable[Position], payloads: Payloads
) -> None:
    """Read records where they were: they had no value, or none that could be copied."""
    ends = await consumer.end_offsets(consumer.assignment())
    partitions = {
        records.origin(
            topic_partition.topic, topic_partition.partition
        ): topic_partition
        for topic_partition in ends
    }
    for (origin, offset), at_index in _by_line(places).items():
        partition = partitions.get(origin)
        if partition is None or offset >= ends[partition]:
            continue
        try:
            record = await _record_at(consumer, partition, offset)
        except Exception as error:
            if not clients.is_undecodable(error):
                raise
            payloads.unreadable.update(at_index.values())
            continue
        if record.offset == offset:
            headers = records.foreign(record.headers)
            for index, value in events_at(record.value or b"", at_index).items():
                payloads.payloads[at_index[index]] = value, headers


def _by_line(
    places: Iterable[Position],
) -> dict[tuple[str, int], dict[int | None, Position]]:
    """Positions by origin and line, then by index: a payload is split once."""
    result: dict[tuple[str, int], dict[int | None, Position]] = {}
    for place in places:
        result.setdefault((place.origin, place.line), {})[place.index] = place
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


def _position(letter: Letter) -> Position:
    origin, identity = letter["origin"], letter["origin_id"]
    known = "" if identity == origin else identity
    return Position(origin, letter["line"], letter["batch_index"], known)


def _rejection(letter: Letter) -> Rejection:
    return Rejection(letter["reason"], letter["field"], _position(letter))
