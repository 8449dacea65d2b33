"""202 means durable: a ledger of ids while broker, collector and lines are hurt."""

import contextlib
import json
import random
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from panelstream_emitter import Emitter

from tests.lib import collecting, studies
from tests.lib.collecting import AT, Running, batch, event
from tests.lib.emitting import platform
from tests.lib.streams import Stream, free_port, until

Streams = Callable[..., Stream]

AT_ONCE = 5.0
"""Seconds, half of those after which a broker that hangs is given up."""


class Sender(threading.Thread):
    """Sends batches, each until it is acknowledged, as an emitter does."""

    def __init__(self, name: str, where: Callable[[], Running]) -> None:
        super().__init__()
        self.prefix, self.where = name, where
        self.acknowledged: list[str] = []
        self.statuses: dict[int | str, int] = {}
        self.ended = threading.Event()

    def run(self) -> None:
        """One batch after the other until told to end; the last one arrives too."""
        random_ = random.Random(self.prefix)
        number = 0
        while not self.ended.is_set():
            size = random_.choice([1, 3, 120])
            ids = [f"{self.prefix}-{number + n}" for n in range(size)]
            number += size
            if random_.random() < 0.2:
                self.cut(batch(*ids))
            while not self.send(ids):
                time.sleep(0.2)
            if random_.random() < 0.2:
                self.send(ids)
            self.acknowledged += ids

    def send(self, ids: list[str]) -> bool:
        """Whether a batch is acknowledged."""
        status: int | str
        try:
            answer = self.where().post(batch(*ids), timeout=20)
            status = answer.status
        except OSError:
            status = "no answer"
        except Exception as error:
            status = type(error).__name__
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status == 202:
            assert answer.said["accepted"] == len(ids)
        return status == 202

    def cut(self, body: bytes) -> None:
        """Send half a body and leave."""
        running = self.where()
        head = (
            f"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {running.token}"
            f"\r\nContent-Type: {collecting.BATCH}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", running.port), 5) as line,
        ):
            line.sendall(head.encode() + body[: len(body) // 2])


def test_the_ledger_through_kafka(stream: Streams) -> None:
    """Broker stopped, collector killed, lines cut, batches sent again: nothing is lost.

    The broker comes back once to the same collector, once to a new one.

    While the broker is away clients are told so at once, with 503.
    """
    made = stream()
    token = collecting.add_token(made.study, made.env)
    current: list[Running] = []
    with contextlib.ExitStack() as stack:

        def start() -> None:
            running = collecting.collector(made.study, made.env, token)
            current.append(stack.enter_context(running))

        start()
        senders = [Sender(f"s{n}", lambda: current[-1]) for n in range(3)]
        for one in senders:
            one.start()
        try:
            until(lambda: all(one.acknowledged for one in senders))
            made.kafka.run("stop")
            until(lambda: current[-1].get("/ready").status == 503)
            began = time.monotonic()
            assert current[-1].post(batch("at-once")).status == 503
            assert time.monotonic() - began < AT_ONCE
            made.kafka.run("start")
            until(lambda: current[-1].get("/ready").status == 200)
            made.kafka.run("stop")
            until(lambda: current[-1].get("/ready").status == 503)
            # Whatever was told 202 and is only in this process is lost now.
            current[-1].process.kill()
            told = [len(one.acknowledged) for one in senders]
            made.kafka.run("start")
            start()
            until(
                lambda: all(_more(one, n) for one, n in zip(senders, told, strict=True))
            )
        finally:
            for one in senders:
                one.ended.set()
            for one in senders:
                one.join()
        assert current[-1].stop() == 0
    assert all(one.statuses[503] for one in senders)
    made.drain()
    ids = made.ids()
    sent = {name for one in senders for name in one.acknowledged}
    assert len(sent) > 500
    assert sent - set(ids) == set()
    assert len(ids) == len(set(ids))
    assert set(ids) <= sent | {"at-once"}
    assert made.letters() == []


def _more(sender: Sender, before: int) -> bool:
    return len(sender.acknowledged) > before


def test_what_is_rejected_never_enters_kafka(stream: Streams) -> None:
    """The good of a batch go in as records of a hundred; the bad are told and stay out."""
    made = stream()
    token = collecting.add_token(made.study, made.env)
    many = [event(f"e{n}") for n in range(250)]
    many[7] = event("bad", data={"text": "canary-7f3a"})
    many[8] = event("forged", source="u2plus.web")
    with collecting.collector(made.study, made.env, token) as running:
        answer = running.post(json.dumps(many).encode())
        assert (answer.status, answer.said["accepted"]) == (202, 248)
        assert [rejection["index"] for rejection in answer.said["rejections"]] == [7, 8]
        assert running.stop() == 0
    records = made.received(made.topic)
    sizes = sorted(len(json.loads(record.value)) for record in records)
    assert sizes == [48, 100, 100]
    held = b"".join(record.value for record in records)
    assert b"canary" not in held
    assert b"forged" not in held


def test_the_ledger_into_a_warehouse(tmp_path: Path) -> None:
    """Without Kafka: the warehouse's process is killed and started anew elsewhere.

    What was acknowledged is there, once; the collector finds the new process itself.
    """
    study = studies.write(tmp_path / "study", studies.BASE)
    env = collecting.environment(study)
    token = collecting.add_token(study, env)
    made = Stream(None, study, "", env)  # type: ignore[arg-type]  # no Kafka here
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(made.warehouse())
        running = stack.enter_context(
            collecting.collector(study, env, token, own=False)
        )
        senders = [Sender(f"w{n}", lambda: running) for n in range(2)]
        for one in senders:
            one.start()
        try:
            until(lambda: all(one.acknowledged for one in senders))
            first.kill()
            first.wait()
            until(lambda: running.get("/ready").status == 503)
            told = [len(one.acknowledged) for one in senders]
            stack.enter_context(made.warehouse())
            until(
                lambda: all(_more(one, n) for one, n in zip(senders, told, strict=True))
            )
        finally:
            for one in senders:
                one.ended.set()
            for one in senders:
                one.join()
        withdrawn = studies.event("consent_withdrawn", "bob", AT)
        assert _post(running, [withdrawn])["accepted"] == 1
        late = studies.event("story_posted", "bob", AT + timedelta(days=2), id="late")
        assert _post(running, [late])["refused"] == 1
        assert running.stop() == 0
        asked = [
            "query",
            "--operator",
            "--json",
            "--study",
            str(study),
            "select id from events final",
        ]
        seen = collecting.command(asked, env)
    ids = [row["id"] for row in json.loads(seen.stdout)]
    sent = {name for one in senders for name in one.acknowledged}
    assert sent - set(ids) == set()
    assert len(ids) == len(set(ids))
    assert set(ids) - sent == {withdrawn["id"]}


@pytest.mark.long
def test_the_ledger_from_emit_over_http(tmp_path: Path) -> None:
    """Web servers of four workers, while the collector is away for minutes.

    It is killed and comes back to what they kept; to a clock set back by a day; to
    files that could not grow; to a spool that was full; and to what workers left that
    were killed. By ids: what `emit()` returned is in the warehouse, once, and what it
    did not take is counted exactly.
    """
    study = studies.write(tmp_path / "study", studies.BASE)
    env = collecting.environment(study)
    token, port = collecting.add_token(study, env), free_port()
    words: dict[str, Any] = {
        "source": "u2plus",
        "spool": str(tmp_path / "spool"),
        "url": f"http://127.0.0.1:{port}",
        "token": token,
    }
    said, dropped = list[str](), 0
    four_forks, room = ("--forks", "4", "--pause", "0.005"), {"spool_bytes": 200_000}
    # What is said is a file too, so one process with threads has the disk to itself.
    one_fork = ("--forks", "1", "--threads", "4", "--pause", "0.005")
    hurts: list[tuple[dict[str, Any], tuple[str, ...], bool]] = [
        (words, four_forks, False),
        (words, (*four_forks, "--clock-back", "86400"), False),
        (words, (*one_fork, "--disk", "300000"), True),
        ({**words, **room}, four_forks, True),
    ]
    for settings, how, drops in hurts:
        emitting = platform(tmp_path, settings, 1_000, *how)
        with collecting.collector(study, env, token, port) as running, emitting as one:
            one.wait_for(500)
            running.process.kill()
            one.wait()
            said += one.ids()
            dropped += one.dropped()
        assert (one.dropped() > 0) == drops
    slow = ("--forks", "4", "--pause", "0.02")
    with platform(tmp_path, words, 10**6, *slow) as last:
        last.wait_for(500)
        time.sleep(130)
        last.kill()
        said += last.ids()
    with collecting.collector(study, env, token, port), Emitter(**words) as emitter:
        until(lambda: emitter.counts()["waiting_bytes"] == 0)
        counts = emitter.counts()
    query = [
        "query",
        "--operator",
        "--json",
        "--study",
        str(study),
        "select id from events final",
    ]
    ids = [row["id"] for row in json.loads(collecting.command(query, env).stdout)]
    print(f"{len(said):,} said, {len(ids):,} seen, {counts}")  # noqa: T201 - the count is shown
    assert len(ids) == len(set(ids))
    assert set(said) <= set(ids)
    assert len(ids) - len(said) <= 4  # cut off by the kill before they were said
    assert (counts["lost"], counts["dropped"]) == (0, dropped)
    assert counts["rejected"] == 0


def _post(running: Running, events: list[Any]) -> Any:
    return running.post(json.dumps(events).encode()).said
