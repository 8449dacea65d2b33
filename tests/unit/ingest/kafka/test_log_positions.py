"""Where a log does not continue, and what times a gap makes unknown."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from panelstream.ingest.kafka.log_positions import (
    LogPosition,
    OpenGap,
    TopicLog,
    find_gap,
    first_position,
    restart,
)
from panelstream.models.events.log_gap import BEGINNING, GapReason

NOON = 1_767_960_000_000
"""2026-01-09T12:00:00Z in milliseconds."""


def log(start: int, end: int, topic_id: str = "t1") -> TopicLog:
    """A topic of one partition."""
    return TopicLog(topic_id, {0: start}, {0: end}, {})


@pytest.mark.parametrize(
    ("start", "end", "topic_id", "reason"),
    [
        (0, 10, "t1", None),
        (0, 20, "t1", None),
        (10, 10, "t1", None),
        (11, 11, "t1", "retention"),
        (0, 9, "t1", "log_lost"),
        (0, 0, "t1", "log_lost"),
        (0, 10, "t2", "topic_recreated"),
        (0, 0, "t2", "topic_recreated"),
    ],
)
def test_reasons(start: int, end: int, topic_id: str, reason: str | None) -> None:
    """Read up to offset 10 of topic t1: what the log must hold to continue there."""
    position = LogPosition(10, "t1", 9, NOON)
    assert find_gap(position, log(start, end, topic_id), 0) == reason


def test_a_group_that_never_read() -> None:
    """What was deleted before its first read is a gap from the first offset on."""
    assert find_gap(first_position(log(0, 7), 0, NOON), log(0, 7), 0) is None
    position = first_position(log(3, 7), 0, NOON)
    assert (position.offset, position.time) == (0, None)
    assert find_gap(position, log(3, 7), 0) == "retention"


def test_an_empty_partition_is_known_from_its_first_assignment_on() -> None:
    """Nothing before that moment was unread."""
    assert first_position(log(0, 0), 0, NOON).time == NOON


@pytest.mark.parametrize(
    "position",
    [
        LogPosition(10, "t1", 8, NOON),
        LogPosition(0, "t1"),
        LogPosition(3, "t1", 2, 0),
        LogPosition(3, "t1", 2, 0, generation=2),
    ],
)
def test_commits_are_read_back(position: LogPosition) -> None:
    """The metadata of a commit say what was read."""
    assert LogPosition.parse(position.committed()) == position


def test_the_warehouse_remembers_which_log_it_was() -> None:
    """Topic and generation; the last record's offset is not needed where commits are gone."""
    partition, position = TopicPartition("t", 3), LogPosition(10, "t1", 8, NOON, 2)
    recalled = LogPosition.recall(position.recorded(partition))
    assert recalled == replace(position, last_offset=-1)


@pytest.mark.parametrize(
    ("reason", "log_id"),
    [("retention", "t1.1"), ("log_lost", "t1.2"), ("topic_recreated", "t2")],
)
def test_each_log_has_an_id_of_its_own(reason: GapReason, log_id: str) -> None:
    """A log that is lost, or created again, is another with the same offsets."""
    position = LogPosition(10, "t1", 9, NOON, generation=1)
    topic_id = "t2" if reason == "topic_recreated" else "t1"
    now = restart(position, log(3, 8, topic_id), 0, reason)
    assert (now.log_id, now.offset, now.last_offset) == (log_id, 3, -1)
    assert now.time == NOON
    committed = TopicLog(topic_id, {0: 3}, {0: 8}, {0: now.committed()})
    assert committed.log_id(0) == log_id
    assert TopicLog("t3", {0: 0}, {0: 0}, {0: now.committed()}).log_id(0) == "t3"


def test_commits_of_an_earlier_version_are_read() -> None:
    """Without a generation: the log was never lost."""
    metadata = OffsetAndMetadata(10, "t1 8 5")
    assert LogPosition.parse(metadata) == LogPosition(10, "t1", 8, 5)


@pytest.mark.parametrize("metadata", ["", "by another tool", "t1 x 3"])
def test_commits_of_others(metadata: str) -> None:
    """Only the offset counts."""
    assert LogPosition.parse(OffsetAndMetadata(7, metadata)) == LogPosition(7)


@pytest.mark.parametrize(
    ("committed", "lag"), [(None, 7), (0, 7), (3, 7), (6, 4), (10, 0), (12, 0)]
)
def test_lag(committed: int | None, lag: int) -> None:
    """Offsets 3 to 10 are there; what is deleted is no lag, nor what is passed."""
    commits = {} if committed is None else {0: OffsetAndMetadata(committed, "")}
    assert TopicLog("t1", {0: 3}, {0: 10}, commits).lag == lag


NOW = datetime(2026, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time", "first", "since", "until"),
    [
        (NOON, NOON + 5_000, datetime(2026, 1, 9, 12, tzinfo=UTC), datetime(2026, 1, 9, 12, 0, 5, tzinfo=UTC)),
        (None, NOON, BEGINNING, datetime(2026, 1, 9, 12, tzinfo=UTC)),
        (NOON, None, datetime(2026, 1, 9, 12, tzinfo=UTC), NOW),
        (NOON, NOON - 5_000, datetime(2026, 1, 9, 12, tzinfo=UTC), NOW),
    ],
)  # fmt: skip
def test_unknown_times(
    time: int | None, first: int | None, since: datetime, until: datetime
) -> None:
    """From the last record to the next; without one, from the beginning, up to now."""
    gap = OpenGap(TopicPartition("t", 0), 5, 8, time, "retention").closed(first, NOW)
    assert (gap.unknown_from, gap.unknown_until) == (since, until)
