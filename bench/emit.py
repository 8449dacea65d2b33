"""One process that emits: what a call costs, or how long many take to arrive.

python -m bench.emit cost|rate|endless SETTINGS COUNT
"""

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from panelstream_emitter import Emitter

from bench.measuring import measured

_AT_ONCE, _PAUSE = 50, 0.01
"""5,000 events a second: a platform with a lot to do."""


def _cost(emitter: Emitter, count: int) -> None:
    """Print microseconds of a call, as JSON."""
    _emit(emitter)
    times = sorted(_timed(emitter, count))
    shares = {"p50": 0.5, "p99": 0.99, "p999": 0.999}
    found = {name: times[int(share * count)] / 1e3 for name, share in shares.items()}
    sys.stdout.write(json.dumps({**found, "max": times[-1] / 1e3}) + "\n")


def _timed(emitter: Emitter, count: int) -> Iterator[int]:
    for number in range(count):
        if number % _AT_ONCE == 0:
            time.sleep(_PAUSE)
        began = time.perf_counter_ns()
        _emit(emitter)
        yield time.perf_counter_ns() - began


def _rate(emitter: Emitter, count: int) -> None:
    """Print seconds until all of them are acknowledged."""
    _emit(emitter)
    with measured():
        for _ in range(count):
            _emit(emitter)
        if not emitter.close(600):
            raise RuntimeError("not everything arrived")


def _endless(emitter: Emitter, count: int) -> None:
    while True:
        for _ in range(count):
            _emit(emitter)
        time.sleep(_PAUSE)


def _emit(emitter: Emitter) -> None:
    data = {"kind": "empathy", "target": "story"}
    emitter.emit("u2plus.reaction_given", subject="user-020771", data=data)


if __name__ == "__main__":
    _, name, settings, number = sys.argv
    asked: dict[str, Any] = json.loads(settings)
    made = Emitter(**asked, on_trouble=lambda _: None)
    {"cost": _cost, "rate": _rate, "endless": _endless}[name](made, int(number))
    made.close(0)
