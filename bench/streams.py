"""Kafka → warehouse against a bare aiokafka loop; the memory of a worker."""

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console

from bench import kafka
from bench.log import write_log
from bench.peers import compare, show

EVENTS, SINGLES = 1_000_000, 300_000
A_RECORD = 100
SURPLUS = 60_000
"""Events behind those that are timed, so that nobody waits for a batch to grow old."""

_PATIENCE = 600.0
_STEPS = 10


def measure_streams(events: int = EVENTS, singles: int = SINGLES) -> None:
    """Print the rows of the table for Kafka, and a worker's memory."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with kafka.running(place / "kafka") as address:
            for topic, count, size in (
                ("hundreds", events, A_RECORD),
                ("singles", singles, 1),
            ):
                log = place / "log.ndjson"
                write_log(log, count + SURPLUS)
                kafka.fill(kafka.settings(address, topic), log, size)
            _compare(
                address, "hundreds", events, f"records of {A_RECORD} events", "0.9"
            )
            _compare(address, "singles", singles, "records of one event", "0.7")
            _measure_memory(place / "study", address, events)


def _compare(address: str, topic: str, events: int, what: str, reach: str) -> None:
    words = (address, topic, str(events))
    ours = ("bench.take_with_panelstream", *words)
    for sink, peer, aim in (
        ("same", "a bare aiokafka loop with the same sink", reach),
        ("unchecked", "one that inserts what was sent, unchecked", "–"),
    ):
        theirs = ("bench.take_with_aiokafka", *words, sink)
        pair = compare(what, ours, theirs, runs=3)
        show(f"Kafka, {what} → warehouse", peer, pair, events, aim)


def _measure_memory(study: Path, address: str, events: int) -> None:
    """A worker with a warehouse process: memory after each tenth of the events."""
    names = {"KAFKA": address, "KAFKA_TOPIC": "hundreds", "KAFKA_GROUP": "memory"}
    names["WORKER_ADDRESS"] = page = f"127.0.0.1:{kafka.free_port()}"
    env = {**os.environ, **{f"PANELSTREAM_{name}": names[name] for name in names}}
    _command("init", study).wait()
    with _process("warehouse", study, env):
        _until(lambda: (study / "warehouse.endpoint").exists())
        with _process("worker", study, env) as process:
            sizes = list(_sizes(process, page, events))
    Console().print(
        f"a worker's memory over {events:,} events, MB after each tenth: "
        f"{' '.join(f'{one:.0f}' for one in sizes)} (to reach: flat, under 300)",
        highlight=False,
        soft_wrap=True,
    )


def _sizes(
    process: "subprocess.Popen[bytes]", page: str, events: int
) -> Iterator[float]:
    for step in range(1, _STEPS + 1):
        _until(partial(_has_accepted, page, events * step // _STEPS))
        yield _resident(process.pid)


def _has_accepted(page: str, due: int) -> bool:
    return _accepted(page) >= due


def _accepted(page: str) -> float:
    try:
        with urllib.request.urlopen(f"http://{page}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0
    name = "panelstream_events_accepted_total "
    return next((float(one.split()[1]) for one in lines if one.startswith(name)), 0)


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [one for one in status.splitlines() if one.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


def _until(check: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE
    while not check():
        if time.monotonic() > end:
            raise TimeoutError("the worker does not get on")
        time.sleep(0.05)


@contextmanager
def _process(
    name: str, study: Path, env: dict[str, str]
) -> "Iterator[subprocess.Popen[bytes]]":
    process = _command(name, "--study", str(study), env=env)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def _command(
    *words: str | Path, env: dict[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "panelstream.flows.cli", *map(str, words)]
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
