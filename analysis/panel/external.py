"""A panel from elsewhere: any file of a row for each person and wave."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat
from pandas.api.types import is_numeric_dtype

from panelstream.models import config_file
from panelstream.models.errors import FileError, UsageError


def _stata(path: Path) -> pd.DataFrame:
    frame: pd.DataFrame = pyreadstat.read_dta(path)[0]
    return frame


def _spss(path: Path) -> pd.DataFrame:
    frame: pd.DataFrame = pyreadstat.read_sav(path)[0]
    return frame


READERS: Mapping[str, Callable[[Path], pd.DataFrame]] = {
    ".parquet": pd.read_parquet,
    ".csv": pd.read_csv,
    ".dta": _stata,
    ".sav": _spss,
}
"""The reader of a panel file by the ending of its name; codes stay codes."""


@dataclass(frozen=True)
class PanelFile:
    """The file of a panel, and which of its columns name person and wave."""

    path: Path
    person: str = "participant_id"
    wave: str = "wave"


def read_panel_file(panel_file: PanelFile) -> pd.DataFrame:
    """The file's columns as they are, and also `participant_id` and `wave` (int64).

    Raises `FileError` for a file that cannot be read, or that is not one row for
    each person and wave; `UsageError` for an ending that is not in `READERS`.
    """
    panel = _read(panel_file.path)
    _require_panel(panel_file, panel)
    return panel.assign(
        participant_id=panel[panel_file.person],
        wave=panel[panel_file.wave].astype("int64"),
    )


def _read(path: Path) -> pd.DataFrame:
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UsageError(
            f"--panel {path}: expected a name that ends in {', '.join(READERS)}"
        )
    if not path.exists():
        raise FileError(path, "", "no such file")
    try:
        return reader(path)
    except (OSError, ValueError, pyreadstat.ReadstatError):
        kind = path.suffix.removeprefix(".")
        raise FileError(path, "", f"cannot be read as {kind}") from None


def _require_panel(panel_file: PanelFile, panel: pd.DataFrame) -> None:
    """Raise `FileError` unless it is one row per person and wave, waves in whole numbers.

    The message never quotes a value."""
    for option, name in (("--person", panel_file.person), ("--wave", panel_file.wave)):
        if name not in panel:
            columns = [str(column) for column in panel.columns]
            remedy = f"{config_file.nearest(name, columns)} Name it with {option}"
            raise FileError(panel_file.path, "", f"no column '{name}'; {remedy}")
        _require_rows(panel_file.path, panel[name].isna(), f"no value in '{name}'")
    _require_rows(
        panel_file.path,
        ~_is_whole_number(panel[panel_file.wave]),
        f"'{panel_file.wave}' is not a whole number",
    )
    duplicates = panel.duplicated([panel_file.person, panel_file.wave])
    _require_rows(
        panel_file.path,
        duplicates,
        "this person has a row for this wave already",
    )


def _is_whole_number(values: "pd.Series[Any]") -> "pd.Series[bool]":
    if not is_numeric_dtype(values):
        return pd.Series(False, values.index)
    return pd.Series(np.mod(values.to_numpy(dtype=float), 1) == 0, values.index)


def _require_rows(path: Path, wrong: "pd.Series[bool]", problem: str) -> None:
    if wrong.any():
        row = int(wrong.to_numpy().argmax()) + 1
        raise FileError(path, f"row {row}", problem)
