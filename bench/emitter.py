"""`make bench-emitter`: what `emit()` costs, how much arrives, what a kill loses."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from panelstream_emitter import Emitter
from rich.console import Console

from bench import kafka
from bench.peers import compare, once, show
from panelstream.ingest.kafka import clients

CALLS, EVENTS, KILLS = 30_000, 100_000, 20
NOBODY = "http://127.0.0.1:9"
"""Where no collector is."""


def measure(folder: Path) -> None:
    """Print all of it."""
    _measure_import()
    _measure_loss(folder)
    with kafka.running(folder / "kafka") as address:
        clients.create_topics(kafka.settings(address, "emitter"))
        up = {"kafka": address, "topic": "emitter"}
        for mode in ("durable", "fast"):
            _measure_cost(folder, {**up, "mode": mode}, "broker up")
        _measure_rate(folder, up)
    for mode in ("durable", "fast"):
        _measure_cost(folder, {**up, "mode": mode}, "broker away")


def _measure_import() -> None:
    script = (
        "import json, time; began = time.perf_counter(); import panelstream_emitter;"
        " print(1e3 * (time.perf_counter() - began))"
    )
    times = [_printed(script) for _ in range(10)]
    _say(f"import panelstream_emitter: {median(times):.0f} ms")


def _measure_cost(folder: Path, settings: dict[str, Any], what: str) -> None:
    words = ("bench.emit", "cost", _settings(folder, **settings), str(CALLS))
    found = once(words)
    _say(
        f"emit(), {settings['mode']}, {what}: p50 {found['p50']:.0f} µs, "
        f"p99 {found['p99']:.0f} µs, p99.9 {found['p999']:.0f} µs, "
        f"max {found['max'] / 1e3:.1f} ms (of {CALLS:,})"
    )


def _measure_rate(folder: Path, settings: dict[str, Any]) -> None:
    for events, peer in ((1, "one event a record"), (100, "a hundred a record")):
        for mode in ("durable", "fast"):
            place = _settings(folder, **settings, mode=mode)
            ours = ("bench.emit", "rate", place, str(EVENTS))
            bare = (settings["kafka"], settings["topic"], str(EVENTS), str(events))
            theirs = ("bench.send_with_kafka_python", *bare)
            pair = compare(mode, ours, theirs, runs=3)
            show(f"emitter, {mode}", f"bare kafka-python, {peer}", pair, EVENTS, "–")


def _measure_loss(folder: Path) -> None:
    """Kill processes in the mode `fast`; how many milliseconds of events are lost."""
    lost = [_lost(folder) for _ in range(KILLS)]
    _say(
        f"fast, killed {KILLS} times at 5,000 events/s: lost {median(lost):.0f} ms of "
        f"events, at most {max(lost):.0f} ms"
    )


def _lost(folder: Path) -> float:
    place = json.loads(_settings(folder, url=NOBODY, token="t", mode="fast"))
    words = ("-m", "bench.emit", "endless", json.dumps(place), "50")
    process = subprocess.Popen([sys.executable, *words])
    time.sleep(2)
    process.kill()
    process.wait()
    with Emitter(**place, on_trouble=lambda _: None) as after:
        time.sleep(1)  # it counts at once what the dead one lost
        return 1e3 * after.counts()["lost"] / 5_000


def _settings(folder: Path, **more: Any) -> str:
    spool = tempfile.mkdtemp(dir=folder)
    return json.dumps({"source": "u2plus.web", "spool": spool, **more})


def _printed(script: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def _say(line: str) -> None:
    Console().print(line, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        measure(Path(place))
