"""A Kafka for benchmarks, and topics full of events."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from panelstream.ingest.kafka import clients
from panelstream.models.settings.environment import Settings
from panelstream.models.settings.kafka import KafkaSettings

SCRIPT = Path(__file__).parent.parent / "deploy" / "kafka" / "kafka"
_AT_ONCE = 1_000


def free_port() -> int:
    """A port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The address of a broker that keeps its data in `folder`."""
    port = free_port()
    words = ["--port", str(port), "--data", str(folder)]
    subprocess.run([sys.executable, str(SCRIPT), "start", *words], check=True)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        subprocess.run([sys.executable, str(SCRIPT), "stop", *words], check=True)


def settings(address: str, topic: str, group: str = "bench") -> KafkaSettings:
    """The settings of a topic there."""
    names = {"KAFKA": address, "KAFKA_TOPIC": topic, "KAFKA_GROUP": group}
    environ = {f"PANELSTREAM_{name}": value for name, value in names.items()}
    return Settings.from_environ(environ).kafka


def fill(kafka: KafkaSettings, log: Path, a_record: int) -> None:
    """Send the lines of a file, `a_record` of them in each record."""
    clients.create_topics(kafka)
    asyncio.run(_fill(kafka, log, a_record))


async def _fill(kafka: KafkaSettings, log: Path, a_record: int) -> None:
    producer = clients.producer(kafka)
    await producer.start()
    try:
        values = _values(log, a_record)
        while some := list(islice(values, _AT_ONCE)):
            sent = [await producer.send(kafka.topic, value) for value in some]
            await asyncio.gather(*sent)
    finally:
        await producer.stop()


def _values(log: Path, a_record: int) -> Iterator[bytes]:
    with log.open("rb") as file:
        lines = (line.rstrip(b"\n") for line in file)
        while some := list(islice(lines, a_record)):
            yield some[0] if a_record == 1 else _array(some)


def _array(lines: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(lines) + b"]"
