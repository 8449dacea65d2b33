"""Real processes, real faults, and a ledger of every id: nothing lost, nothing doubled.

`make test-faults` is the long run of the same harness.
"""

from collections import Counter
from pathlib import Path

import pytest

from tests.faults import drill, ledger, schedule
from tests.faults.ledger import Fate, Found, Identity, Ledger, Letter, reconcile
from tests.faults.schedule import Fault
from tests.lib import parts

COMMIT_FIRST = ("-m", "tests.faults.commit_first")
ONE, TWO, BAD = Identity("web", "1"), Identity("app", "1"), Identity("web", "2")
LETTER = Letter("not_json", "events[0]", 7, None)
COUNTS = {
    "received": 4,
    "accepted": 3,
    "rejected": 1,
    "refused": 0,
    "stored": 2,
    "duplicate": 1,
    "conflicting": 0,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for a run, where there is Kafka to run."""
    for program in ("java", "mvn"):
        parts.require(program)
    return tmp_path


def test_short_run(folder: Path) -> None:
    """Thirty thousand events, eight faults: every id has the fate it should have."""
    outcome = drill.run(folder, schedule.SHORT, least=30_000, rate=400)
    told = "\n".join([*ledger.lines(outcome.verdict), *outcome.lines()])
    assert outcome.verdict.sound, told
    assert not outcome.stopped_badly, told


def test_committing_first_loses(folder: Path) -> None:
    """The same harness finds the loss of a worker that commits before it writes.

    Everything is committed in the end, and nothing waits: lag proves nothing.
    """
    fault = Fault(schedule.WORKER_KILLED_WAITING, 0)
    outcome = drill.run(folder, [fault], least=4_000, rate=400, command=COMMIT_FIRST)
    assert outcome.verdict.lost
    assert not outcome.verdict.twice


def test_a_sound_ledger() -> None:
    """Each id seen once, the letter found and buried, the counts add up."""
    assert reconcile(_sent(), _found()).sound


def test_what_makes_a_ledger_unsound() -> None:
    """Lost, twice, where it should not be, a letter too few, one not buried, sums off."""
    seen = Counter([ONE, TWO])
    for found in (
        _found(seen=Counter([ONE])),
        _found(seen=seen + Counter([ONE])),
        _found(seen=seen + Counter([BAD])),
        _found(apart=Counter([ONE])),
        _found(letters=set()),
        _found(letters={LETTER, LETTER._replace(offset=8)}),
        _found(buried=Counter()),
        _found(counts={**COUNTS, "accepted": 2}),
        _found(counts={**COUNTS, "stored": 1, "duplicate": 2}),
    ):
        assert not reconcile(_sent(), found).sound


def _sent() -> Ledger:
    """Two events, one of them twice, and one that is rejected."""
    return Ledger(
        fates={ONE: Fate.STORED, TWO: Fate.STORED, BAD: Fate.REJECTED},
        letters={LETTER},
        sent=Counter({Fate.STORED: 3, Fate.REJECTED: 1}),
    )


def _found(**changes: object) -> Found:
    letters = {LETTER}
    result = Found(Counter([ONE, TWO]), Counter(), COUNTS, letters, Counter(letters))
    buried = Counter(changes.get("letters", letters))  # type: ignore[call-overload]
    return result._replace(**{"buried": buried, **changes})
