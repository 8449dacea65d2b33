"""Which fault comes when: counts by kind, shuffled by a seed."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

WORKER_KILLED = "worker killed"
WORKER_STOPPED = "worker told to stop"
WORKER_PAUSED = "worker paused"
WORKER_KILLED_WAITING = "all workers killed twice with refused events in hand"
WORKER_JOINS = "worker joins"
WORKER_LEAVES = "worker leaves"
BROKER_KILLED = "broker killed"
BROKER_PAUSED = "broker paused"
WAREHOUSE_KILLED = "warehouse killed"
WAREHOUSE_PAUSED = "warehouse paused"
WAREHOUSE_REFUSES = "warehouse refuses inserts"
ANSWERS_LOST = "answers of the warehouse lost"
LINE_CUT = "line to the warehouse cut"
GIANT_RECORD = "record of 14 MB, 94 % rejected"
RETENTION = "retention deletes unread records"
TOPIC_RECREATED = "topic deleted and created again"
LOG_LOST = "broker loses the log"
RESTARTED = "all killed, started in the order "
ORDERS = [
    RESTARTED + " ".join(order)
    for order in permutations(("warehouse", "workers", "collector"))
]

MEMBERSHIP = (WORKER_JOINS, WORKER_JOINS, WORKER_LEAVES, WORKER_LEAVES)
"""One worker is there from the start; a second and a third come and go by turns."""

PAST_SESSION = 13.0
"""Seconds longer than a member of a group may be silent."""

PAST_EVERYTHING = 75.0
"""Seconds longer than any limit of worker, broker or warehouse client."""

LONG: Mapping[str, int] = {
    WORKER_KILLED: 8,
    WORKER_STOPPED: 5,
    WORKER_PAUSED: 4,
    WORKER_KILLED_WAITING: 4,
    WORKER_JOINS: 5,
    WORKER_LEAVES: 4,
    BROKER_KILLED: 4,
    BROKER_PAUSED: 3,
    WAREHOUSE_KILLED: 4,
    WAREHOUSE_PAUSED: 4,
    WAREHOUSE_REFUSES: 4,
    ANSWERS_LOST: 4,
    LINE_CUT: 2,
    GIANT_RECORD: 2,
    RETENTION: 2,
    TOPIC_RECREATED: 2,
    LOG_LOST: 2,
    **dict.fromkeys(ORDERS, 1),
}


@dataclass(frozen=True)
class Fault:
    """What happens, for how many seconds, and whether the next one waits for recovery."""

    kind: str
    seconds: float
    recover: bool = True


def plan(counts: Mapping[str, int], seed: int) -> list[Fault]:
    """Faults in an order of the seed's; the first refusal and pause outlast everything."""
    rng = random.Random(seed)
    moves = (WORKER_JOINS, WORKER_LEAVES)
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    rng.shuffle(kinds)
    turns = (MEMBERSHIP[n % 4] for n in range(len(kinds)))
    ordered = [next(turns) if kind in moves else kind for kind in kinds]
    longest = {ordered.index(entry) for entry in (WAREHOUSE_REFUSES, WAREHOUSE_PAUSED)}
    return [_fault(kind, rng, number in longest) for number, kind in enumerate(ordered)]


def _fault(kind: str, rng: random.Random, longest: bool) -> Fault:
    seconds = rng.uniform(1.0, 5.0)
    if kind == WORKER_PAUSED or (kind == BROKER_PAUSED and rng.random() < 0.5):
        seconds = PAST_SESSION
    return Fault(kind, PAST_EVERYTHING if longest else seconds, rng.random() < 0.7)


SHORT: Sequence[Fault] = (
    Fault(WORKER_JOINS, 0),
    Fault(WORKER_KILLED_WAITING, 0),
    Fault(ANSWERS_LOST, 3),
    Fault(WAREHOUSE_KILLED, 1, recover=False),
    Fault(RETENTION, 3),
)
"""The run of the ordinary test suite."""
