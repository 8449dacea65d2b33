"""The results folder: what stays private, and what disclosure control lets out."""

import hashlib
import json
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from panelstream.analysis.estimation import estimates
from panelstream.analysis.estimation.dropout import attrition
from panelstream.analysis.estimation.estimates import Results
from panelstream.analysis.panel import codebook, export_formats, reliability
from panelstream.analysis.plan.specifications import expand
from panelstream.analysis.report import page
from panelstream.analysis.verdicts import verdicts
from panelstream.analysis.verdicts.preregistration import Standing, mark
from panelstream.flows import plan
from panelstream.flows.code_hash import code_hash
from panelstream.flows.panels import Panels, read_answers, read_people
from panelstream.flows.workspace import Workspace
from panelstream.models.errors import FileError
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.study import Planned, Study, Window

PRIVATE, PUBLIC = "private", "public"
PINNED = (
    "clickhouse-connect",
    "chdb",
    "linearmodels",
    "numpy",
    "pandas",
    "pyarrow",
    "pyreadstat",
    "statsmodels",
)


@dataclass(frozen=True)
class Analysis:
    """Everything a report is made of."""

    folder: StudyFolder
    panels: Panels
    results: Results
    reliability: pd.DataFrame
    manifest: dict[str, Any]
    standing: Standing

    @property
    def panel(self) -> pd.DataFrame:
        """The panel with the study's own window."""
        return self.panels.by_window[self.folder.study.exposure.window]


def analyse(
    workspace: Workspace,
    panels: Panels,
    progress: Callable[[float, int], None] = lambda *_: None,
) -> Analysis:
    """Fit the plan on the panels and judge it."""
    folder = workspace.folder
    workspace.store.keep_study(folder.version, folder.text)
    standing = plan.read(workspace)
    specifications = mark(expand(folder.study), standing)
    fitted = estimates.fit_all(
        specifications,
        panels.by_window,
        progress,
    )
    judged = judge(fitted, folder.study, standing.absent)
    [counts] = workspace.store.query("arrival_counts", as_of=panels.as_of).to_pylist()
    return Analysis(
        folder,
        panels,
        judged,
        measure(workspace, panels),
        describe(folder, panels, counts, standing),
        standing,
    )


def judge(fitted: Results, study: Planned, absent: int = 0) -> Results:
    """The results with verdicts, and with what the leads say.

    `absent` counts locked coefficients that are planned no more.
    """
    judged = verdicts.judge(fitted.estimates, study, absent)
    tests = [fitted.tests, verdicts.leads(fitted.estimates)]
    return Results(
        verdicts.explain(judged, study, absent),
        pd.concat([one for one in tests if len(one)] or tests[:1], ignore_index=True),
    )


def measure(workspace: Workspace, panels: Panels) -> pd.DataFrame:
    """The reliability of the scores, from the answers that the panel counts."""
    folder, at = workspace.folder, panels.as_of
    people = read_people(workspace.store, folder.study, at)
    answers = read_answers(workspace, people, at)
    panel = panels.by_window[folder.study.exposure.window]
    return reliability.measure(folder.instruments, panel, answers)


def describe(
    folder: StudyFolder,
    panels: Panels,
    counts: Mapping[str, int],
    standing: Standing,
) -> dict[str, Any]:
    """The manifest: what the results depend on, so that they can be made again."""
    return {
        "study": folder.study.study,
        "as_of": panels.as_of.isoformat(),
        "study_version": folder.version,
        "plan": standing.as_dict(),
        "data_hash": {
            window.name: _hash(_parquet(folder, panel, panels.as_of))
            for window, panel in panels.by_window.items()
        },
        "code_hash": code_hash(),
        "versions": versions(),
        "counts": {name: int(counts[name]) for name in sorted(counts)},
        "epochs": {"erasure": 0, "retention": 0},
    }


def write(analysis: Analysis, out: Path) -> Path:
    """Write private/ and public/ under `out`; returns the report's path.

    The same analysis writes the same bytes.
    """
    private, panels = out / PRIVATE, analysis.panels
    private.mkdir(parents=True, exist_ok=True)
    _remove(private.glob("panel*.parquet"))
    for window, panel in panels.by_window.items():
        path = private / _panel_file(analysis.folder.study, window)
        path.write_bytes(_parquet(analysis.folder, panel, panels.as_of))
    write_csv(analysis.results.estimates, private / "estimates.csv")
    write_csv(analysis.results.tests, private / "tests.csv")
    write_csv(analysis.reliability, private / "reliability.csv")
    _write_lost(analysis, private)
    write_codebook(analysis.folder, analysis.panel, private / "codebook.csv")
    write_json(analysis.manifest, private / "manifest.json")
    return write_report(analysis.folder, out)


def _write_lost(analysis: Analysis, private: Path) -> None:
    """Write who dropped out, and the model of it for each planned outcome."""
    study, panels = analysis.folder.study, analysis.panels.by_window
    planned = [one for one in expand(study) if one.confirmatory]
    counted = attrition.by_wave(analysis.panel, study.outcomes)
    write_csv(counted, private / "attrition.csv")
    write_csv(attrition.models(planned, panels), private / "dropout_model.csv")


def write_report(folder: StudyFolder, out: Path) -> Path:
    """Write public/ from what lies in private/: the report and its tables."""
    private, public = out / PRIVATE, out / PUBLIC
    if not (private / "manifest.json").exists():
        raise FileError(
            out, "", "no results here; 'panelstream analyse --out' makes them"
        )
    manifest = json.loads((private / "manifest.json").read_text(encoding="utf-8"))
    if manifest["study_version"] != folder.version:
        raise FileError(out, "", "made with another study file; analyse again")
    made = page.render(
        folder,
        {
            window: pd.read_parquet(private / _panel_file(folder.study, window))
            for window in folder.study.windows
        },
        pd.read_csv(private / "estimates.csv", keep_default_na=False, na_values=[""]),
        pd.read_csv(private / "tests.csv"),
        pd.read_csv(private / "reliability.csv"),
        manifest,
    )
    tables = public / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    _remove(tables.glob("*.csv"))
    for table in made.tables:
        write_csv(table.frame, tables / f"{table.name}.csv")
    path = public / "report.html"
    path.write_text(made.html, encoding="utf-8")
    return path


def _panel_file(study: Study, window: Window) -> str:
    own = window == study.exposure.window
    return "panel.parquet" if own else f"panel_{window.name}.parquet"


def _remove(stale: Iterable[Path]) -> None:
    """What an earlier plan left would pass for part of these results."""
    for path in stale:
        path.unlink()


def versions() -> dict[str, str]:
    """Of Python, panelstream and the libraries that make numbers."""
    return {
        "panelstream": version("panelstream"),
        "python": platform.python_version(),
        **{name: version(name) for name in PINNED},
    }


def write_codebook(folder: StudyFolder, panel: pd.DataFrame, path: Path) -> None:
    """Write what every column of the panel means, as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_csv(codebook.describe(folder, panel), path)


def _parquet(folder: StudyFolder, panel: pd.DataFrame, as_of: datetime) -> bytes:
    return export_formats.parquet(export_formats.describe(folder, panel, as_of))


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table with numbers in full."""
    frame.to_csv(path, index=False, lineterminator="\n", float_format=None)


def write_json(value: Mapping[str, Any], path: Path) -> None:
    """Write for programs, keys in alphabetical order."""
    text = json.dumps(value, indent=2, sort_keys=True) + "\n"
    path.write_text(text, encoding="utf-8")


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
