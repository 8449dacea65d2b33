"""Commands in processes of their own that need not import everything anew.

Most of the time of a short command is Python and its libraries being loaded. Here a
server (`tests.lib.warm_server`) has loaded them once and forks for each command, which
then has words, environment, folder and open files of its own and ends as any process
does. `tests/lib/test_warm.py` compares the two. What is about starting itself, or about
order that could depend on Python's hashes, which all forks of a server share, asks for a
fresh process.
"""

import atexit
import functools
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection
from pathlib import Path
from typing import IO, Protocol

ROOT = Path(__file__).parents[2]
NUMBER = struct.Struct("!q")
"""How the server tells a process id, and an exit code."""
CAN_FORK = sys.platform == "linux"
"""Elsewhere libraries do not bear a fork, and every process is fresh."""

Words = Sequence[str | Path]


class Process(Protocol):
    """What tests use of `subprocess.Popen`."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


@dataclass
class Forked:
    """A process that the server forked."""

    pid: int
    words: Sequence[str]
    connection: socket.socket = field(repr=False)
    returncode: int | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        weakref.finalize(self, self.connection.close)

    def poll(self) -> int | None:
        """Its exit code, if it has ended."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, as soon as it has ended."""
        if self.returncode is None:
            # Not select(): a worker of the tests may have over 1,024 files open.
            if not connection.wait([self.connection], timeout):
                raise subprocess.TimeoutExpired(list(self.words), timeout or 0)
            with self._lock:  # threads may ask at once
                if self.returncode is None:
                    self.returncode = _receive(self.connection)
        return self.returncode

    def send_signal(self, sig: int) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        """Tell it to stop."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def start(
    words: Words,
    env: Mapping[str, str],
    cwd: str | Path | None = None,
    out: IO[bytes] | None = None,
    err: IO[bytes] | None = None,
    fresh: bool = False,
) -> Process:
    """Start `python WORDS`; without input, and without output unless it is asked for."""
    line, folder = [*map(str, words)], str(cwd or Path.cwd())
    if fresh or not CAN_FORK:
        return subprocess.Popen(
            [sys.executable, *line],
            env=dict(env),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out or subprocess.DEVNULL,
            stderr=err or subprocess.DEVNULL,
        )
    with Path(os.devnull).open("r+b") as nothing:
        files = [nothing, *(nothing if file is None else file for file in (out, err))]
        return _ask(line, dict(env), folder, [file.fileno() for file in files])


def run(
    words: Words,
    env: Mapping[str, str],
    cwd: str | Path | None = None,
    timeout: float | None = None,
    stdin: bytes = b"",
    fresh: bool = False,
) -> "subprocess.CompletedProcess[str]":
    """Run `python WORDS` to its end, with what it printed; with input it is fresh."""
    if stdin:
        return _run_with_input(words, env, cwd, stdin)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = start(words, env, cwd, out, err, fresh)
        try:
            code = process.wait(timeout)
        except BaseException:
            process.kill()
            raise
        out.seek(0)
        err.seek(0)
        texts = out.read().decode(), err.read().decode()
    return subprocess.CompletedProcess([*map(str, words)], code, *texts)


def _run_with_input(
    words: Words, env: Mapping[str, str], cwd: str | Path | None, stdin: bytes
) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, *map(str, words)]
    done = subprocess.run(
        line, env=dict(env), cwd=cwd, input=stdin, capture_output=True, check=False
    )
    texts = done.stdout.decode(), done.stderr.decode()
    return subprocess.CompletedProcess(line, done.returncode, *texts)


@functools.cache
def address() -> str:
    """Where the server of this process listens; it is started by the first who asks."""
    folder = tempfile.TemporaryDirectory(prefix="warm")
    path = f"{folder.name}/socket"
    end, owner = os.pipe()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        files = (listener.fileno(), end)
        module = [sys.executable, "-m", "tests.lib.warm_server"]
        server = subprocess.Popen(
            [*module, *map(str, files)],
            pass_fds=files,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    os.close(end)
    atexit.register(_end, folder, owner, server)
    return path


def _end(
    folder: "tempfile.TemporaryDirectory[str]",
    owner: int,
    server: "subprocess.Popen[bytes]",
) -> None:
    os.close(owner)
    server.wait()
    folder.cleanup()


def _ask(
    words: Sequence[str], env: dict[str, str], cwd: str, files: Sequence[int]
) -> Forked:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(address())
    content = json.dumps({"words": words, "env": env, "cwd": cwd}).encode()
    message = b"%d\n%s" % (len(content), content)
    sent = socket.send_fds(connection, [message], files)
    connection.sendall(message[sent:])
    return Forked(_receive(connection), words, connection)


def _receive(connection: socket.socket) -> int:
    [number] = NUMBER.unpack(connection.recv(NUMBER.size, socket.MSG_WAITALL))
    return int(number)
