"""From the study's plan to specifications: a pure expansion into frozen values."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from models import measures
from models.study import (
    Effect,
    Estimator,
    PlannedSpecification,
    Preset,
    Study,
    Transform,
    Window,
)


@dataclass(frozen=True)
class Specification:
    """One regression to fit: an outcome on some exposures, and how.

    `exposures` are functions (or values of a field, or the measure itself where it is
    of the person); `columns` are their columns of the panel that was built with
    `window`. `fixed` are covariates that do not change within a person, `varying` those
    that do (scores of the wave before).
    """

    specification: str
    estimator: Estimator
    outcome: str
    exposures: tuple[str, ...]
    measure: str
    transform: Transform
    effects: tuple[Effect, ...]
    fixed: tuple[str, ...]
    varying: tuple[str, ...]
    window: Window
    confirmatory: bool
    timing: str = "same"
    weights: str = "none"
    missing: str = "complete"

    @property
    def columns(self) -> tuple[str, ...]:
        """The panel's columns of the exposures, in the same order."""
        return tuple(
            measures.column_name(name, self.measure) for name in self.exposures
        )


def expand(study: Study) -> list[Specification]:
    """Every specification of the plan, in the plan's order; sensitivity last.

    A sensitivity preset repeats each confirmatory specification with one thing
    changed; its name is `<specification>.<preset>` and it is exploratory.
    """
    confirmatory = [
        one
        for planned in study.plan.confirmatory
        for one in _each(planned, study, True)
    ]
    exploratory = [
        one
        for planned in study.plan.exploratory
        for one in _each(planned, study, False)
    ]
    return [
        *confirmatory,
        *_sensitivity(confirmatory, study.plan.sensitivity),
        *exploratory,
    ]


def previous(score: str) -> str:
    """The panel's column of a score one wave before."""
    return f"{score}_previous"


def _each(
    planned: PlannedSpecification, study: Study, confirmatory: bool
) -> Iterator[Specification]:
    jointly = [planned.exposures] if planned.exposures else []
    if measures.of(planned.measure) == "person":
        jointly = [(planned.measure,)]
    for outcome in planned.outcomes:
        for exposures in (*jointly, *((one,) for one in planned.exposures_each)):
            yield Specification(
                specification=planned.specification,
                estimator=planned.estimator,
                outcome=outcome,
                exposures=exposures,
                measure=planned.measure,
                transform=planned.transform,
                effects=_effects(planned),
                fixed=study.covariates.fixed if "fixed" in planned.covariates else (),
                varying=_varying(planned, study, outcome),
                window=planned.window or study.exposure.window,
                confirmatory=confirmatory,
            )


def _effects(planned: PlannedSpecification) -> tuple[Effect, ...]:
    if planned.effects is not None:
        return planned.effects
    return (
        ("participant", "wave") if planned.estimator == "fixed_effects" else ("wave",)
    )


def _varying(
    planned: PlannedSpecification, study: Study, outcome: str
) -> tuple[str, ...]:
    """Scores of the wave before; never the outcome's own, which would be dynamic."""
    if "previous_wave" not in planned.covariates:
        return ()
    return tuple(previous(s) for s in study.covariates.previous_wave if s != outcome)


def _sensitivity(
    confirmatory: Iterable[Specification], presets: Iterable[Preset]
) -> Iterator[Specification]:
    for preset in presets:
        for one in confirmatory:
            if one.estimator != preset:
                effects: tuple[Effect, ...] = (
                    ("participant", "wave") if preset == "fixed_effects" else ("wave",)
                )
                yield replace(
                    one,
                    specification=f"{one.specification}.{preset}",
                    estimator=preset,
                    effects=effects,
                    confirmatory=False,
                )
