"""Verdicts: what the preregistered plan allows to be concluded from its coefficients.

The family is every within-person coefficient of every confirmatory
specification, also one that could not be estimated: it counts as p = 1, so that
no later failure makes the others look stronger. So does one that was locked and
is no longer in the plan. Three hypotheses are tested of each, and each of the three sets
is adjusted by Holm's method (1979, Scand. J. Stat. 6) at 5 %: that the coefficient is 0,
that it lies outside the smallest effect of interest (two one-sided tests,
Schuirmann 1987, J. Pharmacokinet. Biopharm. 15), and that it lies within the
smallest effect (the minimum-effect test, Murphy & Myors 1999, J. Appl. Psychol. 84(2)).

| differs from 0? | smaller than the smallest effect? | larger? | verdict                   |
| --------------- | --------------------------------- | ------- | ------------------------- |
| yes             | no                                | yes     | associated, larger than the smallest effect |
| yes             | no                                | no      | associated                |
| yes             | yes                               | no      | associated but negligible |
| no              | yes                               | no      | negligible                |
| no              | no                                | no      | undecided                 |

No number: *not estimated*. Fewer effective people than the plan's `fewest_people`
(degrees of freedom), or one person without whom nothing could be estimated: *rests on
too few people*, whatever p is. Each set errs in at most 5 % of studies, so that the
chance of any false answer of a plan is at most 15 %, and of a false *associated* at most
5 %.

The false discovery rate of Benjamini and Hochberg (1995, J. R. Stat. Soc. B 57) is
given too, and decides nothing.

The smallest effect is in points of the outcome for one unit of use, and applies to
estimators whose scale is points. A single number is for one active day a week more (or
one unit of a column of a panel from elsewhere); a study may give one for each scale of
use, such as `any(days_per_week)`. Without one the second
and third answers are no. A small slope says little where use and outcome do not go in
a straight line: where the regression's `curvature` test rejects one at 5 %, what
would be negligible is *undecided: not a straight line*.

What comes after an outcome cannot have led to it. A confirmatory specification of the
exposure of the same wave may have a counterpart in the plan's sensitivity checks that
includes the next wave's exposures (`lead`). These are tested jointly in each fitted
regression, and the tests are adjusted by Holm's method over all such regressions of the
plan. Where they are not zero, the outcome leads to use, something else leads to
both, or use is measured with error; the coefficients of that regression are *undecided:
feedback, confounding or error in use*. That nothing was found is no evidence of
absence: *feedback excluded* is said only where the interval of the exposure's own lead
lies within the smallest effect.
"""

from collections.abc import Iterator
from math import ceil, floor, log10
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from panelstream.analysis.estimation.diagnostics import LEADS
from panelstream.analysis.estimation.estimates import Results
from panelstream.analysis.estimation.estimators import ESTIMATORS
from panelstream.analysis.estimation.shape import CURVATURE
from panelstream.analysis.plan.conventions import ALPHA
from panelstream.models.arrays import Mask, Vector
from panelstream.models.study.study import Planned

LARGER = "associated, larger than the smallest effect"
ASSOCIATED = "associated"
SMALL = "associated but negligible"
NEGLIGIBLE = "negligible"
UNDECIDED = "undecided"
CURVED = "undecided: not a straight line"
FEEDBACK = "undecided: feedback, confounding or error in use"
TOO_FEW = "rests on too few people"
NOT_ESTIMATED = "not estimated"

VERDICTS = (
    LARGER,
    ASSOCIATED,
    SMALL,
    NEGLIGIBLE,
    UNDECIDED,
    CURVED,
    FEEDBACK,
    TOO_FEW,
    NOT_ESTIMATED,
)
"""All verdicts, the firmest first."""

EXCLUDED = "feedback excluded"
NOT_EXCLUDED = "feedback not excluded"
UNTESTABLE = "feedback cannot be tested"

LEAD = "lead"
"""The preset of the exposure of the next wave."""

_REGRESSION = ["specification", "outcome", "exposures"]
"""What names a fitted regression in estimates and tests."""


def judge(results: Results, study: Planned, removed_after_lock: int = 0) -> Results:
    """The results with all that rests on the whole family filled in.

    Verdicts and reservations are for the family only. `removed_after_lock` counts
    locked coefficients that are no longer in the plan. The notes of undecided
    coefficients say the sample that would decide, those of the joint tests of leads
    their p over the plan.
    """
    estimates = adjust(results.estimates, study, removed_after_lock)
    tests = _adjust_leads(results.tests, estimates)
    family = _family(estimates)
    verdicts = _verdicts(estimates, tests, study)
    reservations = _reservations(estimates, verdicts, study)
    judged = estimates.assign(
        verdict=np.where(family, verdicts, ""),
        reservations=np.where(family, reservations, ""),
    )
    return Results(_explain(judged, study, removed_after_lock), tests)


def adjust(
    estimates: pd.DataFrame, study: Planned, removed_after_lock: int = 0
) -> pd.DataFrame:
    """The estimates with the p-values of the three sets of hypotheses.

    Adjusted ones are for the family only; `equivalence_p` and `larger_p`, not adjusted,
    for every within row to which the smallest effect applies.
    """
    family, smallest = _family(estimates), smallest_effects(estimates, study)
    p_values = _numbers(estimates, "p_value")
    sized = family & ~np.isnan(smallest)
    numbers = (
        *(_numbers(estimates, name) for name in ("estimate", "std_error", "df")),
        smallest,
    )
    equivalence, larger = equivalence_p(*numbers), larger_p(*numbers)
    return estimates.assign(
        p_adjusted=holm(p_values, family, removed_after_lock),
        p_bh=benjamini_hochberg(p_values, family, removed_after_lock),
        equivalence_p=equivalence,
        equivalence_adjusted=holm(equivalence, sized, removed_after_lock),
        larger_p=larger,
        larger_adjusted=holm(larger, sized, removed_after_lock),
    )


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


def larger_p(
    estimates: Vector, std_errors: Vector, df: Vector, smallest: Vector
) -> Vector:
    """The p (n,) of the minimum-effect test of |effect| <= smallest (n,).

    That of the two-sided t test at the nearer limit of the hypothesis.
    """
    sizes = np.abs(estimates)
    beyond = stats.t.sf((sizes - smallest) / std_errors, df)
    opposite = stats.t.sf((sizes + smallest) / std_errors, df)
    return np.asarray(beyond + opposite)


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


def _explain(
    judged: pd.DataFrame, study: Planned, removed_after_lock: int
) -> pd.DataFrame:
    """The judged estimates, where undecided with the sample that would decide."""
    needed = deciding_sample(
        _numbers(judged, "std_error"),
        _numbers(judged, "df"),
        _numbers(judged, "n_participants"),
        smallest_effects(judged, study),
        int(_family(judged).sum()) + removed_after_lock,
    )
    undecided = judged["verdict"] == UNDECIDED
    rows = zip(judged["note"], undecided, needed, strict=True)
    notes = [
        "; ".join(filter(None, (note, _sample(sample) if is_undecided else "")))
        for note, is_undecided, sample in rows
    ]
    return judged.assign(note=notes)


def _sample(needed: float) -> str:
    """In words, to two digits, as the standard error is itself an estimate."""
    if np.isnan(needed):
        return ""
    unit = 10 ** max(floor(log10(needed)) - 1, 0)
    return f"{ceil(needed / unit) * unit:.0f} participants would decide"


def _verdicts(
    estimates: pd.DataFrame, tests: pd.DataFrame, study: Planned
) -> list[str]:
    """The verdict (n,) of each row, as if all were of the family."""
    differs, negligible, larger = (
        _numbers(estimates, name) < ALPHA
        for name in ("p_adjusted", "equivalence_adjusted", "larger_adjusted")
    )
    few, doubted = _rests_on_few(estimates, study), _doubted(estimates, tests)
    curved = _curved(estimates, tests)
    missing = estimates["std_error"].isna().to_numpy()
    conditions = [
        few,
        missing,
        doubted,
        negligible & curved,
        differs & larger,
        differs & negligible,
        differs,
        negligible,
    ]
    words = [
        TOO_FEW,
        NOT_ESTIMATED,
        FEEDBACK,
        CURVED,
        LARGER,
        SMALL,
        ASSOCIATED,
        NEGLIGIBLE,
    ]
    return [str(word) for word in np.select(conditions, words, UNDECIDED)]


def _rests_on_few(estimates: pd.DataFrame, study: Planned) -> Mask:
    """Rows (n,) that one person or fewer effective people than the plan's carry."""
    sole = estimates["sole_person"].to_numpy(dtype=np.bool_)
    return np.asarray(sole | (_numbers(estimates, "df") < study.plan.fewest_people))


def _doubted(estimates: pd.DataFrame, tests: pd.DataFrame) -> Mask:
    """Rows (n,) of regressions whose leads are not zero."""
    rejected = tests[(tests["test"] == LEADS) & (tests["p_adjusted"] < ALPHA)]
    doubted = {
        (name.removesuffix(f".{LEAD}"), outcome, exposures)
        for name, outcome, exposures in _regressions(rejected)
    }
    named = [regression in doubted for regression in _regressions(estimates)]
    return np.array(named, dtype=np.bool_) & _same_wave(estimates)


def _curved(estimates: pd.DataFrame, tests: pd.DataFrame) -> Mask:
    """Rows (n,) of terms for which a straight line is rejected."""
    rejected = tests[(tests["test"] == CURVATURE) & (tests["p_value"] < ALPHA)]
    curved = set(zip(_regressions(rejected), rejected["term"], strict=True))
    rows = zip(_regressions(estimates), estimates["term"], strict=True)
    return np.array([row in curved for row in rows], dtype=np.bool_)


def _reservations(
    estimates: pd.DataFrame, verdicts: list[str], study: Planned
) -> list[str]:
    """What must be said beside each verdict (n,) that a number stands behind."""
    smallest = smallest_effects(estimates, study)
    leads = {
        (name.removesuffix(f".{LEAD}"), outcome, exposures, row["exposure"]): row
        for (name, outcome, exposures), (_, row) in zip(
            _regressions(estimates), estimates.iterrows(), strict=True
        )
        if name.endswith(f".{LEAD}") and row["component"] == "within"
    }
    keys = zip(_regressions(estimates), estimates["exposure"], strict=True)
    return [
        _feedback(leads.get((*regression, exposure)), limit)
        if verdict not in (FEEDBACK, TOO_FEW, NOT_ESTIMATED) and same
        else ""
        for (regression, exposure), verdict, limit, same in zip(
            keys, verdicts, smallest, _same_wave(estimates), strict=True
        )
    ]


def _feedback(lead: "pd.Series[Any] | None", smallest: float) -> str:
    """What the interval of an exposure's lead says of feedback."""
    if lead is None or np.isnan(lead["estimate"]):
        return UNTESTABLE
    inside = -smallest < lead["ci_low"] and lead["ci_high"] < smallest
    return EXCLUDED if inside else NOT_EXCLUDED


def _adjust_leads(tests: pd.DataFrame, estimates: pd.DataFrame) -> pd.DataFrame:
    """The tests with Holm's p over the leads of all confirmatory regressions."""
    planned = {
        (f"{name}.{LEAD}", outcome, exposures)
        for name, outcome, exposures in _regressions(estimates[_family(estimates)])
    }
    of_plan = [regression in planned for regression in _regressions(tests)]
    family = (tests["test"] == LEADS).to_numpy() & np.array(of_plan, dtype=np.bool_)
    return tests.assign(p_adjusted=holm(_numbers(tests, "p_value"), family))


def _regressions(rows: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    yield from rows[_REGRESSION].itertuples(index=False, name=None)


def _same_wave(estimates: pd.DataFrame) -> Mask:
    return (estimates["timing"] == "same").to_numpy(dtype=np.bool_)


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


def smallest_effects(estimates: pd.DataFrame, study: Planned) -> Vector:
    """The smallest effect of each row (n,); NaN where it does not apply."""
    scales = estimates[["outcome", "measure", "transform"]]
    smallest = [study.smallest(*row) for row in scales.itertuples(index=False)]
    points = estimates["estimator"].map(lambda name: ESTIMATORS[name].scale) == "points"
    applies = _within(estimates) & points
    return np.where(applies, np.array(smallest, dtype=np.float64), np.nan)


def _numbers(estimates: pd.DataFrame, column: str) -> Vector:
    return estimates[column].to_numpy(dtype=np.float64)
