"""`make bench-collector`: events a second over HTTP, by the number in a request.

Against the same framework and server reading the body and answering an empty 202: what
checking events and making them durable costs on top.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from bench import kafka
from panelstream.flows import new_study
from panelstream.ingest.collector import tokens
from panelstream.ingest.kafka import clients
from panelstream.models.settings.environment import Settings

SIZES = (1, 10, 100, 1_000)
CONNECTIONS, SECONDS = 16, 5.0

_COLLECTOR = ["panelstream.flows.cli", "collector", "--own-warehouse"]

_console = Console(highlight=False, soft_wrap=True)


def measure(folder: Path) -> None:
    """Print a line for each size."""
    study = folder / "study"
    new_study.create_study(Settings.from_environ({}, study))
    token = tokens.add(study / "collector.tokens", "u2plus", "2027-01-01")[1]
    port = kafka.free_port()
    with kafka.running(folder / "kafka") as address:
        settings = {"KAFKA": address, "KAFKA_TOPIC": "collected"}
        clients.create_topics(kafka.settings(address, "collected"))
        mine = {**settings, "STUDY": str(study), "COLLECTOR_RATE": "1000000000"}
        own = {"COLLECTOR_ADDRESS": f"127.0.0.1:{port}", **mine}
        through_kafka = _rates(_COLLECTOR, own, port, token)
    del own["KAFKA"], own["KAFKA_TOPIC"]
    into_warehouse = _rates(_COLLECTOR, own, port, token)
    nothing = _rates(["bench.answer_empty", str(port)], {}, port, token)
    for size in SIZES:
        rate, other, bare = (
            one[size] for one in (through_kafka, into_warehouse, nothing)
        )
        _console.print(
            f"{size:>5} events a request: Kafka {rate * size:>9,.0f} events/s "
            f"({rate / bare:.2f} of an empty 202), warehouse {other * size:>9,.0f} "
            f"({other / bare:.2f}), empty 202 {bare * size:>9,.0f}"
        )


def _rates(
    words: list[str], settings: Mapping[str, str], port: int, token: str
) -> dict[int, float]:
    """Requests a second by the number of events in each."""
    with _serving(words, settings, port):
        return {size: asyncio.run(_load(port, _request(token, size))) for size in SIZES}


@contextmanager
def _serving(
    words: list[str], settings: Mapping[str, str], port: int
) -> Iterator[None]:
    own = {f"PANELSTREAM_{name}": value for name, value in settings.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", *words], env={**os.environ, **own}
    )
    try:
        while not _is_ready(port):
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5):
            return True
    except OSError:
        return False


def _request(token: str, size: int) -> bytes:
    """A request as it goes over the line; sent again and again, as that is harmless."""
    events = [
        {
            "specversion": "1.0",
            "id": f"018d1f0a-7c1e-{number:08}",
            "source": "u2plus",
            "type": "u2plus.reaction_given",
            "time": "2026-01-12T21:30:55.903+09:00",
            "subject": f"user-{number:06}",
            "data": {"kind": "empathy", "target": "story"},
        }
        for number in range(size)
    ]
    body = json.dumps(events).encode()
    head = (
        f"POST /events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/cloudevents-batch+json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _load(port: int, request: bytes) -> float:
    """Requests a second that were answered with 202, on some connections at once."""
    until = time.perf_counter() + SECONDS
    done = await asyncio.gather(
        *[_send(port, request, until) for _ in range(CONNECTIONS)]
    )
    return sum(done) / SECONDS


async def _send(port: int, request: bytes, until: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = 0
    while time.perf_counter() < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 202"):
            raise RuntimeError(head.partition(b"\r\n")[0].decode())
        [length] = [
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        ]
        await reader.readexactly(length)
        answered += 1
    writer.close()
    return answered


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        measure(Path(scratch))
