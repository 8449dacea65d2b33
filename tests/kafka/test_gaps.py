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


async def _transact(stream: Stream, committed: list[bytes], aborted: int) -> None:
    """Records of a transaction that is committed, then of one that is taken back."""
    producer = AIOKafkaProducer(
        **stream.settings.connection(), transactional_id=stream.topic
    )
    await producer.start()
    try:
        async with producer.transaction():
            for value in committed:
                await producer.send_and_wait(stream.topic, value, partition=0)
        if aborted:
            await producer.begin_transaction()
            for value in events(aborted, "aborted"):
                await producer.send_and_wait(stream.topic, value, partition=0)
            await producer.abort_transaction()
    finally:
        await producer.stop()


def events_of(name: str, count: int) -> list[str]:
    """Ids of `events`."""
    return [f"{name}{number}" for number in range(count)]


def test_ends_of_transactions_and_retention(stream: Streams) -> None:
    """Ends of transactions are no lag, and what was deleted once it was read is no gap.

    Deleted unread is one: in the log, the metrics and the warehouse; also where nothing
    is left to be read, and then the lag is 0 all the same.
    """
    made = stream()
    asyncio.run(_transact(made, events(3), aborted=2))
    made.drain()
    [commit] = clients.read_log(made.settings).commits.values()
    end = 3 + 1 + 2 + 1  # each transaction ends in a record of Kafka's
    assert commit.offset == end
    made.send(*events(4, "lost"), *events(2, "after"))
    made.delete_before(end + 4)
    with made.worker() as worker:
        until(made.caught_up, worker)
        page = worker.page("metrics")
        assert worker.stop() == 0
    assert 'panelstream_log_gaps_total{reason="retention"} 1.0' in page
    assert "panelstream_log_gap_offsets_total 4.0" in page
    assert (
        f"gap in {made.topic}[0] (retention): offsets 7 to 10 were deleted before they "
        f"were read; events from "
    ) in worker.log.read_text()
    made.send(*events(4, "lost"))
    made.delete_before(end + 10)
    with made.worker() as worker:
        until(lambda: "gap in " in worker.log.read_text(), worker)
        until(lambda: worker.ready()["records_behind"] == 0, worker)
        assert worker.stop() == 0
    assert gaps(made) == [("retention", 7, 11, 1), ("retention", 13, 17, 1)]
    assert sorted(made.ids()) == ["after0", "after1", "e0", "e1", "e2"]


def test_a_topic_created_again(stream: Streams) -> None:
    """Under a running worker, and while none runs; with more records and with fewer.

    All of the new ones are read, and how far the old ones were read is known exactly.
    """
    made = stream()
    made.send(*events(3))
    with made.worker() as worker:
        until(made.caught_up, worker)
        _create_again(made)
        made.send(*events(5, "more"))
        until(made.caught_up, worker)
        assert worker.stop() == 0
    _create_again(made)
    made.send(*events(2, "fewer"))
    made.drain()
    names = [*events_of("e", 3), *events_of("more", 5), *events_of("fewer", 2)]
    assert sorted(made.ids()) == sorted(names)
    assert [gap[:2] for gap in gaps(made)] == [
        ("topic_recreated", 3),
        ("topic_recreated", 5),
    ]
    assert "an earlier topic of this name was read up to offset 3" in (
        worker.log.read_text()
    )


def _create_again(stream: Stream) -> None:
    with clients.admin(stream.settings) as client:
        client.delete_topics([stream.topic])
    until(lambda: stream.run("topics", "create").returncode == 0)


def test_a_log_that_was_lost_and_refilled(stream: Streams) -> None:
    """Beyond what had been read, with the end of a transaction where the last record was.

    The worker sees that it is another log, and its dead letters are others, though they
    have the same offsets.
    """
    made = stream()
    made.send(b"nonsense", *events(2))
    made.drain()
    made.kafka.lose(made.topic)
    asyncio.run(_transact(made, [b"nonsense", *events(1, "first")], aborted=0))
    made.send(*events(3, "refilled"))
    made.drain()
    names = [*events_of("e", 2), *events_of("first", 1), *events_of("refilled", 3)]
    assert sorted(made.ids()) == sorted(names)
    assert [gap[:2] for gap in gaps(made)] == [("log_lost", 3)]
    letters = made.select("select line, origin_id from dead_letters final order by all")
    topic_id = clients.read_log(made.settings).topic_id
    assert [tuple(letter.values()) for letter in letters] == [
        (0, topic_id),
        (0, f"{topic_id}.1"),
    ]


def test_one_unknown_type_stops_nobody(stream: Streams) -> None:
    """Two thousand events of it in one record are dead letters; the next is stored."""
    made = stream()
    unknown = events(1)[0].replace(b"story_posted", b"never_heard_of")
    made.send(array([unknown] * 2_000), *events(1))
    worker = made.drain()
    assert made.ids() == ["e0"]
    assert len(made.letters()) == 2_000
    assert (
        "nearly all events of 1 kinds (source, type, reason) are"
        in worker.log.read_text()
    )
    assert "never_heard_of" not in worker.log.read_text()
