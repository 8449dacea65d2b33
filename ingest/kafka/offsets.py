"""The last step of a worker: positions are committed, and the lag is measured."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from panelstream.ingest.kafka.log_positions import LogPosition

COMMIT_SECONDS = 10.0
"""How long Kafka may take to answer before a later commit is relied on."""

log = logging.getLogger("panelstream.worker")


class Offsets:
    """Up to where all is stored, and what of that is not committed yet."""

    def __init__(
        self, consumer: AIOKafkaConsumer, count_failure: Callable[[], None]
    ) -> None:
        self._consumer, self._count_failure = consumer, count_failure
        self._stored: dict[TopicPartition, LogPosition] = {}
        self._uncommitted: dict[TopicPartition, LogPosition] = {}

    @property
    def stored(self) -> Mapping[TopicPartition, LogPosition]:
        """Up to where all is stored, of each partition."""
        return self._stored

    @property
    def are_uncommitted(self) -> bool:
        """Whether something is to be committed."""
        return bool(self._uncommitted)

    def begin(self, partition: TopicPartition, position: LogPosition) -> None:
        """Where a partition is read from: all before that is stored, or a gap."""
        self._stored[partition] = position

    async def commit(
        self, stored: Mapping[TopicPartition, LogPosition] | None = None
    ) -> None:
        """Commit the positions of `stored` and what an earlier commit did not reach.

        After a failure the next commit includes them; the group's next owner of a
        partition would read it again.
        """
        self._stored |= stored or {}
        self._uncommitted |= stored or {}
        assigned = self._consumer.assignment()
        positions = {
            partition: position.committed()
            for partition, position in self._uncommitted.items()
            if partition in assigned
        }
        if positions:
            try:
                await asyncio.wait_for(self._consumer.commit(positions), COMMIT_SECONDS)
            except (TimeoutError, KafkaError) as error:
                self._count_failure()
                log.info("offsets are not committed yet: %s", type(error).__name__)
                return
        self._uncommitted = {}

    async def ends(self) -> dict[TopicPartition, int]:
        """The end of each assigned partition whose position is known."""
        assigned = [
            entry for entry in self._consumer.assignment() if entry in self._stored
        ]
        return dict(await self._consumer.end_offsets(assigned)) if assigned else {}

    def lags(self, ends: Mapping[TopicPartition, int]) -> dict[int, int]:
        """Offsets of each partition up to its end that are not stored.

        Without partitions that the group took away since their ends were asked for.
        """
        return {
            partition.partition: max(0, end - self._stored[partition].offset)
            for partition, end in ends.items()
            if partition in self._stored
        }

    def beyond(self, ends: Mapping[TopicPartition, int]) -> list[TopicPartition]:
        """Partitions that end below what is stored: their log was lost."""
        return [
            partition
            for partition, end in ends.items()
            if partition in self._stored and end < self._stored[partition].offset
        ]

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Partitions that may be another worker's: their positions are not ours."""
        for partition in partitions:
            self._stored.pop(partition, None)
            self._uncommitted.pop(partition, None)
