"""A panel from elsewhere: any file of a row for each person and wave, without a warehouse."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat
from pandas.api.types import is_numeric_dtype

from panelstream.analysis.estimation import estimates
from panelstream.analysis.estimation.estimates import Results
from panelstream.analysis.plan.specifications import expand
from panelstream.flows import results_folder
from panelstream.flows.analyse_study import judge_results
from panelstream.flows.code_hash import code_hash
from panelstream.flows.manifest import library_versions
from panelstream.models import config_file
from panelstream.models.config_file import Document
from panelstream.models.errors import FileError, UsageError
from panelstream.models.study.load import load_panel_study
from panelstream.models.study.study import PanelStudy


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
"""What reads a panel by the ending of its name; codes stay codes."""


@dataclass(frozen=True)
class Given:
    """A panel, the file it is from, and which of its columns name person and wave."""

    path: Path
    person: str = "participant_id"
    wave: str = "wave"


@dataclass(frozen=True)
class Analysis:
    """What came of a panel from elsewhere."""

    results: Results
    manifest: Mapping[str, Any]


def analyse(
    folder: Path,
    given: Given,
    progress: Callable[[float, int], None] = lambda *_: None,
) -> Analysis:
    """Fit the plan of `folder`/study.yaml to the panel.

    Nothing of it is confirmatory: a plan is locked in the warehouse that its data
    come into. Raises `FileError` if the study file or the panel is wrong.
    """
    document = load_panel_study(folder)
    panel = read(given)
    specifications = expand(document.value)
    fitted = estimates.fit_all(
        [replace(one, confirmatory=False) for one in specifications],
        {None: panel},
        progress,
    )
    return Analysis(judge_results(fitted, document.value), _describe(document, given))


def read(given: Given) -> pd.DataFrame:
    """The file's columns as they are, and beside them `participant_id` and `wave`.

    Raises `FileError` for a file that cannot be read, or that is not one row for
    each person and wave; `UsageError` for one of another kind.
    """
    panel = _read(given.path)
    _require(given, panel)
    return panel.assign(
        participant_id=panel[given.person], wave=panel[given.wave].astype("int64")
    )


def write(analysis: Analysis, out: Path) -> Path:
    """Write private/ under `out`; there is no report. The same panel, the same bytes."""
    private = out / results_folder.PRIVATE
    private.mkdir(parents=True, exist_ok=True)
    results_folder.write_csv(analysis.results.estimates, private / "estimates.csv")
    results_folder.write_csv(analysis.results.tests, private / "tests.csv")
    results_folder.write_json(analysis.manifest, private / "manifest.json")
    return private


def _read(path: Path) -> pd.DataFrame:
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"--panel {path}: ends in none of {', '.join(READERS)}")
    if not path.exists():
        raise FileError(path, "", "no such file")
    try:
        return reader(path)
    except (OSError, ValueError, pyreadstat.ReadstatError):
        kind = path.suffix.removeprefix(".")
        raise FileError(path, "", f"cannot be read as {kind}") from None


def _require(given: Given, panel: pd.DataFrame) -> None:
    """One row for each person and wave, waves in whole numbers; values are not told."""
    for option, name in (("--person", given.person), ("--wave", given.wave)):
        if name not in panel:
            columns = [str(one) for one in panel.columns]
            remedy = f"{config_file.nearest(name, columns)} Name it with {option}"
            raise FileError(given.path, "", f"no column '{name}'; {remedy}")
        _require_rows(given.path, panel[name].isna(), f"no value in '{name}'")
    _require_rows(
        given.path, ~_whole(panel[given.wave]), f"'{given.wave}' is no whole number"
    )
    twice = panel.duplicated([given.person, given.wave])
    _require_rows(given.path, twice, "this person has had a row in this wave already")


def _whole(values: "pd.Series[Any]") -> "pd.Series[bool]":
    if not is_numeric_dtype(values):
        return pd.Series(False, values.index)
    return pd.Series(np.mod(values.to_numpy(dtype=float), 1) == 0, values.index)


def _require_rows(path: Path, wrong: "pd.Series[bool]", problem: str) -> None:
    if wrong.any():
        row = int(wrong.to_numpy().argmax()) + 1
        raise FileError(path, f"row {row}", problem)


def _describe(document: Document[PanelStudy], given: Given) -> dict[str, Any]:
    """The manifest: what the results depend on."""
    return {
        "study": document.value.study,
        "study_version": hashlib.sha256(document.text.encode()).hexdigest()[:16],
        "panel": given.path.name,
        "columns": {"person": given.person, "wave": given.wave},
        "data_hash": hashlib.sha256(given.path.read_bytes()).hexdigest()[:16],
        "plan": {"locked": False},
        "code_hash": code_hash(),
        "versions": library_versions(),
    }
