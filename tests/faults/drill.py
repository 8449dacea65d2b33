"""One run: a study, its processes, the traffic, the faults, and the ledger of it all."""

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

from panelstream.ingest.kafka import clients as kafka_clients
from panelstream.ingest.kafka import records
from panelstream.models.timestamps import utc_now
from panelstream.models.warehouse.settling import settle
from tests.faults import panel_cells, schedule, traffic
from tests.faults.event_log import EventLog, Harm
from tests.faults.ledger import (
    Defect,
    Found,
    Gap,
    Identity,
    Ledger,
    Letter,
    Record,
    Verdict,
    reconcile,
)
from tests.faults.panel_cells import Comparison
from tests.faults.parties import Broker, Collector, Warehouse, Workers, wait_for
from tests.faults.proxy import Mode, Proxy
from tests.faults.schedule import Fault
from tests.faults.sender import Sender
from tests.faults.traffic import Traffic
from tests.lib import streams, studies
from tests.lib.streams import Kafka, Stream, free_port

TOPIC = "faults.events"
PARTITIONS = 6
MAX_ANSWER_SECONDS = 2.0
"""How soon a worker must say that it is alive, whatever happens."""
MAX_WORKER_BYTES = 700 << 20
MAX_WAREHOUSE_BYTES = 2 << 30
_ROLL_MS, _NEVER_MS = 200, 10**14


@dataclass(frozen=True)
class Happened:
    """A fault that was, and seconds from its end until all sent before was committed."""

    fault: Fault
    recovery: float | None


@dataclass(frozen=True)
class Outcome:
    """The ledger of a run, and what happened in it."""

    verdict: Verdict
    comparison: Comparison
    happened: Sequence[Happened]
    seconds: float
    workers: Workers
    warehouse: Warehouse

    @property
    def sound(self) -> bool:
        """Whether ids and panel are right, and every worker lived and ended well."""
        return (
            self.verdict.sound
            and self.comparison.sound
            and not any(watch.refused for watch in self.workers.watches)
            and not self.workers.stopped_badly
        )

    @property
    def within_bounds(self) -> bool:
        """Whether everything was quick and small enough; for a machine of its own."""
        return (
            self.slowest <= MAX_ANSWER_SECONDS
            and self.peak <= MAX_WORKER_BYTES
            and self.peak_warehouse <= MAX_WAREHOUSE_BYTES
        )

    @property
    def slowest(self) -> float:
        """Seconds of a worker's slowest answer to /health."""
        return max(watch.slowest for watch in self.workers.watches)

    @property
    def peak(self) -> int:
        """Bytes of memory of the largest worker."""
        return max(watch.peak for watch in self.workers.watches)

    @property
    def peak_warehouse(self) -> int:
        """Bytes of memory of the warehouse's process."""
        return max(watch.peak for watch in self.warehouse.watches)

    def lines(self) -> list[str]:
        """What is printed after the ledger."""
        kinds = Counter(entry.fault.kind for entry in self.happened)
        by_kind = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
        ended = self.workers.ended
        return [
            *self.comparison.lines(),
            f"faults        {len(self.happened)} in {self.seconds:,.0f} s: {by_kind}",
            self._recovery_line(),
            f"health        slowest answer {self.slowest:.2f} s (at most "
            f"{MAX_ANSWER_SECONDS:.0f}), of "
            f"{sum(watch.answers for watch in self.workers.watches):,}, not ok: "
            f"{sum(watch.refused for watch in self.workers.watches)}",
            f"memory        worker {self.peak >> 20} MB (at most "
            f"{MAX_WORKER_BYTES >> 20}), warehouse {self.peak_warehouse >> 20} MB (at "
            f"most {MAX_WAREHOUSE_BYTES >> 20})",
            f"workers that ended by themselves: {len(ended)} (exit codes "
            f"{sorted(set(ended))}); told to stop, and not 0: "
            f"{len(self.workers.stopped_badly)} ({sorted(self.workers.stopped_badly)})",
        ]

    def _recovery_line(self) -> str:
        measured = [entry for entry in self.happened if entry.recovery is not None]
        if not measured:
            return "recovery      not measured"
        worst = max(measured, key=lambda entry: entry.recovery or 0)
        median = statistics.median(entry.recovery or 0 for entry in measured)
        return (
            f"recovery      longest {worst.recovery:.1f} s ({worst.fault.kind} for "
            f"{worst.fault.seconds:.0f} s), median {median:.1f} s, of {len(measured)}"
        )


@dataclass
class Drill:
    """Everything of a run that is under way."""

    stream: Stream
    broker: Broker
    warehouse: Warehouse
    workers: Workers
    collector: Collector
    log: EventLog
    sender: Sender
    say: Callable[[str], None]
    rng: random.Random
    happened: list[Happened] = field(default_factory=list)
    overcome: float = 0.0
    """Seconds of recovery that a fault had before its end."""

    @property
    def ledger(self) -> Ledger:
        """What was sent."""
        return self.log.ledger

    def suffer(self, faults: Sequence[Fault]) -> None:
        """One fault after the other; some begin before the last is overcome."""
        for number, fault in enumerate(faults, start=1):
            self.overcome = 0.0
            with self.during(fault):
                time.sleep(fault.seconds)
            recovery = self.overcome + self.log.recover() if fault.recover else None
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
        if fault.kind.startswith(schedule.RESTARTED):
            return self._restarted(fault.kind.removeprefix(schedule.RESTARTED).split())
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
            schedule.GIANT_RECORD: self._giant,
            schedule.RETENTION: lambda: self._log_harmed(EventLog.delete_unread),
            schedule.TOPIC_RECREATED: lambda: self._log_harmed(EventLog.create_again),
            schedule.LOG_LOST: lambda: self._log_harmed(EventLog.lose),
        }
        return ways[fault.kind]()

    @contextmanager
    def _giant(self) -> Iterator[None]:
        """A record of 14 MB, nearly all of it rejected, and longer than most stay."""
        sent = self.sender.traffic.spoilt
        self.sender.orders.append(self.sender.traffic.giant)
        wait_for(lambda: self.sender.traffic.spoilt > sent + 80_000, "it is made")
        yield

    @contextmanager
    def _restarted(self, order: Sequence[str]) -> Iterator[None]:
        """All are killed at once and started in an order, the warehouse in its folder.

        The workers know the folder and no server, so that one that came first could
        take it.
        """
        ways = {
            "warehouse": self.warehouse.start,
            "workers": lambda: self.workers.start_all(direct=True),
            "collector": self.collector.start,
        }
        with self.workers.held(kill=True):
            self.collector.close()
            self.warehouse.close()
            yield
            for name in order:
                ways[name]()
                time.sleep(1)
            self.overcome = self.log.recover()
            record = self.sender.traffic.posted()
            self.collector.send(record.value or b"")
            self.ledger.enter(record, None)
            self.workers.stop_all()

    @contextmanager
    def _log_harmed(self, harm: Harm) -> Iterator[None]:
        """While no worker runs the log goes on, and loses something of what is new."""
        with ExitStack() as stop:
            with self.sender.held():
                self.log.recover()
                # How far a topic was read is known for good when its readers stop.
                wait_for(self._all_read, "every partition has a worker")
                stop.enter_context(self.workers.held())
            commits = self.log.commits()
            yield
            with self.sender.held():
                last_read = self.log.last_read(commits)
                gaps = harm(self.log, commits)
                if harm is not EventLog.delete_unread:
                    self.log.begin()
            for gap in gaps:
                self.log.blind(gap, last_read[gap.partition])
        wait_for(
            lambda: all(self.log.commits().get(g.partition) != g.start for g in gaps),
            "the workers go on after the gaps",
        )

    def _all_read(self) -> bool:
        return self.workers.partitions() == set(range(PARTITIONS))

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

    def reconcile(self) -> Verdict:
        """Stop the workers, and compare what was sent with what is there."""
        self.workers.finish()
        with self.warehouse.store() as store:
            settle(store)
            seen = store.select("select source, id from events final").to_pylist()
            apart = store.select("select source, id from event_conflicts final")
            letters = store.select(
                "select reason, origin, line, batch_index, origin_id"
                " from dead_letters final"
            )
            gaps = store.select(
                "select reason, partition, from_offset, until_offset from log_gaps final"
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
                {Gap(*row.values()) for row in gaps.to_pylist()},
            ),
        )

    def compare(self, verdict: Verdict) -> Comparison:
        """Make a panel, and compare it."""
        self.collector.close()
        self.warehouse.stop()
        file = self.stream.study.parent / "panel.csv"
        _expect(self.stream.run("panel", "--out", str(file)))
        return Comparison(panel_cells.expect(verdict.expected), panel_cells.read(file))

    def _buried(self) -> Counter[Letter]:
        result: Counter[Letter] = Counter()
        for record in self.stream.received(self.stream.settings.dead_topic):
            place = records.buried_at(record.headers)
            reason = dict(record.headers)[records.REASON].decode()
            assert place
            letter = Letter(
                reason, place.origin, place.line, place.index, place.origin_id
            )
            result[letter] += 1
        return result


@dataclass(frozen=True)
class Pace:
    """How the traffic comes: events a second, and of a week of the panel."""

    seed: int
    rate: float
    per_week: int


def run(
    folder: Path,
    faults: Sequence[Fault],
    least: int,
    pace: Pace,
    command: Sequence[str] = ("-m", "panelstream.flows.cli"),
    say: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Send at least `least` events at a pace while the faults come one by one."""
    began = time.monotonic()
    with drill(folder, pace, command, say) as made:
        made.sender.start()
        made.log.recover()  # by now the worker is at work
        made.suffer(faults)
        made.sender.finish(least)
        made.log.recover()
        verdict = made.reconcile()
        comparison = made.compare(verdict)
        took = time.monotonic() - began
        return Outcome(
            verdict, comparison, made.happened, took, made.workers, made.warehouse
        )


@contextmanager
def drill(
    folder: Path, pace: Pace, command: Sequence[str], say: Callable[[str], None]
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
        log = EventLog(stream, Ledger(TOPIC), PARTITIONS)
        _prepare(log, broker, warehouse)
        workers = Workers(stream.study, stream.env, proxy.dsn, command)
        parts.callback(workers.close)
        workers.join()
        collector = Collector(stream.study, stream.env)
        parts.callback(collector.close)
        sent = Traffic(pace.seed, pace.per_week)
        sender = Sender(stream.settings, sent, log.ledger, pace.rate)
        yield Drill(
            stream,
            broker,
            warehouse,
            workers,
            collector,
            log,
            sender,
            say,
            random.Random(pace.seed),
        )
    shutil.rmtree(stream.kafka.data, ignore_errors=True)


def _stream(folder: Path) -> Stream:
    study = studies.write(folder / "study", panel_cells.study())
    kafka = Kafka(free_port(), folder / "kafka")
    more = {
        "KAFKA_PARTITIONS": str(PARTITIONS),
        # Records have the times of their events, years ago.
        "KAFKA_RETENTION_DAYS": "100000",
        "WORKER_MAX_AGE": "0.5",
    }
    env = streams.environment(kafka, study, TOPIC, **more)
    return Stream(kafka, study, TOPIC, env)


def _prepare(log: EventLog, broker: Broker, warehouse: Warehouse) -> None:
    stream, ledger = log.stream, log.ledger
    _expect(stream.run("topics", "create"))
    log.begin()
    _damage(stream, broker, ledger)
    entries, text = traffic.enrolment()
    file = stream.study.parent / "enrolment.ndjson"
    file.write_text(text)
    _expect(stream.run("ingest", str(file)))
    ledger.enter(Record(None, traffic.AT, entries), None)
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
    number = 2 * len(ways)
    stream.send(b"nonsense")
    for way in ways:
        stream.send_batch(b"damaged", b"damaged")
        stream.kafka.damage(stream.topic, way)
    _roll(stream, _ROLL_MS)
    time.sleep(2 * _ROLL_MS / 1000)
    stream.send(b"nonsense")
    reasons = ["not_json", *["unreadable_record"] * number, "not_json"]
    for offset, reason in enumerate(reasons):
        # What they make unknown is years after the traffic.
        ledger.enter(Record(None, utc_now(), (), [Defect(reason, None)]), 0, offset)
    _roll(stream, _NEVER_MS)
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
