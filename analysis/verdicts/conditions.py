"""Conditions: what decides use and scores besides the plan, and changes of it.

A lock does not freeze what the field work settles (dates of waves, outages, clocks,
consent, coverage, the catalogue), as it can become known only later. But each of
these decides numbers, so a lock records them, and every later change is listed with
its value before and after, and the estimates that it touches.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from panelstream.analysis.plan.specifications import Specification
from panelstream.models.instruments.instrument import Instrument, Item, Scale
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.study import Study, Wave

EVERYTHING = "every estimate that was locked"
NOTHING = "no estimate that was locked"
NOT_RECORDED = "all conditions"
"""The key of a change from a lock that recorded none."""

_PREVIOUS = "_previous"


@dataclass(frozen=True)
class Condition:
    """A value, and whose numbers it decides: empty is all functions, all outcomes."""

    value: str
    functions: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Condition":
        """What `asdict` made, through JSON."""
        functions, outcomes = tuple(fields["functions"]), tuple(fields["outcomes"])
        return cls(fields["value"], functions, outcomes)


Conditions = Mapping[str, Condition]
"""By key: of the study file, or with the prefix `catalogue.` or `instruments.`."""


@dataclass(frozen=True)
class Change:
    """A condition that changed after a version of the lock; empty text: no such key.

    `touches`: the specifications with the outcomes whose numbers it decides.
    """

    version: int
    key: str
    before: str
    after: str
    touches: str

    def __str__(self) -> str:
        """One line for a reader."""
        values = f"{self.before or '-'} → {self.after or '-'}"
        return f"{self.key}: {values} (since version {self.version}; {self.touches})"


def list_conditions(folder: StudyFolder) -> dict[str, Condition]:
    """The conditions of a study, by key."""
    return {
        **dict(_of_study(folder.study)),
        **dict(_of_catalogue(folder)),
        **{
            f"instruments.{instrument.instrument}.{key}": condition
            for instrument in folder.instruments
            for key, condition in _of_instrument(instrument)
        },
    }


def list_changes(
    states: Sequence[Conditions | None],
    planned: Sequence[tuple[int, Specification]],
) -> Iterator[Change]:
    """What changed from each lock to the next, and from the last to now.

    `states`: the conditions of each lock, the earliest first, then the present ones;
    None where none were recorded. `planned`: the specifications, each with the version
    (from 1) of the lock that introduced it: earlier changes do not touch it.
    """
    for version, (before, after) in enumerate(pairwise(states), start=1):
        locked = [entry for since, entry in planned if since <= version]
        if locked:
            yield from _changes(version, before, after, locked)


def _changes(
    version: int,
    before: Conditions | None,
    after: Conditions | None,
    locked: Sequence[Specification],
) -> Iterator[Change]:
    if before is None or after is None:
        yield Change(version, NOT_RECORDED, "not recorded", "unknown", EVERYTHING)
        return
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key), after.get(key)
        if (old and old.value) != (new and new.value):
            before_text, after_text = (
                condition.value if condition else "" for condition in (old, new)
            )
            touches = _touches(old, new, locked)
            yield Change(version, key, before_text, after_text, touches)


def _touches(
    old: Condition | None, new: Condition | None, locked: Sequence[Specification]
) -> str:
    conditions = [condition for condition in (old, new) if condition]
    functions = _united(condition.functions for condition in conditions)
    outcomes = _united(condition.outcomes for condition in conditions)
    touched = [
        entry
        for entry in locked
        if _uses_function(entry, functions) and _uses_score(entry, outcomes)
    ]
    if len(touched) == len(locked):
        return EVERYTHING
    names = dict.fromkeys(
        f"{entry.specification}: {entry.outcome}" for entry in touched
    )
    return ", ".join(names) or NOTHING


def _united(parts: Iterable[tuple[str, ...]]) -> frozenset[str]:
    """All the names; none, which is all there are, where a part has none."""
    sets = [frozenset(part) for part in parts]
    return frozenset().union(*sets) if all(sets) else frozenset()


def _uses_function(specification: Specification, functions: frozenset[str]) -> bool:
    """Whether one of its exposures is, as they enter jointly; so is one of the person."""
    exposures = set(specification.exposures)
    of_person = exposures == {specification.measure}
    return not functions or of_person or bool(exposures & functions)


def _uses_score(specification: Specification, outcomes: frozenset[str]) -> bool:
    varying = (name.removesuffix(_PREVIOUS) for name in specification.varying)
    scores = {specification.outcome, *specification.fixed, *varying}
    return not outcomes or bool(scores & outcomes)


def _of_study(study: Study) -> Iterator[tuple[str, Condition]]:
    for key in ("timezone", "enrolment", "platform_opened", "coverage"):
        yield key, Condition(str(getattr(study, key)))
    yield from _flat("consent", study.model_dump(mode="json", by_alias=True)["consent"])
    yield "exposure.window", Condition(study.exposure.window.name)
    yield (
        "exposure.first_window_days",
        Condition(_text(study.exposure.first_window_days)),
    )
    for function, groups in study.exposure.measured_for.items():
        condition = Condition(", ".join(groups), functions=(function,))
        yield f"exposure.measured_for.{function}", condition
    for wave in study.waves:
        yield f"waves.{wave.wave}", Condition(describe_wave(wave))
    for outage in study.outages:
        key = f"outages.{outage.start.isoformat()}/{outage.end.isoformat()}"
        value = f"{', '.join(outage.functions)}: {outage.handling}"
        yield key, Condition(value, functions=outage.functions)
    for correction in study.clock_corrections:
        key = f"clock_corrections.{correction.source}.{correction.start.isoformat()}"
        until = correction.end.isoformat()
        yield key, Condition(f"{correction.shift_text} until {until}")
    for outcome in study.outcomes:
        value = _text(study.smallest(outcome))
        yield f"smallest_effect.{outcome}", Condition(value, outcomes=(outcome,))
    yield "plan.fewest_people", Condition(_text(study.plan.fewest_people))


def describe_wave(wave: Wave) -> str:
    """When it is open."""
    if wave.opens_on is not None:
        return f"{wave.opens_on} to {wave.closes_on}"
    return f"{wave.opens_after_days} days from enrolment, {wave.open_days} days long"


def _flat(key: str, value: Any) -> Iterator[tuple[str, Condition]]:
    """The leaves of a mapping, lists of mappings by their place."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _flat(f"{key}.{name}", part)
    else:
        yield key, Condition(_text(value))


def _of_catalogue(folder: StudyFolder) -> Iterator[tuple[str, Condition]]:
    """The functions of types, and which types take others back."""
    for name, event_type in folder.catalogue.types.items():
        function = folder.catalogue.affected_function(name)
        if not function:
            continue
        prefix, own = f"catalogue.types.{name}", (function,)
        if event_type.withdraws:
            yield f"{prefix}.withdraws", Condition(event_type.withdraws, functions=own)
        else:
            yield f"{prefix}.function", Condition(function, functions=own)


def _of_instrument(instrument: Instrument) -> Iterator[tuple[str, Condition]]:
    """How its answers become scores; not what its texts say."""
    for item in instrument.items:
        scores = tuple(
            instrument.column(scale)
            for scale in instrument.scales
            if item.code in scale.items
        )
        condition = Condition(_describe_item(item), outcomes=scores or (item.code,))
        yield f"items.{item.code}", condition
    for scale in instrument.scales:
        column = instrument.column(scale)
        yield f"scales.{scale.code}", Condition(_describe_scale(scale), (), (column,))


def _describe_item(item: Item) -> str:
    if item.choices:
        return f"one of {', '.join(item.choices)}"
    low, high = item.range
    turned = ", reversed" if item.reversed else ""
    without = item.not_applicable
    return f"{low} to {high}{turned}" + (
        "" if without is None else f", {without} does not apply"
    )


def _describe_scale(scale: Scale) -> str:
    if scale.delivered:
        return f"delivered, {_text(scale.low)} to {_text(scale.high)}"
    reach = f", at least {scale.at_least}" if scale.method in ("count", "any") else ""
    allowed = f"{scale.missing.allowed} may be missing"
    return f"{scale.method} of {', '.join(scale.items)}{reach}; {allowed}"


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
