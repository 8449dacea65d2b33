"""From the study's plan to specifications: a pure expansion into frozen values."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from panelstream.models.study import measures
from panelstream.models.study.estimators import (
    ESTIMATOR_RULES,
    OUTCOME_HISTORY,
    PRESETS,
    Effect,
    ErrorType,
    OutcomeHistory,
)
from panelstream.models.study.study import (
    Missing,
    Planned,
    PlannedSpecification,
    Transform,
    Weights,
    Window,
)


@dataclass(frozen=True)
class Specification:
    """One regression to fit: an outcome on some exposures, and how.

    `exposures` are functions (or values of a field, or the measure itself where it is
    of the person); `columns` are their columns of the panel that was built with
    `window`; None is the window of a panel from elsewhere. `fixed` are covariates that
    do not change within a person, `varying` those that do (scores of the wave before,
    or of the same). `timing` says of which wave the exposures are: the outcome's
    (`same`), `lag k` before it or `lead k` after. `outcome_history` are earlier values
    of the outcome that enter as covariates (analysis of covariance). `post_hoc`: it was
    locked after the first answer to its outcome; None where that cannot be known. `title`
    is the plan's, if it gives one (see `wording.entitle`).
    """

    specification: str
    estimator: str
    outcome: str
    exposures: tuple[str, ...]
    measure: str
    transform: Transform
    effects: tuple[Effect, ...]
    fixed: tuple[str, ...]
    varying: tuple[str, ...]
    window: Window | None
    confirmatory: bool
    timing: str = "same"
    outcome_history: tuple[OutcomeHistory, ...] = ()
    weights: Weights = "none"
    missing: Missing = "complete"
    errors: ErrorType = "cr2"
    spacing: Literal["equal", "any"] = "equal"
    study: str = ""
    post_hoc: bool | None = False
    title: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The panel's columns of the exposures, in the same order."""
        return tuple(
            measures.column_name(name, self.measure) for name in self.exposures
        )

    @property
    def regression(self) -> str:
        """The exposures that enter one regression jointly."""
        return " + ".join(self.exposures)

    @property
    def shift(self) -> int:
        """Waves from the outcome's to the exposures': -k for a lag, k for a lead."""
        if self.timing == "same":
            return 0
        direction, waves = self.timing.split()
        return int(waves) if direction == "lead" else -int(waves)

    @property
    def seed(self) -> int:
        """Where its random numbers begin: the same for the same study and names."""
        names = (self.study, self.specification, self.outcome, *self.exposures)
        return int.from_bytes(hashlib.sha256("\x1f".join(names).encode()).digest()[:8])


def expand_plan(study: Planned) -> list[Specification]:
    """Every specification of the plan, in the plan's order; sensitivity last.

    A sensitivity preset repeats each confirmatory specification with one thing
    changed; its name is `<specification>.<preset>` and it is exploratory.
    """
    confirmatory = [
        specification
        for planned in study.plan.confirmatory
        for specification in expand_specification(planned, study, True)
    ]
    exploratory = [
        specification
        for planned in study.plan.exploratory
        for specification in expand_specification(planned, study, False)
    ]
    return [
        *confirmatory,
        *_sensitivity(confirmatory, study.plan.sensitivity),
        *exploratory,
    ]


def expand_specification(
    planned: PlannedSpecification, study: Planned, confirmatory: bool
) -> Iterator[Specification]:
    """The specifications of one entry of the plan: by outcome, then by exposures."""
    jointly = [planned.exposures] if planned.exposures else []
    if measures.measure_scope(planned.measure) == "person":
        jointly = [(planned.measure,)]
    for outcome in planned.outcomes:
        for exposures in (*jointly, *((name,) for name in planned.exposures_each)):
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
                window=planned.window or study.own_window,
                confirmatory=confirmatory,
                timing=_timing(planned),
                outcome_history=tuple(
                    kind for kind in OUTCOME_HISTORY if kind in planned.covariates
                ),
                weights=planned.weights,
                missing=planned.missing,
                errors=planned.errors,
                spacing=planned.spacing,
                title=planned.title,
                study=study.study,
            )


def previous_wave_column(score: str) -> str:
    """The panel's column of a score one wave before."""
    return f"{score}_previous"


def _effects(planned: PlannedSpecification) -> tuple[Effect, ...]:
    if planned.effects is not None:
        return planned.effects
    return ESTIMATOR_RULES[planned.estimator].effects


def _timing(planned: PlannedSpecification) -> str:
    return planned.timing or ESTIMATOR_RULES[planned.estimator].timing


def _varying(
    planned: PlannedSpecification, study: Planned, outcome: str
) -> tuple[str, ...]:
    """Scores of the wave before and of the same; never the outcome's own."""
    covariates, kinds = study.covariates, planned.covariates
    previous_wave = covariates.previous_wave if "previous_wave" in kinds else ()
    same_wave = covariates.same_wave if "same_wave" in kinds else ()
    return (
        *(previous_wave_column(score) for score in previous_wave if score != outcome),
        *(score for score in same_wave if score != outcome),
    )


def _sensitivity(
    confirmatory: Iterable[Specification], presets: Iterable[str]
) -> Iterator[Specification]:
    """Each confirmatory specification as each preset changes it, if it does."""
    for preset in presets:
        for specification in confirmatory:
            changed = replace(specification, **_changes(specification, preset))
            if changed != specification:
                name = f"{specification.specification}.{preset}"
                title = f"{changed.title} ({preset})" if changed.title else ""
                yield replace(
                    changed, specification=name, title=title, confirmatory=False
                )


def _changes(specification: Specification, preset: str) -> Mapping[str, Any]:
    """What the preset changes; its estimator's own timing where windows are unknown.

    A window of the study ends before the outcome, so that the exposure of the same
    wave comes first.
    """
    changes = PRESETS[preset]
    if specification.window is not None or "estimator" not in changes:
        return changes
    timing = ESTIMATOR_RULES[changes["estimator"]].timing
    return changes if timing == "same" else {**changes, "timing": timing}
