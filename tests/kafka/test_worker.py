"""Worker processes between a real Kafka and a real warehouse: nothing lost or doubled."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

from tests.lib import studies
from tests.lib.streams import Stream, Worker, until

AT = datetime(2026, 1, 11, 8, tzinfo=UTC)

Streams = Callable[..., Stream]


def events(count: int, name: str = "e") -> list[bytes]:
    """Events with ids `<name>0`, `<name>1`, …"""
    return [
        json.dumps(studies.event("story_posted", "ann", AT, id=f"{name}{n}")).encode()
        for n in range(count)
    ]


def array(values: list[bytes]) -> bytes:
    """Events as one batch."""
    return b"[" + b",".join(values) + b"]"


def test_told_to_stop_it_writes_what_it_gathered(stream: Streams) -> None:
    """With an hour until the next write, SIGTERM writes and commits at once; exit 0."""
    made = stream(env={"WORKER_MAX_AGE": "3600"})
    made.send(*events(5), array(events(5, "b")))
    with made.worker() as worker:
        until(lambda: worker.health()["records_behind"] == 6, worker)
        assert worker.stop() == 0
    assert made.caught_up()
    assert sorted(made.ids()) == sorted(
        [*(f"e{n}" for n in range(5)), *(f"b{n}" for n in range(5))]
    )


def test_killed_and_started_again_it_loses_nothing(stream: Streams) -> None:
    """SIGKILL at any point, twice: every id is there, each once, and counts add up."""
    made = stream(env={"WORKER_MAX_AGE": "0.05"})
    made.send(*[array(events(50, f"{number}-")) for number in range(40)])
    for _ in range(2):
        with made.worker() as worker:
            until(lambda worker=worker: "accepted_total" in worker.page("metrics"))
            worker.process.kill()
    made.drain()
    ids = made.ids()
    assert sorted(ids) == sorted(f"{n}-{m}" for n in range(40) for m in range(50))
    [counts] = made.select("select sum(accepted) as accepted from arrivals")
    assert counts["accepted"] >= len(ids)


def test_two_workers_share_and_hand_over(stream: Streams) -> None:
    """A second worker takes half of the partitions, and gives them back when it ends."""
    made = stream(env={"KAFKA_PARTITIONS": "4"})
    with made.worker() as first:
        until(lambda: partitions(first) == 4, first)
        # The embedded engine has room for one; the second shares the group only.
        other = f"chdb://{made.study / 'other'}"
        with made.worker(PANELSTREAM_WAREHOUSE=other) as second:
            until(lambda: partitions(first) == partitions(second) == 2, second)
            assert second.stop() == 0
        until(lambda: partitions(first) == 4, first)
        assert first.stop() == 0


def partitions(worker: Worker) -> int:
    """How many partitions a worker has."""
    return worker.page("metrics").count("panelstream_lag_records{")


def test_pages(stream: Streams) -> None:
    """Health and readiness answer, and the metrics add up to what was sent."""
    made = stream()
    made.send(array(events(7)), b"nonsense")
    with made.worker() as worker:
        until(lambda: "panelstream_events_accepted_total 7.0" in worker.page("metrics"))
        page = worker.page("metrics")
        assert 'panelstream_events_rejected_total{reason="not_json"} 1.0' in page
        assert "panelstream_newest_event_timestamp_seconds 1.7681184e+09" in page
        assert worker.health()["status"] == "ok"
        assert json.loads(worker.page("ready"))["ready"]
        worker.stop()
