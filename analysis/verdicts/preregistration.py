"""Preregistration: the locked plan, and how the current plan deviates from it.

A lock freezes what decides the confirmatory results, by the keys of the study file:
each confirmatory specification, what it uses from elsewhere in the file (covariates,
the first window, the smallest effects of its outcomes, the numbers of the waves, the
adjustment, whether there are lead checks), and the scoring of the instruments that its
outcomes and covariates come from. What depends on the field work (dates of waves,
outages, clocks, consent, coverage, the catalogue) is not frozen; it is recorded with
the lock, and changes are listed (`conditions`).
Nor are the exploratory part and other sensitivity checks, which decide nothing.

A lock means something only if it came before the answers. Every coefficient has the
lock that introduced it: the first of the unbroken run of locks, up to the last, that
hold its regression as it is now. If that lock is later than the first answer to the
outcome in any wave of the study, the coefficient is *post hoc*: planned by somebody who
could have seen data. So is everything that checks it (sensitivity, tests). The time of
an answer is when it was given, not when it was imported.

A specification that is as it was locked is confirmatory. One that was changed or added
after the lock is exploratory; one that was locked and is no longer in the plan, or
changed, keeps its place in the family (`verdicts.judge`).
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import takewhile
from typing import Any

from panelstream.analysis.estimation.estimators import ESTIMATORS
from panelstream.analysis.plan.specifications import (
    Specification,
    expand_plan,
    previous_wave_column,
)
from panelstream.analysis.verdicts.conditions import (
    Change,
    Conditions,
    list_changes,
)
from panelstream.analysis.verdicts.verdicts import LEAD
from panelstream.models.instruments.instrument import Instrument
from panelstream.models.study.study import Planned, Study

Entry = Mapping[str, Any]
"""What determines one specification: keys of the study file with their values."""

Frozen = Mapping[str, Entry]
"""The entries of the confirmatory specifications by name."""

_JOINT = " + "
_SMALLEST, _INSTRUMENT = "smallest_effect.", "instruments."
_VARYING = "covariates.previous_wave"
_OPTIONS = (
    "measure",
    "transform",
    "timing",
    "weights",
    "missing",
    "errors",
    "spacing",
)


@dataclass(frozen=True)
class Lock:
    """A plan as it was locked, and how many responses had come in by then.

    `conditions`: what else decided use and scores then; None: not recorded. `given`: by
    wave how many people had answered by then, however late that was imported. Of a panel
    from elsewhere: the hash `registered`, and whether its data were there.
    """

    hash: str
    frozen: Frozen
    locked_at: datetime
    responses: int
    study_version: str
    conditions: Conditions | None = None
    given: Mapping[int, int] = field(default_factory=dict)
    registered: str = ""
    after_data: bool = False


@dataclass(frozen=True)
class Deviation:
    """A key of the study file that differs from the lock; empty text: no such key."""

    key: str
    before: str
    after: str

    def __str__(self) -> str:
        """One line for a reader."""
        return f"{self.key}: {self.before or '-'} → {self.after or '-'}"


@dataclass(frozen=True)
class WaveTimes:
    """When a wave is open, in words, and when its first answer was given, if it was."""

    wave: int
    open: str
    first_answer: datetime | None


@dataclass(frozen=True)
class PlanStatus:
    """The plan's hash, its locks in order, and how it deviates from the last of them.

    `removed_after_lock` counts locked within-person coefficients that are no longer in
    the plan as they were. `frozen` is the plan as it is; `first_answers` has by outcome
    the time of the first answer in any wave, None where no such time can be known.
    `changes` are of the conditions since a lock; `waves` has when each was open and when
    its first answer was given. `post_hoc` names the confirmatory specifications with
    their outcomes that were locked after the first answer.
    """

    hash: str
    locks: tuple[Lock, ...]
    confirmatory: tuple[str, ...]
    deviations: tuple[Deviation, ...]
    removed_after_lock: int
    frozen: Frozen = field(default_factory=dict, repr=False)
    first_answers: Mapping[str, datetime] | None = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    waves: tuple[WaveTimes, ...] = ()
    post_hoc: tuple[str, ...] = ()

    @property
    def locked(self) -> bool:
        """Whether the plan is the one that was locked last."""
        return bool(self.locks) and self.locks[-1].hash == self.hash

    def introduced_by(self, specification: Specification) -> Lock | None:
        """The lock from which on the coefficients have always been as they are.

        A sensitivity check has the lock of what it checks. None: not locked.
        """
        name = specification.specification.partition(".")[0]
        if name not in self.confirmatory:
            return None
        terms = specification.outcome, specification.regression
        current = _regression(self.frozen, name, *terms)
        run = takewhile(
            lambda lock: _agree(_regression(lock.frozen, name, *terms), current),
            reversed(self.locks),
        )
        return next(reversed(list(run)), None)

    def is_post_hoc(self, specification: Specification) -> bool | None:
        """Whether the lock came after the first answer; None: that cannot be known."""
        lock = self.introduced_by(specification)
        if lock is None:
            return False
        if lock.after_data:
            return True
        if self.first_answers is None:
            return None
        first = self.first_answers.get(specification.outcome)
        return first is not None and lock.locked_at > first

    def lines(self) -> Iterator[str]:
        """The plan as it is, and every deviation from the lock."""
        if not self.locks:
            yield "plan not locked: nothing is confirmatory until 'panelstream plan lock'"
            return
        names = ", ".join(self.confirmatory) or "nothing"
        differs = "" if self.locked else ", and differs from the one that was locked"
        yield f"the plan is {self.hash}{differs}; confirmatory: {names}"
        yield from (f"  {deviation}" for deviation in self.deviations)
        if self.post_hoc:
            yield f"post hoc, as locked after the first answer: {self._late()}"
        if self._is_unknown:
            yield "whether the locks came before the answers cannot be known"
        if self.changes:
            yield "changes of what decides use and scores since the plan was locked:"
        yield from (f"  {change}" for change in self.changes)

    @property
    def _is_unknown(self) -> bool:
        """Whether a lock may have come before the answers or after them."""
        early = [lock for lock in self.locks if not lock.after_data]
        return self.first_answers is None and bool(early)

    def _late(self) -> str:
        """What is post hoc, or that all of it is."""
        is_all = set(self.post_hoc) == set(_outcomes_of(self.frozen, self.confirmatory))
        return "all that is confirmatory" if is_all else ", ".join(self.post_hoc)

    def as_dict(self) -> dict[str, Any]:
        """For the manifest and for programs."""
        names = ("hash", "locked_at", "responses", "study_version")
        locks = [{name: getattr(lock, name) for name in names} for lock in self.locks]
        for lock, entry in zip(locks, self.locks, strict=True):
            lock["locked_at"] = entry.locked_at.isoformat()
            lock["given"] = {str(wave): count for wave, count in entry.given.items()}
            if entry.registered:
                lock["registered"] = entry.registered
        return {
            "hash": self.hash,
            "locked": self.locked,
            "locks": locks,
            "confirmatory": list(self.confirmatory),
            "deviations": [asdict(deviation) for deviation in self.deviations],
            "removed_after_lock": self.removed_after_lock,
            "post_hoc": list(self.post_hoc),
            "changes": [asdict(change) for change in self.changes],
            "waves": [
                {**asdict(wave), "first_answer": _instant(wave.first_answer)}
                for wave in self.waves
            ],
        }


def freeze_plan(study: Planned, instruments: Sequence[Instrument] = ()) -> Frozen:
    """The confirmatory part of the plan with all that determines it."""
    planned: dict[str, list[Specification]] = {}
    for specification in expand_plan(study):
        if specification.confirmatory:
            planned.setdefault(specification.specification, []).append(specification)
    return {
        name: dict(_entry(study, instruments, group)) for name, group in planned.items()
    }


def hash_plan(frozen: Frozen) -> str:
    """16 hex digits; the order of specifications and of keys means nothing."""
    text = json.dumps(frozen, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def compare_with_locks(
    study: Planned,
    instruments: Sequence[Instrument],
    locks: Sequence[Lock],
    first_answers: Mapping[str, datetime] | None,
    conditions: Conditions | None = None,
) -> PlanStatus:
    """The study's plan, and its `conditions`, compared with its `locks`, earliest first.

    `first_answers`: by outcome, as `PlanStatus` has them.
    """
    status = _compare_plans(freeze_plan(study, instruments), locks, first_answers)
    planned = [entry for entry in expand_plan(study) if entry.confirmatory]
    locked = [
        (version, specification)
        for specification in planned
        if (version := _locked_since(status, specification))
    ]
    states = [*(lock.conditions for lock in locks), conditions]
    late = [
        f"{specification.specification}: {specification.outcome}"
        for specification in planned
        if status.is_post_hoc(specification)
    ]
    return replace(
        status,
        changes=tuple(list_changes(states, locked)) if conditions else (),
        post_hoc=tuple(dict.fromkeys(late)),
    )


def _locked_since(status: PlanStatus, specification: Specification) -> int:
    """The version of the lock that introduced it; 0: none.

    Of one that is not as it was locked, the first version that has its name.
    """
    name, lock = specification.specification, status.introduced_by(specification)
    versions = [
        version
        for version, entry in enumerate(status.locks, start=1)
        if (entry is lock if lock else name in entry.frozen)
    ]
    return versions[0] if versions else 0


def _compare_plans(
    current: Frozen,
    locks: Sequence[Lock],
    first_answers: Mapping[str, datetime] | None,
) -> PlanStatus:
    locked: Frozen = locks[-1].frozen if locks else {}
    unchanged = tuple(name for name in current if locked.get(name) == current[name])
    return PlanStatus(
        hash=hash_plan(current),
        locks=tuple(locks),
        confirmatory=unchanged,
        deviations=tuple(list_deviations(locked, current)) if locks else (),
        removed_after_lock=sum(
            _count_coefficients(name, entry)
            for name, entry in locked.items()
            if name not in unchanged
        ),
        frozen=current,
        first_answers=first_answers,
    )


def mark_confirmatory(
    specifications: Iterable[Specification], status: PlanStatus
) -> list[Specification]:
    """The specifications, confirmatory only if they are as they were locked.

    Those, and their checks, are post hoc if the lock came after the first answer.
    """
    return [
        replace(
            specification,
            confirmatory=specification.confirmatory
            and specification.specification in status.confirmatory,
            post_hoc=status.is_post_hoc(specification),
        )
        for specification in specifications
    ]


def list_deviations(locked: Frozen, current: Frozen) -> Iterator[Deviation]:
    """Every key that differs, once; a specification in one of the two, as a whole."""
    listed: set[str] = set()
    for name in dict.fromkeys((*locked, *current)):
        if name not in locked or name not in current:
            old, new = ("planned" if name in plan else "" for plan in (locked, current))
            yield Deviation(f"plan.confirmatory.{name}", old, new)
            continue
        for key in dict.fromkeys((*locked[name], *current[name])):
            values = [plan[name].get(key) for plan in (locked, current)]
            if values[0] != values[1] and key not in listed:
                listed.add(key)
                yield Deviation(key, *map(_text, values))


def _entry(
    study: Planned, instruments: Sequence[Instrument], planned: Sequence[Specification]
) -> Iterator[tuple[str, Any]]:
    """What determines the specifications of one name, by outcome and exposures."""
    first = planned[0]
    prefix = f"plan.confirmatory.{first.specification}"
    outcomes = list(dict.fromkeys(specification.outcome for specification in planned))
    yield f"{prefix}.estimator", first.estimator
    yield f"{prefix}.outcomes", outcomes
    yield f"{prefix}.exposures", _exposures(planned)
    yield from ((f"{prefix}.{name}", getattr(first, name)) for name in _OPTIONS)
    yield f"{prefix}.effects", list(first.effects)
    yield f"{prefix}.window", first.window.name if first.window else ""
    if isinstance(study, Study):
        yield "exposure.first_window_days", study.exposure.first_window_days
    yield "covariates.fixed", list(first.fixed)
    varying = dict.fromkeys(
        name for specification in planned for name in specification.varying
    )
    yield _VARYING, list(varying)
    if first.outcome_history:
        yield f"{prefix}.outcome_history", list(first.outcome_history)
    for name in outcomes:
        yield f"{_SMALLEST}{name}", study.smallest_effect.get(name)
    yield "plan.adjust", study.plan.adjust
    yield "plan.fewest_people", study.plan.fewest_people
    yield f"plan.sensitivity.{LEAD}", LEAD in study.plan.sensitivity
    if isinstance(study, Study):
        yield "waves", [wave.wave for wave in study.waves]
    for instrument in instruments:
        if _is_used(instrument, planned):
            yield f"{_INSTRUMENT}{instrument.instrument}", _digest(instrument)


def _regression(
    frozen: Frozen, name: str, outcome: str, exposures: str
) -> Entry | None:
    """What determines one regression of a specification; None if it is not planned.

    The other outcomes and exposures of the specification do not.
    """
    entry, prefix = frozen.get(name), f"plan.confirmatory.{name}"
    if entry is None or outcome not in entry[f"{prefix}.outcomes"]:
        return None
    if exposures not in entry[f"{prefix}.exposures"]:
        return None
    coefficient_keys = {f"{prefix}.outcomes", f"{prefix}.exposures"}
    coefficient_keys |= {f"{_SMALLEST}{name}" for name in entry[f"{prefix}.outcomes"]}
    terms = {key: value for key, value in entry.items() if key not in coefficient_keys}
    varying = set(entry[_VARYING]) - {previous_wave_column(outcome)}
    smallest = entry.get(f"{_SMALLEST}{outcome}")
    return {**terms, _VARYING: sorted(varying), "smallest": smallest}


def _agree(locked: Entry | None, current: Entry | None) -> bool:
    """Whether two regressions are determined by the same, as far as both say it.

    An instrument of one alone belongs to another outcome.
    """
    if locked is None or current is None:
        return False
    return all(
        locked.get(key) == current.get(key)
        for key in {**locked, **current}
        if not key.startswith(_INSTRUMENT) or (key in locked and key in current)
    )


def _outcomes_of(frozen: Frozen, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        outcomes = frozen[name][f"plan.confirmatory.{name}.outcomes"]
        yield from (f"{name}: {outcome}" for outcome in outcomes)


def _instant(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _exposures(planned: Sequence[Specification]) -> list[str]:
    """Exposures; those that enter one regression jointly are joined."""
    return list(
        dict.fromkeys(_JOINT.join(specification.exposures) for specification in planned)
    )


def _count_coefficients(name: str, entry: Entry) -> int:
    """How many within-person coefficients a specification has."""
    prefix = f"plan.confirmatory.{name}"
    if "within" not in ESTIMATORS[entry[f"{prefix}.estimator"]].components:
        return 0
    terms = sum(len(names.split(_JOINT)) for names in entry[f"{prefix}.exposures"])
    return terms * len(entry[f"{prefix}.outcomes"])


def _is_used(instrument: Instrument, planned: Sequence[Specification]) -> bool:
    """Whether outcomes or covariates come from the instrument."""
    names = {
        name
        for specification in planned
        for name in (specification.outcome, *specification.fixed)
    }
    names |= {
        name.removesuffix("_previous")
        for specification in planned
        for name in specification.varying
    }
    items = {item.code for item in instrument.items}
    return bool(names & {*instrument.score_columns, *items})


def _digest(instrument: Instrument) -> str:
    return hashlib.sha256(instrument.model_dump_json().encode()).hexdigest()[:16]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
