"""Locking a plan: what is frozen, what stands after a change, what results say of it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from panelstream.analysis.plan.specifications import expand_plan
from panelstream.analysis.verdicts import preregistration
from panelstream.analysis.verdicts.preregistration import Deviation
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
SIDE = {
    "specification": "side",
    "estimator": "fixed_effects",
    "outcomes": ["mood_total"],
    "exposures_each": ["story", "reaction"],
}
POOLED = {**SIDE, "specification": "pooled", "estimator": "pooled"}
Make = Callable[..., Workspace]


@pytest.fixture
def make(workspace: Make) -> Make:
    """A workspace of three waves with such confirmatory specifications."""

    def of(*confirmatory: Any, **changes: Any) -> Workspace:
        sensitivity = changes.pop("sensitivity", [])
        planned = {"confirmatory": list(confirmatory), "sensitivity": sensitivity}
        return workspace(**{"waves": WAVES, "plan": planned, **changes})

    return of


def test_a_plan_is_not_locked_at_first(make: Make) -> None:
    """Nothing is confirmatory then, and that is said."""
    plan_status = plan.read_plan(make(MAIN))
    assert not plan_status.locked
    assert plan_status.confirmatory == ()
    assert list(plan_status.lines()) == [
        "plan not locked: nothing is confirmatory until 'panelstream plan lock'"
    ]


def test_a_locked_plan_stands(make: Make, clock: HandClock) -> None:
    """With its time, its hash and the study as it was; locking it again is nothing."""
    emitter = make(MAIN, SIDE)
    clock.now = datetime(2030, 5, 1, tzinfo=UTC)
    plan_status = plan.lock_plan(emitter)
    assert plan_status.locked
    assert plan_status.confirmatory == ("main", "side")
    assert (plan_status.deviations, plan_status.removed_after_lock) == ((), 0)
    [held] = plan_status.locks
    assert (
        held.hash
        == plan_status.hash
        == preregistration.hash_plan(
            preregistration.freeze_plan(
                emitter.folder.study, emitter.folder.instruments
            )
        )
    )
    assert held.locked_at == clock.now
    assert held.study_version == emitter.folder.version
    clock.now += timedelta(days=1)
    assert plan.lock_plan(emitter) == plan_status


def test_answers_that_had_come_in_are_counted(make: Make) -> None:
    """A plan that is locked after them is another thing than one before."""
    emitter = make(MAIN)
    at = datetime(2027, 1, 12, tzinfo=UTC)
    studies.answer(emitter, [Answer("aki", 1, at), Answer("ben", 1, at)])
    studies.answer(emitter, [Answer("aki", 2, at + timedelta(days=31))])
    [held] = plan.lock_plan(emitter).locks
    assert held.responses == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Another title"},
        {
            "outages": [
                {
                    "from": "2027-02-03T00:00+09:00",
                    "to": "2027-02-04T00:00+09:00",
                    "functions": ["story"],
                }
            ]
        },
        {"waves": [{**WAVES[0], "closes_on": "2027-01-20"}, *WAVES[1:]]},
        {"sensitivity": ["pooled", "lagged"]},
    ],
)
def test_what_decides_nothing_may_change(make: Make, changes: Any) -> None:
    """Words, what the field work settles, and other sensitivity checks."""
    plan.lock_plan(make(MAIN))
    plan_status = plan.read_plan(make(MAIN, **changes))
    assert plan_status.locked
    assert plan_status.confirmatory == ("main",)


def test_the_order_of_specifications_means_nothing(make: Make) -> None:
    """Their names do."""
    plan.lock_plan(make(MAIN, SIDE))
    assert plan.read_plan(make(SIDE, MAIN)).locked


OWN = "plan.confirmatory.main"


@pytest.mark.parametrize(
    ("changed", "study", "deviations"),
    [
        (
            {"exposures": ["story"]},
            {},
            [Deviation(f"{OWN}.exposures", "story + reaction", "story")],
        ),
        (
            {"estimator": "fixed_effects"},
            {},
            [
                Deviation(f"{OWN}.estimator", "within_between", "fixed_effects"),
                Deviation(f"{OWN}.effects", "wave", "participant, wave"),
            ],
        ),
        ({"timing": "lag 1"}, {}, [Deviation(f"{OWN}.timing", "same", "lag 1")]),
        (
            {"window": {"lookback": 28}},
            {},
            [Deviation(f"{OWN}.window", "lookback_7", "lookback_28")],
        ),
        ({}, {"waves": WAVES[:2]}, [Deviation("waves", "1, 2, 3", "1, 2")]),
        (
            {},
            {"smallest_effect": {"mood_total": 0.5}},
            [Deviation("smallest_effect.mood_total", "", "0.5")],
        ),
        (
            {},
            {"sensitivity": ["lead"]},
            [Deviation("plan.sensitivity.lead", "False", "True")],
        ),
        (
            {},
            {
                "exposure": {
                    "window": {"lookback": 14},
                    "functions": ["story", "reaction"],
                }
            },
            [Deviation(f"{OWN}.window", "lookback_7", "lookback_14")],
        ),
    ],
)
def test_a_change_makes_a_specification_exploratory(
    make: Make, changed: Any, study: Any, deviations: list[Deviation]
) -> None:
    """With the keys that differ, before and after; its coefficients keep their place."""
    plan.lock_plan(make(MAIN))
    plan_status = plan.read_plan(make({**MAIN, **changed}, **study))
    assert not plan_status.locked
    assert list(plan_status.deviations) == deviations
    assert plan_status.confirmatory == ()
    assert plan_status.removed_after_lock == 2


def test_another_scoring_is_a_deviation(make: Make) -> None:
    """What an outcome is, is decided before it is seen."""
    made = make(MAIN)
    before = plan.lock_plan(made)
    path = made.folder.path / "mood.yaml"
    path.write_text(studies.MOOD.replace("[calm, awake]", "[calm]"), encoding="utf-8")
    made = studies.open_in(made.folder.path, made.store, made.clock)
    plan_status = plan.read_plan(made)
    assert plan_status.hash != before.hash
    assert [deviation.key for deviation in plan_status.deviations] == [
        "instruments.mood"
    ]


def test_what_is_unchanged_stays_confirmatory(make: Make) -> None:
    """What is added is exploratory, what is taken out keeps its place in the family."""
    plan.lock_plan(make(MAIN, SIDE, POOLED))
    new = {**MAIN, "specification": "new"}
    emitter = make(MAIN, new)
    plan_status = plan.read_plan(emitter)
    assert plan_status.confirmatory == ("main",)
    assert [str(deviation) for deviation in plan_status.deviations] == [
        "plan.confirmatory.side: planned → -",
        "plan.confirmatory.pooled: planned → -",
        "plan.confirmatory.new: - → planned",
    ]
    assert plan_status.removed_after_lock == 2
    marked = preregistration.mark_confirmatory(
        expand_plan(emitter.folder.study), plan_status
    )
    assert [(entry.specification, entry.confirmatory) for entry in marked] == [
        ("main", True),
        ("new", False),
    ]


def test_locked_again_earlier_locks_are_kept(make: Make, clock: HandClock) -> None:
    """And going back to an earlier plan is a version too."""
    first = plan.lock_plan(make(MAIN))
    clock.now += timedelta(days=1)
    second = plan.lock_plan(make(SIDE))
    clock.now += timedelta(days=1)
    third = plan.lock_plan(make(MAIN))
    assert third.locked
    assert [lock.hash for lock in third.locks] == [first.hash, second.hash, first.hash]
    assert third.as_dict()["locks"][1] == {
        "hash": second.hash,
        "locked_at": "2030-01-02T00:00:00+00:00",
        "responses": 0,
        "study_version": second.locks[-1].study_version,
        "given": {},
    }


def test_a_plan_without_anything_confirmatory_is_not_locked(make: Make) -> None:
    """One line says what is missing."""
    with pytest.raises(FileError, match="nothing confirmatory to lock"):
        plan.lock_plan(make())
