"""A panel from elsewhere: any file of a row for each person and wave."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat
from pandas.api.types import is_numeric_dtype

from panelstream.models import config_file
from panelstream.models.errors import FileError, UsageError


def _csv(path: Path) -> pd.DataFrame:
    """A dot alone is missing, as Stata and SAS write it."""
    return pd.read_csv(path, na_values=["."])


def _stata(path: Path) -> pd.DataFrame:
    frame: pd.DataFrame = pyreadstat.read_dta(path)[0]
    return frame


def _spss(path: Path) -> pd.DataFrame:
    frame: pd.DataFrame = pyreadstat.read_sav(path)[0]
    return frame


READERS: Mapping[str, Callable[[Path], pd.DataFrame]] = {
    ".parquet": pd.read_parquet,
    ".csv": _csv,
    ".dta": _stata,
    ".sav": _spss,
}
"""The reader of a panel file by the ending of its name; codes stay codes."""


@dataclass(frozen=True)
class PanelFile:
    """The file of a panel, and which of its columns name person and wave.

    `answered`: the column of the times at which answers were given; empty: none.
    """

    path: Path
    person: str = "participant_id"
    wave: str = "wave"
    answered: str = ""


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


def require_numbers(
    panel_file: PanelFile,
    panel: pd.DataFrame,
    numeric: Collection[str],
    categorical: Collection[str] = (),
) -> None:
    """Raise `FileError` at the first cell that a regression cannot use.

    Columns in `numeric` hold numbers or nothing; those in `categorical` may hold words,
    yet no number that is written as a word. Columns that are absent are passed over.
    """
    for name in dict.fromkeys([*numeric, *categorical]):
        if name in panel:
            for problem, cells in _unusable(panel[name], name in numeric):
                _require_cells(panel_file.path, name, cells, problem)


_DECIMAL_COMMA = r"[+-]?\d+,\d+"


def _unusable(
    values: "pd.Series[Any]", is_numeric: bool
) -> Iterator[tuple[str, "pd.Series[bool]"]]:
    """What may be wrong with cells of a column, and of which it is true."""
    if is_numeric_dtype(values):
        infinite = np.isinf(values.to_numpy(dtype=float, na_value=np.nan))
        problem = "infinite; leave the cell empty if the value is missing"
        yield problem, pd.Series(infinite, values.index)
        return
    text = values.astype("string").str.strip()
    commas = text.str.fullmatch(_DECIMAL_COMMA).fillna(False).astype(bool)
    yield "a number with a decimal comma; save the file with decimal points", commas
    if is_numeric:
        words = pd.to_numeric(text, errors="coerce").isna() & values.notna()
        problem = "not a number; code words as numbers, such as 0 and 1"
        yield f"{problem}; leave the cell empty if the value is missing", words


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
    if panel.empty:
        raise FileError(panel_file.path, "", "the file has no rows")
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


def _require_cells(
    path: Path, column: str, wrong: "pd.Series[bool]", problem: str
) -> None:
    if wrong.any():
        row = int(wrong.to_numpy().argmax()) + 1
        raise FileError(path, f"row {row}, column {column}", problem)


def _is_whole_number(values: "pd.Series[Any]") -> "pd.Series[bool]":
    if not is_numeric_dtype(values):
        return pd.Series(False, values.index)
    return pd.Series(np.mod(values.to_numpy(dtype=float), 1) == 0, values.index)


def _require_rows(path: Path, wrong: "pd.Series[bool]", problem: str) -> None:
    if wrong.any():
        row = int(wrong.to_numpy().argmax()) + 1
        raise FileError(path, f"row {row}", problem)
