"""Scores from answers: reversal, the four methods, and the rule for missing items."""

import pandas as pd

from panelstream.models.instruments.instrument import Instrument, Scale


def score_instrument(
    instrument: Instrument, answers: pd.DataFrame, not_asked: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Score every scale of every response.

    `answers`: one row per response, one column per item code (or score column of a
    delivered scale), coded numbers, NaN where missing. Returns, on the same index,
    `<instrument>_<scale>`, `<instrument>_<scale>_missing` (items missing) and
    `<instrument>_<scale>_prorated` (1 where the score stands in for some of them).

    A prorated sum or count is the mean of the answered items times the number of
    items, kept unrounded. A scale with fewer answers than its rule asks for is NaN;
    but one `any` answer that is reached settles it, whatever is missing. An item
    that does not apply is not missing: a mean is of the items that do apply (of as
    many as the rule asks for), and to count it is not to have been reached.

    `not_asked`: on the index of `answers`, True where an item was not asked of anybody
    (columns: item codes, as many as there are such). A scale with such an item is NaN
    there, whatever its rule: prorating stands in for answers that people leave out.
    """
    columns: dict[str, pd.Series] = {}
    for scale in instrument.scales:
        name = instrument.column(scale)
        counted, missing = _counted(instrument, scale, answers)
        value = _combine(scale, counted).where(is_asked(scale, answers, not_asked))
        prorated = value.notna() & (missing > 0) & (scale.method != "any")
        columns |= {
            name: value,
            f"{name}_missing": missing,
            f"{name}_prorated": prorated.astype("Int8"),
        }
    return pd.DataFrame(columns, index=answers.index)


def item_values(
    instrument: Instrument, scale: Scale, answers: pd.DataFrame
) -> pd.DataFrame:
    """The items of a scale as they count towards it, a column an item.

    Reversed ones are turned; NaN where missing or not applicable.
    """
    raw = _raw_items(instrument, scale, answers)
    values = raw.mask(_not_applicable(instrument, scale, raw))
    for item in instrument.items_of(scale):
        if item.reversed:
            values[item.code] = sum(item.range) - values[item.code]
    return values


def is_asked(
    scale: Scale, answers: pd.DataFrame, not_asked: pd.DataFrame | None
) -> pd.Series:
    """On the index of `answers`, whether all items of a scale were asked."""
    if not_asked is None:
        return pd.Series(True, index=answers.index)
    codes = [code for code in scale.items if code in not_asked]
    return ~not_asked[codes].any(axis=1)


def _raw_items(
    instrument: Instrument, scale: Scale, answers: pd.DataFrame
) -> pd.DataFrame:
    codes = list(scale.items) or [instrument.column(scale)]
    return answers.reindex(columns=codes).astype(float)


def _not_applicable(
    instrument: Instrument, scale: Scale, raw: pd.DataFrame
) -> pd.DataFrame:
    codes = {item.code: item.not_applicable for item in instrument.items_of(scale)}
    return pd.DataFrame({name: raw[name] == codes.get(str(name)) for name in raw})


def _counted(
    instrument: Instrument, scale: Scale, answers: pd.DataFrame
) -> tuple[pd.DataFrame, pd.Series]:
    """Items as the method combines them, and how many are missing."""
    raw = _raw_items(instrument, scale, answers)
    values = item_values(instrument, scale, answers)
    if scale.method in ("count", "any"):
        reached = (values >= scale.at_least).astype(float)
        values = reached.where(raw.notna())
    return values, raw.isna().sum(axis=1)


def _combine(scale: Scale, values: pd.DataFrame) -> pd.Series:
    items, answered = values.shape[1], values.notna().sum(axis=1)
    enough = answered >= items - scale.missing.allowed
    match scale.method:
        case "any":
            reached = values.max(axis=1)
            return reached.where(enough | (reached == 1))
        case "mean":
            combined = values.sum(axis=1) / answered
        case "sum" | "count":
            combined = values.sum(axis=1) * (items / answered)
    return combined.where(enough)
