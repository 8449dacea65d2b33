"""Delta adjustment: what if missing answers are missing not at random?

Every imputed outcome is changed by delta and all is fitted and pooled again (delta
adjustment: Little & Rubin 2019, Statistical Analysis with Missing Data, section 15.3;
van Buuren 2018, Flexible Imputation of Missing Data, section 3.8), in two ways:

- `delta`: by the same amount everywhere, in standard deviations of the known outcomes;
- `delta_slope`: along the use of one exposure, for one term at a time. For a within
  component use is the deviation from the person's mean, else from everybody's mean. The
  unit is one standard deviation of the outcome for one of that use.

A shift of all imputed answers moves levels, and a within-person slope hardly at all; a
slope among the lost moves it directly. The estimates are those of delta 0. The tests
give those of each delta, and the tipping points at which the conclusion changes:
significant and positive, significant and negative, or not significant, at 5 %.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from panelstream.analysis.estimation.design import (
    exposure_columns,
    require_columns,
    to_floats,
)
from panelstream.analysis.estimation.dropout.bootstrap import Progress, ignore
from panelstream.analysis.estimation.dropout.imputation import (
    Imputed,
    fit_without_gaps,
    impute,
    pool_draws,
    require_rows,
)
from panelstream.analysis.estimation.fit import Diagnostic, Fit, Term
from panelstream.analysis.estimation.registration import Fitter
from panelstream.analysis.plan.conventions import ALPHA
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Vector

DELTAS = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Standard deviations by which outcomes of people who did not answer differ."""

SLOPES = (-1.0, 0.0, 1.0)
"""Standard deviations of the outcome for one of the use. Three are enough: a pooled
least-squares estimate is linear in delta, and its variance a quadratic function."""

STEPS = 2001
"""Of the grid between the first and the last delta, on which tipping points are sought."""


@dataclass(frozen=True, eq=False)
class Direction:
    """How imputed answers change with delta: by `values` (n,) of the panel's rows.

    `unit` is what delta 1 adds, in points, for one `per` of the values.
    """

    test: str
    tipping: str
    values: Vector
    unit: float
    per: str
    deltas: Sequence[float]


def fit_delta(
    specification: Specification,
    panel: pd.DataFrame,
    fit: Fitter,
    progress: Progress = ignore,
) -> Fit:
    """Fit at every delta. Raises `NotEstimable`."""
    require_columns(specification, panel)
    # Sums do not depend on the order of the rows then, to the last digit.
    panel = panel.sort_values(["participant_id", "wave"])
    imputed = impute(specification, panel)
    require_rows(specification, panel, imputed)
    if not any(len(values.rows) for values in imputed):
        return fit_without_gaps(specification, panel, fit)
    plain = pool_draws(specification, panel, fit, imputed)
    directions = list(_directions(specification, panel, plain))
    tests: list[Diagnostic] = []
    for done, (direction, places) in enumerate(directions, start=1):
        fits = {
            delta: plain
            if delta == 0
            else pool_draws(
                specification, panel, fit, change_answers(imputed, direction, delta)
            )
            for delta in direction.deltas
        }
        for place in places:
            terms = {delta: fits[delta].terms[place] for delta in fits}
            tests.extend(_term_tests(terms, direction))
        progress(done, len(directions))
    return replace(plain, tests=(*plain.tests, *tests))


def change_answers(
    imputed: Sequence[Imputed], direction: Direction, delta: float
) -> list[Imputed]:
    """What was imputed, with the outcome (the first) changed in a direction."""
    outcome = imputed[0]
    change = delta * direction.unit * direction.values[outcome.rows]
    return [replace(outcome, draws=outcome.draws + change), *imputed[1:]]


def tipping_point(terms: Mapping[float, Term]) -> float | None:
    """The delta nearest to 0 at which the conclusion changes; None without one.

    Estimate, variance and degrees of freedom are interpolated by the polynomial through
    all deltas, which is exact for least squares but for the degrees of freedom. Of two that
    are equally near, the lower.
    """
    deltas = np.array(list(terms))
    grid = np.linspace(deltas.min(), deltas.max(), STEPS)
    curves = _interpolate(deltas, list(terms.values()))
    conclusions = _conclude(*curves(grid))
    changes = np.flatnonzero(np.diff(conclusions))
    points = [_bisect(curves, grid[place], grid[place + 1]) for place in changes]
    return min(points, key=lambda delta: (round(abs(delta), 9), delta), default=None)


Curves = Callable[[Vector], tuple[Vector, Vector, Vector]]
"""Estimate, variance and degrees of freedom at deltas (s,)."""


def _interpolate(deltas: Vector, terms: Sequence[Term]) -> Curves:
    values = np.array([[t.estimate, t.std_error**2, t.df] for t in terms])
    coefficients = np.polyfit(deltas, values, len(deltas) - 1)

    def curves(at: Vector) -> tuple[Vector, Vector, Vector]:
        estimate, variance, df = (np.polyval(column, at) for column in coefficients.T)
        return estimate, np.maximum(variance, 0.0), np.maximum(df, 1.0)

    return curves


def _conclude(estimate: Vector, variance: Vector, df: Vector) -> Vector:
    """-1 or 1 where significant and of that sign, else 0."""
    critical = stats.t.ppf(1 - ALPHA / 2, df) * np.sqrt(variance)
    conclusion: Vector = np.where(np.abs(estimate) > critical, np.sign(estimate), 0.0)
    return conclusion


def _bisect(curves: Curves, lower: float, upper: float) -> float:
    """Where between two deltas with other conclusions the conclusion changes."""
    start = _conclude(*curves(np.array([lower])))[0]
    for _ in range(40):
        middle = (lower + upper) / 2
        if _conclude(*curves(np.array([middle])))[0] == start:
            lower = middle
        else:
            upper = middle
    return (lower + upper) / 2


def _directions(
    specification: Specification, panel: pd.DataFrame, plain: Fit
) -> Iterator[tuple[Direction, list[int]]]:
    """The directions, and the places of the terms that each is for."""
    spread = float(np.nanstd(to_floats(panel[specification.outcome]), ddof=1))
    places = [j for j, term in enumerate(plain.terms) if not np.isnan(term.p_value)]
    everywhere = np.ones(len(panel))
    yield Direction("delta", "tipping_point", everywhere, spread, "", DELTAS), places
    columns = {
        column.name: values
        for column, values in exposure_columns(specification, panel)
        if column.role == "exposure"
    }
    for place in places:
        term = plain.terms[place]
        if term.term in columns:
            use = _use(columns[term.term], panel, term.component)
            unit = spread / float(np.nanstd(use, ddof=1))
            mean = "their own mean" if term.component == "within" else "the mean"
            per = f" for each unit of {term.term} above {mean}"
            slope = ("delta_slope", "tipping_slope")
            yield Direction(*slope, np.nan_to_num(use), unit, per, SLOPES), [place]


def _use(values: Vector, panel: pd.DataFrame, component: str) -> Vector:
    """Deviations (n,) from the person's mean, or from everybody's if not within."""
    series = pd.Series(values.copy(), panel.index)
    if component == "within":
        series -= series.groupby(panel["participant_id"]).transform("mean")
    else:
        series -= series.mean()
    return to_floats(series)


def _term_tests(
    terms: Mapping[float, Term], direction: Direction
) -> Iterator[Diagnostic]:
    """An estimate for each delta but 0, then the tipping point."""
    name = f"{terms[0.0].term} ({terms[0.0].component})"
    for delta, term in terms.items():
        if delta:
            points = f"{delta * direction.unit:+.3g} points{direction.per}"
            note = f"{name}, if people who did not answer differ by {points} ({delta:+.2f} SD)"
            yield Diagnostic(
                direction.test, term.estimate, p_value=term.p_value, note=note
            )
    yield _tipping(name, terms, direction)


def _tipping(
    name: str, terms: Mapping[float, Term], direction: Direction
) -> Diagnostic:
    point = tipping_point(terms)
    now = "significant" if terms[0.0].p_value < ALPHA else "not significant"
    if point is None:
        limit = max(terms) * direction.unit
        note = (
            f"{name}: {now}; no difference of people who did not answer from "
            f"{-limit:+.3g} to {limit:+.3g} points{direction.per} changes that"
        )
        return Diagnostic(direction.tipping, note=note)
    more = "more" if point > 0 else "less"
    note = (
        f"{name}: {now}; the conclusion changes if people who did not answer would have "
        f"had {abs(point) * direction.unit:.3g} points {more}{direction.per} than others "
        f"with the same observed values ({point:+.2f} SD)"
    )
    return Diagnostic(direction.tipping, point, note=note)
