"""Scores from answers: reversal, sums and means, and the rule for missing items."""

from collections.abc import Sequence

import pandas as pd

from models.instruments import Instrument, Scale


def score(instrument: Instrument, answers: pd.DataFrame) -> pd.DataFrame:
    """Score every scale of every response.

    `answers`: one row per response, one column per item code (or score column of a
    delivered scale), coded numbers, NaN where missing. Returns, on the same index,
    `<instrument>_<scale>` and `<instrument>_<scale>_missing` (items missing).

    A prorated sum is the mean of the answered items times the number of items,
    kept unrounded; a scale with more missing items than its rule allows is NaN.
    """
    columns: dict[str, pd.Series] = {}
    for scale in instrument.scales:
        name = f"{instrument.instrument}_{scale.code}"
        values = _values(instrument, scale, answers)
        missing = values.isna().sum(axis=1)
        columns[name] = _combine(scale, values).where(missing <= scale.missing.allowed)
        columns[f"{name}_missing"] = missing
    return pd.DataFrame(columns, index=answers.index)


def _values(
    instrument: Instrument, scale: Scale, answers: pd.DataFrame
) -> pd.DataFrame:
    delivered = f"{instrument.instrument}_{scale.code}"
    codes: Sequence[str] = scale.items or (delivered,)
    values = answers.reindex(columns=list(codes)).astype(float)
    for item in instrument.items:
        if item.reversed and item.code in values:
            values[item.code] = item._low + item._high - values[item.code]
    return values


def _combine(scale: Scale, values: pd.DataFrame) -> pd.Series:
    mean = values.mean(axis=1)
    return mean * (values.shape[1] if scale.method == "sum" else 1)
