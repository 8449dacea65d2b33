"""The last step of a worker: offsets are committed, and the lag is measured."""

import asyncio
import logging
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

COMMIT_SECONDS = 10.0
"""How long Kafka may take to answer before a later commit is relied on."""

log = logging.getLogger("panelstream.worker")


class Offsets:
    """The offsets of stored records that are not committed yet."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._uncommitted: dict[TopicPartition, int] = {}

    @property
    def are_uncommitted(self) -> bool:
        """Whether something is to be committed."""
        return bool(self._uncommitted)

    async def commit(self, stored: Mapping[TopicPartition, int] | None = None) -> None:
        """Commit the offsets of `stored` and what an earlier commit did not reach.

        After a failure the next commit includes them; the group's next owner of a
        partition would read it again.
        """
        self._uncommitted |= stored or {}
        assigned = self._consumer.assignment()
        offsets = {
            partition: offset
            for partition, offset in self._uncommitted.items()
            if partition in assigned
        }
        if offsets:
            try:
                await asyncio.wait_for(self._consumer.commit(offsets), COMMIT_SECONDS)
            except (TimeoutError, KafkaError) as error:
                log.info("offsets are not committed yet: %s", type(error).__name__)
                return
        self._uncommitted = {}

    async def lags(self) -> dict[int, int]:
        """Records of each assigned partition that are not stored."""
        partitions = list(self._consumer.assignment())
        ends = await self._consumer.end_offsets(partitions)
        return {
            partition.partition: ends[partition] - await self._next_offset(partition)
            for partition in partitions
        }

    async def _next_offset(self, partition: TopicPartition) -> int:
        """The first offset that is not stored."""
        committed = await self._consumer.committed(partition)
        if committed is None:
            starts = await self._consumer.beginning_offsets([partition])
            committed = starts[partition]
        return max(int(committed), self._uncommitted.get(partition, 0))
