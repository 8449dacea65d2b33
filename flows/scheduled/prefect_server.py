"""Prefect's server: the one that is set or runs already, else one that is started here."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings

from panelstream.models.errors import FileError, Unreachable

STARTUP_SECONDS = 300
"""A server answers after 8 to 25 s, on a machine with much else to do later."""

STOP_SECONDS = 30

Say = Callable[[str], None]


def check_server() -> str | None:
    """The API of the server that PREFECT_API_URL or a profile of Prefect names, if any.

    Raises `Unreachable` where that does not answer, `FileError` where none is named and
    one of our own could not keep its records.
    """
    settings = get_current_settings()
    if settings.api.url is None:
        _check_home(settings.home)
        return None
    # Prefect's own client knows its keys, certificates and headers.
    with get_client(sync_client=True) as client:
        problem = client.api_healthcheck()
    if problem is not None:
        raise Unreachable(
            f"Prefect's server at {without_password(settings.api.url)} does not "
            "answer; start it, or unset PREFECT_API_URL to have one started here"
        )
    return settings.api.url


def _check_home(home: Path) -> None:
    remedy = "name another folder in PREFECT_HOME"
    try:
        home.mkdir(parents=True, exist_ok=True)
        writable = os.access(home, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise FileError(home, "", f"Prefect cannot keep its records here; {remedy}")


@contextmanager
def connect(say: Say) -> Iterator[str]:
    """The address of a server's API, for as long as the block runs.

    The server that is named; else one that runs where Prefect's server usually does;
    else one that is started here, and stopped at the end. Raises as `check_server` and `start_server`.
    """
    if api := check_server():
        yield api
        return
    settings = get_current_settings()
    host, port = settings.server.api.host, settings.server.api.port
    api = f"http://{host}:{port}/api"
    if answers(api):
        say(f"Prefect's server runs already: {pages(api)}")
        yield api
        return
    with start_server(host, port, settings.home / "server.log", say):
        yield api


@contextmanager
def start_server(host: str, port: int, log: Path, say: Say) -> Iterator[None]:
    """Run a server while the block runs; returns to the block once it answers."""
    if occupied(host, port):
        raise Unreachable(
            f"port {port} of {host} is taken by another program; "
            "name a free one in PREFECT_SERVER_API_PORT"
        )
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "prefect", "server", "start"]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, "--host", host, "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for us: the server stops after its runs
        )
    api = f"http://{host}:{port}/api"
    try:
        say(f"starting Prefect's server (log: {log}) …")
        await_answer(api, process, log)
        say(f"Prefect's server is up: {pages(api)}")
        yield
    finally:
        stop_server(process)


def await_answer(api: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until a server answers; `Unreachable` if it ends or takes too long."""
    end = time.monotonic() + STARTUP_SECONDS
    while not answers(api):
        if process.poll() is not None:
            raise Unreachable(f"Prefect's server ended while starting; see {log}")
        if time.monotonic() > end:
            raise Unreachable(
                f"Prefect's server did not answer in {STARTUP_SECONDS} s; see {log}"
            )
        time.sleep(0.25)


def stop_server(process: "subprocess.Popen[bytes]") -> None:
    """End a server that was started here."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def answers(api: str) -> bool:
    """Whether a Prefect server on this machine says that it is healthy."""
    try:
        with urllib.request.urlopen(f"{api.rstrip('/')}/health", timeout=10) as reply:
            return json.load(reply) is True
    except (OSError, ValueError):
        return False


def occupied(host: str, port: int) -> bool:
    """Whether something listens on a port."""
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex((host, port)) == 0


def pages(api: str) -> str:
    """Where a person looks at a server."""
    return without_password(api).removesuffix("/").removesuffix("/api")


def without_password(address: str) -> str:
    """An address as it may be shown."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
