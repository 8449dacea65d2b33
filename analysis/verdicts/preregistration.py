"""Preregistration: the locked plan, and how the current plan deviates from it.

A lock freezes what decides the confirmatory results, by the keys of the study file:
each confirmatory specification, what it uses from elsewhere in the file (covariates,
the first window, the smallest effects of its outcomes, the numbers of the waves, the
adjustment, whether there are lead checks), and the scoring of the instruments that its
outcomes and covariates come from. What depends on the field work (dates of waves,
outages, clocks, consent, coverage, the catalogue) is not frozen; it is in the study's version.
Nor are the exploratory part and other sensitivity checks, which decide nothing.

A specification that is as it was locked is confirmatory. One that was changed or added
after the lock is exploratory; one that was locked and is no longer in the plan, or
changed, keeps its place in the family (`verdicts.judge`).
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from panelstream.analysis.estimation.estimators import ESTIMATORS
from panelstream.analysis.plan.specifications import Specification, expand_plan
from panelstream.analysis.verdicts.verdicts import LEAD
from panelstream.models.instruments.instrument import Instrument
from panelstream.models.study.folder import StudyFolder

Entry = Mapping[str, Any]
"""What determines one specification: keys of the study file with their values."""

Frozen = Mapping[str, Entry]
"""The entries of the confirmatory specifications by name."""

_JOINT = " + "
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
    """A plan as it was locked, and how many responses had come in by then."""

    hash: str
    frozen: Frozen
    locked_at: datetime
    responses: int
    study_version: str


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
class PlanStatus:
    """The plan's hash, its locks in order, and how it deviates from the last of them.

    `removed_after_lock` counts locked within-person coefficients that are no longer in
    the plan as they were.
    """

    hash: str
    locks: tuple[Lock, ...]
    confirmatory: tuple[str, ...]
    deviations: tuple[Deviation, ...]
    removed_after_lock: int

    @property
    def locked(self) -> bool:
        """Whether the plan is the one that was locked last."""
        return bool(self.locks) and self.locks[-1].hash == self.hash

    def lines(self) -> Iterator[str]:
        """The plan as it is, and every deviation from the lock."""
        if not self.locks:
            yield "plan not locked: nothing is confirmatory until 'panelstream plan lock'"
            return
        names = ", ".join(self.confirmatory) or "nothing"
        differs = "" if self.locked else ", and differs from the one that was locked"
        yield f"the plan is {self.hash}{differs}; confirmatory: {names}"
        yield from (f"  {deviation}" for deviation in self.deviations)

    def as_dict(self) -> dict[str, Any]:
        """For the manifest and for programs."""
        names = ("hash", "locked_at", "responses", "study_version")
        locks = [{name: getattr(lock, name) for name in names} for lock in self.locks]
        for lock in locks:
            lock["locked_at"] = lock["locked_at"].isoformat()
        return {
            "hash": self.hash,
            "locked": self.locked,
            "locks": locks,
            "confirmatory": list(self.confirmatory),
            "deviations": [asdict(deviation) for deviation in self.deviations],
            "removed_after_lock": self.removed_after_lock,
        }


def freeze_plan(folder: StudyFolder) -> Frozen:
    """The confirmatory part of the plan with all that determines it."""
    planned: dict[str, list[Specification]] = {}
    for specification in expand_plan(folder.study):
        if specification.confirmatory:
            planned.setdefault(specification.specification, []).append(specification)
    return {name: dict(_entry(folder, group)) for name, group in planned.items()}


def hash_plan(frozen: Frozen) -> str:
    """16 hex digits; the order of specifications and of keys means nothing."""
    text = json.dumps(frozen, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def compare_with_locks(folder: StudyFolder, locks: Sequence[Lock]) -> PlanStatus:
    """The study's plan compared with its `locks`, the earliest first."""
    current = freeze_plan(folder)
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
    )


def mark_confirmatory(
    specifications: Iterable[Specification], status: PlanStatus
) -> list[Specification]:
    """The specifications, confirmatory only if they are as they were locked."""
    return [
        replace(
            specification,
            confirmatory=specification.confirmatory
            and specification.specification in status.confirmatory,
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
    folder: StudyFolder, planned: Sequence[Specification]
) -> Iterator[tuple[str, Any]]:
    """What determines the specifications of one name, by outcome and exposures."""
    study, first = folder.study, planned[0]
    prefix = f"plan.confirmatory.{first.specification}"
    outcomes = list(dict.fromkeys(specification.outcome for specification in planned))
    yield f"{prefix}.estimator", first.estimator
    yield f"{prefix}.outcomes", outcomes
    yield f"{prefix}.exposures", _exposures(planned)
    yield from ((f"{prefix}.{name}", getattr(first, name)) for name in _OPTIONS)
    yield f"{prefix}.effects", list(first.effects)
    yield f"{prefix}.window", first.window.name if first.window else ""
    yield "exposure.first_window_days", study.exposure.first_window_days
    yield "covariates.fixed", list(first.fixed)
    varying = dict.fromkeys(
        name for specification in planned for name in specification.varying
    )
    yield "covariates.previous_wave", list(varying)
    for name in outcomes:
        yield f"smallest_effect.{name}", study.smallest(name)
    yield "plan.adjust", study.plan.adjust
    yield "plan.fewest_people", study.plan.fewest_people
    yield f"plan.sensitivity.{LEAD}", LEAD in study.plan.sensitivity
    yield "waves", [wave.wave for wave in study.waves]
    for instrument in folder.instruments:
        if _is_used(instrument, planned):
            yield f"instruments.{instrument.instrument}", _digest(instrument)


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
