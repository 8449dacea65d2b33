"""How rejected events go to Kafka: in order, in turns, and until told to stop."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from aiokafka import ConsumerRecord
from aiokafka.errors import MessageSizeTooLargeError

from panelstream.ingest.kafka import dead_letter_sender
from panelstream.ingest.kafka.batch import RecordBatch
from panelstream.ingest.kafka.dead_letter_sender import DeadLetterSender
from panelstream.models.events.event import Position, Rejection

ROOM, LARGEST = 10, 100
HUGE = b'"' + b"x" * LARGEST + b'"'


class Client:
    """A producer with a batch of `ROOM` records, that is sent in a turn of the loop."""

    def __init__(self) -> None:
        self.sent: list[bytes | None] = []
        self.turn, self.turns = 0, [0]
        self.room, self.waiting, self.most_waiting = ROOM, 0, 0

    async def send(
        self, topic: str, value: bytes | None, **more: Any
    ) -> "asyncio.Future[None]":
        """Wait for room, as the real one does; then the record is on its way."""
        if value and len(value) > LARGEST:
            raise MessageSizeTooLargeError
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        while not self.room:
            await asyncio.sleep(0)
            self.room = ROOM
        self.waiting -= 1
        self.room -= 1
        self.sent.append(value)
        self.turns.append(self.turn)
        result = asyncio.get_running_loop().create_future()
        result.set_result(None)
        return result

    async def count_turns(self) -> None:
        """Count how often the loop comes round."""
        while True:
            self.turn += 1
            await asyncio.sleep(0)


def send(client: Client, values: Sequence[bytes], stop_at: int = 1 << 30) -> bool:
    """Send the elements of a batch as rejected ones; whether all were sent."""
    value = b"[" + b",".join(values) + b"]"
    record = ConsumerRecord("t", 0, 7, 0, 0, b"k", value, None, 0, 0, ())
    rejections = [
        Rejection("unknown_type", "", Position("t[0]", 7, index))
        for index in range(len(values))
    ]

    async def run() -> bool:
        counting = asyncio.ensure_future(client.count_turns())
        try:
            return await DeadLetterSender(
                cast(Any, client), "t.dead"
            ).send_to_dead_letter_topic(
                rejections,
                RecordBatch([record]),
                lambda: len(client.sent) >= stop_at,
            )
        finally:
            counting.cancel()

    return asyncio.run(run())


def numbers(count: int) -> list[bytes]:
    """JSON of the first numbers."""
    return [str(number).encode() for number in range(count)]


def test_each_event_is_sent_in_order() -> None:
    """Its own bytes, and one after the other: nobody else waits for the same room."""
    client = Client()
    assert send(client, numbers(2_500))
    assert client.sent == numbers(2_500)
    assert client.most_waiting == 1


def test_the_loop_has_its_turns() -> None:
    """However much room the client has, others are served every fifty letters."""
    client = Client()
    client.room = 1 << 30
    assert send(client, numbers(1_000))
    longest = max(client.turns.count(turn) for turn in set(client.turns[1:]))
    assert longest <= dead_letter_sender._TURN


def test_told_to_stop() -> None:
    """What is under way is finished, no more is begun, and the batch is not done."""
    client = Client()
    assert not send(client, numbers(3_500), stop_at=1)
    assert client.sent == numbers(dead_letter_sender._AT_ONCE)


def test_an_event_that_is_too_long_for_the_topic() -> None:
    """Its headers alone are sent; its neighbours are whole."""
    client = Client()
    assert send(client, [b"1", HUGE, b"3"])
    assert client.sent == [b"1", None, b"3"]
