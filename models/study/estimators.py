"""What a plan may ask of each estimator; `analysis/estimation/estimators/` fits them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

Effect = Literal["participant", "wave"]

OutcomeHistory = Literal["baseline", "previous_outcome"]
"""The outcome's own value as a covariate: of the person's first wave, or of the wave before."""

OUTCOME_HISTORY: tuple[OutcomeHistory, ...] = get_args(OutcomeHistory)

ErrorType = Literal["cr2", "cr1"]
"""A covariance that is clustered by person: corrected by Bell and McCaffrey with
Satterthwaite's degrees of freedom, or by a factor with persons - 1."""


@dataclass(frozen=True)
class OneOf:
    """Annotates a text field: it takes one of `names`, as a `Literal` would."""

    names: Sequence[str]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Called by pydantic when it builds the field."""
        return core_schema.literal_schema(list(self.names))


@dataclass(frozen=True, kw_only=True)
class EstimatorRules:
    """An estimator by its name in a plan, and what a plan may do with it.

    Not `confirmatory` is an estimator that rests on too many assumptions to decide
    anything by itself. `preset`: its name is a sensitivity check too. One that
    `absorbs_persons` has fixed effects of persons. `timing` is that of a
    specification that gives none. `corrects_errors`: it has the errors that a
    specification asks for; others have their own. `outcome_history` are the earlier
    values of the outcome that it may adjust for.
    """

    name: str
    confirmatory: bool
    preset: bool
    absorbs_persons: bool = False
    timing: str = "same"
    corrects_errors: bool = True
    outcome_history: tuple[OutcomeHistory, ...] = ()

    @property
    def effects(self) -> tuple[Effect, ...]:
        """The effects of a specification that gives none."""
        return ("participant", "wave") if self.absorbs_persons else ("wave",)

    @property
    def changes(self) -> Mapping[str, Any]:
        """What the preset of this name changes in a confirmatory specification."""
        return {"estimator": self.name, "effects": self.effects}

    def outcome_history_problem(self, kinds: Iterable[OutcomeHistory]) -> str:
        """Why one of these values of the outcome is no covariate of it; empty if all may be."""
        for kind in kinds:
            if kind not in self.outcome_history:
                able = [r.name for r in _RULES if kind in r.outcome_history]
                reason = _BASELINE if kind == "baseline" else _PREVIOUS_OUTCOME
                return f"{reason}; use {', '.join(able)}"
        return ""


_BASELINE = (
    "the outcome's value at the first wave is the same in all of a person's rows, so "
    "that person effects and changes take it away"
)
_PREVIOUS_OUTCOME = (
    "the outcome of the wave before is biased as a covariate where a person's own level "
    "or mean is in the model (Nickell 1981)"
)


_RULES = (
    EstimatorRules(
        name="pooled",
        confirmatory=True,
        preset=True,
        outcome_history=("baseline", "previous_outcome"),
    ),
    EstimatorRules(
        name="between", confirmatory=True, preset=False, outcome_history=("baseline",)
    ),
    EstimatorRules(
        name="random_effects",
        confirmatory=True,
        preset=False,
        outcome_history=("baseline",),
    ),
    EstimatorRules(
        name="fixed_effects", confirmatory=True, preset=True, absorbs_persons=True
    ),
    EstimatorRules(name="first_difference", confirmatory=True, preset=True),
    EstimatorRules(
        name="within_between",
        confirmatory=True,
        preset=False,
        outcome_history=("baseline",),
    ),
    EstimatorRules(
        name="gee", confirmatory=True, preset=True, outcome_history=("baseline",)
    ),
    EstimatorRules(
        name="fe_ordered_logit", confirmatory=True, preset=True, absorbs_persons=True
    ),
    EstimatorRules(
        name="fe_poisson", confirmatory=False, preset=True, absorbs_persons=True
    ),
    EstimatorRules(
        name="random_slopes",
        confirmatory=False,
        preset=True,
        outcome_history=("baseline",),
    ),
    EstimatorRules(name="gmm", confirmatory=False, preset=True, corrects_errors=False),
    EstimatorRules(
        name="ri_clpm",
        confirmatory=False,
        preset=True,
        timing="lag 1",
        corrects_errors=False,
    ),
)

ESTIMATOR_RULES: Mapping[str, EstimatorRules] = {rules.name: rules for rules in _RULES}
"""By name: every estimator that a plan may name."""

CURVE_ESTIMATORS = ("fixed_effects", "within_between", "first_difference")
"""Of a specification curve: each has a within estimate in points of the outcome, so
that all answer the same question."""

PRESETS: Mapping[str, Mapping[str, Any]] = {
    **{rules.name: rules.changes for rules in _RULES if rules.preset},
    "lagged": {"timing": "lag 1"},
    "lead": {"timing": "lead 1"},
    "any_use": {"transform": "any"},
    "weighted_first_difference": {
        **ESTIMATOR_RULES["first_difference"].changes,
        "weights": "attrition",
    },
    "imputed": {"missing": "imputed"},
    "delta": {"missing": "delta"},
}
"""What each sensitivity preset changes in a confirmatory specification."""

EstimatorName = Annotated[str, OneOf(tuple(ESTIMATOR_RULES))]


def _preset(value: Any) -> Any:
    if value == "weighted":
        raise ValueError(
            "weighted fixed effects correct no dropout; write weighted_first_difference "
            "or imputed"
        )
    return value


PresetName = Annotated[str, OneOf(tuple(PRESETS)), BeforeValidator(_preset)]
