"""Records that no worker can use: each becomes one dead letter, its neighbours do not."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from panelstream.ingest.kafka import clients
from tests.faults.watch import Watch
from tests.kafka.test_dead_letters import listed
from tests.kafka.test_worker import array, events
from tests.lib import streams, studies
from tests.lib.streams import Stream, until

AT = datetime(2026, 1, 11, 8, tzinfo=UTC)

Streams = Callable[..., Stream]


def wrong_checksum(batch: bytearray) -> None:
    """A bit of the content is another."""
    batch[-1] ^= 1


def unknown_compression(batch: bytearray) -> None:
    """Codec 7, which nobody knows, under a right checksum."""
    batch[22] |= 7
    streams.seal(batch)


def not_compressed_at_all(batch: bytearray) -> None:
    """Says gzip, and is not."""
    batch[22] = (batch[22] & ~7) | 1
    streams.seal(batch)


def wrong_number(batch: bytearray) -> None:
    """Says to hold more records than it does; those that it holds can be read."""
    batch[57:61] = (9).to_bytes(4, "big")
    streams.seal(batch)


def test_undecodable_records(stream: Streams) -> None:
    """Of damaged batches each record is one dead letter, and no neighbour is lost."""
    made = stream()
    damages = (wrong_checksum, unknown_compression, not_compressed_at_all, wrong_number)
    for damage in damages:
        name = damage.__name__
        made.send(*events(1, f"before_{name}"))
        made.send_batch(*events(3, name))
        made.kafka.damage(made.topic, damage)
        made.send(*events(1, f"after_{name}"))
    made.drain()
    readable = [f"wrong_number{n}" for n in range(3)]
    around = [
        f"{place}_{one.__name__}0" for one in damages for place in ("before", "after")
    ]
    assert sorted(made.ids()) == sorted([*readable, *around])
    lost = [n for start in (1, 6, 11) for n in range(start, start + 3)]
    assert made.letters() == [("unreadable_record", "", n, None) for n in lost]


def test_unusable_values(stream: Streams) -> None:
    """Not JSON, cut off, another format's magic byte, nothing, the future, too large.

    What they hold stands in no row of dead letters and not in the worker's log.
    """
    made, good = stream(), events(4)
    future = json.dumps(
        studies.event("story_posted", "canary", AT, schemaversion=99)
    ).encode()
    huge = b'{"x":"' + b"x" * 10_000_000 + b'"}'
    values = [b"canary", array(good)[:-20], b"\x00\x00\x00\x00\x01x", None, b" \n"]
    made.send(*values, future, huge, array([good[0], b"17", good[1]]), *good[2:])
    worker = made.drain()
    assert sorted(made.ids()) == ["e0", "e1", "e2", "e3"]
    assert "canary" not in str(made.select("select * from dead_letters"))
    assert "canary" not in worker.log.read_text()
    assert made.letters() == [
        *(("not_json", "", n, None) for n in range(5)),
        ("unsupported_version", "schemaversion", 5, None),
        ("too_large", "", 6, None),
        ("not_cloudevent", "", 7, 1),
    ]


def test_dead_topic_holds_the_original(stream: Streams) -> None:
    """The event alone, its bytes and the record's headers, and why and where."""
    made, [good] = stream(), events(1)
    bad = b'{ "specversion":"1.0" }'
    made.send(array([good, bad]), headers=[("trace", b"abc")])
    made.drain()
    [letter] = made.received(made.settings.dead_topic)
    assert letter.value == bad
    assert dict(letter.headers) == {
        "trace": b"abc",
        "panelstream-reason": b"not_cloudevent",
        "panelstream-field": b"id",
        "panelstream-origin": f"{made.topic}[0]".encode(),
        "panelstream-origin-id": clients.read_log(made.settings).topic_id.encode(),
        "panelstream-offset": b"0",
        "panelstream-index": b"1",
    }


def test_a_row_that_the_engine_refuses(stream: Streams) -> None:
    """The bad event of a batch is found and set aside, unquoted; the others are stored."""
    made = stream()
    made.run("query", "select 1")
    with made.store() as store:
        store._client.command(
            "alter table events add constraint test check id != 'e37' and id != 'canary2'"
        )
    made.send(array(events(100)), *events(5, "canary"))
    worker = made.drain()
    assert sorted(made.ids()) == sorted(
        [
            *(f"e{n}" for n in range(100) if n != 37),
            *(f"canary{n}" for n in (0, 1, 3, 4)),
        ]
    )
    assert made.letters() == [
        ("not_storable", "", 0, 37),
        ("not_storable", "", 3, None),
    ]
    assert "canary" not in worker.log.read_text()
    [counts] = made.select(
        "select sum(accepted) as a, sum(rejected) as r from arrivals"
    )
    assert counts == {"a": 103, "r": 2}


def test_a_wrong_clock_stops_the_worker(stream: Streams) -> None:
    """All is in the future: it ends, and nothing of the batch is stored or committed."""
    made, late = stream(), datetime(2999, 1, 11, tzinfo=UTC)
    event = json.dumps(studies.event("story_posted", "ann", late)).encode()
    made.send(array([event] * 2_000))
    with made.worker() as worker:
        assert worker.process.wait(streams.PATIENCE) == 1
    assert "2,000 of the last 2,000 events were rejected" in worker.log.read_text()
    assert made.letters() == []
    made.drain("--no-limit")
    assert len(made.letters()) == 2_000


def poison(size: int) -> tuple[bytes, int, int]:
    """A record of events of which 94 % are rejected; how many are stored, how many not."""
    good = size * 6 // 100
    bad = events(1)[0].replace(b"story_posted", b"never_heard_of")
    return array(events(good) + [bad] * (size - good)), good, size - good


def test_told_to_stop_in_the_middle_of_a_record(stream: Streams) -> None:
    """It ends with 0 and commits nothing; the next worker has the whole record once more."""
    made = stream()
    record, good, bad = poison(3_000)
    made.send(record)
    with made.worker(module="tests.kafka.slow_sender") as worker:
        until(lambda: made.received(made.settings.dead_topic), worker)
        assert json.loads(worker.page("health"))["status"] == "ok"
        assert worker.stop() == 0
    assert not made.caught_up()
    assert 0 < len(made.received(made.settings.dead_topic)) < bad
    made.drain()
    assert sorted(made.ids()) == sorted(f"e{n}" for n in range(good))
    assert len(listed(made)) == len(set(made.letters())) == bad


@pytest.mark.parametrize("size", [3_000, pytest.param(90_000, marks=pytest.mark.long)])
def test_two_workers_and_one_record(stream: Streams, size: int) -> None:
    """None of them is thrown out of the group over it: it arrives once. Of 14 MB, too."""
    made = stream(env={"KAFKA_PARTITIONS": "2"})
    record, good, bad = poison(size)
    with made.warehouse(), made.worker(own=False) as first:
        until(lambda: first.ready()["ready"], first)
        watch = Watch(first.process, first.address)
        made.send(record)
        with made.worker(own=False) as second:
            until(made.caught_up, first)
            assert (first.stop(), second.stop()) == (0, 0)
    assert sorted(made.ids()) == sorted(f"e{n}" for n in range(good))
    [counts] = made.select(
        "select sum(accepted) as a, sum(rejected) as r from arrivals"
    )
    assert counts == {"a": good, "r": bad}
    assert not watch.refused
