"""What is counted as lag, committed and remembered while the group moves partitions."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError

from panelstream.ingest.kafka.log_positions import LogPosition
from panelstream.ingest.kafka.offsets import Offsets

FIRST, SECOND = TopicPartition("t", 0), TopicPartition("t", 1)


class Group:
    """A consumer whose group takes partitions away, and refuses commits of others."""

    def __init__(self, *assigned: TopicPartition) -> None:
        self.assigned = set(assigned)
        self.is_member = True
        self.rebalance: Callable[[], None] = lambda: None

    def assignment(self) -> set[TopicPartition]:
        """The partitions of this worker, as far as it knows."""
        return self.assigned

    async def commit(self, offsets: Mapping[TopicPartition, Any]) -> None:
        """Refused from a worker that the group has thrown out."""
        if not self.is_member:
            raise CommitFailedError

    async def end_offsets(
        self, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Each ends at 7; meanwhile there is a rebalance."""
        ends = dict.fromkeys(partitions, 7)
        self.rebalance()
        return ends


def offsets_of(group: Group) -> Offsets:
    """Offsets of a worker in a group; failures are not counted."""
    return Offsets(cast(Any, group), lambda: None)


def test_a_partition_that_goes_while_its_end_is_asked_for() -> None:
    """The other one's lag is counted, and nothing is said of the one that is gone."""
    group = Group(FIRST, SECOND)
    offsets = offsets_of(group)
    offsets.begin(FIRST, LogPosition(3))
    offsets.begin(SECOND, LogPosition(9))
    assert offsets.lags(asyncio.run(offsets.ends())) == {0: 4, 1: 0}
    group.rebalance = lambda: offsets.forget([SECOND])
    ends = asyncio.run(offsets.ends())
    assert SECOND in ends
    assert offsets.lags(ends) == {0: 4}


def test_a_batch_of_a_partition_that_moved_on() -> None:
    """Its records are written late: another worker has read further, which stays so."""
    group = Group(FIRST, SECOND)
    offsets = offsets_of(group)
    asyncio.run(offsets.commit({FIRST: LogPosition(3), SECOND: LogPosition(60)}))
    assert offsets.committed == {FIRST: LogPosition(3), SECOND: LogPosition(60)}
    group.assigned = {FIRST}
    offsets.forget([SECOND])
    asyncio.run(offsets.commit({FIRST: LogPosition(4), SECOND: LogPosition(67)}))
    assert offsets.committed == {FIRST: LogPosition(4)}
    assert offsets.lags({FIRST: 5, SECOND: 74}) == {0: 1}


def test_a_worker_that_the_group_has_thrown_out() -> None:
    """It does not know yet that its partitions are another's: nothing is committed."""
    group = Group(FIRST)
    offsets = offsets_of(group)
    asyncio.run(offsets.commit({FIRST: LogPosition(3)}))
    group.is_member = False
    asyncio.run(offsets.commit({FIRST: LogPosition(9)}))
    assert offsets.committed == {FIRST: LogPosition(3)}
    assert offsets.are_uncommitted
    group.is_member = True
    asyncio.run(offsets.commit())
    assert offsets.committed == {FIRST: LogPosition(9)}
    assert not offsets.are_uncommitted
