"""Signs of careless answering: flagged in the panel, and nothing is left out for them.

They see patterns, not attention: who answers at random is rarely caught, and who is
caught may have meant it. Indices and limits after Meade & Craig, Psychol Methods
2012;17(3):437-455, and Huang et al., J Bus Psychol 2012;27(1):99-114.
"""

from collections.abc import Iterator, Sequence

import pandas as pd

from panelstream.analysis.panel.scoring import item_values
from panelstream.models.instruments.instrument import Instrument, Scale

MOST_APART = 0.5
"""Part of the answers' range by which reversed and plain items may differ. Ours."""
LEAST_SECONDS = 2.0
"""Seconds for one item; who is faster can hardly have read it (Huang et al. 2012)."""


def flags(instruments: Sequence[Instrument], answers: pd.DataFrame) -> pd.DataFrame:
    """1 flagged, 0 not, null not known; on the index of `answers`, a column an item.

    Of each scale with reversed and plain items, if as many are answered as a score
    needs: `<score>_straightlined`, the same answer to every item; and
    `<score>_inconsistent`, their means, as they count, more than `MOST_APART` of the
    range apart. Where an item asks how long the form took: `too_fast`, fewer than
    `LEAST_SECONDS` for each item answered.
    """
    columns: dict[str, pd.Series] = {}
    for instrument, scale in balanced(instruments):
        name = instrument.column(scale)
        columns[f"{name}_straightlined"] = _straightlined(instrument, scale, answers)
        columns[f"{name}_inconsistent"] = _inconsistent(instrument, scale, answers)
    for code in timed(instruments):
        columns["too_fast"] = _too_fast(instruments, code, answers)
    return pd.DataFrame(columns, index=answers.index)


def balanced(instruments: Sequence[Instrument]) -> Iterator[tuple[Instrument, Scale]]:
    """The scales in which the same answer cannot mean the same to every item."""
    for instrument in instruments:
        for scale in instrument.scales:
            turned = {item.reversed for item in instrument.items_of(scale)}
            if turned == {True, False} and scale.method in ("sum", "mean"):
                yield instrument, scale


def timed(instruments: Sequence[Instrument]) -> Iterator[str]:
    """The codes of the items that tell how long the form took."""
    for instrument in instruments:
        for item in instrument.items:
            if item.seconds:
                yield item.code


def _straightlined(
    instrument: Instrument, scale: Scale, answers: pd.DataFrame
) -> pd.Series:
    given = answers.reindex(columns=list(scale.items)).astype(float)
    known = _enough(instrument, scale, answers)
    return _flag(given.min(axis=1) == given.max(axis=1), known)


def _inconsistent(
    instrument: Instrument, scale: Scale, answers: pd.DataFrame
) -> pd.Series:
    values = item_values(instrument, scale, answers)
    sides: dict[bool, list[str]] = {True: [], False: []}
    for item in instrument.items_of(scale):
        low, high = item.range
        values[item.code] = (values[item.code] - low) / (high - low)
        sides[item.reversed].append(item.code)
    apart = values[sides[True]].mean(axis=1) - values[sides[False]].mean(axis=1)
    known = _enough(instrument, scale, answers) & apart.notna()
    return _flag(apart.abs() > MOST_APART, known)


def _too_fast(
    instruments: Sequence[Instrument], seconds: str, answers: pd.DataFrame
) -> pd.Series:
    codes = [item.code for one in instruments for item in one.items if not item.seconds]
    answered = answers.reindex(columns=codes).notna().sum(axis=1)
    took = answers.reindex(columns=[seconds])[seconds].astype(float)
    return _flag(took < LEAST_SECONDS * answered, took.notna() & (answered > 0))


def _enough(instrument: Instrument, scale: Scale, answers: pd.DataFrame) -> pd.Series:
    answered = item_values(instrument, scale, answers).notna().sum(axis=1)
    return answered >= len(scale.items) - scale.missing.allowed


def _flag(yes: pd.Series, known: pd.Series) -> pd.Series:
    return yes.astype("Int8").where(known)
