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
    """Up to where all is stored, and what of that Kafka has as committed."""

    def __init__(
        self, consumer: AIOKafkaConsumer, count_failure: Callable[[], None]
    ) -> None:
        self._consumer, self._count_failure = consumer, count_failure
        self._stored: dict[TopicPartition, LogPosition] = {}
        self._uncommitted: dict[TopicPartition, LogPosition] = {}
        self._committed: dict[TopicPartition, LogPosition] = {}

    @property
    def committed(self) -> Mapping[TopicPartition, LogPosition]:
        """What Kafka took as this worker's commits of the partitions that it has.

        What is stored of a partition that went to another worker meanwhile is not among
        it: that worker may have read much further.
        """
        return self._committed

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
        positions = self._assigned(self._uncommitted | dict(stored or {}))
        self._stored |= positions
        self._uncommitted = positions
        if not positions:
            return
        offsets = {entry: position.committed() for entry, position in positions.items()}
        try:
            await asyncio.wait_for(self._consumer.commit(offsets), COMMIT_SECONDS)
        except (TimeoutError, KafkaError) as error:
            self._count_failure()
            log.info("offsets are not committed yet: %s", type(error).__name__)
            return
        self._uncommitted = {}
        self._committed |= self._assigned(positions)

    def _assigned(
        self, positions: Mapping[TopicPartition, LogPosition]
    ) -> dict[TopicPartition, LogPosition]:
        """Those of partitions that this worker has just now."""
        assigned = self._consumer.assignment()
        return {
            entry: position
            for entry, position in positions.items()
            if entry in assigned
        }

    def has_partitions(self, topic: str) -> bool:
        """Whether the topic has any, as far as the client knows.

        A topic that was deleted has none; a worker beyond their number gets none of them.
        """
        assigned = self._consumer.assignment()
        return bool(assigned or self._consumer.partitions_for_topic(topic))

    async def ends(self) -> dict[TopicPartition, int]:
        """The end of each assigned partition whose position is known.

        Raises `KafkaError` if Kafka does not answer, also where no position is known.
        """
        assigned = [
            entry for entry in self._consumer.assignment() if entry in self._stored
        ]
        if not assigned:
            await self._consumer.topics()
            return {}
        return dict(await self._consumer.end_offsets(assigned))

    def lags(self, ends: Mapping[TopicPartition, int]) -> dict[int, int]:
        """Offsets of each partition up to its end that are not stored.

        Without partitions that the group took away since their ends were asked for.
        """
        return {
            partition.partition: max(0, end - self._stored[partition].offset)
            for partition, end in ends.items()
            if partition in self._stored
        }

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Partitions that may be another worker's: their positions are not ours."""
        for partition in partitions:
            self._stored.pop(partition, None)
            self._uncommitted.pop(partition, None)
            self._committed.pop(partition, None)
