"""What if those who did not answer are worse off, or better, than they seem?

Every imputed outcome is moved by delta, in standard deviations of the known outcomes,
and all is fitted and pooled again (delta adjustment: Little & Rubin 2019, Statistical
Analysis with Missing Data, section 15.3; van Buuren 2018, Flexible Imputation of
Missing Data, section 3.8). The estimates are those of delta 0; the tests say what each
delta makes of them, and at which the verdict of significance tips.
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
    completed,
    impute,
    pooled_fit,
)
from panelstream.analysis.estimation.fit import Diagnostic, Fit, Term
from panelstream.analysis.estimation.registration import Fitter
from panelstream.analysis.plan.conventions import ALPHA
from panelstream.analysis.plan.specifications import Specification

DELTAS = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Standard deviations of the outcome by which those who did not answer differ."""


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
        moved = [_moved(imputed[0], delta * unit), *imputed[1:]]
        each = [fit(specification, one) for one in completed(panel, moved)]
        fits[delta] = pooled_fit(specification, each, len(imputed[0].rows))
        progress(done, len(DELTAS))
    tests = [
        test
        for j in range(len(fits[0.0].terms))
        for test in _of_term({delta: one.terms[j] for delta, one in fits.items()}, unit)
    ]
    return replace(fits[0.0], tests=(*fits[0.0].tests, *tests))


def tipping_point(margins: dict[float, float]) -> float | None:
    """The delta nearest to 0 at which a margin crosses 0; None without one.

    Margins are by how much |t| exceeds what 5 % asks for, by delta in order; between
    two of them a straight line is drawn. Of two that are equally near, the lower.
    """
    found = [
        lower + (upper - lower) * margins[lower] / (margins[lower] - margins[upper])
        for lower, upper in pairwise(margins)
        if (margins[lower] > 0) != (margins[upper] > 0)
    ]
    return min(found, key=lambda delta: (abs(delta), delta), default=None)


def _moved(imputed: Imputed, by: float) -> Imputed:
    return replace(imputed, draws=imputed.draws + by)


def _of_term(terms: dict[float, Term], unit: float) -> Iterator[Diagnostic]:
    """An estimate for each delta but 0, then the tipping point."""
    name = f"{terms[0.0].term} ({terms[0.0].component})"
    if np.isnan(terms[0.0].p_value):
        return
    for delta, one in terms.items():
        if delta:
            note = f"{name}, if delta is {delta:+.2f} SD ({delta * unit:+.2f} points)"
            yield Diagnostic("delta", one.estimate, p_value=one.p_value, note=note)
    yield _tipping(name, {delta: _margin(one) for delta, one in terms.items()})


def _margin(term: Term) -> float:
    return abs(term.statistic) - float(stats.t.ppf(1 - ALPHA / 2, term.df))


def _tipping(name: str, margins: dict[float, float]) -> Diagnostic:
    found, reach = tipping_point(margins), max(margins)
    now = "significant" if margins[0.0] > 0 else "not significant"
    if found is None:
        note = f"{name}: {now} from -{reach:.2f} to +{reach:.2f} SD"
        return Diagnostic("tipping_point", note=note)
    note = f"{name}: {now} as imputed, and not so any more at this many SD"
    return Diagnostic("tipping_point", found, note=note)
