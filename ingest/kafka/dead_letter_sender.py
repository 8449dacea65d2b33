"""The third step of a worker: rejected events go to the topic of dead letters."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TypeAlias

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.structs import RecordMetadata

from panelstream.ingest.events.splitting import events_at
from panelstream.ingest.kafka import records
from panelstream.ingest.kafka.batch import KafkaRecord, RecordBatch, record_key
from panelstream.models.events.event import Rejection

_AT_ONCE = 1_000
_TURN = 50
"""Letters between which the loop has a turn of its own: pages answer, members live."""

Letter: TypeAlias = tuple[Rejection, KafkaRecord | None, bytes | None]
"""A rejection, its record, and the bytes of its event, where they can be told."""


class DeadLetterSender:
    """Sends rejected events with their record's key and headers, and the reason."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer, self._topic = producer, topic

    async def send_to_dead_letter_topic(
        self,
        rejections: Sequence[Rejection],
        batch: RecordBatch,
        is_stopped: Callable[[], bool],
    ) -> bool:
        """Whether all are acknowledged; not, if told to stop before.

        Raises `KafkaError` if one is refused.
        """
        loop = asyncio.get_running_loop()
        letters = await loop.run_in_executor(None, _letters, rejections, batch)
        for start in range(0, len(letters), _AT_ONCE):
            if start and is_stopped():
                return False
            await self._send(letters[start : start + _AT_ONCE])
        return True

    async def _send(self, letters: Sequence[Letter]) -> None:
        """Until all are acknowledged.

        They go to the client one by one. Sent at the same time, all would wait for
        room in its batch, and each time that there is some, all would look.
        """
        sent = []
        for number, letter in enumerate(letters):
            if number % _TURN == 0:
                await asyncio.sleep(0)
            sent.append(await self._give_to_client(*letter))
        await asyncio.gather(*sent)

    async def _give_to_client(
        self, rejection: Rejection, record: KafkaRecord | None, value: bytes | None
    ) -> "asyncio.Future[RecordMetadata]":
        headers = records.foreign(record.headers) if record else []
        # The client sends no record that has neither key nor value.
        why, key = records.why(rejection), (record.key if record else None) or b""
        send = self._producer.send
        acknowledgement: asyncio.Future[RecordMetadata]
        try:
            acknowledgement = await send(
                self._topic, value, key=key, headers=[*headers, *why]
            )
        except MessageSizeTooLargeError:
            # It stays where it is; the position tells where.
            acknowledgement = await send(self._topic, None, key=key, headers=why)
        return acknowledgement


def _letters(rejections: Sequence[Rejection], batch: RecordBatch) -> list[Letter]:
    """The letters of rejections; splits a record once."""
    by_position, letters = batch.by_position(), []
    for key, group in groupby(rejections, lambda entry: record_key(entry.position)):
        record, of_record = by_position.get(key), list(group)
        indexes = [rejection.position.index for rejection in of_record]
        value = record.value if record else None
        events = {} if value is None else events_at(value, indexes)
        for rejection, index in zip(of_record, indexes, strict=True):
            letters.append((rejection, record, events.get(index)))
    return letters
