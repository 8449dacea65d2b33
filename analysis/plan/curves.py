"""From the study's plan to the specifications of its specification curves.

A specification curve shows an estimate under every combination of choices that could
as well have been made (Simonsohn, Simmons & Nelson 2020, Nature Human Behaviour 4).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from panelstream.analysis.plan.specifications import Specification, expand_specification
from panelstream.models.study.estimators import ESTIMATOR_RULES, Effect
from panelstream.models.study.study import (
    CovariateKind,
    Exclusion,
    Planned,
    PlannedSpecification,
    Sign,
)

SAME = "the same regression as another combination"
WEIGHTED_EXCLUSION = "weights are for the answers of everybody"


@dataclass(frozen=True)
class Branch:
    """One combination of alternatives; `planned` is that of the start."""

    specification: Specification
    covariates: tuple[CovariateKind, ...]
    exclude: Exclusion
    planned: bool


@dataclass(frozen=True)
class Curve:
    """The combinations of one regression: the same outcome on the same exposures.

    `left_out` counts those that are not fitted, by reason. `permutations` are those of
    its test, and `predicted` is the sign that was expected, if any was.
    """

    name: str
    branches: tuple[Branch, ...]
    left_out: Mapping[str, int]
    permutations: int
    predicted: Sign | None

    @property
    def start(self) -> Specification:
        """The specification that it starts from, as an entry of the curve."""
        return next(entry.specification for entry in self.branches if entry.planned)


def expand_curves(study: Planned) -> list[Curve]:
    """The plan's specification curves: one for each regression of its starts."""
    return [
        curve for start in study.plan.curve_starts for curve in _curves(start, study)
    ]


def _curves(start: PlannedSpecification, study: Planned) -> Iterator[Curve]:
    declared = study.plan.specification_curve
    assert declared is not None
    expanded = [
        _branches(start, choices, study)
        for choices in _combinations(declared.forks.alternatives)
    ]
    for branches in zip(*expanded, strict=True):
        valid, left_out = _valid(branches)
        yield Curve(
            name=start.specification,
            branches=tuple(valid),
            left_out=left_out,
            permutations=declared.permutations,
            predicted=declared.predicted.get(valid[0].specification.outcome),
        )


def _combinations(
    alternatives: Mapping[str, tuple[Any, ...]],
) -> Iterator[dict[str, Any]]:
    for choices in product(*alternatives.values()):
        yield dict(zip(alternatives, choices, strict=True))


def _branches(
    start: PlannedSpecification, choices: Mapping[str, Any], study: Planned
) -> list[Branch]:
    """The start with these choices: a branch for each of its regressions."""
    fields = {name: value for name, value in choices.items() if name != "exclude"}
    estimator = choices.get("estimator", start.estimator)
    if estimator != start.estimator:
        fields["effects"] = _effects(start, estimator)
    planned = start.model_copy(update=fields)
    exclude = choices.get("exclude", "nobody")
    specifications = list(expand_specification(planned, study, False))
    unchanged = list(expand_specification(start, study, False))
    is_start = exclude == "nobody" and specifications == unchanged
    name = f"{start.specification}.curve"
    return [
        Branch(
            replace(specification, specification=name),
            planned.covariates,
            exclude,
            is_start,
        )
        for specification in specifications
    ]


def _effects(start: PlannedSpecification, estimator: str) -> tuple[Effect, ...]:
    """Those of another estimator, with waves only if the start has them."""
    default_effects = ESTIMATOR_RULES[start.estimator].effects
    waves = "wave" in (default_effects if start.effects is None else start.effects)
    effects = ESTIMATOR_RULES[estimator].effects
    return effects if waves else tuple(name for name in effects if name != "wave")


def _valid(branches: Sequence[Branch]) -> tuple[list[Branch], Mapping[str, int]]:
    """The branches to fit, and how many are left out for which reason."""
    valid: dict[tuple[Specification, Exclusion], Branch] = {}
    reasons = Counter[str]()
    # The start comes first, so that it is what a same regression repeats.
    for branch in sorted(branches, key=lambda entry: not entry.planned):
        key = (branch.specification, branch.exclude)
        if branch.exclude != "nobody" and branch.specification.weights != "none":
            reasons[WEIGHTED_EXCLUSION] += 1
        elif key in valid:
            reasons[SAME] += 1
        else:
            valid[key] = branch
    return list(valid.values()), reasons
