"""The processes of a run: broker, warehouse, workers. Each ended by its own pid."""

import contextlib
import http.client
import os
import random
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from panelstream.models.warehouse import endpoint
from panelstream.models.warehouse import store as stores
from panelstream.models.warehouse.store import Store
from tests.faults.proxy import Mode, Proxy
from tests.faults.watch import Watch
from tests.lib import collecting, warm
from tests.lib.streams import ROOT, Kafka, Worker, free_port
from tests.lib.warm import Process

PATIENCE = 240.0
_AGAIN_SECONDS = 1.0
_PARTITION = re.compile(r'panelstream_lag_records{partition="(\d+)"}')


def wait_for(
    check: Callable[[], Any], what: str, seconds: float = PATIENCE, pause: float = 0.1
) -> None:
    """Wait until something is so; raises `TimeoutError` naming it."""
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(pause)


@dataclass
class Broker:
    """A one-node Kafka that can be hurt."""

    kafka: Kafka

    @property
    def pid(self) -> int:
        """Its process."""
        return int((self.kafka.data / "pid").read_text())

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.kafka.run("start")

    def restart(self) -> None:
        """Stop it cleanly and start it again."""
        self.kafka.run("stop")
        self.kafka.run("start")

    @contextlib.contextmanager
    def killed(self) -> Iterator[None]:
        """SIGKILL; started again at the end."""
        os.kill(self.pid, signal.SIGKILL)
        yield
        self.start()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """SIGSTOP; SIGCONT at the end."""
        with _paused(self.pid):
            yield

    def close(self) -> None:
        """End it, however it is."""
        with contextlib.suppress(OSError, ValueError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.CalledProcessError):
            self.kafka.run("stop")


@dataclass
class Warehouse:
    """`panelstream warehouse` of a study, behind a proxy."""

    study: Path
    env: dict[str, str]
    proxy: Proxy
    process: Process | None = None
    watches: list[Watch] = field(default_factory=list)

    @property
    def log(self) -> Path:
        """What it says."""
        return self.study.parent / "warehouse.log"

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self.log.open("ab") as out:
            self.process = _spawn(["warehouse"], self.study, self.env, out)
        self.watches.append(Watch(self.process))
        wait_for(self._answers, f"the warehouse answers; see {self.log}")
        left = endpoint.read_endpoint(self.study)
        assert left
        port = int(left.url.rstrip("/").rpartition(":")[2])
        self.proxy.lead_to(port, left.user, left.password)

    def _answers(self) -> bool:
        assert self.process
        left = endpoint.read_endpoint(self.study)
        if left is None or left.pid != self.process.pid:
            return False
        return endpoint.probe(left) is endpoint.State.ANSWERS

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        """Open it past the proxy."""
        left = endpoint.read_endpoint(self.study)
        assert left
        opened = stores.open_store(left.dsn)
        try:
            yield opened
        finally:
            opened.close()

    @contextlib.contextmanager
    def killed(self) -> Iterator[None]:
        """SIGKILL; started again at the end."""
        assert self.process
        self.process.kill()
        self.process.wait(PATIENCE)
        yield
        self.start()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """SIGSTOP; SIGCONT at the end."""
        assert self.process
        with _paused(self.process.pid):
            yield

    @contextlib.contextmanager
    def behaving(self, mode: Mode) -> Iterator[None]:
        """As it looks through a proxy that behaves badly."""
        self.proxy.mode = mode
        yield
        self.proxy.mode = Mode.PASS

    def stop(self) -> None:
        """Tell it to stop."""
        assert self.process
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0

    def close(self) -> None:
        """End it, however it is."""
        if self.process:
            self.process.kill()
            self.process.wait(PATIENCE)


@dataclass
class Workers:
    """Worker processes and their supervisor, which starts again what ended.

    `ended` tells exit codes of those that nobody had told to end.
    """

    study: Path
    env: dict[str, str]
    dsn: str
    command: Sequence[str] = ("-m", "panelstream.flows.cli")
    running: dict[int, Worker] = field(default_factory=dict)
    ended: list[int] = field(default_factory=list)
    stopped_badly: list[int] = field(default_factory=list)
    watches: list[Watch] = field(default_factory=list)
    _hurt: set[int] = field(default_factory=set)
    _held: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    def join(self) -> None:
        """One worker more."""
        with self._lock:
            number = next(n for n in range(100) if n not in self.running)
            self.running[number] = self._start(number)

    def leave(self) -> None:
        """The last one is told to stop, for good."""
        with self._lock:
            worker = self.running.pop(max(self.running))
        self._terminate(worker.process)

    def any(self, rng: random.Random) -> Process:
        """One that runs."""
        with self._lock:
            return self.running[rng.choice(sorted(self.running))].process

    def waiting(self) -> bool:
        """Whether one of them holds events that the warehouse does not take."""
        with self._lock:
            workers = list(self.running.values())
        return any(
            worker.ready().get("waiting_for") == "warehouse" for worker in workers
        )

    def partitions(self) -> set[int]:
        """Those that their metrics name."""
        with self._lock:
            workers = list(self.running.values())
        pages = "".join(worker.page("metrics") for worker in workers)
        return {int(number) for number in _PARTITION.findall(pages)}

    def kill(self, process: Process) -> None:
        """SIGKILL; the supervisor starts another."""
        self._hurt.add(process.pid)
        process.kill()

    def kill_all(self) -> None:
        """SIGKILL to each, and wait; the supervisor starts others."""
        with self._lock:
            for worker in self.running.values():
                self.kill(worker.process)
                worker.process.wait(PATIENCE)

    @contextlib.contextmanager
    def held(self, kill: bool = False) -> Iterator[None]:
        """All are told to stop, or killed, and nobody starts them before the end."""
        with self._lock:
            self._held = True
            if kill:
                self.kill_all()
            self.stop_all()
        yield
        self._held = False

    def stop_all(self) -> None:
        """SIGTERM to each, and wait."""
        for worker in self.running.values():
            self.stop(worker.process)

    def start_all(self, direct: bool) -> None:
        """Start each again; `direct`: it knows the study's folder and no server."""
        for number in self.running:
            self.running[number] = self._start(number, direct)

    def stop(self, process: Process) -> None:
        """SIGTERM, and wait; the supervisor starts another."""
        self._hurt.add(process.pid)
        self._terminate(process)

    @contextlib.contextmanager
    def paused(self, process: Process) -> Iterator[None]:
        """SIGSTOP; SIGCONT at the end."""
        [watch] = [entry for entry in self.watches if entry.pid == process.pid]
        with watch.excused(), _paused(process.pid):
            yield

    def close(self) -> None:
        """End all."""
        self._over.set()
        self._supervisor.join(PATIENCE)
        for worker in self.running.values():
            worker.process.kill()
            worker.process.wait(PATIENCE)

    def finish(self) -> None:
        """Tell all to stop, for good."""
        while self.running:
            self.leave()

    def _terminate(self, process: Process) -> None:
        if process.poll() is not None:
            return  # killed a moment ago
        process.terminate()
        code = process.wait(PATIENCE)
        if code != 0:
            self.stopped_badly.append(code)

    def _supervise(self) -> None:
        while not self._over.wait(_AGAIN_SECONDS):
            with self._lock:
                for number, worker in list(self.running.items()):
                    if self._held:
                        break
                    code = worker.process.poll()
                    if code is None:
                        continue
                    if worker.process.pid not in self._hurt:
                        self.ended.append(code)
                    self.running[number] = self._start(number)

    def _start(self, number: int, direct: bool = False) -> Worker:
        address = f"127.0.0.1:{free_port()}"
        env = {**self.env, "PANELSTREAM_WORKER_ADDRESS": address}
        if not direct:
            env["PANELSTREAM_WAREHOUSE"] = self.dsn
        log = self.study.parent / f"worker{number}.log"
        with log.open("ab") as out:
            process = _spawn(["worker"], self.study, env, out, self.command)
        self.watches.append(Watch(process, address))
        return Worker(process, address, log)


class Collector:
    """`panelstream collector` of a study, into the warehouse in its folder."""

    def __init__(self, study: Path, env: dict[str, str]) -> None:
        self.study, self.port = study, free_port()
        more = {"COLLECTOR_ADDRESS": f"127.0.0.1:{self.port}"}
        self.env = {
            **{name: env[name] for name in env if "_KAFKA" not in name},
            **{f"PANELSTREAM_{name}": more[name] for name in more},
        }
        self._process: Process | None = None
        self._token = ""

    def start(self) -> None:
        """Start it, whether there is a warehouse or not."""
        if not self._token:
            self._token = collecting.add_token(self.study, self.env, "u2plus.web")
        with (self.study.parent / "collector.log").open("ab") as out:
            self._process = _spawn(["collector"], self.study, self.env, out)

    def send(self, body: bytes) -> None:
        """Send a batch of events until it says that it has them."""
        assert self._process
        log = self.study.parent / "collector.log"
        running = collecting.Running(self._process, self.port, self._token, log)

        def is_taken() -> bool:
            with contextlib.suppress(OSError, http.client.HTTPException):
                return running.post(body).status == 202
            return False

        wait_for(is_taken, f"the collector takes events; see {log}")

    def close(self) -> None:
        """End it, however it is."""
        if self._process:
            self._process.kill()
            self._process.wait(PATIENCE)


def _spawn(
    words: Sequence[str],
    study: Path,
    env: dict[str, str],
    out: Any,
    command: Sequence[str] = ("-m", "panelstream.flows.cli"),
) -> Process:
    line = [*command, *words, "--study", str(study)]
    return warm.start(line, env, ROOT, out, out)


@contextlib.contextmanager
def _paused(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
