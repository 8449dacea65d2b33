"""What the plan allows to be said of its confirmatory coefficients.

The family is every within-person coefficient of every confirmatory
specification, also one that could not be estimated: it counts as p = 1, so that
no later failure makes the others look stronger. Two hypotheses are tested of
each, and each of the two sets is adjusted by Holm's method (1979, Scand. J.
Stat. 6): that the coefficient is 0, and that it lies outside the smallest effect
of interest (two one-sided tests, Schuirmann 1987, J. Pharmacokinet. Biopharm.
15). At 5 %:

| differs from 0? | smaller than the smallest effect? | verdict                   |
| --------------- | --------------------------------- | ------------------------- |
| yes             | no                                | associated                |
| yes             | yes                               | associated but negligible |
| no              | yes                               | negligible                |
| no              | no                                | undecided                 |
| no number       | no number                         | not estimated             |

The smallest effect is in points of the outcome for one active day a week more:
it speaks about untransformed `days_per_week` only. Elsewhere the second answer is
no.
"""

import numpy as np
import pandas as pd
from scipy import stats

from analysis.design import Mask, Vector
from models.study import Study

ALPHA = 0.05
VERDICTS = {
    (True, False): "associated",
    (True, True): "associated but negligible",
    (False, True): "negligible",
    (False, False): "undecided",
}
NOT_ESTIMATED = "not estimated"
"""The verdict on a planned coefficient without a number: the data were not asked."""


def judge(estimates: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The estimates with `p_adjusted`, `equivalence_p` and `verdict` filled in.

    `p_adjusted` and `verdict` are for the family only; `equivalence_p`, not
    adjusted, for every within row to which the smallest effect applies.
    """
    family = _within(estimates) & estimates["confirmatory"].to_numpy(dtype=np.bool_)
    smallest = _smallest(estimates, study)
    adjusted = holm(_numbers(estimates, "p_value"), family)
    equivalence = equivalence_p(
        _numbers(estimates, "estimate"),
        _numbers(estimates, "std_error"),
        _numbers(estimates, "df"),
        smallest,
    )
    negligible = holm(equivalence, family & ~np.isnan(smallest)) < ALPHA
    return estimates.assign(
        p_adjusted=adjusted,
        equivalence_p=equivalence,
        verdict=np.where(family, _verdicts(adjusted, negligible), ""),
    )


def holm(p_values: Vector, family: Mask) -> Vector:
    """Holm's adjusted p-values (n,) of the `family` (n,), NaN for all others.

    A NaN in the family keeps its place in the count and stays NaN.
    """
    adjusted = np.full(len(p_values), np.nan)
    p = np.nan_to_num(p_values[family], nan=1.0)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    members = np.flatnonzero(family)
    adjusted[members[order]] = np.minimum(steps, 1.0)
    return np.where(np.isnan(p_values), np.nan, adjusted)


def equivalence_p(
    estimates: Vector, std_errors: Vector, df: Vector, smallest: Vector
) -> Vector:
    """The larger p (n,) of the two one-sided t tests of |effect| >= smallest (n,)."""
    above_low = stats.t.sf((estimates + smallest) / std_errors, df)
    below_high = stats.t.cdf((estimates - smallest) / std_errors, df)
    return np.asarray(np.maximum(above_low, below_high))


def _verdicts(adjusted: Vector, negligible: Mask) -> list[str]:
    return [
        NOT_ESTIMATED if np.isnan(p) else VERDICTS[bool(p < ALPHA), bool(small)]
        for p, small in zip(adjusted, negligible, strict=True)
    ]


def _within(estimates: pd.DataFrame) -> Mask:
    return (estimates["component"] == "within").to_numpy(dtype=np.bool_)


def _smallest(estimates: pd.DataFrame, study: Study) -> Vector:
    """The smallest effect of each row (n,); NaN where it says nothing."""
    known = {name: study.smallest(name) for name in estimates["outcome"].unique()}
    values = estimates["outcome"].map(known).to_numpy(dtype=np.float64)
    unit = (estimates["measure"] == "days_per_week") & (
        estimates["transform"] == "none"
    )
    return np.where(_within(estimates) & unit, values, np.nan)


def _numbers(estimates: pd.DataFrame, column: str) -> Vector:
    return estimates[column].to_numpy(dtype=np.float64)
