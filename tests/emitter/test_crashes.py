"""Processes that emit and are hurt: killed, forked, ended, out of disk."""

import json
import os
import random
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from panelstream_emitter import Emitter

from tests.emitter.conftest import Collector, away, taken
from tests.lib.emitting import PATIENCE, ROOT, platform, until

Emitters = Callable[..., Emitter]

BOTH = pytest.mark.parametrize("mode", ["durable", "fast"])


def test_killed_in_durable_mode_it_loses_nothing(
    collector: Collector, emitter: Emitters, tmp_path: Path
) -> None:
    """SIGKILL at random moments, the collector away in half of them: all ids arrive.

    Beyond those that were said only such may arrive whose emit() the kill cut off:
    one a kill. The next process sends what the dead ones left.
    """
    chance, said, kills = random.Random(8), list[str](), 6
    settings = collector.settings(tmp_path)
    for number in range(kills):
        collector.answer = (lambda _: away()) if number % 2 else (lambda _: taken())
        with platform(tmp_path, settings, 10**6, "--pause", "0.0005") as one:
            one.wait_for(1)
            time.sleep(chance.uniform(0, 0.4))
            one.kill()
            said += one.ids()
    collector.answer = lambda _: taken()
    with emitter() as last:
        until(lambda: last.counts()["waiting_bytes"] == 0)
        counts = last.counts()
    arrived = set(collector.ids())
    assert set(said) <= arrived
    assert len(arrived) - len(said) <= kills
    assert counts["accepted"] in range(len(arrived) - kills, len(arrived) + 1)
    assert (counts["lost"], counts["dropped"]) == (0, 0)


def test_killed_in_fast_mode_its_loss_is_counted(
    collector: Collector, emitter: Emitters, tmp_path: Path
) -> None:
    """What was taken and never written is the newest, and counted exactly."""
    settings = collector.settings(tmp_path, mode="fast")
    collector.answer = lambda _: away()
    said: list[list[str]] = []
    for number in range(5):
        with platform(tmp_path, settings, 10**6) as one:
            one.wait_for(1_000 * (number + 1))
            one.kill()
            said.append(one.ids())
    collector.answer = lambda _: taken()
    with emitter() as last:
        until(lambda: last.counts()["waiting_bytes"] == 0)
        counts = last.counts()
    arrived = collector.ids()
    assert len(arrived) == len(set(arrived))
    assert counts["lost"] == counts["accepted"] - len(arrived) > 0
    unique = set(arrived)
    for ids in said:
        there = [identity in unique for identity in ids]
        assert there == sorted(there, reverse=True)


@BOTH
def test_four_forked_workers(collector: Collector, tmp_path: Path, mode: str) -> None:
    """A parent with threads forks four: all five send their own, nothing twice."""
    settings = collector.settings(tmp_path, mode=mode)
    words = ("--forks", "4", "--threads", "2", "--pause", "0.001")
    with platform(tmp_path, settings, 200, *words) as one:
        one.wait()
        ids = one.ids()
    assert len(ids) == 1 + 4 * 2 * 200 + 1
    assert sorted(collector.ids()) == sorted(ids)
    assert list((tmp_path / "spool").glob("*.owner")) == []


def test_forked_workers_killed(
    collector: Collector, emitter: Emitters, tmp_path: Path
) -> None:
    """All of a web server's processes killed at once while nothing can be sent."""
    collector.answer = lambda _: away()
    settings = collector.settings(tmp_path)
    with platform(tmp_path, settings, 10**6, "--forks", "4", "--pause", "0.001") as one:
        one.wait_for(500)
        one.kill()
        ids = set(one.ids())
    collector.answer = lambda _: taken()
    with emitter() as last:
        until(lambda: last.counts()["waiting_bytes"] == 0)
    assert ids <= set(collector.ids())
    assert len(set(collector.ids()) - ids) <= 4


@BOTH
def test_the_interpreters_exit(collector: Collector, tmp_path: Path, mode: str) -> None:
    """A script that emits and ends: all arrives without a call of close()."""
    with platform(tmp_path, collector.settings(tmp_path, mode=mode), 300) as one:
        one.wait()
        assert sorted(collector.ids()) == sorted(one.ids())


@BOTH
def test_exit_while_nothing_can_be_sent(
    collector: Collector, tmp_path: Path, mode: str
) -> None:
    """It ends all the same; the next process sends what it left, then its own."""
    collector.answer = lambda _: away()
    settings = collector.settings(tmp_path, mode=mode)
    with platform(tmp_path, settings, 300) as first:
        first.wait()
    collector.answer = lambda _: taken()
    with platform(tmp_path, settings, 100, "--pause", "0.02") as second:
        second.wait()
    assert sorted(set(collector.ids())) == sorted(first.ids() + second.ids())


def test_closing_in_haste(collector: Collector, tmp_path: Path) -> None:
    """Again and again without waiting, while threads emit: nothing accepted is lost.

    Nor is a file closed that is somebody else's.
    """
    ids: list[str | None] = []
    for _ in range(30):
        hasty = Emitter(**collector.settings(tmp_path), on_trouble=lambda _: None)

        def work(one: Emitter = hasty) -> None:
            ids.extend(one.emit("u2plus.signed_in", subject=n) for n in range(50))

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        hasty.close(0)
        for thread in threads:
            thread.join()
    with Emitter(**collector.settings(tmp_path)) as last:
        until(lambda: last.counts()["waiting_bytes"] == 0)
    assert {one for one in ids if one} == set(collector.ids())


def test_two_processes_fill_one_spool(collector: Collector, tmp_path: Path) -> None:
    """Nothing is sent: what both drop is counted exactly, what they kept arrives."""
    collector.answer = lambda _: away()
    settings = collector.settings(tmp_path, spool_bytes=60_000)
    with (
        platform(tmp_path, settings, 3_000, "--pause", "0.001") as one,
        platform(tmp_path, settings, 3_000, "--pause", "0.001") as two,
    ):
        one.wait()
        two.wait()
    kept, dropped = one.ids() + two.ids(), one.dropped() + two.dropped()
    collector.answer = lambda _: taken()
    with Emitter(**settings) as last:
        until(lambda: last.counts()["waiting_bytes"] == 0)
        counts = last.counts()
    assert sorted(set(collector.ids())) == sorted(kept)
    assert (counts["accepted"], counts["dropped"]) == (len(kept), dropped)
    assert dropped > 3_000


def test_disk_full(collector: Collector, tmp_path: Path) -> None:
    """Files may not grow beyond 30 kB: what fits is kept whole, the rest is counted.

    How many files there are is the clock's affair, so it emits until 300 were
    dropped. Where there is room again, what follows is whole too.
    """
    collector.answer = lambda _: away()
    script = textwrap.dedent("""
        import json, resource, sys
        from panelstream_emitter import Emitter
        emitter = Emitter(**json.loads(sys.argv[1]))
        ids = []

        def emit():
            ids.append(emitter.emit("u2plus.signed_in", subject=len(ids)))

        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, resource.RLIM_INFINITY))
        while ids.count(None) < 300:
            emit()
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        for _ in range(10):
            emit()
        # What measures the tests has files too.
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        print(json.dumps(ids))
    """)
    ids = json.loads(_python(script, json.dumps(collector.settings(tmp_path))))
    kept = [entry for entry in ids if entry]
    assert len(kept) > 100
    assert all(ids[-10:])
    collector.answer = lambda _: taken()
    with Emitter(**collector.settings(tmp_path)) as last:
        until(lambda: last.counts()["waiting_bytes"] == 0)
        assert last.counts()["dropped"] == ids.count(None)
    assert collector.ids() == kept


def test_no_room_to_begin(collector: Collector, tmp_path: Path) -> None:
    """The spool cannot be opened: drops are counted, no file stays open, it goes on."""
    script = textwrap.dedent("""
        import json, os, resource, sys, time
        from panelstream_emitter import Emitter
        emitter = Emitter(**json.loads(sys.argv[1]), on_trouble=lambda _: None)
        ids, files = [], []
        for limit in (0, 0, 100_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            ids += [emitter.emit("u2plus.signed_in", subject=n) for n in range(10)]
            files.append(len(os.listdir("/proc/self/fd")))
            time.sleep(1.1)
        assert files[0] == files[1]
        assert emitter.close(120)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        sys.stdout.write(json.dumps([ids, emitter.counts()]))
    """)
    said = _python(script, json.dumps(collector.settings(tmp_path)))
    ids, counts = json.loads(said)
    assert ids[:20] == [None] * 20
    assert collector.ids() == ids[20:]
    assert (counts["accepted"], counts["dropped"]) == (10, 20)


def test_a_segment_that_a_power_cut_damaged(
    collector: Collector, tmp_path: Path
) -> None:
    """Zeros and halves do not spoil their neighbours; an unfinished end is nothing."""
    spool = tmp_path / "spool"
    spool.mkdir()
    lines = [json.dumps({"id": f"e{n}", "type": "u2plus.x"}).encode() for n in range(4)]
    damaged = [lines[0], bytes(50), lines[1], lines[2][:9], lines[2], lines[3][:20]]
    (spool / "dead.000000000000000.ndjson").write_bytes(b"\n".join(damaged))
    with Emitter(**collector.settings(tmp_path)) as one:
        until(lambda: one.counts()["waiting_bytes"] == 0)
        assert one.counts()["rejected"] == 2
    assert collector.ids() == ["e0", "e1", "e2"]


def test_files_are_for_the_owner_alone(
    collector: Collector, emitter: Emitters, tmp_path: Path
) -> None:
    """They hold user ids: no one else may read them, whatever the umask."""
    collector.answer = lambda _: away()
    before = os.umask(0)
    try:
        emitter().emit("u2plus.signed_in", subject="a")
        files = list((tmp_path / "spool").rglob("*"))
    finally:
        os.umask(before)
    assert len(files) >= 4
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)


def _python(script: str, *words: str) -> str:
    paths: dict[str, Any] = {**os.environ, "PYTHONPATH": str(ROOT / "ingest/emitter")}
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        env=paths,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
