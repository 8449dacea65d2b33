"""Event files sent to Kafka: a hundred events a record, as platforms should send them."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice

from panelstream.ingest.events import files
from panelstream.ingest.events.files import Source
from panelstream.ingest.events.splitting import is_json
from panelstream.ingest.kafka import clients
from panelstream.ingest.kafka.records import Headers
from panelstream.models.settings.kafka import KafkaSettings

BATCH_EVENTS = 100
"""Events a record: one costs Kafka and its clients as much as a hundred."""

HEADERS = [("content-type", b"application/cloudevents-batch+json")]
"""Of a record that holds several."""


def send_files(
    settings: KafkaSettings,
    sources: Sequence[Source],
    progress: Callable[[Source, int], None] = lambda *_: None,
) -> int:
    """Send the events of files to our topic; returns how many records were acknowledged.

    Raises `Unreachable` where Kafka does not take them, `FileError` for a bad file.
    """
    try:
        return asyncio.run(_send(settings, sources, progress))
    except clients.ERRORS as error:
        raise clients.unreachable(settings, error) from None


async def _send(
    settings: KafkaSettings,
    sources: Sequence[Source],
    progress: Callable[[Source, int], None],
) -> int:
    producer, count = clients.producer(settings), 0
    await producer.start()
    try:
        for source in sources:
            for value, headers in records(source):
                await producer.send(settings.topic, value, headers=headers)
                count += 1
            await producer.flush()
            progress(source, source.size)
    finally:
        await producer.stop()
    return count


def records(source: Source) -> Iterator[tuple[bytes, Headers]]:
    """The lines of a file as records: events as JSON arrays, anything else by itself.

    A line that is not one JSON object would spoil the array for its neighbours.
    """
    lines = (line for _, line in files.read_lines(source) if line.strip())
    for is_event, group in groupby(lines, _is_object):
        while some := list(islice(group, BATCH_EVENTS if is_event else 1)):
            yield (
                (b"[" + b",".join(some) + b"]", HEADERS) if is_event else (some[0], ())
            )


def _is_object(line: bytes) -> bool:
    return line.lstrip()[:1] == b"{" and is_json(line)
