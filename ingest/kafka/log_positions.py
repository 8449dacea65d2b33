"""How far a partition is read, and whether the log still continues there.

An offset alone does not tell: a broker that lost its log, or a topic that was deleted
and created again, gives old offsets to new records. So a commit's metadata names the
topic's id and the last record that was read; as Kafka forgets commits, with the topic
or the group, the warehouse has them too. Offsets without records *within* the log
(ends of transactions, compaction) are no gap.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from panelstream.models.events.log_gap import (
    BEGINNING,
    GapReason,
    LogGap,
    ReadPosition,
)

_NO_RECORD = -1
_LOST = "."
"""Between a topic's id and the number of times that its log was lost."""
TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class LogPosition:
    """The next offset of a partition, and what was read before it.

    `time`: of the last record, in milliseconds; of a partition that was empty when it
    was first assigned, that moment; None where neither is known. `generation`: how often
    the log of this topic was lost: each time old offsets are given to other records.
    """

    offset: int
    topic_id: str = ""
    last_offset: int = _NO_RECORD
    time: int | None = None
    generation: int = 0

    @property
    def log_id(self) -> str:
        """What no other log shares that has the same offsets."""
        suffix = f"{_LOST}{self.generation}" if self.generation else ""
        return f"{self.topic_id}{suffix}"

    @classmethod
    def parse(cls, committed: OffsetAndMetadata) -> "LogPosition":
        """A position as it was committed; by other programs without what was read."""
        words = committed.metadata.split()
        try:
            topic_id, last_offset, time = words[0], int(words[1]), int(words[2])
        except (IndexError, ValueError):
            return cls(committed.offset)
        read = cls(committed.offset, topic_id, last_offset, time if time >= 0 else None)
        return replace(read, generation=int(words[3])) if len(words) > 3 else read

    def committed(self) -> OffsetAndMetadata:
        """The position as it is committed."""
        time = -1 if self.time is None else self.time
        return OffsetAndMetadata(
            self.offset,
            f"{self.topic_id} {self.last_offset} {time} {self.generation}",
        )

    @classmethod
    def recall(cls, known: ReadPosition) -> "LogPosition":
        """A position as the warehouse has it."""
        last = known.last_time
        time = None if last is None else round(last.timestamp() * 1000)
        topic_id, _, generation = known.topic_id.partition(_LOST)
        return cls(
            known.next_offset, topic_id, time=time, generation=int(generation or 0)
        )

    def recorded(self, partition: TopicPartition) -> ReadPosition:
        """The position as the warehouse has it."""
        last_time = None if self.time is None else instant(self.time)
        topic, number = partition
        return ReadPosition(topic, number, self.log_id, self.offset, last_time)

    def after(self, last_offset: int, time: int, offset: int) -> "LogPosition":
        """The position after a record; the next offset may lie beyond its successor."""
        following = max(offset, last_offset + 1)
        return replace(self, offset=following, last_offset=last_offset, time=time)


@dataclass(frozen=True)
class TopicLog:
    """A topic by partition: first offsets, end offsets, and the group's commits."""

    topic_id: str
    starts: Mapping[int, int]
    ends: Mapping[int, int]
    commits: Mapping[int, OffsetAndMetadata]

    def __contains__(self, partition: int) -> bool:
        return partition in self.ends

    @property
    def lag(self) -> int:
        """Offsets that the group has not passed."""
        return sum(
            max(0, end - max(self._passed(partition), self.starts[partition]))
            for partition, end in self.ends.items()
        )

    def log_id(self, partition: int) -> str:
        """Which log a partition has now, as far as the group has seen."""
        commit = self.commits.get(partition)
        position = LogPosition.parse(commit) if commit else LogPosition(0)
        is_same = position.topic_id == self.topic_id
        return position.log_id if is_same else self.topic_id

    def _passed(self, partition: int) -> int:
        return self.commits[partition].offset if partition in self.commits else 0


@dataclass(frozen=True)
class OpenGap:
    """A gap until the first record after it is read: its end is not known yet."""

    partition: TopicPartition
    from_offset: int
    until_offset: int
    time: int | None
    reason: GapReason

    def closed(self, first_time: int | None, now: datetime) -> LogGap:
        """The gap, up to the time of the first record after it, or up to now."""
        since = BEGINNING if self.time is None else instant(self.time)
        until = now if first_time is None else instant(first_time)
        until = until if until > since else max(now, since + TICK)
        topic, partition = self.partition
        offsets = self.from_offset, self.until_offset
        return LogGap(topic, partition, *offsets, since, until, self.reason)


def find_gap(position: LogPosition, log: TopicLog, partition: int) -> GapReason | None:
    """Why the log does not continue at a position; None if it may."""
    if position.topic_id not in ("", log.topic_id):
        return "topic_recreated"
    if log.ends[partition] < position.offset:
        return "log_lost"
    return "retention" if log.starts[partition] > position.offset else None


def first_position(log: TopicLog, partition: int, now: int) -> LogPosition:
    """The position in a partition that nobody ever read: its very first offset."""
    is_empty = log.ends[partition] == 0
    return LogPosition(0, log.topic_id, time=now if is_empty else None)


def restart(
    position: LogPosition, log: TopicLog, partition: int, reason: GapReason | None
) -> LogPosition:
    """Where to go on after a gap: at the first record that is there."""
    return LogPosition(
        log.starts[partition],
        log.topic_id,
        time=position.time,
        generation=_generation(position, reason),
    )


def _generation(position: LogPosition, reason: GapReason | None) -> int:
    if reason == "topic_recreated":
        return 0
    return position.generation + (reason == "log_lost")


def instant(milliseconds: int) -> datetime:
    """The time of a record, which Kafka has in milliseconds."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
