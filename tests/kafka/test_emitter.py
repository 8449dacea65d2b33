"""From emit() through a real Kafka and a real worker: each event there, once."""

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from panelstream_emitter import Emitter

from tests.lib.emitting import Platform, platform, until
from tests.lib.streams import Stream

Streams = Callable[..., Stream]


def settings(made: Stream, folder: Path, **more: Any) -> dict[str, Any]:
    """What an emitter needs to send to the stream's topic."""
    spool = str(folder / "spool")
    base = {"source": "u2plus.web", "spool": spool, "topic": made.topic}
    return {**base, "kafka": made.kafka.address, **more}


def drain(words: dict[str, Any]) -> dict[str, int]:
    """Send all that is left; the counts once no dead process's place is left either."""
    with Emitter(**words) as last:
        until(lambda: last.counts()["waiting_bytes"] == 0)
        until(lambda: len(list(Path(words["spool"]).glob("*.owner"))) == 1)
        return last.counts()


def test_records_are_batches(stream: Streams, tmp_path: Path) -> None:
    """A hundred events a record, gzip, and the header that says what it is."""
    made = stream()
    with Emitter(**settings(made, tmp_path, mode="fast")) as emitter:
        ids = [emitter.emit("u2plus.story_posted", subject=n) for n in range(2_000)]
        assert emitter.close(30)
    records = made.received(made.topic)
    assert len(records) < 200
    headers = [("content-type", b"application/cloudevents-batch+json")]
    assert all(list(record.headers) == headers for record in records)
    made.drain()
    assert sorted(made.ids()) == sorted(map(str, ids))
    assert made.letters() == []


def test_forks_leave_the_parents_producer_alone(
    stream: Streams, tmp_path: Path
) -> None:
    """Children of a process that is sending end well, and it goes on sending."""
    made = stream()
    words = ("--forks", "4", "--pause", "0.001")
    with platform(tmp_path, settings(made, tmp_path), 200, *words) as one:
        one.wait()
    values = [json.loads(record.value) for record in made.received(made.topic)]
    assert sorted(event["id"] for some in values for event in some) == sorted(one.ids())
    assert len(one.ids()) == 1 + 4 * 200 + 1


def test_what_a_process_leaves_at_its_end_the_next_sends(
    stream: Streams, tmp_path: Path
) -> None:
    """One that ends at its first event: sent at the exit, or from the spool later."""
    made = stream()
    where = settings(made, tmp_path)
    with platform(tmp_path, where, 1) as first:
        first.wait()
    with platform(tmp_path, where, 40, "--pause", "0.1") as following:
        following.wait()
    values = [json.loads(record.value) for record in made.received(made.topic)]
    arrived = sorted(event["id"] for events in values for event in events)
    assert arrived == sorted([*first.ids(), *following.ids()])


def test_killed_while_the_broker_comes_and_goes(
    stream: Streams, tmp_path: Path
) -> None:
    """Four forked workers, killed and begun again, the broker stopped in between.

    Every id that `emit()` returned is in the warehouse once.
    """
    made, chance = stream(), random.Random(4)
    words, said = settings(made, tmp_path), set[str]()
    for stopped in (False, True, False):
        if stopped:
            made.kafka.run("stop")
        with platform(
            tmp_path, words, 10**6, "--forks", "4", "--pause", "0.002"
        ) as one:
            one.wait_for(200)
            time.sleep(chance.uniform(0, 1))
            one.kill()
            said |= set(one.ids())
        if stopped:
            made.kafka.run("start")
    counts = drain(words)
    made.drain()
    ids = made.ids()
    assert len(ids) == len(set(ids))
    assert said <= set(ids)
    assert len(ids) - len(said) <= 3 * 4
    assert (counts["lost"], counts["dropped"]) == (0, 0)


@pytest.mark.long
def test_the_ledger_from_emit(stream: Streams, tmp_path: Path) -> None:
    """Eight web servers of four workers, one after another, each killed at random.

    The broker goes for seconds, and once for more than two minutes; the worker that
    writes to the warehouse is killed too. By ids: nothing lost, nothing twice.
    """
    made, chance, said, kills = stream(), random.Random(9), set[str](), 0
    words = settings(made, tmp_path)
    for round_ in range(8):
        four = platform(tmp_path, words, 10**6, "--forks", "4", *SLOWLY)
        with made.worker(), four as one:
            one.wait_for(500)
            if round_ % 2:
                made.kafka.run("stop")
                time.sleep(130 if round_ == 3 else chance.uniform(0, 10))
                if round_ != 5:  # killed with a spool that cannot be sent
                    made.kafka.run("start")
            time.sleep(chance.uniform(0, 8))
            one.kill()
            kills += 4
            said |= set(one.ids())
        if round_ == 5:
            made.kafka.run("start")
    counts = drain(words)
    made.drain()
    ids = made.ids()
    print(f"{len(said):,} said, {len(ids):,} seen, {counts}")  # noqa: T201
    assert len(ids) == len(set(ids))
    assert said <= set(ids)
    assert len(ids) - len(said) <= kills
    assert (counts["lost"], counts["dropped"]) == (0, 0)
    assert counts["accepted"] in range(len(said), len(ids) + 1)


SLOWLY = ("--pause", "0.005")


def test_the_broker_restarts_under_a_living_emitter(
    stream: Streams, tmp_path: Path
) -> None:
    """The process goes on emitting, and sends everything by itself afterwards."""
    made = stream()
    words = settings(made, tmp_path, mode="fast")
    with platform(tmp_path, words, 10**6, "--pause", "0.01") as one:
        one.wait_for(100)
        made.kafka.run("stop")
        before = len(one.ids())
        one.wait_for(before + 300)
        made.kafka.run("start")
        until(lambda: _arrived(made, one, before + 300))
        one.kill()
        said = one.ids()
    counts = drain(words)
    made.drain()
    ids = made.ids()
    assert len(ids) == len(set(ids)) == counts["accepted"] - counts["lost"]
    assert len(said) - len(set(said) & set(ids)) <= counts["lost"]


def _arrived(made: Stream, one: Platform, events: int) -> bool:
    """Whether the first so many events are in the topic."""
    values = [json.loads(record.value) for record in made.received(made.topic)]
    there = {event["id"] for value in values for event in value}
    return set(one.ids()[:events]) <= there
