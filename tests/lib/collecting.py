"""A real `panelstream collector` on loopback, and clients of it, for tests."""

import http.client
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path
from typing import Any

from tests.lib import studies, warm
from tests.lib.streams import PATIENCE, ROOT, free_port, until
from tests.lib.warm import Process

AT = datetime(2026, 1, 11, 8, tzinfo=UTC)
SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
LINES = "application/x-ndjson"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    body: bytes

    @property
    def said(self) -> Any:
        """The JSON of the body."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Running:
    """A collector process, where it answers, and a token of `u2plus`."""

    process: Process
    port: int
    token: str
    log: Path

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> Answer:
        """One of its pages."""
        return self._ask("GET", path, None, {}, PATIENCE)

    def post(
        self,
        body: bytes,
        kind: str = BATCH,
        token: str | None = None,
        timeout: float = PATIENCE,
        **headers: str,
    ) -> Answer:
        """Send a body; header names are written with _ for -."""
        mine = self.token if token is None else token
        given = {
            "Content-Type": kind,
            "Authorization": f"Bearer {mine}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        kept = {name: value for name, value in given.items() if value}
        return self._ask("POST", "/events", body, kept, timeout)

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout: float,
    ) -> Answer:
        asking = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            asking.request(method, path, body, dict(headers))
            got = asking.getresponse()
            return Answer(got.status, got.headers, got.read())
        finally:
            asking.close()

    def stop(self) -> int:
        """Tell it to stop; its exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE)


def environment(study: Path, **more: str) -> dict[str, str]:
    """The environment of commands on a study; settings without their prefix."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PANELSTREAM_")}
    mine = {"WAREHOUSE": f"chdb://{study / 'warehouse'}", **more}
    own = {f"PANELSTREAM_{name}": mine[name] for name in mine}
    return {**kept, "PYTHONPATH": str(ROOT), **own}


def add_token(study: Path, env: Mapping[str, str], source: str = "u2plus") -> str:
    """A new token, as its command prints it."""
    words = ["tokens", "add", source, "--study", str(study)]
    return command(words, env).stdout.strip()


def command(
    words: Sequence[str], env: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """A command to its end."""
    return warm.run(["-m", "panelstream.flows.cli", *words], env, ROOT, 2 * PATIENCE)


@contextmanager
def collector(
    study: Path,
    env: Mapping[str, str],
    token: str,
    port: int | None = None,
    own: bool = True,
) -> Iterator[Running]:
    """A collector process that is ready; killed at the end if it still runs.

    `own`: it opens the embedded warehouse where no process serves it.
    """
    port = port or free_port()
    log = study.parent / f"collector{port}.log"
    address = {"PANELSTREAM_COLLECTOR_ADDRESS": f"127.0.0.1:{port}"}
    with log.open("wb") as out:
        line = ["-m", "panelstream.flows.cli", "collector", "--study", str(study)]
        line += ["--own-warehouse"] if own else []
        process = warm.start(line, {**env, **address}, ROOT, out, out)
    running = Running(process, port, token, log)
    try:
        until(lambda: process.poll() is not None or running.get("/ready").said["ready"])
        assert process.poll() is None, log.read_text()
        yield running
    finally:
        process.kill()
        process.wait()


def event(name: str, **attributes: Any) -> dict[str, Any]:
    """A good event with an id."""
    return studies.event("story_posted", "ann", AT, **{"id": name, **attributes})


def batch(*names: str) -> bytes:
    """Good events as a JSON array."""
    return json.dumps([event(name) for name in names]).encode()
