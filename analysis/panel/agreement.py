"""How far people's own account of their use agrees with what was measured.

Both in the six frequencies, 0 to 5: the answer to an item that declares a `function`,
and the panel's `frequency` of that function. Each wave, and all waves together.
Intervals by the jackknife that leaves out one person, with all of that person's
waves: t limits with persons - 1 degrees of freedom; of kappa and the intraclass
correlation on Fisher's z, as they end at 1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from panelstream.analysis.plan.conventions import CONFIDENCE
from panelstream.models.arrays import Array
from panelstream.models.study.use import FREQUENCIES

AGREEMENT_STATISTICS = (
    "kappa",
    "icc",
    "mean_difference",
    "slope",
    "limit_low",
    "limit_high",
)
AGREEMENT_COLUMNS = (
    "function",
    "round",
    "wave",
    *(
        f"{statistic}{end}"
        for statistic in AGREEMENT_STATISTICS
        for end in ("", "_ci_low", "_ci_high")
    ),
    "n",
    "people",
    "smallest_group",
    "note",
)

_ON_FISHER_Z = np.array([True, True, False, False, False, False])
_FEWEST = 10
"""People without whom there is no number: a jackknife of fewer is too rough."""


@dataclass(frozen=True)
class Agreement:
    """Statistics in the order of `AGREEMENT_STATISTICS`, or why there are none.

    Each array (6,); limits are NaN where there is a value but no interval.
    """

    values: Array
    low: Array
    high: Array
    note: str = ""


def agreement_statistics(panel: pd.DataFrame, functions: Sequence[str]) -> pd.DataFrame:
    """A row for each function, round and wave, and one of all waves together.

    `panel`: a row per participant and wave. Functions that no item asks about have
    no rows. In the row of all waves, `round` and `wave` are empty. Returns
    `AGREEMENT_COLUMNS`; a note says why numbers are missing.
    """
    rows = [
        row
        for function in functions
        if f"{function}_self_report" in panel
        for row in _of_function(panel, function)
    ]
    frame = pd.DataFrame(rows, columns=list(AGREEMENT_COLUMNS))
    return frame.astype({"round": "Int64", "wave": "Int64"})


def agreement(reported: Array, measured: Array, persons: npt.NDArray[Any]) -> Agreement:
    """Agreement of pairs (n,), of the people in `persons` (n,), with 95 % limits."""
    sums, people = _sums_by_person(reported, measured, persons)
    nothing = np.full(len(AGREEMENT_STATISTICS), np.nan)
    if people < _FEWEST:
        return Agreement(nothing, nothing, nothing, "too few people")
    if not np.isin(reported, range(len(FREQUENCIES))).all():
        note = "self-reported use is not in the six frequencies"
        return Agreement(nothing, nothing, nothing, note)
    for name, answers in (("self-reported", reported), ("measured", measured)):
        if np.ptp(answers) == 0:
            note = f"{name} use never varies"
            return Agreement(nothing, nothing, nothing, note)
    total = sums.sum(axis=0)
    values = agreement_of_sums(total)
    if np.ptp(reported - measured) == 0:
        note = "the difference never varies: no intervals"
        return Agreement(values, nothing, nothing, note)
    replicates = agreement_of_sums(total - sums)
    if not np.isfinite(replicates).all():
        note = "without one person nothing varies: no intervals"
        return Agreement(values, nothing, nothing, note)
    return Agreement(values, *_jackknife_limits(values, replicates))


def agreement_of_sums(sums: Array) -> Array:
    """The statistics (..., 6) of pairs (a, b), from n and the sums (..., 6).

    `sums`: n, a, b, a squared, b squared, a times b; a is self-reported, b measured.
    Kappa with quadratic weights (Cohen, Psychol Bull 1968;70(4):213-220); ICC(2,1)
    (Shrout & Fleiss, Psychol Bull 1979;86(2):420-428); the mean of a - b, the slope
    of a - b on (a + b) / 2, and the limits of agreement (Bland & Altman, Stat Methods
    Med Res 1999;8(2):135-160). NaN where nothing varies.
    """
    n, a, b, aa, bb, ab = np.moveaxis(np.asarray(sums, dtype=float), -1, 0)
    difference = (a - b) / n
    var_a, var_b = (n * aa - a**2) / n**2, (n * bb - b**2) / n**2
    covariance = (n * ab - a * b) / n**2
    spread = np.maximum(var_a + var_b - 2 * covariance, 0)  # of the differences
    between = var_a + var_b + 2 * covariance  # 4 times that of the means
    people, residual = between * n / (n - 1) / 2, spread * n / (n - 1) / 2
    times = n * difference**2 / 2
    reach = stats.norm.ppf((1 + CONFIDENCE) / 2) * np.sqrt(2 * residual)
    with np.errstate(invalid="ignore", divide="ignore"):
        kappa = 2 * covariance / (var_a + var_b + difference**2)
        icc = (people - residual) / (people + residual + 2 / n * (times - residual))
        slope = 2 * (var_a - var_b) / between
    limits = (difference - reach, difference + reach)
    return np.stack([kappa, icc, difference, slope, *limits], axis=-1)


def _of_function(panel: pd.DataFrame, function: str) -> Iterator[dict[str, Any]]:
    names = [f"{function}_self_report", f"{function}_frequency"]
    pairs = panel[["participant_id", "round", "wave", *names]].dropna()
    pairs.columns = pd.Index(["person", "round", "wave", "reported", "measured"])
    waves = [
        {"function": function, "round": round_, "wave": wave, **_row(rows)}
        for (round_, wave), rows in pairs.groupby(["round", "wave"])
    ]
    yield from waves
    if len(waves) > 1:
        groups = [wave["smallest_group"] for wave in waves]
        yield {"function": function, **_row(pairs), "smallest_group": min(groups)}


def _row(pairs: pd.DataFrame) -> dict[str, Any]:
    reported, measured = pairs[["reported", "measured"]].to_numpy(dtype=float).T
    fit = agreement(reported, measured, pairs["person"].to_numpy())
    numbers: dict[str, Any] = {
        f"{name}{end}": value
        for end, values in (
            ("", fit.values),
            ("_ci_low", fit.low),
            ("_ci_high", fit.high),
        )
        for name, value in zip(AGREEMENT_STATISTICS, values, strict=True)
    }
    groups = (measured == measured, reported > 0, measured > 0, reported != measured)
    people = [pairs.loc[group, "person"].nunique() for group in groups]
    counts = {"n": len(pairs), "people": people[0]}
    smallest = min(count for count in people if count)
    return {**numbers, **counts, "smallest_group": smallest, "note": fit.note}


def _sums_by_person(
    reported: Array, measured: Array, persons: npt.NDArray[Any]
) -> tuple[Array, int]:
    """The sums of `agreement_of_sums` for each person (people, 6), and how many."""
    codes, labels = pd.factorize(persons)
    terms = np.column_stack(
        [
            np.ones(len(reported)),
            reported,
            measured,
            reported**2,
            measured**2,
            reported * measured,
        ]
    )
    sums = np.zeros((len(labels), terms.shape[1]))
    np.add.at(sums, codes, terms)
    return sums, len(labels)


def _jackknife_limits(values: Array, replicates: Array) -> tuple[Array, Array]:
    """t limits of `values` (6,) from the values without each person (people, 6)."""
    centre, without = _to_scale(values), _to_scale(replicates)
    people = len(without)
    deviations = without - without.mean(axis=0)
    std_errors = np.sqrt((people - 1) / people * (deviations**2).sum(axis=0))
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, people - 1) * std_errors
    low, high = centre - reach, centre + reach
    return _from_scale(low), _from_scale(high)


def _to_scale(values: Array) -> Array:
    correlations = np.arctanh(np.where(_ON_FISHER_Z, values, 0))
    return np.where(_ON_FISHER_Z, correlations, values)


def _from_scale(values: Array) -> Array:
    return np.where(_ON_FISHER_Z, np.tanh(values), values)
