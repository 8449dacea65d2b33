"""What must hold whatever comes in; shared by the properties and the fuzzer."""

import io
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from panelstream.ingest.events import pipeline
from panelstream.ingest.events.pipeline import Pipeline, RawEvents
from panelstream.ingest.events.strict_decoder import Decoder
from panelstream.ingest.kafka import records
from panelstream.models.events.catalogue import Catalogue
from panelstream.models.events.event import Event, Position, Rejection
from panelstream.models.warehouse.store import Store

CANARY = "canary-7f3a"
"""A value that is planted in events, and must be quoted nowhere."""


@dataclass(frozen=True)
class Record:
    """A Kafka record by hand."""

    offset: int
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    topic: str = "t"
    partition: int = 0
    timestamp: int = 1_768_000_000_000


def check_chunk(
    chunk: Sequence[bytes], catalogue: Catalogue, received_at: datetime
) -> None:
    """Lines decode to what the strict decoder makes of each; no rejection quotes one."""
    expected = strictly(chunk, catalogue, received_at)
    raw = RawEvents("f", 1, b"\n".join(chunk))
    rejections = [entry for entry in expected if isinstance(entry, Rejection)]
    for decode in (pipeline.decode_batch, pipeline.decode_lines):
        decoded = decode(raw, catalogue, received_at)
        events = [Event(**row) for row in decoded.events.to_pylist()]
        assert rows(events) == rows(e for e in expected if isinstance(e, Event))
        assert sorted(map(repr, decoded.rejections)) == sorted(map(repr, rejections))
        assert CANARY not in repr(decoded.rejections)


def strictly(
    chunk: Iterable[bytes], catalogue: Catalogue, received_at: datetime
) -> list[Event | Rejection]:
    """Every line by the strict decoder alone."""
    decoder = Decoder(catalogue, received_at)
    return [
        outcome
        for number, line in enumerate(chunk, start=1)
        if line.strip()
        for outcome in decoder.decode(line, Position("f", number))
    ]


def rows(events: Iterable[Event]) -> list[str]:
    """Events as comparable rows, in an order that arrival does not matter to."""
    return sorted(
        repr({**event._asdict(), **_instants_as_text(event)}) for event in events
    )


def _instants_as_text(event: Event) -> dict[str, str | None]:
    """Both instants as text, whichever class their zones are of."""
    return {
        "occurred_at": event.occurred_at.isoformat(),
        "sent_at": event.sent_at.isoformat() if event.sent_at else None,
    }


def check_records(taker: Pipeline, store: Store, made: Sequence[Record]) -> None:
    """Every event of every record is accepted, refused or rejected, once.

    The store is empty before. No value is in a rejection, a row or the log.
    """
    raw = records.raw_events("t", made)
    with listening() as said:
        batch = taker.append(taker.prepare(raw))
    lines = raw.payload.count(b"\n") + 1 if raw.payload else 0
    assert batch.counts.received == lines + len(raw.rejections)
    assert len(batch.rejections) == batch.counts.rejected
    assert len({rejection.position for rejection in batch.rejections}) == len(
        batch.rejections
    )
    letters = _rows(store, "select * from dead_letters final")
    assert len(letters) == batch.counts.rejected
    arrived = "select coalesce(sum(accepted + refused), 0) as number from arrivals"
    [taken] = _rows(store, arrived)
    assert taken["number"] == batch.counts.received - len(letters)
    assert CANARY not in repr(letters) + repr(batch.rejections) + said.getvalue()


def _rows(store: Store, sql: str) -> list[dict[str, Any]]:
    # `Store.select` would leave an embedded engine read-only.
    return list(store._client.query(sql).named_results())


@contextmanager
def listening() -> Iterator[io.StringIO]:
    """All that is logged meanwhile, by anybody at any level."""
    said, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(said), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield said
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
