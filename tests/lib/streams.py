"""A real Kafka, real worker processes, and a study they work on.

A topic has one partition unless the test says otherwise, so that the n-th record (from
0) is at offset n. What the warehouse holds is looked at while no worker runs, as the
embedded engine belongs to one process at a time.
"""

import asyncio
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiokafka.record.util import calc_crc32c
from kafka.structs import TopicPartition

from panelstream.ingest.kafka import clients
from panelstream.models.settings.environment import Settings
from panelstream.models.settings.kafka import KafkaSettings
from panelstream.models.warehouse import store as stores
from panelstream.models.warehouse.store import Store
from tests.lib import warm
from tests.lib.warm import Process

ROOT = Path(__file__).parent.parent.parent
SCRIPT = ROOT / "deploy/kafka/kafka"
COMMAND = "panelstream.flows.cli"
JAVA = "-Xms128m -Xmx512m -XX:TieredStopAtLevel=1"
"""A broker of a test lives too short for Java's second compiler: half the start is its."""
PATIENCE = 180.0
"""Seconds after which something will not happen any more, on however busy a machine."""

_SEGMENT_FILES = ("*.log", "*.index", "*.timeindex", "*.snapshot", "leader-epoch*")

Value = bytes | None
Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True)
class Kafka:
    """A broker of the test session."""

    port: int
    data: Path
    extra: Path | None = None

    @property
    def address(self) -> str:
        """What PANELSTREAM_KAFKA is."""
        return f"127.0.0.1:{self.port}"

    def run(self, action: str) -> None:
        """One action of deploy/kafka/kafka."""
        where = ["--port", str(self.port), "--data", str(self.data)]
        where += ["--extra", str(self.extra)] if self.extra else []
        command = [sys.executable, str(SCRIPT), action, *where]
        subprocess.run(command, check=True, env={"KAFKA_HEAP": JAVA, **os.environ})

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Meanwhile the broker answers nobody, and refuses no connection either."""
        process = int((self.data / "pid").read_text())
        os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process, signal.SIGCONT)

    def damage(self, topic: str, change: Callable[[bytearray], None]) -> None:
        """Change the last batch of partition 0 where it lies on the disk."""
        [segment] = (self.data / "log" / f"{topic}-0").glob("*.log")
        content = bytearray(segment.read_bytes())
        start = list(_batches(content))[-1]
        batch = bytearray(content[start:])
        change(batch)
        with segment.open("r+b") as file:
            file.seek(start)
            file.write(batch)

    def lose(self, topic: str, *partitions: int) -> None:
        """The broker stops, loses what partitions (0 if none is named) held, and starts."""
        self.run("stop")
        for number in partitions or (0,):
            folder = self.data / "log" / f"{topic}-{number}"
            for name in _SEGMENT_FILES:
                for path in folder.glob(name):
                    path.unlink()
        self.run("start")


@dataclass
class Stream:
    """A study, its topic, and commands on them."""

    kafka: Kafka
    study: Path
    topic: str
    env: dict[str, str]
    logs: list[Path] = field(default_factory=list)

    @property
    def settings(self) -> KafkaSettings:
        """The Kafka settings of the study."""
        return Settings.from_environ(self.env, self.study).kafka

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """A command on the study to its end."""
        return self.call(*words, "--study", str(self.study))

    def call(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """A command to its end."""
        return warm.run(_command(*words), self.env, ROOT, 2 * PATIENCE)

    def send(self, *values: Value, headers: Headers = ()) -> None:
        """Send records, each acknowledged before the next."""
        asyncio.run(_send(self.settings, values, headers))

    def send_batch(self, *values: bytes) -> None:
        """Send records in one batch of Kafka's."""
        asyncio.run(_send_batch(self.settings, values))

    def poison_dead_letters(self) -> None:
        """Add a record that cannot be decoded to the topic of dead letters."""
        dead = replace(self.settings, topic=self.settings.dead_topic)
        asyncio.run(_send(dead, [b"x"], ()))
        self.kafka.damage(dead.topic, _break_checksum)

    def delete_before(self, offset: int) -> None:
        """Delete the first records of partition 0, as retention does."""
        with clients.admin(self.settings) as client:
            client.delete_records({TopicPartition(self.topic, 0): offset})

    def received(self, topic: str) -> list[Any]:
        """All records of a topic."""
        return asyncio.run(_receive(self.settings, topic))

    @contextmanager
    def worker(
        self, *words: str, own: bool = True, module: str = COMMAND, **env: str
    ) -> "Iterator[Worker]":
        """A worker process; killed at the end if the test did not stop it.

        `own`: it opens the embedded warehouse where no process serves it. `module`: the
        program, if it is not ours as it is.
        """
        options = ["--own-warehouse"] if own else []
        line = ("worker", *options, *words)
        with self.process(*line, module=module, **env) as worker:
            yield worker

    @contextmanager
    def process(
        self, *words: str, module: str = COMMAND, **env: str
    ) -> "Iterator[Worker]":
        """A command that has pages; killed at the end if the test did not stop it."""
        address = f"127.0.0.1:{free_port()}"
        log = self.study.parent / f"worker{len(self.logs)}.log"
        self.logs.append(log)
        env = {"PANELSTREAM_WORKER_ADDRESS": address, **env}
        with log.open("wb") as out:
            line = ["-m", module, *words, "--study", str(self.study)]
            process = warm.start(line, {**self.env, **env}, ROOT, out, out)
        try:
            yield Worker(process, address, log)
        finally:
            process.kill()
            process.wait()

    @contextmanager
    def warehouse(self) -> Iterator[Process]:
        """A process that serves the warehouse; killed at the end, if still there."""
        line = [*_command("warehouse"), "--study", str(self.study)]
        process = warm.start(line, self.env, ROOT)
        try:
            until(lambda: self._served_by(process.pid))
            yield process
        finally:
            process.kill()
            process.wait()

    def _served_by(self, pid: int) -> bool:
        return f'"pid": {pid}' in (self.study / "warehouse.endpoint").read_text()

    def caught_up(self) -> bool:
        """Whether everything sent is committed."""
        return clients.read_log(self.settings).lag == 0

    def drain(self, *words: str) -> "Worker":
        """Run a worker until everything is committed, then stop it."""
        with self.worker(*words) as worker:
            until(self.caught_up, worker)
            worker.stop()
        return worker

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The warehouse, while no worker runs."""
        opened = stores.open_store(self.env["PANELSTREAM_WAREHOUSE"])
        try:
            yield opened
        finally:
            opened.close()

    def select(self, sql: str) -> list[dict[str, Any]]:
        """Rows of the warehouse, while no worker runs."""
        with self.store() as store:
            rows: list[dict[str, Any]] = store.select(sql).to_pylist()
        return rows

    def ids(self) -> list[str]:
        """Ids of the events that a reader sees, each as often as it is seen."""
        return [row["id"] for row in self.select("select id from events final")]

    def letters(self) -> list[tuple[str, str, int, int | None]]:
        """Dead letters: reason, field, offset, index."""
        rows = self.select(
            "select reason, field, line, batch_index from dead_letters final"
            " order by line, batch_index, reason"
        )
        return [tuple(row.values()) for row in rows]


@dataclass
class Worker:
    """A worker process."""

    process: Process
    address: str
    log: Path

    def stop(self) -> int:
        """Tell it to stop, wait, return its exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def page(self, name: str) -> str:
        """One of its pages; empty while there is none."""
        try:
            where = f"http://{self.address}/{name}"
            with urllib.request.urlopen(where, timeout=20) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as answer:
            return str(answer.read().decode())
        except OSError:
            return ""

    def ready(self) -> dict[str, Any]:
        """What its page on readiness says."""
        return dict(json.loads(self.page("ready") or "{}"))


def free_port() -> int:
    """A port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _command(*words: str) -> list[str]:
    return ["-m", COMMAND, *words]


def until(check: Callable[[], Any], worker: Worker | None = None) -> None:
    """Wait until something is so; fails if the worker ends or it takes `PATIENCE`."""
    end = time.monotonic() + PATIENCE
    while not _holds(check):
        if worker and worker.process.poll() is not None:
            raise AssertionError(worker.log.read_text())
        said = worker.log.read_text() if worker else ""
        assert time.monotonic() < end, f"not so after {PATIENCE:.0f} s; {said}"
        time.sleep(0.1)


def _holds(check: Callable[[], Any]) -> bool:
    try:
        return bool(check())
    except Exception:
        return False


def environment(kafka: Kafka, study: Path, topic: str, **more: str) -> dict[str, str]:
    """The environment of commands: this study, this broker, quick batches."""
    mine = {
        "KAFKA": kafka.address,
        "KAFKA_TOPIC": topic,
        "KAFKA_GROUP": topic,
        "KAFKA_PARTITIONS": "1",
        "WAREHOUSE": f"chdb://{study / 'warehouse'}",
        "WORKER_MAX_AGE": "0.3",
        **more,
    }
    return {**os.environ, **{f"PANELSTREAM_{name}": mine[name] for name in mine}}


def seal(batch: bytearray) -> None:
    """Make the checksum of a batch right again."""
    batch[17:21] = struct.pack(">I", calc_crc32c(bytes(batch[21:])))


def _break_checksum(batch: bytearray) -> None:
    batch[-1] ^= 1


def _batches(content: bytes | bytearray) -> Iterator[int]:
    start = 0
    while start < len(content):
        yield start
        start += 12 + int(struct.unpack_from(">i", content, start + 8)[0])


async def _send(
    settings: KafkaSettings, values: Sequence[Value], headers: Headers
) -> None:
    producer = clients.producer(settings)
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(
                settings.topic, value, key=b"k", headers=headers, partition=0
            )
    finally:
        await producer.stop()


async def _send_batch(settings: KafkaSettings, values: Sequence[bytes]) -> None:
    producer = clients.producer(settings)
    await producer.start()
    try:
        batch = producer.create_batch()
        for value in values:
            batch.append(key=b"k", value=value, timestamp=None)
        await (await producer.send_batch(batch, settings.topic, partition=0))
    finally:
        await producer.stop()


async def _receive(settings: KafkaSettings, topic: str) -> list[Any]:
    from aiokafka import AIOKafkaConsumer

    consumer = AIOKafkaConsumer(
        topic, auto_offset_reset="earliest", **settings.connection()
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        got: list[Any] = []
        while any([await consumer.position(one) < end for one, end in ends.items()]):
            for found in (await consumer.getmany(timeout_ms=500)).values():
                got.extend(found)
        return got
    finally:
        await consumer.stop()
