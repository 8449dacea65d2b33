"""What an estimator says of itself, in one value at the end of its module.

Nothing has a default: the author of an estimator decides on each. What a plan may do
with it is in `models.study.estimators`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from panelstream.analysis.estimation.design import Design
from panelstream.analysis.estimation.fit import Diagnostic, Fit
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Vector

Fitter = Callable[[Specification, pd.DataFrame], Fit]

Diagnose = Callable[[Specification, Design], Iterable[Diagnostic]]

Solve = Callable[[Vector, Vector], Vector]
"""Coefficients of a fit's terms, in their order, by weights (n,) of a design's rows
whose persons count so often (n,); NaN where none is estimable."""

Scale = Literal["points", "log odds or log rate"]
"""What an estimate is in, for one unit of the term; `points` are of the outcome."""


@dataclass(frozen=True, kw_only=True)
class Registration:
    """How to fit an estimator, and what its numbers are.

    Each exposure gets a term for each of `components`. `fewest_waves` are waves in
    which the outcome must be known. `weighted_solver` makes from a design what a
    person bootstrap solves in each draw; None if `Design.weights` are not used, so
    that a plan cannot ask for weights. `diagnostics` describe the fitted data and the
    influence of persons; None if there is nothing beyond the fit's own tests.
    `decisive` are those of them that verdicts rest on.
    """

    name: str
    fit: Fitter
    components: tuple[str, ...]
    scale: Scale
    fewest_waves: int
    weighted_solver: Callable[[Design], Solve] | None
    decisive: Diagnose | None
    diagnostics: Diagnose | None
