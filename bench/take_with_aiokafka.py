"""The peer: aiokafka's own loop, fetch, write, commit, into the embedded engine.

Arguments: address of Kafka, topic, number of events in it, sink. The sink `same` is
the one path of events, as the worker has it; `unchecked` inserts what was sent: it
checks no type, field or time, and keeps the platform's ids as they are.
"""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import clickhouse_connect
import msgspec
import pyarrow as pa
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from bench import kafka
from bench.insert_with_clickhouse import TABLE
from bench.taking import Taking
from panelstream.ingest.events.pipeline import Pipeline
from panelstream.ingest.kafka import clients, records
from panelstream.ingest.pseudonymise import Pseudonyms
from panelstream.models.events import catalogue
from panelstream.models.timestamps import utc_now
from panelstream.models.warehouse import store
from panelstream.models.warehouse.definitions import apply_migrations

BYTES = 4 << 20
"""As many as a worker takes before it writes."""

_COLUMNS = ("specversion", "id", "source", "type", "time", "subject", "datacontenttype")
Records = Sequence["ConsumerRecord[bytes, bytes]"]
Sink = Callable[[Records], int]


class Line(msgspec.Struct):
    """One event as it was sent."""

    specversion: str
    id: str
    source: str
    type: str
    time: str
    subject: str
    datacontenttype: str
    data: msgspec.Raw


_LINES = msgspec.json.Decoder(list[Line])
_LINE = msgspec.json.Decoder(Line)


def main(address: str, topic: str, events: int, sink: str) -> None:
    """Take all events of a topic as a new group."""
    taking = Taking(events)
    with tempfile.TemporaryDirectory() as folder:
        dsn = f"chdb://{folder}/warehouse"
        opened = _same(dsn, topic) if sink == "same" else _unchecked(dsn)
        with opened as write:
            asyncio.run(_take(address, topic, write, taking))
    taking.report()


@contextmanager
def _same(dsn: str, topic: str) -> Iterator[Sink]:
    warehouse = store.open_store(dsn)
    apply_migrations(warehouse)
    u2plus = catalogue.find_catalogue("u2plus", Path())
    people = Pseudonyms((b"k" * 32,), u2plus.namespace)
    pipeline = Pipeline(u2plus, people, warehouse, utc_now)
    yield lambda taken: pipeline.process(records.raw_events(topic, taken)).received
    pipeline.close()


@contextmanager
def _unchecked(dsn: str) -> Iterator[Sink]:
    client = clickhouse_connect.get_client(dsn=dsn)
    client.command(TABLE)

    def write(taken: Records) -> int:
        rows = _table(taken)
        client.insert_arrow("lines", rows)
        return len(rows)

    yield write
    client.close()


async def _take(address: str, topic: str, write: Sink, taking: Taking) -> None:
    consumer = clients.consumer(kafka.settings(address, topic, uuid4().hex))
    await consumer.start()
    try:
        done = False
        while not done:
            if taken := await _gather(consumer):
                stored = await asyncio.to_thread(write, taken)
                await consumer.commit()
                done = taking.stored(stored)
    finally:
        await consumer.stop()


async def _gather(consumer: "AIOKafkaConsumer[bytes, bytes]") -> Records:
    taken: list[ConsumerRecord[bytes, bytes]] = []
    size = 0
    while size < BYTES:
        got = await consumer.getmany(timeout_ms=200, max_records=200)
        if not got:
            break
        for found in got.values():
            taken.extend(found)
            size += sum(len(one.value or b"") for one in found)
    return taken


def _table(taken: Records) -> pa.Table:
    lines: list[Line] = []
    for record in taken:
        value = record.value or b""
        if value.startswith(b"["):
            lines.extend(_LINES.decode(value))
        else:
            lines.append(_LINE.decode(value))
    columns = {
        name: pa.array([getattr(line, name) for line in lines]) for name in _COLUMNS
    }
    columns["time"] = columns["time"].cast(pa.timestamp("us", "UTC"))
    columns["data"] = pa.array([bytes(line.data).decode() for line in lines])
    return pa.table(columns)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
