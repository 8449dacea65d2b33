"""Whether a log still continues where it is read: by the record that was read last."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from panelstream.ingest.kafka import clients, position_check
from panelstream.ingest.kafka.batch import RecordBatch
from panelstream.ingest.kafka.log_positions import LogPosition, TopicLog
from panelstream.ingest.kafka.offsets import Offsets
from panelstream.ingest.kafka.position_check import CheckedPositions

PARTITION = TopicPartition("t", 0)
NOON = 1_767_960_000_000
LAST = LogPosition(10, "t1", 8, NOON)
"""The record at offset 8 was read last; 9 was the end of a transaction."""


class Log:
    """A consumer of a log: records by their offsets; other offsets hold none."""

    def __init__(self, records: dict[int, int], end: int, answers: bool = True) -> None:
        self.records, self.end, self.answers = records, end, answers
        self.next = 0

    def assignment(self) -> set[TopicPartition]:
        """One partition."""
        return {PARTITION}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Where to read next."""
        self.next = offset

    async def position(self, partition: TopicPartition) -> int:
        """Where it reads next."""
        return self.next

    async def getmany(self, *partitions: TopicPartition, **limits: Any) -> Any:
        """The next record; without one what is there is passed."""
        if not self.answers:
            return {}
        following = [offset for offset in self.records if offset >= self.next]
        if not following:
            self.next = self.end
            return {}
        offset = min(following)
        self.next = offset + 1
        time = self.records[offset]
        record = ConsumerRecord(
            "t", 0, offset, time, 0, None, b"{}", None, 0, 2, headers=()
        )
        return {PARTITION: [record]}


def check(log: Log, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], LogPosition]:
    """The gaps that are found where `LAST` was committed, and where reading goes on."""
    described = TopicLog("t1", {0: 0}, {0: log.end}, {0: LAST.committed()})
    monkeypatch.setattr(clients, "read_log", lambda settings: described)
    monkeypatch.setattr(position_check, "_PATIENCE", 0.01)

    async def recall() -> Sequence[Any]:
        return ()

    consumer, settings = cast(Any, log), cast(Any, SimpleNamespace(topic="t"))
    offsets = Offsets(consumer, lambda: None)
    positions, batch = (
        CheckedPositions(consumer, settings, offsets, recall),
        RecordBatch(),
    )
    asyncio.run(positions.check(batch))
    assert log.next == batch.positions[PARTITION].offset
    return [gap.reason for gap in batch.gaps], batch.positions[PARTITION]


@pytest.mark.parametrize(
    ("records", "end"), [({8: NOON}, 10), ({7: 1, 8: NOON, 10: 2}, 11)]
)
def test_the_last_record_is_there(
    records: dict[int, int], end: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log continues, whatever came since."""
    assert check(Log(records, end), monkeypatch) == ([], LAST)


@pytest.mark.parametrize(
    "records",
    [{8: NOON + 1}, {7: NOON, 9: NOON}, {7: NOON}, {}],
    ids=["another record", "none, but a later one", "none any more", "none at all"],
)
def test_a_log_that_was_refilled(
    records: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the last record was there is another, or the end of a transaction."""
    gaps, position = check(Log(records, 12), monkeypatch)
    assert gaps == ["log_lost"]
    assert (position.offset, position.log_id) == (0, "t1.1")


def test_a_broker_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known, so nothing is said to be lost."""
    assert check(Log({8: NOON}, 12, answers=False), monkeypatch) == ([], LAST)
