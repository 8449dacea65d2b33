"""A real `panelstream warehouse` on loopback, for tests."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from panelstream.models.warehouse import endpoint
from panelstream.models.warehouse.endpoint import Endpoint
from tests.lib import warm
from tests.lib.warm import Process

ROOT = Path(__file__).parents[2]
SECONDS = 180.0
"""Seconds after which it will not start or stop any more."""


@dataclass(frozen=True)
class Served:
    """A warehouse process with its study folder and what it left there."""

    folder: Path
    endpoint: Endpoint
    process: Process

    def client(self, reader: bool = False, **options: Any) -> Client:
        """clickhouse-connect's ordinary client."""
        ends = self.endpoint
        user, password = (
            (ends.reader, ends.reader_password)
            if reader
            else (ends.user, ends.password)
        )
        port = int(ends.url.rstrip("/").rpartition(":")[2])
        return clickhouse_connect.get_client(
            host="127.0.0.1", port=port, username=user, password=password, **options
        )

    def curl(self, *words: str, data: bytes = b"", reader: bool = False) -> bytes:
        """What curl prints, with the credentials in headers as the documentation has them."""
        ends = self.endpoint
        user, password = (
            (ends.reader, ends.reader_password)
            if reader
            else (ends.user, ends.password)
        )
        headers = [
            "-H",
            f"X-ClickHouse-User: {user}",
            "-H",
            f"X-ClickHouse-Key: {password}",
        ]
        return curl(*headers, *words, data=data)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; the exit code of the process."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


def curl(*words: str, data: bytes = b"") -> bytes:
    """What curl prints."""
    command = ["curl", "-sS", *words]
    return subprocess.run(command, input=data, capture_output=True, check=False).stdout


@contextmanager
def serve(folder: Path, *options: str, fresh: bool = False) -> Iterator[Served]:
    """Run the warehouse of a study folder until the block ends."""
    process = start(folder, *options, fresh=fresh)
    try:
        yield Served(folder, awaited(folder, process), process)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(SECONDS)


def start(folder: Path, *options: str, fresh: bool = False) -> Process:
    """Start the process without waiting for it; `fresh`: one that imports everything."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PANELSTREAM_")}
    env = {**kept, "PYTHONPATH": str(ROOT)}
    words = (
        "-m",
        "panelstream.flows.cli",
        "warehouse",
        "--study",
        str(folder),
        *options,
    )
    return warm.start(words, env, folder, fresh=fresh)


def awaited(folder: Path, process: Process) -> Endpoint:
    """The endpoint that this process leaves."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        result = endpoint.read_endpoint(folder)
        if result is not None and result.pid == process.pid:
            return result
        assert process.poll() is None, "the warehouse process ended"
        time.sleep(0.05)
    raise AssertionError("no endpoint file")
