"""Whether a scale measures the same in every wave: measurement invariance.

One factor in each wave is fitted with loadings and intercepts of each wave
(configural), with equal loadings (metric), and with equal intercepts too (scalar).
Items are treated as continuous; errors of normality are met by scaled chi-squares.
Everybody with an answered item counts (full-information maximum likelihood), which is
valid if answers are missing at random.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import nan
from typing import Any

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.full_information_ml import (
    Maximum,
    Unrestricted,
    group_by_pattern,
    likelihood_ratio,
    maximise_restricted,
)
from panelstream.analysis.estimation.inference import NEGLIGIBLE
from panelstream.analysis.estimation.longitudinal_factor import (
    EqualIntercepts,
    EqualLoadings,
    LongitudinalFactor,
    configural_start,
    metric_start,
    scalar_start,
)
from panelstream.analysis.estimation.model_fit import (
    Bounds,
    FitMeasures,
    fit_bounds,
)
from panelstream.analysis.panel.scoring import item_values
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.models.arrays import Array, Matrix, Vector
from panelstream.models.instruments.instrument import Instrument, Scale

INVARIANCE_COLUMNS = (
    "score",
    "round",
    "model",
    "waves",
    "chi_square",
    "df",
    "p_value",
    "cfi",
    "rmsea",
    "cfi_change",
    "rmsea_change",
    "difference",
    "difference_df",
    "difference_p",
    "conclusion",
    "n",
    "note",
)
_KEYS = ["participant_id", "wave"]

FEWEST_ITEMS = 3
"""With fewer, one factor of a wave is not identified by that wave."""

FEWEST_PER_PARAMETER = 2
"""With fewer people, chi-squares are far too large; 5 to 10 are recommended (Bentler &
Chou 1987, Sociol. Methods Res. 16(1))."""

LARGEST = 60
"""Items times waves: with more, a fit takes minutes and gigabytes."""

CFI_CHANGE = 0.01
"""A larger loss of CFI is a lack of invariance (Chen 2007, Struct. Equ. Modeling
14(3); Cheung & Rensvold 2002, ibid. 9(2))."""

GOOD_FIT, ACCEPTABLE_FIT = (0.95, 0.06), (0.90, 0.08)
"""CFI of at least, RMSEA of at most (Hu & Bentler 1999, Struct. Equ. Modeling 6(1))."""

MODELS = ("configural", "metric", "scalar")
EQUAL = {"metric": "equal loadings", "scalar": "equal intercepts"}


@dataclass(frozen=True)
class ModelComparison:
    """The fit of a model, and how much worse it is than the one with fewer equalities."""

    model: str
    measures: FitMeasures
    cfi_change: float = nan
    rmsea_change: float = nan
    difference: float = nan
    difference_df: float = nan
    difference_p: float = nan
    note: str = ""

    @property
    def conclusion(self) -> str:
        """What is usually said of such numbers."""
        if self.model in EQUAL:
            supported = self.cfi_change >= -CFI_CHANGE
            return f"{EQUAL[self.model]} {'' if supported else 'not '}supported"
        for words, (cfi, rmsea) in (
            ("good fit", GOOD_FIT),
            ("acceptable fit", ACCEPTABLE_FIT),
        ):
            if self.measures.cfi >= cfi and self.measures.rmsea <= rmsea:
                return words
        return "poor fit of one factor"


def invariance_statistics(
    instruments: Sequence[Instrument], panel: pd.DataFrame, answers: pd.DataFrame
) -> pd.DataFrame:
    """Three rows (`INVARIANCE_COLUMNS`) for each score of several items and round.

    `panel` and `answers` are as for `reliability_statistics`. Scores that are counts of
    items have no rows, nor has a round with one wave. Where a model cannot be fitted,
    its row has no numbers, the note says why, and no further row follows.
    """
    items = panel[_KEYS].merge(answers, on=_KEYS, how="left").set_index(panel.index)
    rows = [
        row
        for instrument in instruments
        for scale in instrument.scales
        if len(scale.items) >= FEWEST_ITEMS and scale.method in ("sum", "mean")
        for row in _of_scale(instrument, scale, panel, items)
    ]
    return pd.DataFrame(rows, columns=list(INVARIANCE_COLUMNS))


def compare_models(values: Array) -> Iterator[ModelComparison]:
    """Fit configural, metric and scalar models to items (n, T, m), NaN where missing.

    Raises `NotEstimable` where the first of them cannot be fitted.
    """
    persons, waves, items = values.shape
    model = LongitudinalFactor(waves, items)
    flat = _standardized(values).reshape(persons, waves * items)
    _require_people(model, flat)
    patterns = group_by_pattern(flat)
    start = configural_start(np.nanmean(flat, axis=0), model)
    free = maximise_restricted(patterns, model, Unrestricted(len(start)), start)
    bounds = fit_bounds(patterns, free.means)
    yield ModelComparison(
        "configural", bounds.measure(free), note=_improper(free, model)
    )
    coefficients = metric_start(_values(free), model)
    metric = maximise_restricted(patterns, model, EqualLoadings(model), coefficients)
    yield _compare("metric", bounds, free, metric, model)
    coefficients = scalar_start(metric_start(_values(metric), model), model)
    scalar = maximise_restricted(patterns, model, EqualIntercepts(model), coefficients)
    yield _compare("scalar", bounds, metric, scalar, model)


def _of_scale(
    instrument: Instrument, scale: Scale, panel: pd.DataFrame, items: pd.DataFrame
) -> Iterator[dict[str, Any]]:
    values = item_values(instrument, scale, items)
    for round_, rows in values.groupby(panel["round"]):
        keys = panel.loc[rows.index, _KEYS]
        cube = _by_person(keys, rows.to_numpy(dtype=float))
        if panel.loc[rows.index, "wave"].nunique() < 2:
            continue
        labels = {"score": instrument.column(scale), "round": round_}
        labels |= {"waves": cube.shape[1], "n": len(cube)}
        for row in _rows(cube):
            yield {**labels, **row}


def _by_person(keys: pd.DataFrame, values: Matrix) -> Array:
    """Items (n, T, m) of persons with an answer, in waves with one."""
    persons, _ = pd.factorize(keys["participant_id"], sort=True)
    waves, _ = pd.factorize(keys["wave"], sort=True)
    shape = (persons.max(initial=-1) + 1, waves.max(initial=-1) + 1, values.shape[1])
    cube = np.full(shape, nan)
    cube[persons, waves] = values
    cube = cube[:, np.isfinite(cube).any(axis=(0, 2))]
    return np.asarray(cube[np.isfinite(cube).any(axis=(1, 2))])


def _rows(values: Array) -> Iterator[dict[str, Any]]:
    """A row for each model, to the first that cannot be fitted."""
    done = 0
    try:
        for comparison in compare_models(values):
            done += 1
            row = asdict(comparison)
            measures = row.pop("measures")
            yield {**row, **measures, "conclusion": comparison.conclusion}
    except (NotEstimable, np.linalg.LinAlgError) as problem:
        note = f"not estimable: {problem}"
        yield {"model": MODELS[done], "conclusion": "", "note": note}


def _standardized(values: Array) -> Array:
    """Items in units of their spread over all waves; the one most like the others first.

    An item that is the same for all in a wave is refused.
    """
    _, waves, items = values.shape
    if waves < 2:
        raise NotEstimable("answered in fewer than two waves")
    flat = values.reshape(-1, items)
    if not np.isfinite(values).any(axis=0).all():
        raise NotEstimable("an item was answered by nobody in some wave")
    noise = NEGLIGIBLE * np.nanmax(np.abs(flat), axis=0)
    if not np.all(np.nanstd(values, axis=0) > noise):
        raise NotEstimable("an item has the same answer from all in some wave")
    scaled = (values - np.nanmean(flat, axis=0)) / np.nanstd(flat, axis=0)
    correlations = pd.DataFrame(flat).corr().to_numpy()
    order = np.argsort(-np.nansum(correlations, axis=0), kind="stable")
    return np.asarray(scaled[:, :, order])


def _require_people(model: LongitudinalFactor, flat: Matrix) -> None:
    persons, size = flat.shape
    if size > LARGEST:
        raise NotEstimable(f"{model.items} items in {model.waves} waves are too many")
    if persons < FEWEST_PER_PARAMETER * (count := size + model.size):
        raise NotEstimable(f"{persons} people are too few for {count} parameters")
    known = np.isfinite(flat).astype(float)
    if not np.all(known.T @ known > 1):
        raise NotEstimable("nobody answered in two of the waves")


def _values(maximum: Maximum) -> Vector:
    return np.concatenate([maximum.means, maximum.parameters])


def _compare(
    name: str,
    bounds: Bounds,
    free: Maximum,
    restricted: Maximum,
    model: LongitudinalFactor,
) -> ModelComparison:
    measures, previous = bounds.measure(restricted), bounds.measure(free)
    note = _improper(restricted, model)
    df = nan
    difference = p_value = nan
    try:
        difference, df, p_value = likelihood_ratio(free, restricted)
    except NotEstimable as problem:
        note = str(problem)
    return ModelComparison(
        model=name,
        measures=measures,
        cfi_change=measures.cfi - previous.cfi,
        rmsea_change=measures.rmsea - previous.rmsea,
        difference=difference,
        difference_df=df,
        difference_p=p_value,
        note=note,
    )


def _improper(maximum: Maximum, model: LongitudinalFactor) -> str:
    """A warning where a variance is estimated below 0 (Heywood case)."""
    smallest = min(
        np.linalg.eigvalsh(matrix)[0] for matrix in model.variances(maximum.parameters)
    )
    return "improper: a variance is estimated below 0" if smallest < 0 else ""
