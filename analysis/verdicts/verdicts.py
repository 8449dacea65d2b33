"""Verdicts: what the preregistered plan allows to be concluded from its coefficients.

The family is every within-person coefficient of every confirmatory
specification, also one that could not be estimated: it counts as p = 1, so that
no later failure makes the others look stronger. So does one that was locked and
is no longer in the plan. Two hypotheses are tested of each, and each of the two sets is
adjusted by Holm's method (1979, Scand. J. Stat. 6): that the coefficient is 0,
and that it lies outside the smallest effect of interest (two one-sided tests,
Schuirmann 1987, J. Pharmacokinet. Biopharm. 15). At 5 %:

| differs from 0? | smaller than the smallest effect? | verdict                   |
| --------------- | --------------------------------- | ------------------------- |
| yes             | no                                | associated                |
| yes             | yes                               | associated but negligible |
| no              | yes                               | negligible                |
| no              | no                                | undecided                 |
| no number       | no number                         | not estimated             |

The false discovery rate of Benjamini and Hochberg (1995, J. R. Stat. Soc. B 57) is
given too, and decides nothing.

The smallest effect is in points of the outcome for one active day a week more:
it applies to untransformed `days_per_week` only, or to one unit of a column of a
panel from elsewhere, and to estimators whose scale is points. Elsewhere the second
answer is no.

A confirmatory specification of the exposure of the same wave may have a
counterpart in the plan's sensitivity checks, which includes the next wave's
exposure too (`lead`). What comes after an outcome cannot have led to it: where a
lead is not zero, the outcome leads to use, or something else leads to both, and the
coefficients of that specification and outcome are not what they seem. By Holm's
method over the leads of one specification and outcome, at 5 %, such a
specification's verdicts are all *undecided: feedback or confounding*. Its family
is its own leads, because it tests the assumption of one fit: a longer plan shall
not lower its power.
"""

from collections.abc import Iterator
from dataclasses import asdict
from math import ceil, floor, log10
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from panelstream.analysis.estimation.clustered import Wald
from panelstream.analysis.estimation.estimators import ESTIMATORS
from panelstream.analysis.estimation.fit import Diagnostic, f_test
from panelstream.analysis.plan.conventions import ALPHA
from panelstream.models.arrays import Mask, Vector
from panelstream.models.study.measures import AS_IS
from panelstream.models.study.study import Planned

VERDICTS = {
    (True, False): "associated",
    (True, True): "associated but negligible",
    (False, True): "negligible",
    (False, False): "undecided",
}
NOT_ESTIMATED = "not estimated"
"""The verdict on a planned coefficient without a number."""

FEEDBACK = "undecided: feedback or confounding"
"""The verdict on a specification whose lead is not zero."""

LEAD = "lead"
"""The preset, and the test, of the exposure of the next wave."""


def judge(
    estimates: pd.DataFrame, study: Planned, removed_after_lock: int = 0
) -> pd.DataFrame:
    """The estimates with all that rests on the whole family filled in.

    `p_adjusted`, `p_bh`, `equivalence_adjusted` and `verdict` are for the family
    only; `equivalence_p`, not adjusted, for every within row to which the smallest
    effect applies. `removed_after_lock` counts locked coefficients that are no longer
    in the plan.
    """
    family = _family(estimates)
    smallest = _smallest(estimates, study)
    p_values = _numbers(estimates, "p_value")
    adjusted = holm(p_values, family, removed_after_lock)
    equivalence = equivalence_p(
        _numbers(estimates, "estimate"),
        _numbers(estimates, "std_error"),
        _numbers(estimates, "df"),
        smallest,
    )
    equivalent = holm(equivalence, family & ~np.isnan(smallest), removed_after_lock)
    verdicts = np.array(_verdicts(adjusted, equivalent < ALPHA), dtype=object)
    doubted = _doubted(estimates) & ~np.isnan(adjusted)
    return estimates.assign(
        p_adjusted=adjusted,
        p_bh=benjamini_hochberg(p_values, family, removed_after_lock),
        equivalence_p=equivalence,
        equivalence_adjusted=equivalent,
        verdict=np.where(family, np.where(doubted, FEEDBACK, verdicts), ""),
    )


def explain(
    judged: pd.DataFrame, study: Planned, removed_after_lock: int = 0
) -> pd.DataFrame:
    """The judged estimates, where undecided with the sample that would decide."""
    needed = deciding_sample(
        _numbers(judged, "std_error"),
        _numbers(judged, "df"),
        _numbers(judged, "n_participants"),
        _smallest(judged, study),
        int(_family(judged).sum()) + removed_after_lock,
    )
    undecided = judged["verdict"] == VERDICTS[False, False]
    rows = zip(judged["note"], undecided, needed, strict=True)
    notes = [
        "; ".join(filter(None, (note, _sample(sample) if is_undecided else "")))
        for note, is_undecided, sample in rows
    ]
    return judged.assign(note=notes)


def leads(estimates: pd.DataFrame) -> pd.DataFrame:
    """A row of the tests for each lead of a confirmatory specification.

    `specification` and `outcome` are those of the specification that it tests;
    F of one restriction is the lead's t squared; p is not adjusted, the note is.
    """
    rows = [
        {"specification": name, "outcome": outcome, **asdict(_lead(row, adjusted))}
        for (name, outcome), rows in _leads(estimates)
        for row, adjusted in zip(rows.to_dict("records"), _adjusted(rows), strict=True)
    ]
    return pd.DataFrame(rows, columns=pd.Index(_LEAD_COLUMNS))


_LEAD_COLUMNS = ("specification", "outcome", *Diagnostic.__dataclass_fields__)


def holm(p_values: Vector, family: Mask, removed_after_lock: int = 0) -> Vector:
    """Holm's adjusted p-values (n,) of the `family` (n,), NaN for all others.

    A NaN in the family keeps its place in the count and stays NaN; so do
    hypotheses without a row, `removed_after_lock` of them.
    """
    p, members = _ordered(p_values, family)
    remaining = np.arange(len(p), 0, -1) + removed_after_lock
    steps = np.maximum.accumulate(p * remaining)
    return _spread(steps, members, p_values)


def benjamini_hochberg(
    p_values: Vector, family: Mask, removed_after_lock: int = 0
) -> Vector:
    """Adjusted p-values (n,) by the false discovery rate, with the places of `holm`."""
    p, members = _ordered(p_values, family)
    steps = p * (len(p) + removed_after_lock) / np.arange(1, len(p) + 1)
    smallest = np.minimum.accumulate(steps[::-1])[::-1]
    return _spread(smallest, members, p_values)


def equivalence_p(
    estimates: Vector, std_errors: Vector, df: Vector, smallest: Vector
) -> Vector:
    """The larger p (n,) of the two one-sided t tests of |effect| >= smallest (n,)."""
    above_low = stats.t.sf((estimates + smallest) / std_errors, df)
    below_high = stats.t.cdf((estimates - smallest) / std_errors, df)
    return np.asarray(np.maximum(above_low, below_high))


def deciding_sample(
    std_errors: Vector, df: Vector, persons: Vector, smallest: Vector, family: int
) -> Vector:
    """Participants (n,) with whom a coefficient is decided whatever it is.

    An interval that is shorter than the smallest effect d cannot hold both 0 and
    d: either it excludes 0, or it lies inside the smallest effect. Errors shrink
    with the root of the sample, so that with s, the error of G `persons`, and an
    interval at 5 % over the `family` of m coefficients,

        N = G (2 t(1 - 0.05 / 2m; df) s / d)^2

    as Bonferroni's level is the strictest that Holm's method comes to. NaN where
    there is no error or no smallest effect.
    """
    margin = stats.t.ppf(1 - ALPHA / (2 * max(family, 1)), df) * std_errors
    return np.asarray(persons * np.square(2 * margin / smallest))


def _sample(needed: float) -> str:
    """In words, to two digits, as the standard error is itself an estimate."""
    if np.isnan(needed):
        return ""
    unit = 10 ** max(floor(log10(needed)) - 1, 0)
    return f"{ceil(needed / unit) * unit:.0f} participants would decide"


def _verdicts(adjusted: Vector, negligible: Mask) -> list[str]:
    return [
        NOT_ESTIMATED if np.isnan(p) else VERDICTS[bool(p < ALPHA), bool(small)]
        for p, small in zip(adjusted, negligible, strict=True)
    ]


def _doubted(estimates: pd.DataFrame) -> Mask:
    """Rows (n,) of confirmatory specifications with a lead that is not zero."""
    doubted = {
        pair for pair, rows in _leads(estimates) if (_adjusted(rows) < ALPHA).any()
    }
    pairs = zip(estimates["specification"], estimates["outcome"], strict=True)
    named = np.array([pair in doubted for pair in pairs], dtype=np.bool_)
    return named & (estimates["timing"] == "same").to_numpy(dtype=np.bool_)


def _leads(estimates: pd.DataFrame) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    """Specification and outcome of the family, with the within rows of their leads."""
    family = estimates[_family(estimates)]
    pairs = family.loc[family["timing"] == "same", ["specification", "outcome"]]
    for name, outcome in pairs.drop_duplicates().itertuples(index=False):
        rows = estimates[
            (estimates["specification"] == f"{name}.{LEAD}")
            & (estimates["outcome"] == outcome)
            & _within(estimates)
        ]
        if len(rows):
            yield (name, outcome), rows


def _adjusted(rows: pd.DataFrame) -> Vector:
    """Holm's p-values (n,) over all rows: the leads of a specification and outcome."""
    return holm(_numbers(rows, "p_value"), np.ones(len(rows), dtype=np.bool_))


def _lead(row: dict[Any, Any], adjusted: float) -> Diagnostic:
    if np.isnan(adjusted):
        return Diagnostic(LEAD, note=f"{row['term']}: no number, so nothing is tested")
    result = "not zero" if adjusted < ALPHA else "nothing found"
    statistic = Wald(row["statistic"] ** 2, 1, row["df"], row["p_value"])
    return f_test(LEAD, statistic, f"for {row['term']}: {result}")


def _ordered(p_values: Vector, family: Mask) -> tuple[Vector, Any]:
    """The family's p-values from the smallest, a NaN as 1, and their places."""
    p = np.nan_to_num(p_values[family], nan=1.0)
    order = np.argsort(p, kind="stable")
    return p[order], np.flatnonzero(family)[order]


def _spread(adjusted: Vector, members: Any, p_values: Vector) -> Vector:
    """Adjusted p-values at the places of their members; NaN elsewhere."""
    placed = np.full(len(p_values), np.nan)
    placed[members] = np.minimum(adjusted, 1.0)
    return np.where(np.isnan(p_values), np.nan, placed)


def _family(estimates: pd.DataFrame) -> Mask:
    planned = estimates["confirmatory"].to_numpy(dtype=np.bool_)
    return np.asarray(_within(estimates) & planned)


def _within(estimates: pd.DataFrame) -> Mask:
    return (estimates["component"] == "within").to_numpy(dtype=np.bool_)


def _smallest(estimates: pd.DataFrame, study: Planned) -> Vector:
    """The smallest effect of each row (n,); NaN where it does not apply."""
    smallest = {name: study.smallest(name) for name in estimates["outcome"].unique()}
    values = estimates["outcome"].map(smallest).to_numpy(dtype=np.float64)
    unit = estimates["measure"].isin(["days_per_week", AS_IS]) & (
        estimates["transform"] == "none"
    )
    points = estimates["estimator"].map(lambda name: ESTIMATORS[name].scale) == "points"
    return np.where(_within(estimates) & unit & points, values, np.nan)


def _numbers(estimates: pd.DataFrame, column: str) -> Vector:
    return estimates[column].to_numpy(dtype=np.float64)
