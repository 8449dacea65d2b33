"""Dead letters sent down the path again, from where their payload still lies.

Those of files are read from the file at its place, those of Kafka from the topic of
dead letters. What is taken in, refused, or rejected for another reason than before is
marked as resolved; what is rejected as before changes nothing.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from ingest import broker, files, records
from ingest.files import STDIN, Source
from ingest.pipeline import Pipeline
from ingest.records import Headers
from models.errors import FileError
from models.events import Position, Rejection
from models.kafka import KafkaSettings
from models.store import Store

_AT_ONCE = 10_000
_FETCH_MS = 500
_KEY = ("reason", "field", "origin", "line", "batch_index")

Letter = Mapping[str, Any]
"""A row of the query `open_dead_letters`."""

Payloads = Mapping[Position, tuple[bytes, Headers]]
"""Original bytes and headers by position."""


@dataclass(frozen=True)
class Replayed:
    """What became of dead letters: taken in (or refused), still rejected, not found."""

    resolved: int = 0
    rejected: int = 0
    missing: int = 0

    def __add__(self, other: "Replayed") -> "Replayed":
        return Replayed(
            self.resolved + other.resolved,
            self.rejected + other.rejected,
            self.missing + other.missing,
        )


def open_letters(store: Store, reason: str = "") -> list[dict[str, Any]]:
    """Dead letters that are not resolved, by place; an empty reason means all."""
    rows: list[dict[str, Any]] = store.query(
        "open_dead_letters", reason=reason
    ).to_pylist()
    return rows


def replay(
    store: Store, pipeline: Pipeline, kafka: KafkaSettings, reason: str = ""
) -> Replayed:
    """Send open dead letters down the path again; a second time changes nothing.

    Raises `Unreachable` if some lie in Kafka and it cannot be reached.
    """
    done = Replayed()
    letters = sorted(open_letters(store, reason), key=lambda one: str(one["path"]))
    for path, group in groupby(letters, key=lambda one: str(one["path"])):
        wanted = list(group)
        payloads = _payloads(path, wanted, kafka)
        found = [one for one in wanted if _position(one) in payloads]
        done += Replayed(missing=len(wanted) - len(found))
        for start in range(0, len(found), _AT_ONCE):
            part = found[start : start + _AT_ONCE]
            done += _send(store, pipeline, path, part, payloads)
    return done


def _send(
    store: Store,
    pipeline: Pipeline,
    path: str,
    letters: Sequence[Letter],
    payloads: Payloads,
) -> Replayed:
    places = dict.fromkeys(map(_position, letters))
    raw = records.again([(place, *payloads[place]) for place in places])
    prepared = pipeline.prepare(replace(raw, path=path))
    known = {_rejection(one) for one in letters}
    again = known.intersection(prepared.batch.rejections)
    changed = prepared.without(again)
    if changed.batch.counts.received:
        again |= known.intersection(pipeline.append(changed).rejections)
    resolved = [one for one in letters if _rejection(one) not in again]
    if resolved:
        store.resolve([{name: one[name] for name in _KEY} for one in resolved])
    return Replayed(len(resolved), len(letters) - len(resolved))


def _payloads(path: str, letters: Sequence[Letter], kafka: KafkaSettings) -> Payloads:
    places = {_position(one) for one in letters}
    if path:
        return dict(_in_file(path, places))
    if any(place.origin.endswith("]") for place in places):
        broker.describe_topics(kafka)
        return asyncio.run(_in_kafka(kafka, places))
    return {}


def _in_file(
    path: str, places: set[Position]
) -> Iterator[tuple[Position, tuple[bytes, Headers]]]:
    if path == STDIN or not Path(path).is_file():
        return
    by_line: dict[int, list[Position]] = {}
    for place in places:
        by_line.setdefault(place.line, []).append(place)
    try:
        for number, line in files.lines(Source(path, path, 0), by_line.keys()):
            for place in by_line[number]:
                element = records.element(line, place.index)
                if element is not None:
                    yield place, (element, ())
    except FileError:
        return  # what it still held was found


async def _in_kafka(kafka: KafkaSettings, places: set[Position]) -> Payloads:
    found: dict[Position, tuple[bytes, Headers]] = {}
    consumer = broker.reader(kafka)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(one) < end for one, end in ends.items()]):
            for got in (await consumer.getmany(timeout_ms=_FETCH_MS)).values():
                for record in got:
                    place = records.buried_at(record.headers)
                    if place in places and record.value is not None:
                        found[place] = record.value, records.foreign(record.headers)
    finally:
        await consumer.stop()
    return found


def _position(letter: Letter) -> Position:
    return Position(letter["origin"], letter["line"], letter["batch_index"])


def _rejection(letter: Letter) -> Rejection:
    return Rejection(letter["reason"], letter["field"], _position(letter))
