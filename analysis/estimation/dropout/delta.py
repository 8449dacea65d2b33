"""Delta adjustment: what if missing answers are missing not at random?

Every imputed outcome is shifted by delta, in standard deviations of the known outcomes,
and all is fitted and pooled again (delta adjustment: Little & Rubin 2019, Statistical
Analysis with Missing Data, section 15.3; van Buuren 2018, Flexible Imputation of
Missing Data, section 3.8). The estimates are those of delta 0; the tests give those
of each delta, and the tipping point at which significance changes.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import stats

from panelstream.analysis.estimation.design import to_floats
from panelstream.analysis.estimation.dropout.bootstrap import Progress, ignore
from panelstream.analysis.estimation.dropout.imputation import (
    Imputed,
    complete_panels,
    impute,
    pool_fits,
)
from panelstream.analysis.estimation.fit import Diagnostic, Fit, Term
from panelstream.analysis.estimation.registration import Fitter
from panelstream.analysis.plan.conventions import ALPHA
from panelstream.analysis.plan.specifications import Specification

DELTAS = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Standard deviations by which outcomes of people who did not answer differ."""


def fit_delta(
    specification: Specification,
    panel: pd.DataFrame,
    fit: Fitter,
    progress: Progress = ignore,
) -> Fit:
    """Fit at every delta. Raises `NotEstimable`."""
    imputed = impute(specification, panel)
    unit = float(np.nanstd(to_floats(panel[specification.outcome]), ddof=1))
    fits = {}
    for done, delta in enumerate(DELTAS, start=1):
        shifted = [_shift(imputed[0], delta * unit), *imputed[1:]]
        draws = [
            fit(specification, complete) for complete in complete_panels(panel, shifted)
        ]
        fits[delta] = pool_fits(specification, draws, len(imputed[0].rows))
        progress(done, len(DELTAS))
    tests = [
        test
        for j in range(len(fits[0.0].terms))
        for test in _term_tests({d: fits[d].terms[j] for d in fits}, unit)
    ]
    return replace(fits[0.0], tests=(*fits[0.0].tests, *tests))


def tipping_point(margins: dict[float, float]) -> float | None:
    """The delta nearest to 0 at which a margin crosses 0; None without one.

    Margins are by how much |t| exceeds its critical value at 5 %, by delta in order; between
    two of them a straight line is drawn. Of two that are equally near, the lower.
    """
    crossings = [
        lower + (upper - lower) * margins[lower] / (margins[lower] - margins[upper])
        for lower, upper in pairwise(margins)
        if (margins[lower] > 0) != (margins[upper] > 0)
    ]
    return min(crossings, key=lambda delta: (abs(delta), delta), default=None)


def _shift(imputed: Imputed, points: float) -> Imputed:
    return replace(imputed, draws=imputed.draws + points)


def _term_tests(terms: dict[float, Term], unit: float) -> Iterator[Diagnostic]:
    """An estimate for each delta but 0, then the tipping point."""
    name = f"{terms[0.0].term} ({terms[0.0].component})"
    if np.isnan(terms[0.0].p_value):
        return
    for delta, term in terms.items():
        if delta:
            note = f"{name}, if delta is {delta:+.2f} SD ({delta * unit:+.2f} points)"
            yield Diagnostic("delta", term.estimate, p_value=term.p_value, note=note)
    yield _tipping(name, {delta: _margin(term) for delta, term in terms.items()})


def _margin(term: Term) -> float:
    return abs(term.statistic) - float(stats.t.ppf(1 - ALPHA / 2, term.df))


def _tipping(name: str, margins: dict[float, float]) -> Diagnostic:
    point, largest = tipping_point(margins), max(margins)
    now = "significant" if margins[0.0] > 0 else "not significant"
    if point is None:
        note = f"{name}: {now} from -{largest:.2f} to +{largest:.2f} SD"
        return Diagnostic("tipping_point", note=note)
    note = f"{name}: {now} as imputed, and not so any more at this many SD"
    return Diagnostic("tipping_point", point, note=note)
