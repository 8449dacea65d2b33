"""What leaves: small counts are withheld, the others rounded, none can be derived.

The rules are those of OpenSAFELY's output checking (counts of 1 to 7 withheld,
the rest rounded to 5, percentages from rounded counts, totals from rounded
cells, no extremes), with secondary suppression added. Intervals and p-values are
computed from released numbers of people, or they could be solved for the exact
ones. Here a released number is a float, a withheld one NaN, until `as_text`
writes `[REDACTED]` in its place.
"""

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from panelstream.analysis.estimation.estimates import JUDGED
from panelstream.analysis.verdicts.verdicts import judge
from panelstream.models.arrays import Array, Mask
from panelstream.models.study.study import Disclosure, Study

REDACTED = "[REDACTED]"

OF_PERSONS = "influence_"
"""How tests begin that say what leaving out one person does."""

OF_WEIGHTS = ("largest_weight", "effective_sample_size")
"""Tests that say what one person weighs, and how many rows there are."""

SHIFTED = "delta"
"""A test whose p rests on an error that is not shown, so that it gives nothing away."""

LEVEL = 0.95
"""Coverage of every released confidence interval."""


_OF_ESTIMATES = (
    "estimate",
    "std_error",
    "statistic",
    "df",
    "p_value",
    "p_adjusted",
    "p_bh",
    "ci_low",
    "ci_high",
    "standardized",
    "equivalence_p",
    "equivalence_adjusted",
    "verdict",
)
_OF_TESTS = ("statistic", "df", "p_value")
_IN_NOTES = re.compile(
    r"(?P<name>\b(?:waves?|rounds?|lags?|leads?) \d+|\d{4}-\d\d-\d\d\S*)"
    r"|(?P<ratio>\bF\(\d+, )(?P<df>\d+)"
    r"|(?<![\w.,:])(?<![A-Za-z]-)(?P<number>\d+(?:,\d{3})*)(?![\w:]|[.,]\d)"
)


@dataclass(frozen=True)
class Row:
    """Released cells of one row and the total of those shown; NaN where withheld."""

    cells: Array
    total: float


@dataclass(frozen=True)
class Parts:
    """Released parts of wholes, and their percentages; NaN where withheld."""

    counts: Array
    percent: Array


def counts(values: npt.ArrayLike, rule: Disclosure) -> Array:
    """Counts as they may leave: 0 stays, 1 to `suppress_below` - 1 become NaN.

    The others go to the nearest multiple of `round_to` (halves up), though never
    to one that would itself look like a withheld count. NaN stays NaN.
    """
    exact = np.asarray(values, dtype=float)
    nearest = np.floor(exact / rule.round_to + 0.5) * rule.round_to
    least = math.ceil(rule.suppress_below / rule.round_to) * rule.round_to
    released = np.where(small(exact, rule), np.nan, np.maximum(nearest, least))
    return np.where(exact == 0, 0.0, released)


def behind(values: npt.ArrayLike, rule: Disclosure) -> Array:
    """The n from which intervals and p-values are computed: as released.

    An n that is withheld stays, as what is computed from it is withheld as well.
    """
    exact, released = np.asarray(values, dtype=float), counts(values, rule)
    return np.where(np.isnan(released), exact, released)


def small(values: npt.ArrayLike, rule: Disclosure) -> Mask:
    """Whether each count is one of those to withhold."""
    exact = np.asarray(values, dtype=float)
    return (exact >= 1) & (exact < rule.suppress_below)


def row(values: npt.ArrayLike, rule: Disclosure) -> Row:
    """One row of counts that has a total.

    Where a single cell is withheld the next smallest goes too, or it could be
    had by differencing; a zero would protect nothing. The total is that of the
    rounded cells that are shown, and withheld if those are all zero.
    """
    cells = counts(values, rule)
    if np.isnan(cells).sum() == 1 and np.any(cells > 0):
        cells[int(np.nanargmin(np.where(cells > 0, cells, np.nan)))] = np.nan
    nothing = np.isnan(cells).any() and not np.any(cells > 0)
    return Row(cells, math.nan if nothing else float(np.nansum(cells)))


def parts(
    part: npt.ArrayLike,
    whole: npt.ArrayLike,
    rule: Disclosure,
    shown: Array | None = None,
) -> Parts:
    """Counts out of a whole that is shown beside them, and percentages of it.

    Withheld where the part is small, where the rest is (it is one subtraction
    away), and where the whole is. A percentage is of rounded counts. `shown` is
    the whole as released, where it is itself a part and may be withheld as one.
    """
    exact, of = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    hidden = small(of - exact, rule) | (small(of, rule) & (exact > 0))
    released = np.where(hidden, np.nan, counts(exact, rule))
    return Parts(
        released, percent(released, counts(of, rule) if shown is None else shown)
    )


def percent(part: npt.ArrayLike, whole: npt.ArrayLike) -> Array:
    """Percentages of released counts; NaN where there is no whole."""
    of = np.asarray(whole, dtype=float)
    return 100 * np.asarray(part, dtype=float) / np.where(of > 0, of, np.nan)


def statistics(
    values: npt.ArrayLike,
    n: npt.ArrayLike,
    rule: Disclosure,
    users: npt.ArrayLike = np.nan,
) -> Array:
    """Means, deviations, correlations: NaN where fewer than the threshold stand behind.

    `users`: how many of the n are not zero, where zero is no use. A few of them
    are the whole of a mean; none of them give nobody away.
    """
    enough = np.asarray(n, dtype=float) >= rule.suppress_below
    return np.where(enough & ~small(users, rule), significant(values), np.nan)


def significant(values: npt.ArrayLike, digits: int = 4) -> Array:
    """Statistics to four significant digits; a mean in full gives its n away."""
    exact = np.asarray(values, dtype=float)
    size = np.where(np.isfinite(exact) & (exact != 0), np.abs(exact), 1.0)
    scale = 10.0 ** (digits - 1 - np.floor(np.log10(size)))
    return np.asarray(np.round(exact * scale) / scale)


def limits(
    centre: npt.ArrayLike, error: npt.ArrayLike, df: npt.ArrayLike
) -> tuple[Array, Array]:
    """Confidence limits from t, of released numbers; no less than 1 df."""
    reach = stats.t.ppf((1 + LEVEL) / 2, np.maximum(df, 1)) * np.asarray(error)
    return np.asarray(centre - reach), np.asarray(centre + reach)


def p_values(statistic: npt.ArrayLike, df: npt.ArrayLike) -> Array:
    """Two-sided p from t, of released numbers; no less than 1 df."""
    return np.asarray(2 * stats.t.sf(np.abs(statistic), np.maximum(df, 1)))


def as_text(released: npt.ArrayLike, known: npt.ArrayLike) -> "pd.Series[Any]":
    """A column for readers: `[REDACTED]` where something `known` was withheld.

    What is not known at all stays missing, so that the two can be told apart.
    """
    values = pd.Series(np.asarray(released, dtype=float), dtype=object)
    withheld = values.isna().to_numpy() & np.asarray(known, dtype=bool)
    return values.mask(withheld, REDACTED)


def count_column(values: npt.ArrayLike, rule: Disclosure) -> "pd.Series[Any]":
    """Counts for readers."""
    return as_text(counts(values, rule), ~np.isnan(np.asarray(values, dtype=float)))


def statistic_column(
    values: npt.ArrayLike,
    n: npt.ArrayLike,
    rule: Disclosure,
    users: npt.ArrayLike = np.nan,
) -> "pd.Series[Any]":
    """Statistics for readers."""
    known = ~np.isnan(np.asarray(values, dtype=float))
    return as_text(statistics(values, n, rule, users), known)


def estimates(
    frame: pd.DataFrame, people: Array, study: Study, absent: int = 0
) -> pd.DataFrame:
    """All estimates of a study as they may leave, in the same columns and order.

    `people` (rows,): how many use the exposure, or change their use of it for a
    within component. An estimate that rests on fewer than `suppress_below` of
    these or of the participants (or on an unknown number) is withheld whole.
    Limits and all p-values are computed anew from the released number of
    participants; verdicts stay what the exact ones gave. `absent` as for `judge`.
    """
    rule = study.disclosure
    withheld = _too_few(frame, people, rule)
    return _withhold(_anew(frame, study, absent), _OF_ESTIMATES, withheld, rule).assign(
        n_obs=count_column(frame["n_obs"], rule).array,
        n_participants=count_column(frame["n_participants"], rule).array,
    )


def tests(
    frame: pd.DataFrame, fitted: pd.DataFrame, people: Array, rule: Disclosure
) -> pd.DataFrame:
    """Tests as they may leave; withheld with the (exact) estimates they belong to.

    `people` as for `estimates`, of `fitted`. A p-value is computed anew: of F over
    the participants - 1 where the note says so, else of chi-square with `df`, or of
    a normal deviate where there are none. What one person alone does, or weighs, stays inside.
    """
    inside = frame["test"].str.startswith(OF_PERSONS) | frame["test"].isin(OF_WEIGHTS)
    frame = frame[~inside]
    by = ["specification", "outcome"]
    keys = pd.MultiIndex.from_frame(frame[by])
    few = fitted.loc[_too_few(fitted, people, rule), by]
    groups = fitted.astype({"n_participants": float}).groupby(by)["n_participants"]
    df = behind(groups.min().reindex(keys), rule) - 1
    p = _of_tests_p(frame, df)
    anew = frame.assign(p_value=np.where(frame["p_value"].notna(), p, np.nan))
    withheld = keys.isin(pd.MultiIndex.from_frame(few))
    return _withhold(anew, _OF_TESTS, withheld, rule)


def note(text: str, rule: Disclosure) -> str:
    """A note whose whole numbers are taken for counts, save names of waves and days."""
    return _IN_NOTES.sub(lambda found: _number(found, rule), text)


def _anew(frame: pd.DataFrame, study: Study, absent: int) -> pd.DataFrame:
    """All that follows from the degrees of freedom, with those as released."""
    numbers = ("estimate", "std_error", "statistic", "n_participants")
    centre, error, t, n = (frame[c].to_numpy(dtype=float) for c in numbers)
    # Those of imputation are fewer than persons - 1, and rounded as those are.
    exact = np.minimum(frame["df"].to_numpy(dtype=float), n - 1)
    df = behind(np.round(exact) + 1, study.disclosure) - 1
    low, high = limits(centre, error, df)
    anew = judge(
        frame.assign(df=df, ci_low=low, ci_high=high, p_value=p_values(t, df)),
        study,
        absent,
    )
    known = {c: anew[c].where(frame[c].notna()) for c in JUDGED}
    return anew.assign(**known, verdict=frame["verdict"])


def _of_tests_p(frame: pd.DataFrame, df: Array) -> Array:
    statistic = frame["statistic"].to_numpy(dtype=float)
    restrictions = frame["df"].to_numpy(dtype=float)
    is_f = frame["note"].fillna("").str.startswith("F(").to_numpy(dtype=bool)
    normal = 2 * stats.norm.sf(np.abs(statistic))
    return np.select(
        [frame["test"] == SHIFTED, is_f, ~np.isnan(restrictions)],
        [
            frame["p_value"].to_numpy(dtype=float),
            stats.f.sf(statistic, restrictions, df),
            stats.chi2.sf(statistic, restrictions),
        ],
        normal,
    )


def _number(found: re.Match[str], rule: Disclosure) -> str:
    if found["name"]:
        return found[0]
    if found["df"]:
        people = float(counts(int(found["df"]) + 1, rule))
        rest = REDACTED if math.isnan(people) else f"{people - 1:.0f}"
        return f"{found['ratio']}{rest}"
    released = float(counts(int(found["number"].replace(",", "")), rule))
    return REDACTED if math.isnan(released) else f"{released:.0f}"


def _too_few(frame: pd.DataFrame, people: Array, rule: Disclosure) -> Mask:
    fitted = frame[["n_obs", "n_participants"]].to_numpy(dtype=float).min(axis=1)
    enough = np.minimum(fitted, people) >= rule.suppress_below
    return np.asarray(~enough & frame["estimate"].notna().to_numpy(dtype=bool))


def _withhold(
    frame: pd.DataFrame,
    columns: tuple[str, ...],
    withheld: Mask,
    rule: Disclosure,
) -> pd.DataFrame:
    """`withheld` rows lose `columns`; all notes lose their counts."""
    released = frame.reset_index(drop=True).astype(dict.fromkeys(columns, object))
    for name in columns:
        known = released[name].notna() & withheld
        released[name] = released[name].mask(known, REDACTED)
    notes = released["note"].astype(object)
    released["note"] = notes.map(lambda text: note(text, rule), na_action="ignore")
    return released
