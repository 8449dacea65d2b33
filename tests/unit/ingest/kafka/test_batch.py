"""When the events of a record took place that nobody can decode."""

from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from panelstream.ingest.kafka.batch import RecordBatch
from panelstream.ingest.kafka.log_positions import LogPosition
from panelstream.models.events.event import Position

NOON = datetime(2026, 1, 9, 12, tzinfo=UTC)
NOW, HOUR, DAY = NOON + timedelta(days=30), timedelta(hours=1), timedelta(days=1)
TICK = timedelta(microseconds=1)


def record(partition: int, at: datetime) -> ConsumerRecord:
    """A record that can be decoded."""
    time = int(at.timestamp() * 1000)
    return ConsumerRecord(
        "t", partition, 9, time, 0, None, b"{}", None, 0, 2, headers=()
    )


@pytest.mark.parametrize(
    ("before", "after", "period"),
    [
        (NOON, [(0, NOON + HOUR)], (NOON - DAY, NOON + HOUR + TICK)),
        (NOON, [(1, NOON + HOUR)], (NOON - DAY, NOW + TICK)),
        (NOON, [], (NOON - DAY, NOW + TICK)),
        (NOON, [(0, NOON - HOUR)], (NOON - DAY, NOON + TICK)),
        (None, [(0, NOON + HOUR)], None),
    ],
)
def test_between_its_neighbours(
    before: datetime | None,
    after: list[tuple[int, datetime]],
    period: tuple[datetime, datetime] | None,
) -> None:
    """It was sent between the records beside it, with events of the day before that.

    Without one after it, until now; without one before it, at any time.
    """
    batch, partition = RecordBatch(), TopicPartition("t", 0)
    batch.add([record(0, NOON - 2 * HOUR)])
    time = None if before is None else int(before.timestamp() * 1000)
    batch.add_unreadable(partition, LogPosition(7, "id", 6, time))
    batch.add([record(*entry) for entry in after])
    place = Position("t[0]", 7, origin_id="id")
    assert batch.unreadable_periods(NOW) == {place: period}
