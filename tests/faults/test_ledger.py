"""Real processes and faults, and a ledger: nothing lost or doubled, no false zero.

`make test-faults` is the long run of the same harness.
"""

from collections import Counter
from pathlib import Path

import pytest

from tests.faults import drill, ledger, panel_cells, schedule
from tests.faults.drill import Pace
from tests.faults.ledger import (
    Act,
    Blind,
    Defect,
    Entry,
    Fate,
    Found,
    Gap,
    Identity,
    Ledger,
    Letter,
    Record,
    reconcile,
)
from tests.faults.panel_cells import Cell, Comparison
from tests.faults.schedule import Fault
from tests.faults.traffic import AT, WEEK
from tests.lib import parts

COMMIT_FIRST = ("-m", "tests.faults.commit_first")
ONE, TWO, BAD = Identity("web", "1"), Identity("app", "1"), Identity("web", "2")
LETTER = Letter("not_json", "events[0]", 7, None)
COUNTS = {
    "received": 5,
    "accepted": 4,
    "rejected": 1,
    "refused": 0,
    "stored": 2,
    "duplicate": 2,
    "conflicting": 0,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for a run, where there is Kafka to run."""
    for program in ("java", "mvn"):
        parts.require(program)
    return tmp_path


def test_short_run(folder: Path) -> None:
    """Twenty thousand events, five faults: ids, dead letters, gaps and panel are right.

    Everything has the fate that it should have, retention's victims are missing and
    no others, and each count of the panel is the number or null as an oracle says.
    """
    pace = Pace(seed=1, rate=400, per_week=1_500)
    outcome = drill.run(folder, schedule.SHORT, 20_000, pace)
    told = "\n".join([*ledger.lines(outcome.verdict), *outcome.lines()])
    assert outcome.sound, told


def test_committing_first_loses(folder: Path) -> None:
    """The same harness finds the loss of a worker that commits before it writes.

    Everything is committed in the end, and nothing waits: lag proves nothing. And the
    panel states numbers that are wrong.
    """
    fault, pace = Fault(schedule.WORKER_KILLED_WAITING, 0), Pace(1, 400, 1_500)
    outcome = drill.run(folder, [fault], 4_000, pace, command=COMMIT_FIRST)
    assert outcome.verdict.lost
    assert not outcome.verdict.twice
    assert outcome.comparison.wrong


def test_a_sound_ledger() -> None:
    """Each id seen once, the letter found and buried, the counts add up."""
    assert reconcile(_sent(), _found()).sound


def test_what_makes_a_ledger_unsound() -> None:
    """Lost, twice, where it should not be, a letter too few, one not buried, sums off,
    a gap that nobody made."""
    seen = Counter([ONE, TWO])
    for found in (
        _found(seen=Counter([ONE])),
        _found(seen=seen + Counter([ONE])),
        _found(seen=seen + Counter([BAD])),
        _found(apart=Counter([ONE])),
        _found(letters=set()),
        _found(letters={LETTER, LETTER._replace(offset=8)}),
        _found(buried=Counter()),
        _found(counts={**COUNTS, "accepted": 3}),
        _found(counts={**COUNTS, "stored": 1, "duplicate": 3}),
        _found(gaps={Gap("retention", 0, 1, 2)}),
    ):
        assert not reconcile(_sent(), found).sound


def test_what_the_log_lost() -> None:
    """Ids of deleted records must be missing, with a gap; a copy elsewhere is enough."""
    sent, gap = _sent(), Gap("retention", 0, 5, 6)
    sent.lose(0, 5, 6)
    sent.gaps.add(gap)
    counts = {**COUNTS, "received": 3, "accepted": 2, "duplicate": 0}
    assert reconcile(sent, _found(gaps={gap}, counts=counts)).sound
    sent.lose(0, 6, 7)
    assert reconcile(sent, _found(gaps={gap}, counts=counts)).wrong == [TWO, ONE]
    fewer = {**COUNTS, **dict.fromkeys(COUNTS, 0), "received": 1, "rejected": 1}
    lost = _found(gaps={gap}, counts=fewer, seen=Counter())
    assert reconcile(sent, lost).sound
    assert not reconcile(sent, lost._replace(gaps=set())).sound


def test_what_the_panel_must_say() -> None:
    """Two events of Monday, one of another week; a rejected one, and a day of everybody."""
    monday = panel_cells.MONDAY
    later = monday + WEEK
    blind = [Blind(monday, monday, "p0", "story"), Blind(later, later)]
    acts = [Act("p1", "story", monday)] * 2 + [Act("p1", "story", monday + 2 * WEEK)]
    sent = Ledger(blind=blind)
    for number, act in enumerate(acts):
        entry = Entry(Identity("web", str(number)), Fate.STORED, act)
        sent.enter(Record(None, AT, [entry]), None)
    cells = panel_cells.expect(sent.expect())
    assert [cells[Cell("p0", "story", week)] for week in range(3)] == [None, None, 0]
    assert [cells[Cell("p1", "story", week)] for week in range(3)] == [2, None, 1]
    assert [cells[Cell("p0", "cycle", week)] for week in range(3)] == [0, None, 0]
    assert Comparison(cells, cells).wrong == {}
    changed = {**cells, Cell("p0", "story", 0): 0, Cell("p0", "cycle", 2): None}
    assert set(Comparison(cells, changed).wrong) == {
        Cell("p0", "story", 0),
        Cell("p0", "cycle", 2),
    }


def test_what_conflicts_make_unknown() -> None:
    """Two events under one id, of which one is hidden: was it an act of its own?"""
    act = Act("p0", "story", panel_cells.MONDAY)
    sent = Ledger()
    for conflicts in (False, True):
        entry = Entry(Identity("web", "1"), Fate.STORED, act)
        sent.enter(Record(None, AT, [entry], conflicts=conflicts), None)
    cells = panel_cells.expect(sent.expect())
    assert (cells[Cell("p0", "story", 0)], cells[Cell("p0", "cycle", 0)]) == (None, 0)


def _sent() -> Ledger:
    """Two events, one record of both sent twice, and one event that is rejected."""
    result = Ledger()
    both = Record(None, AT, [Entry(ONE, Fate.STORED), Entry(TWO, Fate.STORED)])
    result.enter(both, 0, 5)
    result.enter(both, 0, 6)
    bad = Record(None, AT, [Entry(BAD, Fate.REJECTED)], [Defect("not_json", None)])
    result.enter(bad, 0, 7)
    return result


def _found(**changes: object) -> Found:
    letters = {LETTER}
    result = Found(Counter([ONE, TWO]), Counter(), COUNTS, letters, Counter(letters))
    buried = Counter(changes.get("letters", letters))  # type: ignore[call-overload]
    return result._replace(**{"buried": buried, **changes})
