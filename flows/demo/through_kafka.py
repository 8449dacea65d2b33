"""The demo's events through Kafka: sent to a topic of their own, stored by a worker."""

import hashlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from panelstream.ingest.events.files import Source
from panelstream.ingest.kafka import clients, send_files
from panelstream.models.errors import Unreachable
from panelstream.models.settings.environment import Settings
from panelstream.models.settings.kafka import (
    GROUP,
    TOPIC_NAME,
    WORKER_ADDRESS,
    KafkaSettings,
)

_PATIENCE = 600.0
_STOPPING = 60.0


def send_events(
    settings: Settings,
    sources: Sequence[Source],
    progress: Callable[[Source, int], None],
) -> None:
    """Send event files to the topic of this demo, which is created if it is missing."""
    kafka = _kafka_of(settings)
    clients.create_topics(kafka)
    send_files.send_files(kafka, sources, progress)


def store_events(settings: Settings, environ: Mapping[str, str]) -> None:
    """Run a worker, in the environment `environ`, until the topic has no more events.

    Raises `Unreachable` if the worker ends earlier or takes over ten minutes.
    """
    kafka, until = _kafka_of(settings), time.monotonic() + _PATIENCE
    with _worker(settings.study, kafka, environ) as process:
        while process.poll() is None and time.monotonic() < until:
            # Without a first commit there is no group whose lag could be read.
            with suppress(Unreachable):
                if clients.read_log(kafka).lag == 0:
                    return
            time.sleep(0.2)
    raise Unreachable("the worker did not store the events; see its messages above")


def _kafka_of(settings: Settings) -> KafkaSettings:
    """Kafka with a topic and a group for this demo's folder alone."""
    digest = hashlib.sha256(str(settings.study.resolve()).encode()).hexdigest()[:12]
    name = f"panelstream.demo-{digest}"
    return replace(settings.kafka, topic=name, group=name)


@contextmanager
def _worker(
    study: Path, kafka: KafkaSettings, environ: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    variables = {
        TOPIC_NAME.variable: kafka.topic,
        GROUP.variable: kafka.group,
        WORKER_ADDRESS.variable: f"127.0.0.1:{_free_port()}",
    }
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "panelstream.flows.cli",
            "worker",
            "--own-warehouse",
            "--study",
            str(study.resolve()),
        ],
        env={**environ, **variables},
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_STOPPING)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
