"""The estimators, by the name that a plan gives them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from panelstream.analysis.estimation.estimators import (
    between,
    first_difference,
    fixed_effects,
    gee,
    gmm,
    pooled,
    random_effects,
    ri_clpm,
    within_between,
)
from panelstream.analysis.estimation.fit import Fit
from panelstream.analysis.plan.specifications import Specification

Fitter = Callable[[Specification, pd.DataFrame], Fit]


@dataclass(frozen=True)
class Registration:
    """How to fit, which components each exposure gets, and what may be asked.

    `fewest_waves` are waves in which the outcome must be known; `weighted` says
    that `Design.weights` are heeded.
    """

    fit: Fitter
    components: tuple[str, ...]
    absorbs_persons: bool = False
    weighted: bool = False
    fewest_waves: int = 1


ESTIMATORS: Mapping[str, Registration] = {
    "pooled": Registration(pooled.fit, ("pooled",), weighted=True),
    "between": Registration(between.fit, ("between",)),
    "random_effects": Registration(random_effects.fit, ("pooled",), fewest_waves=2),
    "fixed_effects": Registration(
        fixed_effects.fit,
        ("within",),
        absorbs_persons=True,
        weighted=True,
        fewest_waves=2,
    ),
    "first_difference": Registration(
        first_difference.fit, ("within",), weighted=True, fewest_waves=2
    ),
    "within_between": Registration(
        within_between.fit, ("within", "between"), weighted=True, fewest_waves=2
    ),
    "gee": Registration(gee.fit, ("within", "between"), fewest_waves=2),
    "gmm": Registration(gmm.fit, ("within",), fewest_waves=gmm.FEWEST_WAVES),
    "ri_clpm": Registration(ri_clpm.fit, ri_clpm.COMPONENTS),
}
