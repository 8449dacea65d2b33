"""Statistical disclosure control of arrays: suppression, rounding, secondary suppression.

The rules are those of OpenSAFELY's output checking (counts of 1 to 7 withheld,
the rest rounded to 5, percentages from rounded counts, totals from rounded
cells, no extremes), with secondary suppression added. Intervals and p-values are
computed from released numbers of people, or they could be solved for the exact
ones. Here a released number is a float, a withheld one NaN, until `as_text`
writes `[REDACTED]` in its place. `release()` alone calls these.
"""

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from panelstream.models.arrays import Mask, Vector
from panelstream.models.study.study import Disclosure

REDACTED = "[REDACTED]"

FEW_DEGREES = 20
"""Degrees of freedom below which rounding them to people would change p."""

_NUMBERS_IN_NOTES = re.compile(
    r"(?P<name>\b(?:waves?|rounds?|lags?|leads?) \d+|\d{4}-\d\d-\d\d\S*)"
    r"|(?P<ratio>\bF\(\d+, )(?P<df>\d+(?:\.\d+)?)"
    r"|(?<![\w.,:])(?<![A-Za-z]-)(?P<number>\d+(?:,\d{3})*)(?![\w:]|[.,]\d)"
)


@dataclass(frozen=True)
class Row:
    """Released cells of one row and the total of those shown; NaN where withheld."""

    cells: Vector
    total: float


@dataclass(frozen=True)
class ReleasedShares:
    """Released parts of wholes, and their percentages; NaN where withheld."""

    counts: Vector
    percent: Vector


def counts(values: npt.ArrayLike, rule: Disclosure) -> Vector:
    """Counts as they may leave: 0 stays, 1 to `suppress_below` - 1 become NaN.

    The others go to the nearest multiple of `round_to` (halves up), though never
    to one that would itself look like a withheld count. NaN stays NaN.
    """
    exact = np.asarray(values, dtype=float)
    nearest = np.floor(exact / rule.round_to + 0.5) * rule.round_to
    smallest = math.ceil(rule.suppress_below / rule.round_to) * rule.round_to
    released = np.where(small(exact, rule), np.nan, np.maximum(nearest, smallest))
    return np.where(exact == 0, 0.0, released)


def rounded_n(values: npt.ArrayLike, rule: Disclosure) -> Vector:
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


def shares(
    parts: npt.ArrayLike,
    wholes: npt.ArrayLike,
    rule: Disclosure,
    released_wholes: Vector | None = None,
) -> ReleasedShares:
    """Counts out of a whole that is shown beside them, and percentages of it.

    Withheld where the part is small, where the rest is (it is one subtraction
    away), and where the whole is. A percentage is of rounded counts.
    `released_wholes`: where a whole is itself a part and may be withheld as one.
    """
    part, total = np.asarray(parts, dtype=float), np.asarray(wholes, dtype=float)
    hidden = small(total - part, rule) | (small(total, rule) & (part > 0))
    released = np.where(hidden, np.nan, counts(part, rule))
    if released_wholes is None:
        released_wholes = counts(total, rule)
    return ReleasedShares(released, percent(released, released_wholes))


def percent(parts: npt.ArrayLike, wholes: npt.ArrayLike) -> Vector:
    """Percentages of released counts; NaN where there is no whole."""
    total = np.asarray(wholes, dtype=float)
    return 100 * np.asarray(parts, dtype=float) / np.where(total > 0, total, np.nan)


def too_few(n: npt.ArrayLike, rule: Disclosure, users: npt.ArrayLike = np.nan) -> Mask:
    """Whether fewer than the threshold stand behind each statistic; also of unknown n.

    `users`: how many of the n are not zero, where zero is no use. A few of them
    are the whole of a mean; none of them give nobody away.
    """
    enough = np.asarray(n, dtype=float) >= rule.suppress_below
    return ~enough | small(users, rule)


def significant(values: npt.ArrayLike, digits: int | None = 4) -> Vector:
    """Statistics to so many significant digits; a mean in full gives its n away."""
    exact = np.asarray(values, dtype=float)
    if digits is None:
        return exact
    size = np.where(np.isfinite(exact) & (exact != 0), np.abs(exact), 1.0)
    scale = 10.0 ** (digits - 1 - np.floor(np.log10(size)))
    return np.asarray(np.round(exact * scale) / scale)


def as_text(released: npt.ArrayLike, exists: npt.ArrayLike) -> "pd.Series[Any]":
    """A column for readers: `[REDACTED]` where something that `exists` was withheld.

    What does not exist stays missing, so that the two can be distinguished.
    """
    values = pd.Series(np.asarray(released, dtype=float), dtype=object)
    withheld = values.isna().to_numpy() & np.asarray(exists, dtype=bool)
    return values.mask(withheld, REDACTED)


def degrees_of_freedom(df: Vector, rule: Disclosure) -> Vector:
    """Those of t or F (rows,), rounded so that they give no number of people.

    Whole ones are people less one. A few that are no whole number are Satterthwaite's:
    they follow from how unequally use is spread, and are given to two digits.
    """
    of_people = rounded_n(np.round(df) + 1, rule) - 1
    few = (df < FEW_DEGREES) & (df != np.round(df))
    return np.where(few, significant(df, 2), of_people)


def note(text: str, rule: Disclosure) -> str:
    """A note whose whole numbers are taken for counts, except names of waves and days."""
    return _NUMBERS_IN_NOTES.sub(lambda match: _number(match, rule), text)


def _number(match: re.Match[str], rule: Disclosure) -> str:
    if match["name"]:
        return match[0]
    if match["df"]:
        return f"{match['ratio']}{_denominator(match['df'], rule)}"
    released = float(counts(int(match["number"].replace(",", "")), rule))
    return REDACTED if math.isnan(released) else f"{released:.0f}"


def _denominator(digits: str, rule: Disclosure) -> str:
    """Degrees of freedom of F in a note; withheld where they are of few people."""
    if "." not in digits and math.isnan(float(counts(int(digits) + 1, rule))):
        return REDACTED
    return f"{degrees_of_freedom(np.array([float(digits)]), rule)[0]:g}"
