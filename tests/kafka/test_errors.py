"""What is wrong with Kafka or the warehouse is said in one line, with exit code 5."""

import re
import socket
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from tests.lib import studies
from tests.lib.streams import PATIENCE, Stream, until

Streams = Callable[..., Stream]

NOWHERE, NO_TOPIC = {"KAFKA": "127.0.0.1:1"}, {"KAFKA_TOPIC": "none"}
NO_SERVER = {"WAREHOUSE": "http://u:secret@127.0.0.1:1"}
SET = "(set in the environment)"
WRONG: Sequence[tuple[dict[str, str], Sequence[str], str]] = [
    (NOWHERE, ["worker"], f"cannot use Kafka at 127.0.0.1:1 (ConnectionRefusedError); the address is from PANELSTREAM_KAFKA {SET}: start it"),
    (NOWHERE, ["topics", "create"], "cannot use Kafka at 127.0.0.1:1"),
    (NOWHERE, ["demo"], "cannot use Kafka at 127.0.0.1:1"),
    (NO_TOPIC, ["worker"], "has no topic none, none.dead"),
    (NO_TOPIC, ["topics", "show"], "panelstream topics create"),
    ({"KAFKA_REPLICATION": "3", "KAFKA_TOPIC": "r"}, ["topics", "create"], "InvalidReplicationFactorError"),
    ({"WORKER_ADDRESS": "192.0.2.1:80"}, ["worker"], "PANELSTREAM_WORKER_ADDRESS"),
    (NO_SERVER, ["dead-letters", "list"], f"at 127.0.0.1:1; start it, or correct its address in PANELSTREAM_WAREHOUSE {SET}"),
    (NO_SERVER, ["dead-letters", "replay"], f"PANELSTREAM_WAREHOUSE {SET}"),
    (NO_SERVER, ["demo"], f"PANELSTREAM_WAREHOUSE {SET}"),
]  # fmt: skip
"""Settings, a command, and what it must say: services that cannot be reached."""


def test_wrong_settings(stream: Streams, tmp_path: Path) -> None:
    """What it is, where it was set, what to do; each in a study of its own."""
    made = stream()

    def attempt(number: int) -> "subprocess.CompletedProcess[str]":
        settings, words, _ = WRONG[number]
        own = {"WAREHOUSE": f"chdb://{tmp_path / str(number) / 'warehouse'}"}
        return run(made, tmp_path / str(number), {**own, **settings}, words)

    with ThreadPoolExecutor(4) as pool:  # those that wait, wait together
        done = list(pool.map(attempt, range(len(WRONG))))
    for (_, _, said), ran in zip(WRONG, done, strict=True):
        check(ran, said)


def test_dead_letters_that_lie_in_kafka(stream: Streams, tmp_path: Path) -> None:
    """Replay needs Kafka as soon as one of them came from there."""
    made = stream()
    made.send(b"nonsense")
    made.drain()
    for settings, said in (
        (NOWHERE, "cannot use Kafka at 127.0.0.1:1"),
        (NO_TOPIC, "has no topic none, none.dead"),
    ):
        check(run(made, tmp_path, settings, ["dead-letters", "replay"]), said)


def test_a_warehouse_that_another_process_holds(
    stream: Streams, tmp_path: Path
) -> None:
    """Dead letters and demo say so, and that it may end; a worker holds it."""
    made = stream()
    said = "may hold it: wait for it to end, or name another in PANELSTREAM_WAREHOUSE"
    with made.worker() as worker:
        until(lambda: worker.ready()["ready"], worker)
        for words in (["dead-letters", "list"], ["demo"]):
            check(run(made, tmp_path / words[0], {}, words), f"{said} {SET}")


def test_a_crash(stream: Streams) -> None:
    """A timer that fails ends the worker with 1, and one line that names the error."""
    made = stream()
    with made.worker(module="tests.kafka.crashing_worker") as worker:
        assert worker.process.wait(PATIENCE) == 1
    line = worker.log.read_text().splitlines()[-1]
    assert "a defect in panelstream: KeyError at crashing_worker.py:" in line
    assert not {"Traceback", "canary"} & set(re.findall(r"\w+", worker.log.read_text()))


def test_told_to_stop_while_it_starts(stream: Streams) -> None:
    """It waits for a broker that never answers, and ends with 0."""
    made = stream()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with made.worker(PANELSTREAM_KAFKA=address) as worker:
            silent.settimeout(PATIENCE)
            connection, _ = silent.accept()
            with connection:
                assert worker.stop() == 0
    assert worker.log.read_text() == ""


def run(
    stream: Stream, folder: Path, settings: dict[str, str], words: Sequence[str]
) -> "subprocess.CompletedProcess[str]":
    """A command on a study in a folder; the stream's environment but for settings."""
    env = {**stream.env, **{f"PANELSTREAM_{name}": settings[name] for name in settings}}
    changed = replace(stream, env=env, study=folder / "study")
    if list(words) == ["demo"]:
        size = ["--participants", "20", "--waves", "2", "--through", "kafka"]
        return changed.call("demo", *size, "--out", str(folder / "demo"))
    studies.write(changed.study, studies.BASE)
    return changed.run(*words)


def check(ran: "subprocess.CompletedProcess[str]", said: str) -> None:
    """One line, that says it and no password."""
    assert (ran.returncode, ran.stderr.count("\n")) == (5, 1), ran.stderr
    assert said in ran.stderr
    assert "secret" not in ran.stderr
