"""What is gone before a worker read it is never silent, and never holds it up."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaProducer

from panelstream.ingest.kafka import clients
from tests.kafka.test_worker import array, events
from tests.lib.streams import Stream, until

Streams = Callable[..., Stream]


def gaps(stream: Stream) -> list[tuple[Any, ...]]:
    """Gaps of the log: reason, first offset, next offset, whether times are in order."""
    rows = stream.select(
        "select reason, from_offset, until_offset, unknown_from < unknown_until as ok"
        " from log_gaps final order by all"
    )
    return [tuple(row.values()) for row in rows]


def test_ends_of_transactions_are_no_lag(stream: Streams) -> None:
    """Committed and aborted: the positions are committed, lag is 0, nothing is missing."""
    made = stream()
    asyncio.run(_transactions(made))
    made.drain()
    assert sorted(made.ids()) == ["e0", "e1", "e2"]
    assert gaps(made) == []
    [commit] = clients.read_log(made.settings).commits.values()
    assert (
        commit.offset == 3 + 1 + 2 + 1
    )  # each transaction ends in a record of Kafka's


async def _transactions(stream: Stream) -> None:
    producer = AIOKafkaProducer(
        **stream.settings.connection(), transactional_id=stream.topic
    )
    await producer.start()
    try:
        async with producer.transaction():
            for value in events(3):
                await producer.send_and_wait(stream.topic, value, partition=0)
        await producer.begin_transaction()
        for value in events(2, "aborted"):
            await producer.send_and_wait(stream.topic, value, partition=0)
        await producer.abort_transaction()
    finally:
        await producer.stop()


def test_deleted_by_retention(stream: Streams) -> None:
    """Unread: a gap, in the log, the metrics and the warehouse; read: none."""
    made = stream()
    made.send(*events(3))
    made.drain()
    made.delete_before(3)
    made.drain()
    assert gaps(made) == []
    made.send(*events(4, "lost"), *events(2, "after"))
    made.delete_before(7)
    with made.worker() as worker:
        until(made.caught_up, worker)
        page = worker.page("metrics")
        assert worker.stop() == 0
    assert 'panelstream_log_gaps_total{reason="retention"} 1.0' in page
    assert "panelstream_log_gap_offsets_total 4.0" in page
    assert (
        f"gap in {made.topic}[0] (retention): offsets 3 to 7" in worker.log.read_text()
    )
    assert gaps(made) == [("retention", 3, 7, 1)]
    assert sorted(made.ids()) == ["after0", "after1", "e0", "e1", "e2"]


def test_emptied_by_retention(stream: Streams) -> None:
    """Nothing is left to be read: the lag is 0 all the same, and the gap is known."""
    made = stream()
    made.send(*events(4))
    made.delete_before(4)
    with made.worker() as worker:
        until(lambda: "gap in " in worker.log.read_text(), worker)
        assert worker.ready()["records_behind"] == 0
        assert worker.stop() == 0
    assert gaps(made) == [("retention", 0, 4, 1)]


def test_a_topic_created_again(stream: Streams) -> None:
    """Fewer or more records than were read before: all of them are read."""
    made = stream()
    made.send(*events(3))
    made.drain()
    for count, name in ((2, "fewer"), (5, "more")):
        _create_again(made)
        made.send(*events(count, name))
        made.drain()
    names = [*events_of("e", 3), *events_of("fewer", 2), *events_of("more", 5)]
    assert sorted(made.ids()) == sorted(names)
    assert [gap[:2] for gap in gaps(made)] == [
        ("topic_recreated", 2),
        ("topic_recreated", 3),
    ]


def events_of(name: str, count: int) -> list[str]:
    """Ids of `events`."""
    return [f"{name}{number}" for number in range(count)]


def _create_again(stream: Stream) -> None:
    with clients.admin(stream.settings) as client:
        client.delete_topics([stream.topic])
    until(lambda: stream.run("topics", "create").returncode == 0)


def test_a_log_that_was_lost_and_refilled(stream: Streams) -> None:
    """Beyond what had been read: the worker sees that the last record is another."""
    made = stream()
    made.send(*events(3))
    made.drain()
    made.kafka.lose(made.topic)
    made.send(*events(5, "refilled"))
    made.drain()
    assert sorted(made.ids()) == sorted(events_of("e", 3) + events_of("refilled", 5))
    assert [gap[:2] for gap in gaps(made)] == [("log_lost", 3)]


def test_one_unknown_type_stops_nobody(stream: Streams) -> None:
    """Two thousand events of it in one record are dead letters; the next is stored."""
    made = stream()
    unknown = events(1)[0].replace(b"story_posted", b"never_heard_of")
    made.send(array([unknown] * 2_000), *events(1))
    worker = made.drain()
    assert made.ids() == ["e0"]
    assert len(made.letters()) == 2_000
    assert "nearly all events of 1 kinds are rejected" in worker.log.read_text()
    assert "never_heard_of" not in worker.log.read_text()
