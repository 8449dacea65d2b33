"""How reliably each scale measured in each wave.

Of complete responses (every item answered): Cronbach's alpha with Feldt's limits,
McDonald's omega of one factor, and each item's correlation with the rest. Of all
scores: the shares at the lowest and the highest possible one, and the agreement of
the same people's scores with those of the wave before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import linalg, optimize, stats

from panelstream.analysis.panel.scoring import item_values
from panelstream.analysis.plan.conventions import CONFIDENCE, NotEstimable
from panelstream.models.arrays import Array
from panelstream.models.instruments.instrument import Instrument, Scale

RELIABILITY_COLUMNS = (
    "score",
    "round",
    "wave",
    "statistic",
    "item",
    "value",
    "ci_low",
    "ci_high",
    "n",
    "note",
)
_KEYS = ["participant_id", "wave"]

_LEAST_UNIQUE = 0.005
"""Smallest unique variance of a standardized item; at it, one factor does not fit."""

_FEWEST = 3
"""People without whom there is no statistic."""

_Limits = tuple[float, float]


@dataclass(frozen=True)
class ReliabilityStatistic:
    """A number, of how many people, or why there is none; `item` where it is of one."""

    statistic: str
    n: int
    value: float = np.nan
    ci_low: float = np.nan
    ci_high: float = np.nan
    item: str = ""
    note: str = ""


@dataclass(frozen=True)
class Retest:
    """Agreement of two measurements of `n` people, by analysis of variance.

    Ratios of mean squares to that of the residual: `people` between them, `times`
    between the two measurements.
    """

    n: int
    people: float
    times: float

    @property
    def value(self) -> float:
        """ICC(A,1): two-way, absolute agreement, of a single measurement."""
        return self._bound(self.people, self.n)

    def limits(self, n: float) -> _Limits:
        """Its confidence limits, if `n` people were behind it.

        McGraw & Wong, Psychol Methods 1996;1(1):30-46, table 7.
        """
        icc, k = self.value, 2
        a = k * icc / (n * (1 - icc))
        b = 1 + a * (n - 1)
        df = (a * self.times + b) ** 2 / ((a * self.times) ** 2 + b**2 / (n - 1))
        reach = stats.f.ppf((1 + CONFIDENCE) / 2, [n - 1, df], [df, n - 1])
        low, high = self.people / float(reach[0]), self.people * float(reach[1])
        return self._bound(low, n), self._bound(high, n)

    def _bound(self, people: float, n: float) -> float:
        return float((people - 1) / (people + 1 + 2 / n * (self.times - 1)))


def reliability_statistics(
    instruments: Sequence[Instrument], panel: pd.DataFrame, answers: pd.DataFrame
) -> pd.DataFrame:
    """One row a number (`RELIABILITY_COLUMNS`), by score, round and wave.

    `panel`: a row per participant and wave, with the scores; `answers`: a column an
    item, of the responses that the panel counts. Statistics are `alpha`, `omega`,
    `item_rest`, `floor`, `ceiling` and `test_retest`; where one has no value, the
    value is NaN and the note says why.
    """
    items = panel[_KEYS].merge(answers, on=_KEYS, how="left").set_index(panel.index)
    rows = [
        row
        for instrument in instruments
        for scale in instrument.scales
        if scale.method != "any"
        for row in _of_scale(instrument, scale, panel, items)
    ]
    return pd.DataFrame(rows, columns=list(RELIABILITY_COLUMNS))


def consecutive_scores(
    panel: pd.DataFrame, score: str
) -> Iterator[tuple[int, int, Array]]:
    """Round, wave, and the scores (people, 2) of those who had one the wave before."""
    narrow = panel[["round", *_KEYS, score]]
    for round_, rows in narrow.groupby("round"):
        wide = rows.pivot(index="participant_id", columns="wave", values=score)
        for previous, wave in pairwise(wide.columns):
            scores = wide[[previous, wave]].dropna().to_numpy(dtype=float)
            yield int(str(round_)), int(wave), scores


def alpha(items: Array) -> float:
    """Cronbach's alpha of complete items (people, items), from their covariances.

    Psychometrika 1951;16(3):297-334. Raises `NotEstimable` where no sum varies.
    """
    k, total = items.shape[1], items.sum(axis=1).var(ddof=1)
    if not total > 0:
        raise NotEstimable("the scores never vary")
    return float(k / (k - 1) * (1 - items.var(axis=0, ddof=1).sum() / total))


def alpha_limits(value: Any, n: Any, items: Any) -> tuple[Any, Any]:
    """Confidence limits of alpha (numbers or arrays), if `n` people were behind it.

    Feldt, Psychometrika 1965;30(3):357-370.
    """
    df = n - 1, (n - 1) * (items - 1)
    low, high = (stats.f.ppf((1 + sign * CONFIDENCE) / 2, *df) for sign in (1, -1))
    return 1 - (1 - value) * low, 1 - (1 - value) * high


def omega(items: Array) -> float:
    """McDonald's omega of complete items: the one factor's share of the sum's variance.

    The factor is fitted by maximum likelihood (McDonald, Test Theory, 1999). Raises
    `NotEstimable` where that is not possible, or where nothing of an item is left.
    """
    n, k = items.shape
    if k < 3:
        raise NotEstimable("fewer than 3 items")
    sd = items.std(axis=0, ddof=1)
    if not sd.min() > 0:
        raise NotEstimable("an item never varies")
    correlations = np.asarray(np.corrcoef(items, rowvar=False))
    if n <= k or np.linalg.matrix_rank(correlations, tol=1e-10) < k:
        raise NotEstimable("too few different responses")
    loadings, unique = _one_factor(correlations)
    if unique.min() <= _LEAST_UNIQUE:
        raise NotEstimable("no proper solution with one factor")
    common = float(sd @ loadings) ** 2
    return common / (common + float(sd**2 @ unique))


def item_rest(items: Array) -> Array:
    """Correlation of each item with the sum of the others; NaN if one never varies."""
    remainder = items.sum(axis=1, keepdims=True) - items
    x, y = items - items.mean(axis=0), remainder - remainder.mean(axis=0)
    size = np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    return np.asarray((x * y).sum(axis=0) / np.where(size > 0, size, np.nan))


def retest(first: Array, second: Array) -> Retest:
    """Agreement of two measurements of the same people, one value each.

    Raises `NotEstimable` for fewer than 3 people or if nobody's value changes.
    """
    n = len(first)
    if n < _FEWEST:
        raise NotEstimable(f"fewer than {_FEWEST} people in both waves")
    scores = np.column_stack([first, second])
    residual = float((first - second).var(ddof=1)) / 2
    if not residual > 0:
        raise NotEstimable("all scores changed alike")
    people = 2 * float(scores.mean(axis=1).var(ddof=1))
    times = n * float(scores.mean(axis=0).var(ddof=1))
    return Retest(n, people / residual, times / residual)


def _one_factor(correlations: Array) -> tuple[Array, Array]:
    """Loadings and unique variances by maximum likelihood.

    The likelihood concentrated on the unique variances: Joreskog, Psychometrika
    1967;32(4):443-482.
    """

    def solved(unique: Array) -> tuple[Array, Array]:
        scale = np.sqrt(unique)
        values, vectors = linalg.eigh(correlations / np.outer(scale, scale))
        return values, scale * vectors[:, -1] * np.sqrt(max(values[-1] - 1, 0))

    def misfit(unique: Array) -> tuple[float, Array]:
        values, loadings = solved(unique)
        remaining = values[:-1]
        slope = (loadings**2 + unique - 1) / unique**2
        return float((remaining - np.log(remaining) - 1).sum()), slope

    start = (1 - 0.5 / len(correlations)) / np.diag(linalg.inv(correlations))
    bounds = [(_LEAST_UNIQUE, 1.0)] * len(correlations)
    exact = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 1000}
    optimum = optimize.minimize(
        misfit, start, jac=True, method="L-BFGS-B", bounds=bounds, options=exact
    )
    loadings = solved(optimum.x)[1]
    return loadings * np.sign(loadings.sum()), optimum.x


def _of_scale(
    instrument: Instrument, scale: Scale, panel: pd.DataFrame, items: pd.DataFrame
) -> Iterator[dict[str, Any]]:
    name = instrument.column(scale)
    values = item_values(instrument, scale, items).dropna()
    retests: dict[Any, Array] = {
        (r, w): scores for r, w, scores in consecutive_scores(panel, name)
    }
    for wave, rows in (
        panel[["round", "wave", name]].dropna().groupby(["round", "wave"])
    ):
        complete = values[values.index.isin(rows.index)].to_numpy(dtype=float)
        statistics = [
            *_of_items(scale, complete),
            *_of_ends(rows[name].to_numpy(dtype=float), instrument.bounds(scale)),
            *_of_retest(retests.get(wave)),
        ]
        for statistic in statistics:
            yield {"score": name, "round": wave[0], "wave": wave[1], **vars(statistic)}


def _of_items(scale: Scale, items: Array) -> Iterator[ReliabilityStatistic]:
    if scale.delivered:
        yield ReliabilityStatistic("alpha", 0, note="delivered without its items")
    if len(scale.items) < 2 or scale.method == "count":
        return  # a single answer, or a count of things that need not hang together
    n = len(items)
    if n < _FEWEST:
        yield ReliabilityStatistic(
            "alpha", n, note=f"fewer than {_FEWEST} complete responses"
        )
        return
    try:
        value = alpha(items)
        low, high = alpha_limits(value, n, items.shape[1])
        yield ReliabilityStatistic("alpha", n, value, low, high)
    except NotEstimable as problem:
        yield ReliabilityStatistic("alpha", n, note=str(problem))
    try:
        yield ReliabilityStatistic("omega", n, omega(items))
    except NotEstimable as problem:
        yield ReliabilityStatistic("omega", n, note=str(problem))
    for code, value in zip(scale.items, item_rest(items), strict=True):
        note = "it never varies, or the others do not" if np.isnan(value) else ""
        yield ReliabilityStatistic("item_rest", n, value, item=code, note=note)


def _of_ends(scores: Array, bounds: _Limits | None) -> Iterator[ReliabilityStatistic]:
    for name, end in zip(("floor", "ceiling"), bounds or (), strict=False):
        yield ReliabilityStatistic(
            name, len(scores), float(np.isclose(scores, end).mean())
        )


def _of_retest(scores: Array | None) -> Iterator[ReliabilityStatistic]:
    if scores is None:
        return
    try:
        agreement = retest(scores[:, 0], scores[:, 1])
        yield ReliabilityStatistic(
            "test_retest", agreement.n, agreement.value, *agreement.limits(agreement.n)
        )
    except NotEstimable as problem:
        yield ReliabilityStatistic("test_retest", len(scores), note=str(problem))
