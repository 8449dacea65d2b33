"""Files and Kafka are two ways to the same rows and the same dead letters."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from panelstream.models.warehouse.settling import settle
from tests.lib import studies
from tests.lib.streams import Stream

RAW = Path(__file__).parent.parent / "golden/events/raw"
AT = datetime(2026, 1, 11, 8, tzinfo=UTC)

Streams = Callable[..., Stream]


def lines() -> list[bytes]:
    """The golden events, a duplicate, a conflict, batches good and bad: a line each."""
    golden = [one.read_bytes().strip() for one in sorted(RAW.glob("*.json"))]
    whole = [one for one in golden if b"\n" not in one and one]
    one = json.dumps(studies.event("story_posted", "ann", AT, id="one")).encode()
    other = json.dumps(studies.event("story_posted", "bob", AT, id="one")).encode()
    withdrawn = json.dumps(studies.event("consent_withdrawn", "cleo", AT)).encode()
    batch = b"[" + b", ".join([one, b"1", whole[0], b"[]"]) + b"]"
    return [*whole, one, one, other, withdrawn, batch, b"[]", b"[1", batch[:-40]]


def test_same_rows_and_dead_letters(stream: Streams, tmp_path: Path) -> None:
    """The n-th line of a file is the record at offset n - 1, and fares the same."""
    made, file = stream(), tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join(lines()))
    by_file = Stream(
        made.kafka,
        made.study,
        made.topic,
        {**made.env, "PANELSTREAM_WAREHOUSE": f"chdb://{tmp_path / 'by_file'}"},
    )
    assert by_file.run("ingest", str(file)).returncode == 0
    made.send(*lines())
    made.drain("--no-limit")
    assert made.run("query", "select 1").returncode == 0
    with made.store() as store:
        settle(store)
    assert rows(made) == rows(by_file)
    assert rows(made)
    moved = [
        (reason, field, line - 1, at) for reason, field, line, at in by_file.letters()
    ]
    assert made.letters() == moved
    assert counts(made) == counts(by_file)


def rows(stream: Stream) -> list[dict[str, Any]]:
    """The log and the conflicts but for the instants of arrival."""
    content = "source, id, event_type, function, hex(participant_id) as who, occurred_at, sent_at, schema_version, data"
    return [
        row
        for table in ("events", "event_conflicts")
        for row in stream.select(
            f"select {content} from {table} final order by id, who, data"  # noqa: S608
        )
    ]


def counts(stream: Stream) -> dict[str, int]:
    """What arrived."""
    [row] = stream.select(
        "select sum(accepted) as a, sum(rejected) as r, sum(refused) as f from arrivals"
    )
    return row
