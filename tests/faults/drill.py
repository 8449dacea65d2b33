"""One run: a study, its processes, the traffic, the faults, and the ledger of it all."""

import contextlib
import random
import shutil
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.structs import TopicPartition

from panelstream.ingest.kafka import clients as kafka_clients
from panelstream.ingest.kafka import records
from panelstream.models.errors import PanelstreamError
from panelstream.models.warehouse.settling import settle
from tests.faults import schedule, traffic
from tests.faults.ledger import (
    Found,
    Identity,
    Ledger,
    Letter,
    Verdict,
    reconcile,
)
from tests.faults.parties import Broker, Warehouse, Workers, wait_for
from tests.faults.proxy import Mode, Proxy
from tests.faults.schedule import Fault
from tests.faults.traffic import Record, Sender, Traffic, enter
from tests.lib import streams, studies
from tests.lib.streams import Kafka, Stream, free_port

TOPIC = "faults.events"
PARTITIONS = 6
_RECOVERY = 600.0
_ROLL_MS, _WEEK_MS = 200, 604_800_000


@dataclass(frozen=True)
class Happened:
    """A fault that was, and seconds from its end until all sent before was committed."""

    fault: Fault
    recovery: float | None


@dataclass(frozen=True)
class Outcome:
    """The ledger of a run, and what happened in it."""

    verdict: Verdict
    happened: Sequence[Happened]
    seconds: float
    ended: Sequence[int]
    stopped_badly: Sequence[int]

    def lines(self) -> list[str]:
        """What is printed after the ledger."""
        kinds = Counter(one.fault.kind for one in self.happened)
        by_kind = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
        known = [one for one in self.happened if one.recovery is not None]
        worst = max(known, key=lambda value: value.recovery or 0)
        median = statistics.median(one.recovery or 0 for one in known)
        return [
            f"faults        {len(self.happened)} in {self.seconds:,.0f} s: {by_kind}",
            f"recovery      longest {worst.recovery:.1f} s ({worst.fault.kind} for "
            f"{worst.fault.seconds:.0f} s), median {median:.1f} s, of {len(known)}",
            f"workers that ended by themselves: {len(self.ended)} (exit codes "
            f"{sorted(set(self.ended))}); told to stop, and not 0: "
            f"{len(self.stopped_badly)}",
        ]


@dataclass
class Drill:
    """Everything of a run that is under way."""

    stream: Stream
    broker: Broker
    warehouse: Warehouse
    workers: Workers
    ledger: Ledger
    say: Callable[[str], None]
    rng: random.Random
    happened: list[Happened] = field(default_factory=list)

    def suffer(self, faults: Sequence[Fault]) -> None:
        """One fault after the other; some begin before the last is overcome."""
        for number, fault in enumerate(faults, start=1):
            with self.during(fault):
                time.sleep(fault.seconds)
            recovery = self.recover() if fault.recover else None
            self.happened.append(Happened(fault, recovery))
            took = "" if recovery is None else f", recovered in {recovery:.1f} s"
            self.say(
                f"{number}/{len(faults)} {fault.kind}, {fault.seconds:.0f} s{took}; "
                f"{self.ledger.sent.total():,} sent"
            )
            # Readers settle the log while it grows.
            with self.warehouse.store() as store:
                settle(store)

    def during(self, fault: Fault) -> AbstractContextManager[Any]:
        """What a fault is."""
        warehouse, workers = self.warehouse, self.workers
        behaving = warehouse.behaving
        ways: dict[str, Callable[[], AbstractContextManager[Any]]] = {
            schedule.WORKER_KILLED: lambda: _at_once(
                lambda: workers.kill(workers.any(self.rng))
            ),
            schedule.WORKER_STOPPED: lambda: _at_once(
                lambda: workers.stop(workers.any(self.rng))
            ),
            schedule.WORKER_PAUSED: lambda: workers.paused(workers.any(self.rng)),
            schedule.WORKER_KILLED_WAITING: self._killed_waiting,
            schedule.WORKER_JOINS: lambda: _at_once(workers.join),
            schedule.WORKER_LEAVES: lambda: _at_once(workers.leave),
            schedule.BROKER_KILLED: self.broker.killed,
            schedule.BROKER_PAUSED: self.broker.paused,
            schedule.WAREHOUSE_KILLED: warehouse.killed,
            schedule.WAREHOUSE_PAUSED: warehouse.paused,
            schedule.WAREHOUSE_REFUSES: lambda: behaving(Mode.REFUSE_INSERTS),
            schedule.ANSWERS_LOST: lambda: behaving(Mode.LOSE_ANSWERS),
            schedule.LINE_CUT: lambda: behaving(Mode.CUT),
        }
        return ways[fault.kind]()

    @contextmanager
    def _killed_waiting(self) -> Iterator[None]:
        """Killed with events in their hands that the warehouse refuses; so too who follows.

        Nobody is killed before it says that it waits: a worker that commits first has
        committed by then what it now loses. Those who follow find all that was sent
        while the partitions of the killed waited for a new owner.
        """
        with self.warehouse.behaving(Mode.REFUSE_INSERTS):
            for _ in range(2):
                wait_for(self.workers.waiting, "a worker waits for the warehouse")
                self.workers.kill_all()
            yield

    def recover(self) -> float:
        """Seconds until all that was sent by now is committed."""
        began = time.monotonic()
        ends = _insist(self._ends)
        wait_for(lambda: self._committed(ends), "everything is committed", _RECOVERY)
        return time.monotonic() - began

    def _ends(self) -> dict[TopicPartition, int]:
        places = {TopicPartition(TOPIC, n): -1 for n in range(PARTITIONS)}
        with kafka_clients.admin(self.stream.settings) as client:
            result = client.list_partition_offsets(places)
        return {place: result[place].offset for place in places}

    def _committed(self, ends: dict[TopicPartition, int]) -> bool:
        group = self.stream.settings.group
        with (
            contextlib.suppress(PanelstreamError, KeyError),
            kafka_clients.admin(self.stream.settings) as client,
        ):
            offsets = client.list_group_offsets(group)[group]
            return all(
                end == 0 or (one in offsets and offsets[one].offset >= end)
                for one, end in ends.items()
            )
        return False

    def reconcile(self) -> Verdict:
        """Stop the workers, and compare what was sent with what is there."""
        self.workers.finish()
        with self.warehouse.store() as store:
            settle(store)
            seen = store.select("select source, id from events final").to_pylist()
            apart = store.select("select source, id from event_conflicts final")
            letters = store.select(
                "select reason, origin, line, batch_index from dead_letters final"
            )
            [counts] = store.query("arrival_counts", as_of=studies.START).to_pylist()
        return reconcile(
            self.ledger,
            Found(
                Counter(Identity(**row) for row in seen),
                Counter(Identity(**row) for row in apart.to_pylist()),
                counts,
                {Letter(*row.values()) for row in letters.to_pylist()},
                self._buried(),
            ),
        )

    def _buried(self) -> Counter[Letter]:
        result: Counter[Letter] = Counter()
        for record in self.stream.received(self.stream.settings.dead_topic):
            place = records.buried_at(record.headers)
            reason = dict(record.headers)[records.REASON].decode()
            assert place
            result[Letter(reason, place.origin, place.line, place.index)] += 1
        return result


def run(
    folder: Path,
    faults: Sequence[Fault],
    least: int,
    rate: float,
    seed: int = 1,
    command: Sequence[str] = ("-m", "panelstream.flows.cli"),
    say: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Send at least `least` events, `rate` a second, while the faults come one by one."""
    began = time.monotonic()
    with drill(folder, seed, command, say) as made:
        sender = Sender(made.stream.settings, Traffic(seed), made.ledger, rate)
        sender.start()
        made.recover()  # by now the worker is at work
        made.suffer(faults)
        sender.finish(least)
        made.recover()
        verdict = made.reconcile()
        workers = made.workers
        took = time.monotonic() - began
        return Outcome(
            verdict, made.happened, took, workers.ended, workers.stopped_badly
        )


@contextmanager
def drill(
    folder: Path, seed: int, command: Sequence[str], say: Callable[[str], None]
) -> Iterator[Drill]:
    """Broker, warehouse and one worker, with undecodable records in the topic already."""
    with ExitStack() as parts:
        stream = _stream(folder)
        broker = Broker(stream.kafka)
        parts.callback(broker.close)
        broker.start()
        proxy = Proxy()
        parts.callback(proxy.close)
        warehouse = Warehouse(stream.study, stream.env, proxy)
        parts.callback(warehouse.close)
        warehouse.start()
        ledger = Ledger()
        _prepare(stream, broker, warehouse, ledger)
        env = {**stream.env, "PANELSTREAM_WAREHOUSE": proxy.dsn}
        workers = Workers(stream.study, env, command)
        parts.callback(workers.close)
        workers.join()
        yield Drill(
            stream, broker, warehouse, workers, ledger, say, random.Random(seed)
        )
    shutil.rmtree(stream.kafka.data, ignore_errors=True)


def _stream(folder: Path) -> Stream:
    study = studies.write(folder / "study", studies.BASE)
    kafka = Kafka(free_port(), folder / "kafka")
    more = {"KAFKA_PARTITIONS": str(PARTITIONS), "WORKER_MAX_AGE": "0.5"}
    env = streams.environment(kafka, study, TOPIC, **more)
    return Stream(kafka, study, TOPIC, env)


def _prepare(
    stream: Stream, broker: Broker, warehouse: Warehouse, ledger: Ledger
) -> None:
    _expect(stream.run("topics", "create"))
    _damage(stream, broker, ledger)
    entry, text = traffic.withdrawal()
    file = stream.study.parent / "withdrawal.ndjson"
    file.write_text(text)
    _expect(stream.run("ingest", str(file)))
    enter(ledger, Record(None, [entry]), "", 0)
    with warehouse.store() as store:
        # The engine refuses nothing that we accept by itself, so it is told to.
        store._client.command(
            "alter table events add constraint storable"
            f" check not startsWith(id, '{traffic.UNSTORABLE}')"
        )


def _damage(stream: Stream, broker: Broker, ledger: Ledger) -> None:
    """Records that no client can decode, two of each kind, where they lie on the disk.

    They get a segment that is closed, and flushed by a clean restart: a broker that was
    killed cuts its log off at the first batch that it finds damaged.
    """
    ways = (_unknown_compression, _wrong_magic, _wrong_checksum)
    for way in ways:
        stream.send_batch(b"damaged", b"damaged")
        stream.kafka.damage(stream.topic, way)
    origin = records.origin(stream.topic, 0)
    for offset in range(2 * len(ways)):
        lost = Record(None, (), [("unreadable_record", None)])
        enter(ledger, lost, origin, offset)
    _roll(stream, _ROLL_MS)
    time.sleep(2 * _ROLL_MS / 1000)
    stream.send(b"nonsense")
    enter(ledger, Record(None, (), [("not_json", None)]), origin, 2 * len(ways))
    _roll(stream, _WEEK_MS)
    broker.restart()


def _roll(stream: Stream, milliseconds: int) -> None:
    """After how long the topic begins a new segment."""
    change = {"segment.ms": str(milliseconds)}
    with kafka_clients.admin(stream.settings) as client:
        client.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, stream.topic, change)]
        )


def _unknown_compression(batch: bytearray) -> None:
    """Codec 7, which nobody knows, under a right checksum."""
    batch[22] |= 7
    streams.seal(batch)


def _wrong_magic(batch: bytearray) -> None:
    """The magic byte of a format of long ago.

    The byte behind it named the compression then; with an unknown one in it the
    broker itself could not find its way past the batch.
    """
    batch[16:18] = bytes(2)


def _wrong_checksum(batch: bytearray) -> None:
    """A bit of the content is another."""
    batch[-1] ^= 1


@contextmanager
def _at_once(happen: Callable[[], None]) -> Iterator[None]:
    happen()
    yield


def _expect(done: Any) -> None:
    if done.returncode != 0:
        raise RuntimeError(done.stderr)


def _insist(ask: Callable[[], dict[TopicPartition, int]]) -> dict[TopicPartition, int]:
    """Ask a broker that may just have come back."""
    end = time.monotonic() + _RECOVERY
    while True:
        try:
            return ask()
        except (PanelstreamError, KeyError):
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
