"""What becomes of rows that the engine refuses."""

import json
from datetime import UTC, datetime
from pathlib import Path

from panelstream.ingest.events.pipeline import Pipeline, RawEvents
from panelstream.ingest.pseudonymise import Pseudonyms
from panelstream.models.events import catalogue
from panelstream.models.warehouse import store
from panelstream.models.warehouse.definitions import apply_migrations

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


def test_a_refused_event_that_came_twice_has_two_places(tmp_path: Path) -> None:
    """As many dead letters as rejections; the rows around them are stored."""
    warehouse = store.open_store(f"chdb://{tmp_path / 'warehouse'}")
    apply_migrations(warehouse)
    warehouse._client.command(
        "alter table events add constraint storable check id != 'bad'"
    )
    u2plus = catalogue.find_catalogue("u2plus", tmp_path)
    people = Pseudonyms((b"k" * 32,), u2plus.namespace)
    pipeline = Pipeline(u2plus, people, warehouse, lambda: AT)
    lines = [line(entry) for entry in ("a", "bad", "b", "bad", "c")]
    counts = pipeline.process(RawEvents("file", 1, b"\n".join(lines)))
    letters = warehouse.select("select line from dead_letters final order by line")
    stored = warehouse.select("select id from events final order by id")
    pipeline.close()
    assert (counts.accepted, counts.rejected) == (3, 2)
    assert letters["line"].to_pylist() == [2, 4]
    assert stored["id"].to_pylist() == ["a", "b", "c"]
