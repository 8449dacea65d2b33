"""What is counted as lag while the group moves partitions."""

from typing import Any, cast

from aiokafka import TopicPartition

from panelstream.ingest.kafka.log_positions import LogPosition
from panelstream.ingest.kafka.offsets import Offsets

FIRST, SECOND = TopicPartition("t", 0), TopicPartition("t", 1)


def test_a_partition_that_is_gone_when_its_end_is_known() -> None:
    """The other one's lag is counted, and nothing is said of the one that is gone."""
    offsets = Offsets(cast(Any, None), lambda: None)
    offsets.begin(FIRST, LogPosition(3))
    offsets.begin(SECOND, LogPosition(9))
    ends = {FIRST: 5, SECOND: 7}
    assert offsets.lags(ends) == {0: 2, 1: 0}
    assert offsets.beyond(ends) == [SECOND]
    offsets.forget([SECOND])
    assert offsets.lags(ends) == {0: 2}
    assert offsets.beyond(ends) == []
