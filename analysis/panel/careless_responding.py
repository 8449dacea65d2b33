"""Signs of careless answering: flagged in the panel, and nothing is left out for them.

They show patterns, not attention: random answers are rarely flagged, and a flagged
answer may be meant. Indices and limits after Meade & Craig, Psychol Methods
2012;17(3):437-455, and Huang et al., J Bus Psychol 2012;27(1):99-114.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from panelstream.analysis.panel.scoring import is_asked, item_values
from panelstream.models.arrays import Mask
from panelstream.models.instruments.instrument import Instrument, Scale

MAX_DIFFERENCE = 0.5
"""Part of the answers' range by which reversed and plain items may differ. Ours."""
MIN_SECONDS = 2.0
"""Seconds for one item; in less it can hardly be read (Huang et al. 2012)."""
SUFFIXES = ("_straightlined", "_inconsistent")
"""How flags of a score end, after its name."""
TOO_FAST = "too_fast"
"""The flag of a whole form."""


def careless_flags(
    instruments: Sequence[Instrument],
    answers: pd.DataFrame,
    not_asked: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """1 flagged, 0 not, null not known; on the index of `answers`, a column an item.

    Of each scale with reversed and plain items, if as many are answered as a score
    needs, and all were asked (`not_asked`: as for `score_instrument`):
    `<score>_straightlined`, the same answer to every item; and `<score>_inconsistent`,
    their means, as they count, more than `MAX_DIFFERENCE` of the range apart. Where an item asks how long the form took: `too_fast`, fewer than
    `MIN_SECONDS` for each item answered.
    """
    columns: dict[str, pd.Series] = {}
    for instrument, scale in scales_with_reversed_items(instruments):
        name = instrument.column(scale)
        asked = is_asked(scale, answers, not_asked)
        straightlined = _straightlined(instrument, scale, answers)
        inconsistent = _inconsistent(instrument, scale, answers)
        for suffix, flags in zip(SUFFIXES, (straightlined, inconsistent), strict=True):
            columns[f"{name}{suffix}"] = flags.where(asked)
    for code in duration_items(instruments):
        columns[TOO_FAST] = _too_fast(instruments, code, answers)
    return pd.DataFrame(columns, index=answers.index)


def flagged_rows(panel: pd.DataFrame) -> Mask:
    """Rows of a panel (n,) whose answers have any sign of careless responding."""
    names = [
        name for name in panel if str(name).endswith(SUFFIXES) or str(name) == TOO_FAST
    ]
    return np.asarray((panel[names] == 1).fillna(False).any(axis=1), dtype=np.bool_)


def scales_with_reversed_items(
    instruments: Sequence[Instrument],
) -> Iterator[tuple[Instrument, Scale]]:
    """The scales in which the same answer cannot mean the same to every item."""
    for instrument in instruments:
        for scale in instrument.scales:
            turned = {item.reversed for item in instrument.items_of(scale)}
            if turned == {True, False} and scale.method in ("sum", "mean"):
                yield instrument, scale


def duration_items(instruments: Sequence[Instrument]) -> Iterator[str]:
    """The codes of the items that tell how long the form took."""
    for instrument in instruments:
        for item in instrument.items:
            if item.seconds:
                yield item.code


def _straightlined(
    instrument: Instrument, scale: Scale, answers: pd.DataFrame
) -> pd.Series:
    items = answers.reindex(columns=list(scale.items)).astype(float)
    same = items.min(axis=1) == items.max(axis=1)
    return _flag(same, _has_enough_answers(instrument, scale, answers))


def _inconsistent(
    instrument: Instrument, scale: Scale, answers: pd.DataFrame
) -> pd.Series:
    values = item_values(instrument, scale, answers)
    sides: dict[bool, list[str]] = {True: [], False: []}
    for item in instrument.items_of(scale):
        low, high = item.range
        values[item.code] = (values[item.code] - low) / (high - low)
        sides[item.reversed].append(item.code)
    difference = values[sides[True]].mean(axis=1) - values[sides[False]].mean(axis=1)
    valid = _has_enough_answers(instrument, scale, answers) & difference.notna()
    return _flag(difference.abs() > MAX_DIFFERENCE, valid)


def _too_fast(
    instruments: Sequence[Instrument], seconds: str, answers: pd.DataFrame
) -> pd.Series:
    codes = [
        item.code
        for instrument in instruments
        for item in instrument.items
        if not item.seconds
    ]
    answered = answers.reindex(columns=codes).notna().sum(axis=1)
    took = answers.reindex(columns=[seconds])[seconds].astype(float)
    return _flag(took < MIN_SECONDS * answered, took.notna() & (answered > 0))


def _has_enough_answers(
    instrument: Instrument, scale: Scale, answers: pd.DataFrame
) -> pd.Series:
    answered = item_values(instrument, scale, answers).notna().sum(axis=1)
    return answered >= len(scale.items) - scale.missing.allowed


def _flag(flagged: pd.Series, valid: pd.Series) -> pd.Series:
    return flagged.astype("Int8").where(valid)
