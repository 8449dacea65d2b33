"""The brake on rejected events, and what the pages call alive and ready."""

import pyarrow as pa
import pytest

from panelstream.ingest.kafka.metrics import STUCK_SECONDS, Health, WorkerMetrics
from panelstream.ingest.kafka.rejection_brake import (
    MIN_EVENTS,
    WINDOW_EVENTS,
    RejectionBrake,
    TooManyRejected,
)
from panelstream.ingest.kafka.retries import Waits
from panelstream.models.errors import Unreachable
from panelstream.models.events.event import (
    Counts,
    Position,
    Reason,
    RejectedEvent,
    Rejection,
)
from panelstream.models.warehouse.ledger import Batch


def batch(accepted: int, rejected: int, reason: Reason, source: str = "web") -> Batch:
    """A batch of accepted events of the source `web` and of rejected ones."""
    events = pa.table(
        {"source": ["web"] * accepted, "event_type": ["posted"] * accepted}
    )
    event = RejectedEvent(event_type="unknown:1", source=source)
    rejections = [
        Rejection(reason, "", Position("t[0]", n), event) for n in range(rejected)
    ]
    counts = Counts(accepted, 0, rejected, {reason: rejected})
    return Batch("t", events, rejections, counts)


@pytest.mark.parametrize("reason", ["not_json", "time_in_future"])
def test_few_events_prove_nothing(reason: Reason) -> None:
    """Below the least number nothing stops, at it a wrong clock or topic does."""
    brake = RejectionBrake()
    brake.check(batch(0, MIN_EVENTS - 1, reason))
    with pytest.raises(TooManyRejected, match=rf"1,000 of the last 1,000 .* {reason}"):
        brake.check(batch(0, 1, reason))


def test_a_twentieth_accepted_is_enough() -> None:
    """Just under 95 % goes on, 95 % stops."""
    RejectionBrake().check(batch(51, 949, "not_json"))
    with pytest.raises(TooManyRejected):
        RejectionBrake().check(batch(50, 950, "not_json"))


def test_the_past_is_forgotten() -> None:
    """A good past does not hide that the last 10,000 events are bad."""
    brake = RejectionBrake()
    brake.check(batch(30_000, 0, "not_json"))
    brake.check(batch(0, WINDOW_EVENTS // 2, "not_json"))
    with pytest.raises(TooManyRejected):
        brake.check(batch(0, WINDOW_EVENTS // 2, "not_json"))


@pytest.mark.parametrize(
    ("reason", "source"), [("time_in_future", "phone"), ("not_json", "")]
)
def test_a_flood_of_one_source_stops_nobody(reason: Reason, source: str) -> None:
    """Where another source is accepted, clock and topic of the worker are right."""
    brake = RejectionBrake()
    brake.check(batch(50, 2_000, reason, source))
    assert brake.parked == {(source, "", reason): 2_000}


def test_one_unknown_type_is_parked() -> None:
    """Two thousand events of it stop nobody; few of them are not worth a word."""
    brake = RejectionBrake()
    brake.check(batch(50, MIN_EVENTS - 1, "unknown_type"))
    assert not brake.parked
    brake.check(batch(0, 1_001, "unknown_type"))
    assert list(brake.parked.values()) == [2_000]


def test_without_a_brake_nothing_stops() -> None:
    """`--no-limit`: also a flood of what is no JSON is parked."""
    brake = RejectionBrake(stops=False)
    brake.check(batch(0, 2_000, "not_json"))
    assert list(brake.parked.values()) == [2_000]


@pytest.mark.parametrize(
    ("idle", "status"), [(STUCK_SECONDS, "ok"), (STUCK_SECONDS + 1, "stuck")]
)
def test_alive(idle: int, status: str) -> None:
    """A loop that does not turn is stuck, one that waits for a service is not."""
    health = Health(0.0, waits={"attempts": "warehouse"}, records_behind=9)
    assert health.liveness(float(idle))["status"] == status


@pytest.mark.parametrize(
    ("is_member", "waits", "ready", "waiting_for"),
    [
        (True, {}, True, ""),
        (True, {"attempts": "warehouse"}, False, "warehouse"),
        (True, {"a": "warehouse", "b": "Kafka"}, False, "Kafka, warehouse"),
        (False, {}, False, ""),
    ],
)
def test_ready(
    is_member: bool, waits: dict[str, str], ready: bool, waiting_for: str
) -> None:
    """Ready is a member of the group that waits for nothing."""
    report = Health(0.0, is_member, waits).readiness()
    assert (report["ready"], report["waiting_for"]) == (ready, waiting_for)


def test_a_worker_may_wait_for_one_thing_after_the_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The topic is deleted, then Kafka is away: each is back when it is."""
    waits = Waits(Health(0.0, is_member=True))
    with caplog.at_level("INFO", "panelstream.worker"):
        waits.begin("assignment", "partitions", Unreachable("the topic t has none now"))
        waits.begin("measuring", "Kafka", TimeoutError())
        waits.end("measuring")
        waits.end("assignment")
    assert caplog.messages == [
        "waiting for partitions: the topic t has none now",
        "waiting for Kafka: TimeoutError",
        "Kafka is back",
        "partitions are back",
    ]


def test_what_is_not_known_is_not_zero() -> None:
    """Before it is a member, and while Kafka is away, a worker does not claim no lag."""
    health, metrics = Health(0.0), WorkerMetrics()
    assert health.readiness()["records_behind"] is None
    assert health.readiness()["seconds_behind"] is None
    assert "panelstream_seconds_behind NaN" in metrics.text().decode()
    metrics.behind({3: 5})
    metrics.seconds_behind.set(2)
    assert 'panelstream_lag_records{partition="3"} 5.0' in metrics.text().decode()
    metrics.forget_lag()
    page = metrics.text().decode()
    assert "panelstream_lag_records{" not in page
    assert "panelstream_seconds_behind NaN" in page


def test_waits_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """A service that two activities wait for is away once, and back once for both."""
    health = Health(0.0, is_member=True)
    waits = Waits(health)
    with caplog.at_level("INFO", "panelstream.worker"):
        for _ in range(2):
            waits.begin("measuring", "Kafka", TimeoutError("canary"))
            waits.begin("attempts", "Kafka", TimeoutError())
        waits.end("attempts")
        assert health.waiting_for == ["Kafka"]
        waits.end("measuring")
        waits.end("measuring")
    assert caplog.messages == ["waiting for Kafka: TimeoutError", "Kafka is back"]
    assert not health.waiting_for
