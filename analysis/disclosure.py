"""What leaves: small counts are withheld, the others rounded, none can be derived.

The rules are those of OpenSAFELY's output checking (counts of 1 to 7 withheld,
the rest rounded to 5, percentages from rounded counts, totals from rounded
cells, no extremes), with secondary suppression added. Here a released number is
a float, a withheld one NaN, until `as_text` writes `[REDACTED]` in its place.
"""

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.study import Disclosure

REDACTED = "[REDACTED]"

Floats = npt.NDArray[np.float64]

_OF_ESTIMATES = (
    "estimate",
    "std_error",
    "statistic",
    "df",
    "p_value",
    "p_adjusted",
    "ci_low",
    "ci_high",
    "standardized",
    "equivalence_p",
    "verdict",
)
_OF_TESTS = ("statistic", "df", "p_value")
_IN_NOTES = re.compile(
    r"(?P<name>\b(?:waves?|rounds?|lags?|leads?) \d+|\bF\(\d+|\d{4}-\d\d-\d\d\S*)"
    r"|(?<![\w.,:])(?<![A-Za-z]-)(?P<number>\d+(?:,\d{3})*)(?![\w:]|[.,]\d)"
)


@dataclass(frozen=True)
class Row:
    """Released cells of one row (NaN where withheld) and the total of those shown."""

    cells: Floats
    total: float


@dataclass(frozen=True)
class Parts:
    """Released parts of wholes, and their percentages; NaN where withheld."""

    counts: Floats
    percent: Floats


def counts(values: npt.ArrayLike, rule: Disclosure) -> Floats:
    """Counts as they may leave: 0 stays, 1 to `suppress_below` - 1 become NaN.

    The others go to the nearest multiple of `round_to` (halves up), though never
    to one that would itself look like a withheld count. NaN stays NaN.
    """
    exact = np.asarray(values, dtype=float)
    nearest = np.floor(exact / rule.round_to + 0.5) * rule.round_to
    least = math.ceil(rule.suppress_below / rule.round_to) * rule.round_to
    released = np.where(small(exact, rule), np.nan, np.maximum(nearest, least))
    return np.where(exact == 0, 0.0, released)


def small(values: npt.ArrayLike, rule: Disclosure) -> npt.NDArray[np.bool_]:
    """Whether each count is one of those to withhold."""
    exact = np.asarray(values, dtype=float)
    return (exact >= 1) & (exact < rule.suppress_below)


def row(values: npt.ArrayLike, rule: Disclosure) -> Row:
    """One row of counts that has a total.

    Where a single cell is withheld the next smallest goes too, or it could be
    had by differencing. The total is that of the rounded cells that are shown.
    """
    cells = counts(values, rule)
    if np.isnan(cells).sum() == 1 and cells.size > 1:
        cells[int(np.nanargmin(cells))] = np.nan
    return Row(cells, float(np.nansum(cells)))


def parts(
    part: npt.ArrayLike,
    whole: npt.ArrayLike,
    rule: Disclosure,
    shown: Floats | None = None,
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


def percent(part: npt.ArrayLike, whole: npt.ArrayLike) -> Floats:
    """Percentages of released counts; NaN where there is no whole."""
    of = np.asarray(whole, dtype=float)
    return 100 * np.asarray(part, dtype=float) / np.where(of > 0, of, np.nan)


def statistics(values: npt.ArrayLike, n: npt.ArrayLike, rule: Disclosure) -> Floats:
    """Means, deviations, correlations: NaN where fewer than the threshold stand behind.

    To four significant digits; a mean in full gives its exact n away.
    """
    enough = np.asarray(n, dtype=float) >= rule.suppress_below
    return np.where(enough, _significant(np.asarray(values, dtype=float)), np.nan)


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
    values: npt.ArrayLike, n: npt.ArrayLike, rule: Disclosure
) -> "pd.Series[Any]":
    """Statistics for readers."""
    known = ~np.isnan(np.asarray(values, dtype=float))
    return as_text(statistics(values, n, rule), known)


def estimates(frame: pd.DataFrame, rule: Disclosure) -> pd.DataFrame:
    """Estimates as they may leave, in the same columns and order.

    One that rests on fewer than `suppress_below` participants (or on an unknown
    number of them) is withheld whole. Degrees of freedom are rounded as counts
    are, since they give the number of participants away.
    """
    return _withhold(frame, _OF_ESTIMATES, _too_few(frame, rule), rule).assign(
        n_obs=count_column(frame["n_obs"], rule).array,
        n_participants=count_column(frame["n_participants"], rule).array,
    )


def tests(frame: pd.DataFrame, fitted: pd.DataFrame, rule: Disclosure) -> pd.DataFrame:
    """Tests as they may leave; withheld with the (exact) estimates they belong to."""
    few = fitted.loc[_too_few(fitted, rule), ["specification", "outcome"]]
    keys = pd.MultiIndex.from_frame(frame[["specification", "outcome"]])
    withheld = keys.isin(pd.MultiIndex.from_frame(few))
    return _withhold(frame, _OF_TESTS, withheld, rule)


def note(text: str, rule: Disclosure) -> str:
    """A note whose whole numbers are taken for counts, save names of waves and days."""
    return _IN_NOTES.sub(lambda found: _number(found, rule), text)


def _significant(values: Floats, digits: int = 4) -> Floats:
    size = np.where(np.isfinite(values) & (values != 0), np.abs(values), 1.0)
    scale = 10.0 ** (digits - 1 - np.floor(np.log10(size)))
    return np.round(values * scale) / scale


def _number(found: re.Match[str], rule: Disclosure) -> str:
    if found["name"]:
        return found[0]
    released = float(counts(int(found["number"].replace(",", "")), rule))
    return REDACTED if math.isnan(released) else f"{released:.0f}"


def _too_few(frame: pd.DataFrame, rule: Disclosure) -> npt.NDArray[np.bool_]:
    people = frame[["n_obs", "n_participants"]].astype(float).min(axis=1, skipna=False)
    enough = (people >= rule.suppress_below).to_numpy(dtype=bool)
    return ~enough & frame["estimate"].notna().to_numpy(dtype=bool)


def _withhold(
    frame: pd.DataFrame,
    columns: tuple[str, ...],
    withheld: npt.NDArray[np.bool_],
    rule: Disclosure,
) -> pd.DataFrame:
    """`withheld` rows lose `columns`; degrees of freedom and notes their counts."""
    released = frame.reset_index(drop=True).astype(dict.fromkeys(columns, object))
    released["df"] = _degrees(frame["df"], rule)
    for name in columns:
        known = released[name].notna() & withheld
        released[name] = released[name].mask(known, REDACTED)
    notes = released["note"].astype(object)
    released["note"] = notes.map(lambda text: note(text, rule), na_action="ignore")
    return released


def _degrees(values: "pd.Series[Any]", rule: Disclosure) -> "pd.Series[Any]":
    """Few degrees of freedom count restrictions; many count people and are rounded."""
    exact = values.to_numpy(dtype=float)
    rounded = np.where(exact < rule.suppress_below, exact, counts(exact, rule))
    return pd.Series(rounded, dtype=object)
