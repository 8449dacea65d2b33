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
        until(lambda: worker.ready()["records_behind"] == 6, worker)
        assert worker.stop() == 0
    assert made.caught_up()
    assert sorted(made.ids()) == sorted(
        [*(f"e{n}" for n in range(5)), *(f"b{n}" for n in range(5))]
    )


def test_killed_and_started_again_it_loses_nothing(stream: Streams) -> None:
    """SIGKILL while it writes: every id is there, each once, and the counts add up."""
    made = stream(env={"WORKER_MAX_AGE": "0.05"})
    made.send(*[array(events(50, f"{number}-")) for number in range(40)])
    with made.worker() as worker:
        until(lambda: worker.ready()["ready"], worker)
        worker.process.kill()
    made.drain()
    ids = made.ids()
    assert sorted(ids) == sorted(f"{n}-{m}" for n in range(40) for m in range(50))
    [counts] = made.select("select sum(accepted) as accepted from arrivals")
    assert counts["accepted"] >= len(ids)


def test_warehouse_away_and_back(stream: Streams) -> None:
    """Killed and started anew in another place: the workers wait, find it, go on."""
    made = stream(env={"KAFKA_PARTITIONS": "4"})
    with (
        made.warehouse() as first,
        made.worker(own=False) as one,
        made.worker(own=False) as two,
    ):
        until(lambda: partitions(one) == partitions(two) == 2, one)
        made.send(array(events(3, "before")))
        until(made.caught_up, one)
        first.kill()
        first.wait()
        made.send(array(events(3, "while")))
        until(lambda: "warehouse" in waiting(one) + waiting(two), one)
        assert not made.caught_up()
        with made.warehouse():
            until(made.caught_up, one)
            assert one.stop() == 0
            until(lambda: partitions(two) == 4, two)
            assert two.stop() == 0
            assert made.run("query", "select 1").returncode == 0
    assert sorted(made.ids()) == [
        f"{when}{n}" for when in ("before", "while") for n in range(3)
    ]


def test_workers_that_start_before_the_warehouse(stream: Streams) -> None:
    """They wait outside the group, take no path, and go on once it is served.

    One that is told to stop meanwhile ends with 0.
    """
    made = stream()
    made.send(array(events(3)))
    with made.worker(own=False) as one, made.worker(own=False) as two:
        until(lambda: waiting(one) == waiting(two) == "warehouse", one)
        assert one.ready()["records_behind"] is one.ready()["seconds_behind"] is None
        assert made.run("query", "select 1").returncode == 0
        assert two.stop() == 0
        with made.warehouse():
            until(made.caught_up, one)
            assert one.stop() == 0
    assert sorted(made.ids()) == ["e0", "e1", "e2"]
    log = one.log.read_text()
    assert log.count("waiting for the warehouse: start 'panelstream warehouse'") == 1
    assert log.count("the warehouse is back") == 1


def test_kafka_away_and_back(stream: Streams) -> None:
    """A worker whose broker is silent is alive, not ready, and says so, also in its log.

    Told to stop meanwhile it closes its clients and ends with 0.
    """
    made = stream()
    with (
        made.warehouse(),
        made.worker(own=False) as one,
        made.worker(own=False) as two,
    ):
        until(lambda: one.ready()["ready"] and two.ready()["ready"], one)
        with made.kafka.silent():
            until(lambda: waiting(one) == "Kafka", one)
            assert not one.ready()["ready"]
            assert json.loads(one.page("health"))["status"] == "ok"
            metric = 'panelstream_waiting_for{service="Kafka"} 1.0'
            until(lambda: metric in one.page("metrics"), one)
            assert two.stop() == 0
        until(lambda: one.ready()["ready"], one)
        assert one.stop() == 0
    log = one.log.read_text()
    assert log.count("waiting for Kafka: cannot use Kafka at") == 1
    assert log.count("Kafka is back") == 1
    assert "Unclosed" not in log + two.log.read_text()


def waiting(worker: Worker) -> str:
    """What a worker waits for."""
    return str(worker.ready().get("waiting_for", ""))


def partitions(worker: Worker) -> int:
    """How many partitions a worker has."""
    return worker.page("metrics").count("panelstream_lag_records{")


def test_pages(stream: Streams) -> None:
    """Health and readiness answer, and the metrics add up to what was sent.

    Topics that are there already are no error, and those of Faust are not shown.
    """
    made = stream()
    assert made.run("topics", "create").returncode == 0
    made.send(array(events(7)), b"nonsense")
    with made.worker() as worker:
        until(lambda: "panelstream_events_accepted_total 7.0" in worker.page("metrics"))
        page = worker.page("metrics")
        assert 'panelstream_events_rejected_total{reason="not_json"} 1.0' in page
        assert "panelstream_newest_event_timestamp_seconds 1.7681184e+09" in page
        assert json.loads(worker.page("health"))["status"] == "ok"
        assert worker.ready()["ready"]
        assert 'panelstream_build_info{version="' in page
        assert "404" in worker.page("router/")
        worker.stop()
