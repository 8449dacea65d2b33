"""A Python that has imported what commands need, and forks to run each of them.

    python -m tests.lib.warm_server LISTENER OWNER

Both are numbers of open files: a listening socket, and a pipe that ends with the
process that wants this one. A request is a connection that sends standard input, output
and error with `Request` as JSON; it is answered with the process id, and with the exit
code as soon as there is one. Neither the engine nor Prefect is imported here: the one
starts threads, which a fork leaves behind, the other reads its settings as it is
imported. Everything else that a command depends on is put in place in the child: its
words, environment, folder, time zone and open files.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import socket
import sys
import threading
import time
import types
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lib.warm import NUMBER

PRELOADED = (
    "panelstream.flows",
    "clickhouse_connect.driver.httpclient",
    "clickhouse_connect.driver.ctypes",
    "faust",
    "fastapi",
    "panelstream.ingest.kafka.clients",
    "panelstream.ingest.collector.application",
    "panelstream.ingest.dead_letters",
    "panelstream.ingest.kafka.worker",
    "panelstream.flows.services.collector_service",
    "panelstream.flows.event_schema",
    "panelstream.flows.demo.demonstration",
    "panelstream.flows.display",
    "panelstream.flows.external_panel",
    "panelstream.flows.imports",
    "panelstream.flows.new_study",
    "panelstream.flows.panels",
    "panelstream.flows.plan",
    "panelstream.flows.rebuild",
    "panelstream.flows.results_folder",
    "panelstream.flows.status",
    "panelstream.flows.services.dead_letter_service",
    "panelstream.flows.services.worker_service",
    "typer.rich_utils",
    "uvicorn",
)
"""Not `panelstream.flows.cli`: that runs anew in each child, as it does in a fresh process."""

LONGEST = 1 << 20
"""Bytes of a request."""


@dataclass(frozen=True)
class Request:
    """What is to be run: the words after `python`, where, and in which environment."""

    words: Sequence[str]
    cwd: str
    env: dict[str, str]


def receive(connection: socket.socket) -> tuple[Request, list[int]]:
    """A request and its three open files."""
    message, files, _, _ = socket.recv_fds(connection, LONGEST, 3)
    size, _, content = message.partition(b"\n")
    while len(content) < int(size):
        content += connection.recv(LONGEST)
    return Request(**json.loads(content)), files


def serve(listener: socket.socket, owner: int) -> tuple[Request, list[int]]:
    """Fork for each request; returns only in a child, with what that has to run."""
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(owner, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj == owner:
                    os._exit(0)
                if key.fileobj != listener:
                    selector.unregister(key.fileobj)
                    _report(key.fd, *key.data)
                    continue
                connection = listener.accept()[0]
                request, files = receive(connection)
                pid = os.fork()
                if not pid:
                    _close(selector, connection)
                    return request, files
                for file in files:
                    os.close(file)
                connection.sendall(NUMBER.pack(pid))
                data = (pid, connection)
                selector.register(os.pidfd_open(pid), selectors.EVENT_READ, data)


def become(request: Request, files: Sequence[int]) -> None:
    """Put in place what a fresh process would have, run the words, and end."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request.cwd)
    os.environ.clear()
    os.environ.update(request.env)
    time.tzset()
    code = 0
    try:
        run(*request.words)
    except SystemExit as end:
        code = _code(end)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    finish(code)


def finish(code: int) -> None:
    """End as Python does, but leave the libraries to the operating system.

    Taking apart what the server loaded would copy all of it first: a fifth of a second.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = 120  # as Python has it
    os._exit(code & 0xFF)


def run(first: str, *words: str) -> None:
    """What `python` does with these words: `-m MODULE …`, `-c CODE …`, `SCRIPT …`."""
    if first == "-m":
        sys.argv, sys.path[0] = [*words], str(Path.cwd())
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv, sys.path[0] = ["-c", *words[1:]], ""
        sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(words[0], "<string>", "exec"), vars(sys.modules["__main__"]))
    else:
        sys.argv = [first, *words]
        runpy.run_path(first, run_name="__main__")


def _code(end: SystemExit) -> int:
    """The exit code that an end asks for; a text is shown."""
    if isinstance(end.code, int | None):
        return end.code or 0
    print(end.code, file=sys.stderr)  # noqa: T201
    return 1


def _report(ended: int, pid: int, connection: socket.socket) -> None:
    """Say with which code a process ended, if anybody still listens."""
    os.close(ended)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with connection, contextlib.suppress(OSError):
        connection.sendall(NUMBER.pack(code))


def _close(selector: selectors.BaseSelector, connection: socket.socket) -> None:
    """Let go of what belongs to the server and not to its child."""
    connection.close()
    for key in list(selector.get_map().values()):
        if isinstance(key.fileobj, socket.socket):
            key.fileobj.close()
        else:
            os.close(key.fd)
        if key.data:
            key.data[1].close()


def main(listener: str, owner: str) -> None:
    """Import, then serve; in a child, be the command."""
    for name in PRELOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    become(*serve(socket.socket(fileno=int(listener)), int(owner)))


if __name__ == "__main__":
    main(*sys.argv[1:])
