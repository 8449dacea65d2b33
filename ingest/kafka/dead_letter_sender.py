"""The third step of a worker: rejected events go to the topic of dead letters."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from panelstream.ingest.kafka import records
from panelstream.ingest.kafka.batch import KafkaRecord, RecordBatch, record_key
from panelstream.models.events.event import Rejection

_AT_ONCE = 1_000


class DeadLetterSender:
    """Sends rejected events with their record's key and headers, and the reason."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer, self._topic = producer, topic

    async def send_to_dead_letter_topic(
        self, rejections: Sequence[Rejection], batch: RecordBatch
    ) -> None:
        """Return once all are acknowledged. Raises `KafkaError` if one is not."""
        by_position = batch.by_position()
        for start in range(0, len(rejections), _AT_ONCE):
            await asyncio.gather(
                *[
                    self._send(
                        rejection, by_position.get(record_key(rejection.position))
                    )
                    for rejection in rejections[start : start + _AT_ONCE]
                ]
            )

    async def _send(self, rejection: Rejection, record: KafkaRecord | None) -> None:
        value = (
            records.element(record.value, rejection.position.index) if record else None
        )
        headers = records.foreign(record.headers) if record else []
        # The client sends no record that has neither key nor value.
        why, key = records.why(rejection), (record.key if record else None) or b""
        send = self._producer.send_and_wait
        try:
            await send(self._topic, value, key=key, headers=[*headers, *why])
        except MessageSizeTooLargeError:
            # It stays where it is; the position tells where.
            await send(self._topic, None, key=key, headers=why)
