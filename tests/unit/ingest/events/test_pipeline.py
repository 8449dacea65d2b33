"""What becomes of rows that the engine refuses, and how far a log is read."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from panelstream.ingest.events import pipeline
from panelstream.ingest.events.pipeline import Pipeline, RawEvents
from panelstream.ingest.pseudonymise import Pseudonyms
from panelstream.models.events import catalogue
from panelstream.models.events.log_gap import ReadPosition
from panelstream.models.warehouse import ledger, store
from panelstream.models.warehouse.definitions import apply_migrations
from panelstream.models.warehouse.ledger import Batch
from panelstream.models.warehouse.store import Store

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def line(identity: str) -> bytes:
    """An event like any other."""
    return json.dumps(
        {
            "specversion": "1.0",
            "id": identity,
            "source": "u2plus",
            "type": "u2plus.signed_in",
            "time": "2026-02-01T00:00:00Z",
            "subject": "ann",
        }
    ).encode()


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Store]:
    """A warehouse that refuses events whose id begins with `bad`."""
    opened = store.open_store(f"chdb://{tmp_path / 'warehouse'}")
    apply_migrations(opened)
    opened._client.command(
        "alter table events add constraint storable check not startsWith(id, 'bad')"
    )
    yield opened
    opened.close()


@pytest.fixture
def made(warehouse: Store, tmp_path: Path) -> Pipeline:
    """The path of events into it."""
    u2plus = catalogue.find_catalogue("u2plus", tmp_path)
    people = Pseudonyms((b"k" * 32,), u2plus.namespace)
    return Pipeline(u2plus, people, warehouse, lambda: AT)


def test_a_refused_event_that_came_twice_has_two_places(
    made: Pipeline, warehouse: Store
) -> None:
    """As many dead letters as rejections; the rows around them are stored."""
    lines = [line(entry) for entry in ("a", "bad", "b", "bad", "c")]
    counts = made.process(RawEvents("file", 1, b"\n".join(lines)))
    letters = warehouse.select("select line from dead_letters final order by line")
    stored = warehouse.select("select id from events final order by id")
    assert (counts.accepted, counts.rejected) == (3, 2)
    assert letters["line"].to_pylist() == [2, 4]
    assert stored["id"].to_pylist() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("refused", "attempts"), [({63}, 1 + 6 + 2), ({0}, 1 + 6 + 1 + 6), ({5, 40}, 23)]
)
def test_how_often_writing_is_tried(
    refused: set[int],
    attempts: int,
    made: Pipeline,
    warehouse: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of 64 rows: a half beside one that is whole is never tried whole; the events are
    decoded once more, however many are refused."""
    tried: list[object] = []
    decoded: list[object] = []
    decode = pipeline._EventPlaces._decode

    def append(store: Store, batch: Batch) -> None:
        tried.append(batch)
        ledger.append_batch(store, batch)

    def decode_again(*arguments: Any) -> Any:
        decoded.append(arguments)
        return decode(*arguments)

    monkeypatch.setattr(pipeline, "append_batch", append)
    monkeypatch.setattr(pipeline._EventPlaces, "_decode", decode_again)
    names = [f"bad{n}" if n in refused else f"e{n}" for n in range(64)]
    counts = made.process(
        RawEvents("file", 1, b"\n".join(line(name) for name in names))
    )
    assert (counts.accepted, counts.rejected) == (64 - len(refused), len(refused))
    letters = warehouse.select("select line from dead_letters final order by line")
    assert letters["line"].to_pylist() == [n + 1 for n in sorted(refused)]
    assert (len(tried), len(decoded)) == (attempts, 1)


def test_how_far_a_log_is_read_is_never_less_than_before(made: Pipeline) -> None:
    """A worker that lost a partition says so late; another log begins at its start."""
    for topic_id, offset in (("t1", 74), ("t1", 67)):
        made.record_positions([ReadPosition("t", 0, topic_id, offset, None)])
    assert made.read_positions("t") == [ReadPosition("t", 0, "t1", 74, None)]
    for topic_id, offset in (("t1.1", 3), ("t1.1", 5)):
        made.record_positions([ReadPosition("t", 0, topic_id, offset, None)])
    assert made.read_positions("t") == [ReadPosition("t", 0, "t1.1", 5, None)]
