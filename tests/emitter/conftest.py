"""A collector that does as the test says, and remembers what it took."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from panelstream_emitter import Emitter, Trouble

TOKEN = "secret-token"

Answer = tuple[int, dict[str, str], Any]
Events = list[dict[str, Any]]


@dataclass
class Collector:
    """What the emitter meets; `answer` decides about each batch."""

    port: int = 0
    events: Events = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    answer: Callable[[Events], Answer] = lambda events: taken()
    hangs_up: bool = False

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def ids(self) -> list[str]:
        """The ids that it took, as often as it took them."""
        return [event["id"] for event in self.events]

    def settings(self, folder: Path, **more: Any) -> dict[str, Any]:
        """What an emitter needs to send here."""
        spool = str(folder / "spool")
        base = {"source": "u2plus.web", "spool": spool, "url": self.url, "token": TOKEN}
        return {**base, **more}


def taken(rejections: Any = ()) -> Answer:
    """202; rejections are (index, reason, field)."""
    keys = ("index", "reason", "field")
    listed = [dict(zip(keys, rejection, strict=True)) for rejection in rejections]
    return 202, {}, {"rejections": listed}


def away(status: int = 503, **headers: str) -> Answer:
    """A problem."""
    return status, headers, {"status": status}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    collector: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        events = json.loads(gzip.decompress(body))
        self.collector.requests.append({"path": self.path, **self.headers})
        status, headers, answer = self.collector.answer(events)
        if status == 202:
            bad = {one["index"] for one in answer["rejections"]}
            good = [one for n, one in enumerate(events) if n not in bad]
            self.collector.events.extend(good)
        content = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = self.collector.hangs_up  # without a word of it

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector on a free port of loopback."""
    made = Collector()
    handler = type("Handler", (_Handler,), {"collector": made})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def troubles() -> list[Trouble]:
    """What emitters told of."""
    return []


@pytest.fixture
def emitter(
    collector: Collector, tmp_path: Path, troubles: list[Trouble]
) -> Iterator[Callable[..., Emitter]]:
    """Make emitters that send to the collector and share a spool."""
    made: list[Emitter] = []

    def make(**more: Any) -> Emitter:
        settings = collector.settings(tmp_path, **more)
        made.append(Emitter(**{"on_trouble": troubles.append, **settings}))
        return made[-1]

    yield make
    for entry in made:
        entry.close(0)
