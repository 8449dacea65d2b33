"""The peer: aiokafka's own loop, fetch, insert, commit, into the embedded engine.

It checks no type, field or time, and keeps the platform's ids as they are. Arguments:
address of Kafka, topic, number of events in it.
"""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from uuid import uuid4

import clickhouse_connect
import msgspec
import pyarrow as pa
from aiokafka import ConsumerRecord
from clickhouse_connect.driver.client import Client

from bench import kafka
from bench.insert_with_clickhouse import TABLE
from bench.taking import Taking
from ingest import broker

BYTES = 4 << 20
"""As many as a worker takes before it writes."""

_COLUMNS = ("specversion", "id", "source", "type", "time", "subject", "datacontenttype")


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


def main(address: str, topic: str, events: int) -> None:
    """Take all events of a topic as a new group."""
    taking = Taking(events)
    with tempfile.TemporaryDirectory() as folder:
        client = clickhouse_connect.get_client(dsn=f"chdb://{folder}/warehouse")
        client.command(TABLE)
        asyncio.run(_take(address, topic, client, taking))
        client.close()
    taking.report()


async def _take(address: str, topic: str, client: Client, taking: Taking) -> None:
    consumer = broker.consumer(kafka.settings(address, topic, uuid4().hex))
    await consumer.start()
    try:
        done = False
        while not done:
            records: list[ConsumerRecord[bytes, bytes]] = []
            size = 0
            while size < BYTES:
                got = await consumer.getmany(timeout_ms=200, max_records=200)
                if not got:
                    break
                for found in got.values():
                    records.extend(found)
                    size += sum(len(one.value or b"") for one in found)
            if records:
                stored = await asyncio.to_thread(_insert, client, records)
                await consumer.commit()
                done = taking.stored(stored)
    finally:
        await consumer.stop()


def _insert(client: Client, records: Sequence[ConsumerRecord[bytes, bytes]]) -> int:
    lines: list[Line] = []
    for record in records:
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
    client.insert_arrow("lines", pa.table(columns))
    return len(lines)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
