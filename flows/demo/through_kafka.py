"""The demo's events through Kafka: sent to a topic of their own, taken by a worker."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from panelstream.flows.services.worker_service import Streaming, read_settings
from panelstream.ingest.events.files import Source
from panelstream.ingest.kafka import clients, send_files
from panelstream.models.errors import Unreachable
from panelstream.models.settings.environment import PREFIX

_PATIENCE = 600.0
_STOPPING = 60.0


def send(
    out: Path, sources: Sequence[Source], progress: Callable[[Source, int], None]
) -> None:
    """Send event files to the topic of this demo, which is made if it is missing."""
    kafka = _settings(out).kafka
    clients.create_topics(kafka)
    send_files.send(kafka, sources, progress)


def take_in(out: Path) -> None:
    """Run a worker until nothing is left in the topic.

    Raises `Unreachable` if it ends before that, or has not ended it in ten minutes.
    """
    kafka, until = _settings(out).kafka, time.monotonic() + _PATIENCE
    with _worker(out) as process:
        while process.poll() is None and time.monotonic() < until:
            # Without a first commit there is no group to ask for.
            with suppress(Unreachable):
                if clients.lag(kafka) == 0:
                    return
            time.sleep(0.2)
    raise Unreachable("the worker did not take the events in; see what it says above")


def _settings(out: Path) -> Streaming:
    names = _names(out)
    return read_settings(out, {**os.environ, **names})


def _names(out: Path) -> dict[str, str]:
    """Topic and group of this demo: its folder's own, so that no other is disturbed."""
    digest = hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:12]
    name = f"panelstream.demo-{digest}"
    return {f"{PREFIX}KAFKA_TOPIC": name, f"{PREFIX}KAFKA_GROUP": name}


@contextmanager
def _worker(out: Path) -> Iterator["subprocess.Popen[bytes]"]:
    address = {f"{PREFIX}WORKER_ADDRESS": f"127.0.0.1:{_free_port()}"}
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "panelstream.flows.cli",
            "worker",
            "--study",
            str(out.resolve()),
        ],
        env={**os.environ, **_names(out), **address},
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_STOPPING)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
