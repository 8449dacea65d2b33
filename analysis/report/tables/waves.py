"""The keys of tables by wave: the wave, and its round where a study has several."""

from collections.abc import Iterable

import pandas as pd

from panelstream.analysis.report.table import Ordinal, TableColumn
from panelstream.models.study.study import Study

KEYS = ["round", "wave"]


def wave_columns(study: Study) -> tuple[TableColumn, ...]:
    """The columns that say of which wave a row is."""
    wave = TableColumn("wave", Ordinal({wave.wave for wave in study.waves}))
    rounds = {wave.round for wave in study.waves}
    return (TableColumn("round", Ordinal(rounds)), wave) if len(rounds) > 1 else (wave,)


def wave_keys(frame: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Those columns of a frame that has `round` and `wave`."""
    names = [column.name for column in wave_columns(study)]
    return frame[names].reset_index(drop=True)


def in_panel(panel: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Those of the names that the panel has a column of."""
    return [name for name in names if name in panel]


def labelled(frame: pd.DataFrame, **labels: str) -> pd.DataFrame:
    """The frame after columns of one value each."""
    return pd.DataFrame(labels, index=frame.index).join(frame)
