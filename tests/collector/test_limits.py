"""Rates, memory, slow clients and a sink that is away, each with small limits."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from panelstream.ingest.collector import connections, tokens
from panelstream.ingest.collector.application import Collector
from panelstream.ingest.collector.checks import Checked
from panelstream.ingest.collector.sinks import Away, Written
from panelstream.ingest.collector.tokens import Tokens
from panelstream.models.events import catalogue
from panelstream.models.settings.collector import Limits
from panelstream.models.timestamps import utc_now
from tests.lib.collecting import Running, batch
from tests.lib.streams import PATIENCE, free_port, until


@dataclass
class HandSink:
    """A sink that is as the test says; keeps the ids of what it made durable."""

    name: str = "Kafka"
    away: bool = False
    held: threading.Event = field(default_factory=threading.Event)
    ids: list[str] = field(default_factory=list)
    attempts: int = 0

    async def start(self) -> None:
        self.held.set()

    async def write(self, checked: Checked) -> Written:
        self.attempts += 1
        if self.away:
            raise Away
        while not self.held.is_set():
            await asyncio.sleep(0.01)
        self.ids += [json.loads(line)["id"] for line in checked.lines]
        return Written()

    async def probe(self) -> None:
        if self.away or not self.held.is_set():
            raise Away

    async def stop(self) -> None:
        """Nothing to let go of."""


@dataclass(frozen=True)
class Served:
    """A collector in a thread of this process."""

    running: Running
    collector: Collector
    sink: HandSink
    port: int
    other: str
    """A token of another source."""


Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start a collector with some limits; ended with the test."""
    with contextlib.ExitStack() as stack:

        def start(**limits: Any) -> Served:
            return stack.enter_context(_served(tmp_path, Limits(**limits)))

        yield start


@contextmanager
def _served(folder: Path, limits: Limits) -> Iterator[Served]:
    file, port, sink = folder / "tokens", free_port(), HandSink()
    token, other = (
        tokens.add(file, f"u2plus{x}", "2026-01-01")[1] for x in ("", ".web")
    )
    u2plus = catalogue.find_catalogue("u2plus", Path())
    collector = Collector(u2plus, Tokens(file), sink, limits, utc_now)
    config = uvicorn.Config(
        collector.application(),
        port=port,
        http=connections.within(limits.head_seconds),
        ws="none",
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)

    async def run() -> None:
        async with collector.running():
            await server.serve()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        until(lambda: server.started)
        running = Running(None, port, token, folder)  # type: ignore[arg-type]  # no process
        yield Served(running, collector, sink, port, other)
    finally:
        sink.held.set()
        server.should_exit = True
        thread.join()


def test_rate(serve: Serve) -> None:
    """What is beyond the rate is told when to come; another source is not concerned."""
    made = serve(rate=10, burst_seconds=1.0)
    ids = [f"e{n}" for n in range(45)]
    assert made.running.post(batch(*ids)).status == 202
    answer = made.running.post(batch("late"))
    assert answer.status == 429
    wait = int(answer.headers["retry-after"])
    assert 1 <= wait <= 7
    web = batch("web").replace(b'"u2plus"', b'"u2plus.web"')
    assert made.running.post(web, token=made.other).status == 202
    time.sleep(wait)
    assert made.running.post(batch("late")).status == 202
    assert made.sink.ids == [*ids, "web", "late"]


def test_away_is_said_at_once_until_it_is_back(serve: Serve) -> None:
    """After one failure nothing is tried, read or held; once the sink answers, again."""
    made = serve()
    made.sink.away = True
    assert made.running.post(batch("a")).status == 503
    assert made.sink.attempts == 1
    for _ in range(3):
        answer = made.running.post(b"no body is looked at")
        assert (answer.status, int(answer.headers["retry-after"]) in range(5, 9)) == (
            503,
            True,
        )
    assert made.sink.attempts == 1
    assert made.running.get("/health").status == 200
    ready = made.running.get("/ready")
    assert (ready.status, ready.said["waiting_for"]) == (503, "Kafka")
    assert (
        "panelstream_collector_sink_up 0.0"
        in made.running.get("/metrics").body.decode()
    )
    made.sink.away = False
    until(lambda: made.running.get("/ready").status == 200)
    assert made.running.post(batch("b")).status == 202
    assert made.sink.ids == ["b"]


def test_a_sink_that_hangs(serve: Serve) -> None:
    """In time it is given up; what is under way holds its memory until it has arrived."""
    made = serve(sink_seconds=0.3)
    made.sink.held.clear()
    assert made.running.post(batch("slow")).status == 503
    assert made.collector.memory.used == len(batch("slow"))
    made.sink.held.set()
    until(lambda: made.running.get("/ready").status == 200)
    until(lambda: made.collector.memory.used == 0)
    assert made.sink.ids == ["slow"]


def test_memory_is_bounded_by_source(serve: Serve) -> None:
    """One source can use up its share and no more: it is told to wait, another is taken."""
    made = serve(memory=8_000, sink_seconds=PATIENCE)
    made.sink.held.clear()
    body = batch(*(f"e{n}" for n in range(25)))
    assert 3_000 < len(body) < 4_000
    first = threading.Thread(target=made.running.post, args=(body,))
    first.start()
    until(lambda: made.collector.memory.used == len(body))
    answer = made.running.post(body)
    assert (answer.status, int(answer.headers["retry-after"]) in range(5, 9)) == (
        503,
        True,
    )
    assert made.collector.memory.used == len(body)
    made.sink.held.set()
    first.join()
    assert made.running.post(body).status == 202
    assert made.collector.memory.used == 0


def test_slow_clients(serve: Serve) -> None:
    """Bodies and heads that do not come end; meanwhile everybody else is answered."""
    made = serve(body_seconds=5.0, head_seconds=5.0)
    head = (
        f"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
        f"{made.running.token}\r\nContent-Type: application/x-ndjson\r\n"
    ).encode()
    texts = [head, b"", head + b"Content-Length: 1000\r\n\r\n{"]

    async def slow(text: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
        writer.write(text)
        answer = await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
        return answer

    async def all_slow() -> list[bytes]:
        waiting = [asyncio.create_task(slow(entry)) for entry in texts * 30]
        await asyncio.sleep(0.2)
        answer = await asyncio.to_thread(made.running.post, batch("quick"))
        assert answer.status == 202
        assert not any(entry.done() for entry in waiting)
        return await asyncio.gather(*waiting)

    answers = asyncio.run(all_slow())
    assert answers[:2] == [b"", b""]
    assert all(entry.startswith(b"HTTP/1.1 408") for entry in answers[2::3])
    assert made.collector.memory.used == 0


def test_a_client_that_leaves(serve: Serve) -> None:
    """A body that is cut off is nothing, in whatever mode, and leaves nothing held."""
    made = serve()
    whole = batch("cut").removeprefix(b"[").removesuffix(b"]") + b"\n"
    head = (
        f"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
        f"{made.running.token}\r\nContent-Type: application/x-ndjson\r\n"
    ).encode()
    chunk = f"{len(whole):x}\r\n".encode() + whole + b"\r\n"
    for rest in (
        b"Content-Length: 1000\r\n\r\n" + whole,
        b"Transfer-Encoding: chunked\r\n\r\n" + chunk,
    ):
        asyncio.run(_send_and_leave(made.port, head + rest))
    assert made.running.post(batch("whole")).status == 202
    until(lambda: made.collector.memory.used == 0)
    assert made.sink.ids == ["whole"]


async def _send_and_leave(port: int, text: bytes) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text)
    await writer.drain()
    await asyncio.sleep(0.2)
    writer.close()
    await writer.wait_closed()
