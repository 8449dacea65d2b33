"""The estimators, by the name that a plan gives them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from analysis.design import Design
from analysis.estimators import fixed_effects, pooled, within_between
from analysis.estimators.fits import Fit
from analysis.specifications import Specification


@dataclass(frozen=True)
class Registration:
    """How to fit, which components each exposure gets, if persons are absorbed."""

    fit: Callable[[Specification, Design], Fit]
    components: tuple[str, ...]
    absorbs_persons: bool


ESTIMATORS: Mapping[str, Registration] = {
    "pooled": Registration(pooled.fit, ("pooled",), False),
    "fixed_effects": Registration(fixed_effects.fit, ("within",), True),
    "within_between": Registration(within_between.fit, ("within", "between"), False),
}
