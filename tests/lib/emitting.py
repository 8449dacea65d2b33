"""A platform that emits, in a process of its own, so that tests can hurt it.

    python -m tests.lib.emitting SETTINGS COUNT [--forks N] [--threads N] [--pause S]
        [--clock-back S] [--disk BYTES]

SETTINGS is JSON for `Emitter`. Each id that `emit()` returned is printed at once; `-`
where it returned None. COUNT is of each thread of each process. With `--clock-back`
the clock from which ids come goes back so far in the midst of it; with `--disk` no file
of the spool can grow beyond so much.
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from panelstream_emitter import Emitter

ROOT = Path(__file__).parents[2]
PATIENCE = 240.0
"""Seconds after which something will not happen any more, on however busy a machine."""


@dataclass(frozen=True)
class Platform:
    """The process, and the file into which it says what it emitted."""

    process: "subprocess.Popen[bytes]"
    said: Path

    def ids(self) -> list[str]:
        """The ids that `emit()` returned, in the order of their return."""
        return [line for line in self._lines() if line != "-"]

    def dropped(self) -> int:
        """How often `emit()` returned None."""
        return self._lines().count("-")

    def kill(self) -> None:
        """SIGKILL it and all that it forked."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def wait(self) -> None:
        """Wait for its end, which must be a good one."""
        assert self.process.wait(PATIENCE) == 0

    def wait_for(self, events: int) -> None:
        """Wait until it said so many things."""
        until(lambda: len(self._lines()) >= events)

    def _lines(self) -> Sequence[str]:
        return self.said.read_text().split("\n")[:-1]


@contextmanager
def platform(
    folder: Path, settings: dict[str, Any], count: int, *words: str
) -> Iterator[Platform]:
    """Run it; killed at the end if it has not ended."""
    said = folder / f"said{len(list(folder.glob('said*')))}"
    command = [sys.executable, "-m", __name__, json.dumps(settings), str(count), *words]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "ingest/emitter")])
    with said.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            env={**os.environ, "PYTHONPATH": paths},
            start_new_session=True,
            cwd=ROOT,
        )
    made = Platform(process, said)
    try:
        yield made
    finally:
        if process.poll() is None:
            made.kill()


def until(check: Any) -> None:
    """Wait until something is so; fails if it takes `PATIENCE`."""
    end = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < end, f"not so after {PATIENCE:.0f} s"
        time.sleep(0.02)


def _emit(emitter: Emitter, count: int, pause: float, back: float = 0) -> None:
    for number in range(count):
        if back and number == count // 2:
            _set_clock_back(back)
        identity = emitter.emit("u2plus.signed_in", subject=f"user-{number % 50}")
        os.write(1, f"{identity or '-'}\n".encode())
        if pause:
            time.sleep(pause)


def _set_clock_back(seconds: float) -> None:
    now, less = time.time_ns, int(seconds * 1e9)
    time.time_ns = lambda: now() - less


def _emit_in_threads(emitter: Emitter, asked: argparse.Namespace) -> None:
    words = (emitter, asked.count, asked.pause, asked.clock_back)
    threads = [threading.Thread(target=_emit, args=words) for _ in range(asked.threads)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("settings", type=json.loads)
    parser.add_argument("count", type=int)
    parser.add_argument("--forks", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--clock-back", type=float, default=0.0)
    parser.add_argument("--disk", type=int, default=resource.RLIM_INFINITY)
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_FSIZE, (asked.disk, resource.RLIM_INFINITY))
    emitter = Emitter(**asked.settings)
    if not asked.forks:
        _emit_in_threads(emitter, asked)
        return
    _emit(emitter, 1, 0)  # the parent is at work, with threads, when it forks
    children = []
    for _ in range(asked.forks):
        child = os.fork()
        if not child:
            _emit_in_threads(emitter, asked)
            sys.exit(0)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    _emit(emitter, 1, 0)


if __name__ == "__main__":
    _main()
