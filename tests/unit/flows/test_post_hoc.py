"""What was locked after the first answer, and what changed since a lock."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from panelstream.analysis.plan.specifications import expand_plan
from panelstream.analysis.verdicts import conditions as conditions_of_study
from panelstream.analysis.verdicts import preregistration
from panelstream.flows import plan
from panelstream.flows.workspace import Workspace
from panelstream.models.errors import FileError
from tests.lib import studies
from tests.lib.studies import Answer, HandClock

WAVES = [
    {
        "wave": number,
        "opens_on": f"2027-0{number}-11",
        "closes_on": f"2027-0{number}-17",
    }
    for number in (1, 2, 3)
]
MAIN = {
    "specification": "main",
    "estimator": "within_between",
    "outcomes": ["mood_total"],
    "exposures": ["story", "reaction"],
}
EACH = {
    "specification": "each",
    "estimator": "fixed_effects",
    "outcomes": ["mood_total"],
    "exposures_each": ["story"],
}
FIRST = datetime(2027, 1, 12, 3, tzinfo=UTC)
"""When the first answer is given; it is imported in 2030."""
Make = Callable[..., Workspace]


@pytest.fixture
def make(workspace: Make) -> Make:
    """A workspace of three waves with such confirmatory specifications."""

    def of(*confirmatory: Any, **changes: Any) -> Workspace:
        sensitivity = changes.pop("sensitivity", [])
        planned = {"confirmatory": list(confirmatory), "sensitivity": sensitivity}
        return workspace(**{"waves": WAVES, "plan": planned, **changes})

    return of


def lock(emitter: Workspace, clock: HandClock, at: datetime) -> Workspace:
    """Lock the plan at an instant."""
    clock.now = at
    plan.lock_plan(emitter)
    return emitter


def arrive(emitter: Workspace, clock: HandClock) -> None:
    """Two people answer wave 1, one of them wave 2; all of it is imported in 2030."""
    clock.now = studies.START
    later = timedelta(days=31)
    studies.answer(emitter, [Answer("aki", 1, FIRST), Answer("ben", 1, FIRST + later)])
    studies.answer(emitter, [Answer("aki", 2, FIRST + later)])


def post_hoc(emitter: Workspace) -> dict[tuple[str, str], bool | None]:
    """By specification and regression of the plan."""
    specifications = expand_plan(emitter.folder.study)
    marked = preregistration.mark_confirmatory(specifications, plan.read_plan(emitter))
    return {(entry.specification, entry.regression): entry.post_hoc for entry in marked}


@pytest.mark.parametrize(("days", "late"), [(-1, False), (1, True)])
def test_the_time_of_the_first_answer_decides(
    make: Make, clock: HandClock, days: int, late: bool
) -> None:
    """Not its import in 2030, which is after both locks; checks are as what they check."""
    emitter = make(MAIN, sensitivity=["pooled"])
    lock(emitter, clock, FIRST + timedelta(days=days))
    assert plan.read_plan(emitter).locks[0].responses == 0
    arrive(emitter, clock)
    names = ("main", "main.pooled")
    assert post_hoc(emitter) == {(name, "story + reaction"): late for name in names}
    status = plan.read_plan(emitter)
    assert status.post_hoc == (("main: mood_total",) if late else ())
    line = "post hoc, as locked after the first answer: all that is confirmatory"
    assert (line in status.lines()) == late


def test_only_what_was_added_late_is_post_hoc(make: Make, clock: HandClock) -> None:
    """Per coefficient: an exposure that joins a specification says nothing of the others."""
    lock(make(MAIN, EACH), clock, FIRST - timedelta(days=2))
    added = {**EACH, "exposures_each": ["story", "reaction"]}
    emitter = lock(make(MAIN, added), clock, FIRST + timedelta(days=2))
    arrive(emitter, clock)
    assert post_hoc(emitter) == {
        ("main", "story + reaction"): False,
        ("each", "story"): False,
        ("each", "reaction"): True,
    }


def test_what_was_taken_out_and_put_back_is_new(make: Make, clock: HandClock) -> None:
    """The lock that put it back introduced it: data could have been seen in between."""
    lock(make(MAIN, EACH), clock, FIRST - timedelta(days=3))
    lock(make(EACH), clock, FIRST - timedelta(days=2))
    emitter = lock(make(MAIN, EACH), clock, FIRST + timedelta(days=2))
    arrive(emitter, clock)
    assert post_hoc(emitter) == {
        ("main", "story + reaction"): True,
        ("each", "story"): False,
    }


def test_the_lock_stands_beside_the_waves(make: Make, clock: HandClock) -> None:
    """With the dates of each wave, its first answer, and who had answered by the lock."""
    emitter = lock(make(MAIN), clock, FIRST + timedelta(days=2))
    arrive(emitter, clock)
    shown = plan.read_plan(emitter).as_dict()
    assert shown["locks"][0]["given"] == {"1": 1}
    assert shown["waves"] == [
        {
            "wave": 1,
            "open": "2027-01-11 to 2027-01-17",
            "first_answer": "2027-01-12T03:00:00+00:00",
        },
        {
            "wave": 2,
            "open": "2027-02-11 to 2027-02-17",
            "first_answer": "2027-02-12T03:00:00+00:00",
        },
        {"wave": 3, "open": "2027-03-11 to 2027-03-17", "first_answer": None},
    ]


OUTAGE = {
    "from": "2027-02-03T00:00+09:00",
    "to": "2027-02-04T00:00+09:00",
    "functions": ["story"],
}


@pytest.mark.parametrize(
    ("changes", "key", "before", "after", "touches"),
    [
        (
            {"timezone": "Asia/Seoul"},
            "timezone",
            "Asia/Tokyo",
            "Asia/Seoul",
            "every estimate that was locked",
        ),
        (
            {"waves": [{**WAVES[0], "closes_on": "2027-01-20"}, *WAVES[1:]]},
            "waves.1",
            "2027-01-11 to 2027-01-17",
            "2027-01-11 to 2027-01-20",
            "every estimate that was locked",
        ),
        (
            {"outages": [{**OUTAGE, "functions": ["reaction"]}]},
            "outages.2027-02-03T00:00:00+09:00/2027-02-04T00:00:00+09:00",
            "",
            "reaction: missing",
            "main: mood_total",
        ),
        (
            {"outages": [OUTAGE]},
            "outages.2027-02-03T00:00:00+09:00/2027-02-04T00:00:00+09:00",
            "",
            "story: missing",
            "every estimate that was locked",
        ),
        (
            {"coverage": "heartbeats"},
            "coverage",
            "assumed",
            "heartbeats",
            "every estimate that was locked",
        ),
    ],
)
def test_a_changed_condition_is_listed_with_what_it_touches(
    make: Make,
    clock: HandClock,
    changes: Any,
    key: str,
    before: str,
    after: str,
    touches: str,
) -> None:
    """`main` has story and reaction, `each` story alone. Both stay confirmatory."""
    lock(make(MAIN, EACH), clock, FIRST - timedelta(days=2))
    status = plan.read_plan(make(MAIN, EACH, **changes))
    assert status.confirmatory == ("main", "each")
    [change] = status.changes
    assert (change.key, change.before, change.after) == (key, before, after)
    assert (change.version, change.touches) == (1, touches)


def test_locking_again_hides_no_change(make: Make, clock: HandClock) -> None:
    """It stays listed for what the earlier lock introduced, and for nothing else."""
    lock(make(MAIN), clock, FIRST - timedelta(days=3))
    moved = {"timezone": "Asia/Seoul"}
    emitter = lock(make(MAIN, EACH, **moved), clock, FIRST - timedelta(days=2))
    status = plan.read_plan(emitter)
    assert status.locked
    assert [str(change) for change in status.changes] == [
        "timezone: Asia/Tokyo → Asia/Seoul (since version 1; every estimate that was locked)"
    ]
    lock(make(EACH, **moved), clock, FIRST - timedelta(days=1))
    assert plan.read_plan(make(EACH, **moved)).changes == ()


def test_another_scoring_is_told_item_by_item(make: Make, clock: HandClock) -> None:
    """Before and after, where the lock's digest only says that something differs."""
    emitter = lock(make(MAIN), clock, FIRST - timedelta(days=2))
    path = emitter.folder.path / "mood.yaml"
    path.write_text(studies.MOOD.replace("[calm, awake]", "[calm]"), encoding="utf-8")
    changed = studies.open_in(emitter.folder.path, emitter.store, clock)
    conditions = conditions_of_study.list_conditions(changed.folder)
    assert conditions["instruments.mood.scales.total"].value == (
        "sum of calm; 0 may be missing"
    )
    status = plan.read_plan(changed)
    assert [deviation.key for deviation in status.deviations] == ["instruments.mood"]
    assert [(change.key, change.before, change.after) for change in status.changes] == [
        (
            "instruments.mood.scales.total",
            "sum of calm, awake; 0 may be missing",
            "sum of calm; 0 may be missing",
        ),
    ]


def test_a_lock_of_an_earlier_program_says_what_it_lacks(make: Make) -> None:
    """It recorded no conditions, so no change of them can be excluded."""
    emitter = make(MAIN)
    plan.lock_plan(emitter)
    [held] = plan.read_locks(emitter.store)
    status = preregistration.compare_with_locks(
        emitter.folder.study,
        emitter.folder.instruments,
        [replace(held, conditions=None)],
        {},
        conditions_of_study.list_conditions(emitter.folder),
    )
    assert [change.key for change in status.changes] == ["all conditions"]


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("frozen", "{}", "does not have the hash"),
        ("frozen", "", "has no readable plan"),
        ("text", "", "has lost its study file"),
        ("conditions", "{", "has no readable plan"),
    ],
)
def test_a_damaged_lock_is_refused(
    make: Make, column: str, value: str, problem: str
) -> None:
    """In one line that says which lock, and what to do."""
    emitter = make(MAIN)
    plan.lock_plan(emitter)
    [row] = emitter.store.query("plan_locks", as_of=studies.START).to_pylist()
    place = "the warehouse's plan_locks"
    with pytest.raises(FileError, match=problem) as caught:
        plan.read_lock({**row, column: value}, place)
    line = str(caught.value)
    assert line.startswith(f"{place}: the lock of 2030-01-01T00:00:00+00:00")
    assert "restore it from a backup" in line
    assert caught.value.exit_code == 3
