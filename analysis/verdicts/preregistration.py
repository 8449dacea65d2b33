"""The plan beside its lock: what is frozen, what stands, what deviates.

Frozen is what decides the confirmatory results, by the keys of the study file: each
confirmatory specification as it is, with what it takes from elsewhere in the file
(covariates, the first window, the smallest effects of its outcomes, the numbers of
the waves, the adjustment, whether leads are asked) and the scoring of the
instruments that its outcomes and covariates come from. What the field work
settles (dates of waves, outages, consent, coverage, the catalogue) is not frozen;
it is in the study's version. Nor are other sensitivity checks and the exploratory
part, which nothing is decided by.

A specification that is as it was locked is confirmatory. One that was changed or
added since is exploratory; one that was locked and is planned no more, or otherwise,
keeps its place in the family (`judgement.judge`).
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from panelstream.analysis.estimation.estimators import ESTIMATORS
from panelstream.analysis.plan.specifications import Specification, expand
from panelstream.analysis.verdicts.verdicts import LEAD
from panelstream.models.instruments.instrument import Instrument
from panelstream.models.study.folder import StudyFolder

Entry = Mapping[str, Any]
"""What decides one specification: keys of the study file with their values."""

Frozen = Mapping[str, Entry]
"""The entries of the confirmatory specifications by name."""

_TOGETHER = " + "
_OWN = ("measure", "transform", "timing", "weights", "missing", "spacing")


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
    """A key of the study file that is not as it was locked; empty: not there."""

    key: str
    before: str
    after: str

    def __str__(self) -> str:
        """As a reader is shown it."""
        return f"{self.key}: {self.before or '-'} → {self.after or '-'}"


@dataclass(frozen=True)
class Standing:
    """The plan's hash, its locks in order, what stands of the last, what does not.

    `absent` counts locked within-person coefficients that are not planned as they
    were.
    """

    hash: str
    locks: tuple[Lock, ...]
    confirmatory: tuple[str, ...]
    deviations: tuple[Deviation, ...]
    absent: int

    @property
    def locked(self) -> bool:
        """Whether the plan is the one that was locked last."""
        return bool(self.locks) and self.locks[-1].hash == self.hash

    def lines(self) -> Iterator[str]:
        """What there is to say of the plan as it is, and every deviation."""
        if not self.locks:
            yield "plan not locked: nothing is confirmatory until 'panelstream plan lock'"
            return
        kept = ", ".join(self.confirmatory) or "nothing"
        differs = "" if self.locked else ", and differs from the one that was locked"
        yield f"the plan is {self.hash}{differs}; confirmatory: {kept}"
        yield from (f"  {one}" for one in self.deviations)

    def as_dict(self) -> dict[str, Any]:
        """For the manifest and for programs."""
        names = ("hash", "locked_at", "responses", "study_version")
        locks = [{name: getattr(one, name) for name in names} for one in self.locks]
        for one in locks:
            one["locked_at"] = one["locked_at"].isoformat()
        return {
            "hash": self.hash,
            "locked": self.locked,
            "locks": locks,
            "confirmatory": list(self.confirmatory),
            "deviations": [asdict(one) for one in self.deviations],
            "absent": self.absent,
        }


def freeze(folder: StudyFolder) -> Frozen:
    """The confirmatory part of the plan with all that determines it."""
    planned: dict[str, list[Specification]] = {}
    for one in expand(folder.study):
        if one.confirmatory:
            planned.setdefault(one.specification, []).append(one)
    return {name: dict(_entry(folder, ones)) for name, ones in planned.items()}


def hash_of(frozen: Frozen) -> str:
    """16 hex digits; the order of specifications and of keys means nothing."""
    text = json.dumps(frozen, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def stand(folder: StudyFolder, locks: Sequence[Lock]) -> Standing:
    """The study's plan beside its `locks`, the earliest first."""
    now = freeze(folder)
    locked: Frozen = locks[-1].frozen if locks else {}
    kept = tuple(name for name in now if locked.get(name) == now[name])
    return Standing(
        hash=hash_of(now),
        locks=tuple(locks),
        confirmatory=kept,
        deviations=tuple(differences(locked, now)) if locks else (),
        absent=sum(
            _coefficients(name, one) for name, one in locked.items() if name not in kept
        ),
    )


def mark(
    specifications: Iterable[Specification], standing: Standing
) -> list[Specification]:
    """The specifications, confirmatory only where the lock has them."""
    kept = standing.confirmatory
    return [
        replace(one, confirmatory=one.confirmatory and one.specification in kept)
        for one in specifications
    ]


def differences(before: Frozen, after: Frozen) -> Iterator[Deviation]:
    """Every key that differs, once; a specification that is in one only, as a whole."""
    seen: set[str] = set()
    for name in dict.fromkeys((*before, *after)):
        if name not in before or name not in after:
            old, new = ("planned" if name in one else "" for one in (before, after))
            yield Deviation(f"plan.confirmatory.{name}", old, new)
            continue
        for key in dict.fromkeys((*before[name], *after[name])):
            values = [one[name].get(key) for one in (before, after)]
            if values[0] != values[1] and key not in seen:
                seen.add(key)
                yield Deviation(key, *map(_text, values))


def _entry(
    folder: StudyFolder, planned: Sequence[Specification]
) -> Iterator[tuple[str, Any]]:
    """What decides the specifications of one name, which differ in what they ask."""
    study, first = folder.study, planned[0]
    own = f"plan.confirmatory.{first.specification}"
    outcomes = list(dict.fromkeys(one.outcome for one in planned))
    yield f"{own}.estimator", first.estimator
    yield f"{own}.outcomes", outcomes
    yield f"{own}.exposures", _exposures(planned)
    yield from ((f"{own}.{name}", getattr(first, name)) for name in _OWN)
    yield f"{own}.effects", list(first.effects)
    yield f"{own}.window", first.window.name if first.window else ""
    yield "exposure.first_window_days", study.exposure.first_window_days
    yield "covariates.fixed", list(first.fixed)
    varying = dict.fromkeys(name for one in planned for name in one.varying)
    yield "covariates.previous_wave", list(varying)
    for name in outcomes:
        yield f"smallest_effect.{name}", study.smallest(name)
    yield "plan.adjust", study.plan.adjust
    yield f"plan.sensitivity.{LEAD}", LEAD in study.plan.sensitivity
    yield "waves", [one.wave for one in study.waves]
    for one in folder.instruments:
        if _asked(one, planned):
            yield f"instruments.{one.instrument}", _digest(one)


def _exposures(planned: Sequence[Specification]) -> list[str]:
    """Those that enter together, together."""
    return list(dict.fromkeys(_TOGETHER.join(one.exposures) for one in planned))


def _coefficients(name: str, entry: Entry) -> int:
    """How many within-person coefficients a specification has."""
    own = f"plan.confirmatory.{name}"
    if "within" not in ESTIMATORS[entry[f"{own}.estimator"]].components:
        return 0
    terms = sum(len(one.split(_TOGETHER)) for one in entry[f"{own}.exposures"])
    return terms * len(entry[f"{own}.outcomes"])


def _asked(instrument: Instrument, planned: Sequence[Specification]) -> bool:
    """Whether outcomes or covariates come from the instrument."""
    names = {name for one in planned for name in (one.outcome, *one.fixed)}
    names |= {x.removesuffix("_previous") for one in planned for x in one.varying}
    items = {item.code for item in instrument.items}
    return bool(names & {*instrument.score_columns, *items})


def _digest(instrument: Instrument) -> str:
    return hashlib.sha256(instrument.model_dump_json().encode()).hexdigest()[:16]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return "" if value is None else str(value)
