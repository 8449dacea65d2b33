"""The sink as requests meet it: what the log says of the time in which it is away."""

import asyncio
import logging

import pytest

from panelstream.ingest.collector import guard
from panelstream.ingest.collector.checks import Checked
from panelstream.ingest.collector.guard import Guard
from panelstream.ingest.collector.metrics import CollectorMetrics
from panelstream.ingest.collector.sinks import Away, Written
from panelstream.models.errors import FileError, Unreachable
from panelstream.models.settings.collector import Limits

MISMATCH = "study 'diary', but the warehouse is of study 'forum'; change it back"


class Warehouse:
    """A sink that nobody serves, then that of another study, then ours."""

    name = "warehouse"

    def __init__(self) -> None:
        other = FileError("study.yaml", "", MISMATCH)
        self.errors = [
            Unreachable("nobody serves it"),
            other,
            other,
            ValueError("anna"),
        ]

    async def start(self) -> None:
        """Not yet."""
        await self.probe()

    async def probe(self) -> None:
        """The next error, until there is none left."""
        if self.errors:
            raise Away from self.errors.pop(0)

    async def write(self, checked: Checked) -> Written:
        """Never asked for."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Nothing to close."""


def test_each_reason_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Another study's warehouse is named with the mismatch, a stranger's error by type."""
    monkeypatch.setattr(guard, "_PROBE_SECONDS", 0.0)
    sink = Warehouse()
    waiting = Guard(sink, Limits(), CollectorMetrics())

    async def wait() -> None:
        await waiting.start()
        async with asyncio.timeout(5):
            while waiting.waiting_for:
                await asyncio.sleep(0)

    with caplog.at_level(logging.WARNING, "panelstream.collector"):
        asyncio.run(wait())
    assert [record.getMessage() for record in caplog.records] == [
        "waiting for the warehouse: nobody serves it",
        f"waiting for the warehouse: study.yaml: {MISMATCH}",
        "waiting for the warehouse: ValueError",
        "the warehouse is back",
    ]
