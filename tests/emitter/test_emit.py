"""What emit() takes, sends and says; nothing of it reaches the platform's requests."""

import asyncio
import json
import re
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest
from panelstream_emitter import (
    Dropped,
    Emitter,
    InvalidEvent,
    Misconfigured,
    Recorder,
    Trouble,
)
from panelstream_emitter.ids import Ids

from tests.emitter.conftest import TOKEN, Collector, away, taken
from tests.lib.emitting import PATIENCE, until

Emitters = Callable[..., Emitter]

V7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

BOTH = pytest.mark.parametrize("mode", ["durable", "fast"])


class Unprintable:
    """A user id of a class that fails."""

    def __str__(self) -> str:
        raise AttributeError("canary")


class NoZone(tzinfo):
    """A time zone that fails."""

    def utcoffset(self, _: datetime | None) -> timedelta:
        raise LookupError("canary")

    def dst(self, _: datetime | None) -> None:
        """None."""

    def tzname(self, _: datetime | None) -> None:
        """None."""


WRONG: list[dict[str, Any]] = [
    {"time": "2026-01-02 03:04:05+09:00"},
    {"time": date(2026, 1, 2)},
    {"time": datetime(2026, 1, 2, tzinfo=NoZone())},
    {"subject": 10**5000},
    {"subject": Unprintable()},
    {"subject": "\u200b \0\ufe0f"},
    {"data": ["canary"]},
    {"data": {"x": 10**5000}},
    {"id": 5},
]
"""Events that can never be accepted, each for its one field."""


@BOTH
def test_what_is_sent(emitter: Emitters, collector: Collector, mode: str) -> None:
    """A batch of CloudEvents, gzipped, with the token; ids and times as they are."""
    one = emitter(mode=mode)
    before = datetime.now(UTC)
    identity = one.emit("u2plus.signed_in", subject=17)
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    data = {"kind": "like", "target": "story"}
    assert one.emit("u2plus.x", subject="a", data=data, time=at, id="mine") == "mine"
    assert one.close(PATIENCE)
    first, second = collector.events
    assert first.pop("id") == identity
    assert before <= datetime.fromisoformat(first.pop("time")) <= datetime.now(UTC)
    base = {"specversion": "1.0", "source": "u2plus.web"}
    assert first == {**base, "type": "u2plus.signed_in", "subject": "17"}
    more = {"type": "u2plus.x", "subject": "a", "data": data, "id": "mine"}
    assert second == {**base, **more, "time": "2026-01-02T03:04:05.000000+00:00"}
    [request] = collector.requests
    assert request["path"] == "/events"
    assert request["Authorization"] == f"Bearer {TOKEN}"
    assert request["Content-Type"] == "application/cloudevents-batch+json"


@BOTH
def test_threads_and_tasks(emitter: Emitters, collector: Collector, mode: str) -> None:
    """Eight threads and a hundred tasks: each event arrives once, in few requests."""
    one = emitter(mode=mode)
    ids: list[str | None] = []

    def work() -> None:
        ids.extend(one.emit("u2plus.signed_in", subject=n) for n in range(500))

    async def task() -> None:
        ids.append(one.emit("u2plus.signed_in", subject="task"))

    async def tasks() -> None:
        await asyncio.gather(*(task() for _ in range(100)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    asyncio.run(tasks())
    for thread in threads:
        thread.join()
    assert one.close(PATIENCE)
    assert sorted(collector.ids()) == sorted(map(str, ids))
    assert len(set(ids)) == 4_100
    assert len(collector.requests) < 1_000


def test_a_signal_handler_may_emit(emitter: Emitters, collector: Collector) -> None:
    """Wherever it interrupts an emit(), neither waits for the other."""
    one = emitter()
    ids = [one.emit("u2plus.signed_in", subject=1)]

    def emit(*_: object) -> None:
        ids.append(one.emit("u2plus.signed_in", subject=1))

    before = signal.signal(signal.SIGALRM, emit)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        for _ in range(3_000):
            emit()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert one.close(PATIENCE)
    assert sorted(collector.ids()) == sorted(map(str, ids))


def test_ids_sort_by_time_whatever_the_clock_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """UUIDv7 of the instant; still increasing where the clock is set back a year."""
    at = 1_800_000_000_123
    monkeypatch.setattr(time, "time_ns", lambda: at * 1_000_000)
    ids = Ids()
    made = [ids.next() for _ in range(1_000)]
    assert int(made[0].replace("-", "")[:12], 16) == at
    at -= 31_536_000_000
    made += [ids.next() for _ in range(1_000)]
    assert made == sorted(set(made))
    assert all(map(V7.fullmatch, made))


def test_what_cannot_be_sent_is_dropped_and_counted(
    emitter: Emitters, collector: Collector, troubles: list[Trouble]
) -> None:
    """No exception; None; a count; the callback, told without a value."""
    one = emitter()
    bad: list[dict[str, Any]] = [
        {"data": {"x": object()}},
        {"data": {"x": float("nan")}},
        {"data": {"x": "canary" * 20_000}},
        {"time": datetime(2026, 1, 1)},  # noqa: DTZ001
        *WRONG,
        {"subject": "canary\udc80"},
        {"id": "\ud83d"},
        {"data": {"\ud83d": 1}},
    ]
    assert [one.emit("u2plus.x", **more) for more in bad] == [None] * len(bad)
    good = one.emit("u2plus.signed_in", subject="a")
    assert one.close(PATIENCE)
    assert collector.ids() == [good]
    counts = one.counts()
    assert (counts["accepted"], counts["dropped"], counts["sent"]) == (1, len(bad), 1)
    assert sum(trouble.events for trouble in troubles) == len(bad)
    assert {trouble.what for trouble in troubles} == {"dropped"}
    assert "canary" not in str(troubles)
    assert not [trouble.why for trouble in troubles if "Error" in trouble.why]
    assert one.emit("u2plus.signed_in", subject="late") is None


def test_a_callback_that_fails_harms_nobody(
    emitter: Emitters, collector: Collector
) -> None:
    """It is logged, and events go on."""

    def fail(_: Trouble) -> None:
        raise RuntimeError

    one = emitter(on_trouble=fail)
    assert one.emit("u2plus.x", data={"x": object()}) is None
    assert one.emit("u2plus.signed_in", subject=1)
    assert one.close(PATIENCE)
    assert len(collector.events) == 1


def test_without_a_collector_it_waits(
    emitter: Emitters, collector: Collector, troubles: list[Trouble]
) -> None:
    """503, 401, 429 with Retry-After, no JSON: nothing is lost, all arrives later."""
    answers = [away(), away(401), away(429, **{"Retry-After": "0.3"}), (202, {}, "?")]
    collector.answer = lambda events: answers.pop(0) if answers else taken()
    one = emitter()
    identity = one.emit("u2plus.signed_in", subject=1)
    until(lambda: identity in collector.ids()[-1:] and not answers)
    assert one.close(PATIENCE)
    said = {trouble.why for trouble in troubles if trouble.what == "waiting"}
    assert {"collector: 503", "collector: 401", "collector: 429"} <= said
    assert one.counts()["sent"] == 1


def test_a_connection_closed_in_a_pause_is_no_trouble(
    emitter: Emitters, collector: Collector, troubles: list[Trouble]
) -> None:
    """It is opened anew; nobody is alarmed."""
    collector.hangs_up = True
    one = emitter()
    for number in range(3):
        one.emit("u2plus.signed_in", subject=number)
        until(lambda due=number: len(collector.events) > due)
    assert one.close(PATIENCE)
    assert troubles == []
    assert len(collector.events) == 3


def test_rejected_events_are_moved_aside(
    emitter: Emitters, collector: Collector, tmp_path: Path, troubles: list[Trouble]
) -> None:
    """Those alone; they can be put back, and are then sent."""
    collector.answer = lambda events: taken(
        (n, "unknown_type", "type")
        for n, one in enumerate(events)
        if one["type"] == "u2plus.bad"
    )
    one = emitter()
    kinds = ["good", "bad", "good", "bad"]
    ids = [one.emit(f"u2plus.{kind}", subject=kind) for kind in kinds]
    assert one.close(PATIENCE)
    assert collector.ids() == ids[::2]
    aside = list((tmp_path / "spool/rejected").iterdir())
    lines = [json.loads(line) for file in aside for line in file.read_text().split()]
    assert [line["id"] for line in lines] == ids[1::2]
    assert Trouble("rejected", "unknown_type (type)", 2) in troubles
    for file in aside:
        file.rename(tmp_path / "spool" / file.name)
    collector.answer = lambda events: taken()
    with emitter():
        until(lambda: len(collector.events) == 4)
    counts = one.counts()
    assert (counts["accepted"], counts["rejected"], counts["sent"]) == (4, 2, 4)


def test_all_of_a_batch_rejected(
    emitter: Emitters, collector: Collector, troubles: list[Trouble]
) -> None:
    """422 lists what 202 would: no need to take the batch apart."""
    listed = taken((n, "time_in_future", "time") for n in range(20))
    collector.answer = lambda events: (422, {}, listed[2])
    one = emitter(mode="fast")
    for number in range(20):
        one.emit("u2plus.signed_in", subject=number)
    assert one.close(PATIENCE)
    assert one.counts()["rejected"] == 20
    assert {(one.what, one.why) for one in troubles} == {
        ("rejected", "time_in_future (time)")
    }
    assert len(collector.requests) < 10


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_batch_is_taken_apart(
    emitter: Emitters, collector: Collector, status: int
) -> None:
    """One event spoils every batch that it is in: it alone is moved aside."""
    collector.answer = lambda events: (
        away(status) if any(one["type"] == "u2plus.bad" for one in events) else taken()
    )
    one = emitter()
    kinds = ["bad" if n == 37 else "good" for n in range(100)]
    ids = [one.emit(f"u2plus.{kind}", subject=kind) for kind in kinds]
    assert one.close(PATIENCE)
    assert collector.ids() == ids[:37] + ids[38:]
    assert one.counts()["rejected"] == 1


@BOTH
def test_a_full_spool_drops_the_newest_and_counts(
    emitter: Emitters, collector: Collector, tmp_path: Path, mode: str
) -> None:
    """What was taken before arrives; each None is counted; there is room again then."""
    collector.answer = lambda events: away()
    one = emitter(mode=mode, spool_bytes=40_000)
    ids = [one.emit("u2plus.signed_in", subject=n) for n in range(1_000)]
    kept = [str(identity) for identity in ids if identity]
    assert ids == kept + [None] * (1_000 - len(kept))
    assert 100 < len(kept) < 400
    assert one.counts()["dropped"] == 1_000 - len(kept)
    collector.answer = lambda events: taken()
    until(lambda: len(collector.events) == len(kept))
    until(lambda: one.emit("u2plus.signed_in", subject="after"))
    assert one.close(PATIENCE)
    assert collector.ids()[: len(kept)] == kept


CASES = [
    ({"source": ""}, "source"),
    ({"mode": "quick"}, "mode"),
    ({"url": None}, "either kafka or url"),
    ({"kafka": "broker:9092"}, "either kafka or url"),
    ({"url": "ftp://x"}, "url: give http"),
    ({"url": "http://u:p@x"}, "url: no user"),
    ({"token": ""}, "token"),
    ({"url": None, "kafka": "broker"}, "kafka: give host:port"),
    ({"url": None, "kafka": "b:1", "kafka_options": {"acks": 1}}, "acks is set by"),
    ({"url": None, "kafka": "b:1", "kafka_options": {"ack": 1}}, "no setting ack"),
    ({"spool": "/proc/none"}, "spool: /proc/none"),
]


@pytest.mark.parametrize(("changes", "said"), CASES)
def test_misconfigured(
    collector: Collector, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    """Told at once, with the name of what is wrong."""
    with pytest.raises(Misconfigured, match=said):
        Emitter(**{**collector.settings(tmp_path), **changes})


def test_a_platforms_tests(tmp_path: Path) -> None:
    """The recorder keeps events and refuses what the catalogue would not take."""
    recorder = Recorder(source="u2plus.web", schema=_schema(tmp_path))
    identity = recorder.emit("u2plus.post", subject=1, data={"length": 5})
    [made] = recorder.events
    assert (made["id"], made["subject"]) == (identity, "1")
    with pytest.raises(InvalidEvent, match=r"u2plus\.post: data\.text: there is no"):
        recorder.emit("u2plus.post", subject=1, data={"length": 5, "text": "secret"})
    with pytest.raises(InvalidEvent, match="half a character"):
        recorder.emit("u2plus.post", subject="\udc80", data={"length": 5})
    assert len(recorder.events) == 1


def test_strict(emitter: Emitters, collector: Collector, tmp_path: Path) -> None:
    """What the catalogue would not take raises, and is counted; the rest is sent."""
    one = emitter(strict=True, schema=_schema(tmp_path))
    with pytest.raises(InvalidEvent, match="type: the catalogue has no") as told:
        one.emit("u2plus.pots", subject=1)
    with pytest.raises(InvalidEvent, match=r"data\.length: maximum 9") as told:
        one.emit("u2plus.post", subject=1, data={"length": 12345})
    assert "12345" not in str(told.value)
    good = one.emit("u2plus.post", subject=1, data={"length": 1})
    assert one.close(PATIENCE)
    assert collector.ids() == [good]
    assert one.counts()["dropped"] == 2


def test_strict_tells_never_from_later(emitter: Emitters) -> None:
    """`InvalidEvent`: as it is, it is never taken; `Dropped`: there is no room now."""
    one = emitter(strict=True, spool_bytes=300)
    with pytest.raises(InvalidEvent, match="time: has no offset"):
        one.emit("u2plus.x", time=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(Dropped, match="the spool is full"):
        one.emit("u2plus.x", data={"x": "y" * 300})
    assert one.counts()["dropped"] == 2


@pytest.mark.parametrize("wrong", WRONG)
def test_a_back_fill_ends(emitter: Emitters, wrong: dict[str, Any]) -> None:
    """A strict emitter and the recorder name the field: to try again is no use."""
    [field] = wrong
    for strict in (emitter(strict=True), Recorder(source="u2plus.web")):
        with pytest.raises(InvalidEvent, match=f"^{field}: ") as told:
            strict.emit("u2plus.x", **wrong)
        assert "canary" not in str(told.value)


def _schema(folder: Path) -> Path:
    data = {
        "type": "object",
        "properties": {"length": {"type": "integer", "maximum": 9}},
        "required": ["length"],
        "additionalProperties": False,
    }
    document = {
        "type": "object",
        "properties": {"type": {"const": "u2plus.post"}, "data": data},
        "required": ["subject", "data"],
    }
    path = folder / "schemas"
    path.mkdir()
    (path / "post.json").write_text(json.dumps(document))
    (path / "asyncapi.json").write_text("{}")
    return path
