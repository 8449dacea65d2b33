"""A process that ends can begin nothing: what it has not sent waits in the spool."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from panelstream_emitter import kafka_sink
from panelstream_emitter.delivery import Delivery, Stopped
from panelstream_emitter.kafka_sink import KafkaSink
from panelstream_emitter.sinks import Ending, Rejected

LINE = b'{"id": "1"}\n'


def start_no_thread(**_settings: Any) -> None:
    """As kafka-python's producer fails while Python 3.12 or newer ends."""
    raise RuntimeError("can't create new thread at interpreter shutdown")


def test_a_producer_that_cannot_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sink says so, as something that can be sent later, by another process."""
    monkeypatch.setattr(kafka_sink, "_find_one", lambda _addresses: None)
    monkeypatch.setattr(kafka_sink, "KafkaProducer", start_no_thread)
    with pytest.raises(Ending):
        KafkaSink("127.0.0.1:9092", "events", {}).send([[LINE]])


class EndingSink:
    """A sink of a process that ends."""

    batch_events = batches = 10

    def send(self, batches: Sequence[Sequence[bytes]]) -> list[Rejected]:
        """Nothing can be sent any more."""
        raise Ending("the process ends")

    def close(self) -> None:
        """There is nothing to close."""

    def disown(self) -> None:
        """There is nothing to disown."""


def test_the_exit_is_not_held_up(tmp_path: Path) -> None:
    """It ends at once, not at the deadline, and the segment stays for the next process."""
    segment = tmp_path / "segment"
    segment.write_bytes(LINE)
    nothing: Any = SimpleNamespace(add=lambda *_: None)
    delivery = Delivery(EndingSink(), nothing, nothing, threading.RLock(), nothing)
    delivery.stop(time.monotonic() + 3600)
    with pytest.raises(Stopped):
        delivery.deliver(segment)
    assert segment.read_bytes() == LINE
