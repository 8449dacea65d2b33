"""The results folder: private/, and public/, which disclosure control lets out."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from panelstream.analysis.estimation.dropout import attrition
from panelstream.analysis.estimation.sample import describe_specifications
from panelstream.analysis.estimation.specification_curve import SpecificationCurves
from panelstream.analysis.panel import codebook, export_formats
from panelstream.analysis.plan.specifications import expand_plan
from panelstream.analysis.report.input import ReportInput
from panelstream.analysis.report.labels import labels
from panelstream.analysis.report.report import make_report
from panelstream.analysis.verdicts.conditions import Change
from panelstream.flows import study_versions
from panelstream.flows.analyse_study import StudyAnalysis
from panelstream.flows.public_folder import write_public
from panelstream.models.errors import FileError
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.study import Study, Window

PRIVATE, PUBLIC = "private", "public"
STUDY_TEXTS = "study_texts.json"
"""In `PRIVATE`: what the study was read from."""
AGREEMENT = "agreement.csv"
CURVE, CURVE_TESTS = "specification_curve.csv", "specification_curve_tests.csv"


def write_results(analysis: StudyAnalysis, out: Path) -> Path:
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
    write_csv(_specifications(analysis), private / "specifications.csv")
    write_curves(analysis.curves, private)
    write_csv(analysis.reliability, private / "reliability.csv")
    write_csv(analysis.invariance, private / "invariance.csv")
    _write_agreement(analysis.agreement, private)
    write_csv(_changes(analysis), private / "plan_changes.csv")
    _write_attrition(analysis, private)
    write_codebook(analysis.folder, analysis.panel, private / "codebook.csv")
    write_json(analysis.manifest, private / "manifest.json")
    texts = study_versions.dump_texts(analysis.folder)
    (private / STUDY_TEXTS).write_text(texts, encoding="utf-8")
    return write_report(analysis.folder, out)


def _write_agreement(agreement: pd.DataFrame, private: Path) -> None:
    """Write the agreement of self-reported use, if the study asks for any."""
    _remove(private.glob(AGREEMENT))
    if len(agreement):
        write_csv(agreement, private / AGREEMENT)


def _read_agreement(private: Path) -> pd.DataFrame:
    path = private / AGREEMENT
    return pd.read_csv(path) if path.exists() else pd.DataFrame()


def _changes(analysis: StudyAnalysis) -> pd.DataFrame:
    """What decides use and scores, where it changed after a lock."""
    names = [column.name for column in fields(Change)]
    changes = [asdict(change) for change in analysis.plan_status.changes]
    return pd.DataFrame(changes, columns=pd.Index(names))


def _specifications(analysis: StudyAnalysis) -> pd.DataFrame:
    study = analysis.folder.study
    return describe_specifications(
        expand_plan(study),
        analysis.panels.by_window,
        analysis.results.estimates,
        study.wave_days,
        labels(analysis.folder),
    )


def write_curves(curves: SpecificationCurves, private: Path) -> None:
    """Write the specification curves, if the plan has any."""
    for name, frame in ((CURVE, curves.estimates), (CURVE_TESTS, curves.tests)):
        _remove(private.glob(name))
        if len(frame):
            write_csv(frame, private / name)


def _read_curves(private: Path) -> dict[str, pd.DataFrame]:
    """What was written of the specification curves, by the report's names."""
    if not (private / CURVE).exists():
        return {}
    names = {"curve": CURVE, "curve_tests": CURVE_TESTS}
    return {
        key: pd.read_csv(private / name, keep_default_na=False, na_values=[""])
        for key, name in names.items()
    }


def _write_attrition(analysis: StudyAnalysis, private: Path) -> None:
    """Write attrition by wave, and its model for each planned outcome."""
    study, panels = analysis.folder.study, analysis.panels.by_window
    planned = [
        specification
        for specification in expand_plan(study)
        if specification.confirmatory
    ]
    counted = attrition.attrition_by_wave(analysis.panel, study.outcomes)
    write_csv(counted, private / "attrition.csv")
    write_csv(attrition.dropout_models(planned, panels), private / "dropout_model.csv")


def write_report(folder: StudyFolder, out: Path) -> Path:
    """Write public/ from what lies in private/: the report and its tables.

    With the study that the results were made with, whatever `folder` has become since.
    """
    private, public = out / PRIVATE, out / PUBLIC
    if not (private / "manifest.json").exists():
        raise FileError(
            out, "", "no results here; 'panelstream analyse --out' makes them"
        )
    manifest = json.loads((private / "manifest.json").read_text(encoding="utf-8"))
    if manifest["study_version"] != folder.version:
        folder = _study_of_results(folder, out, manifest["study_version"])
    data = ReportInput(
        folder,
        {
            window: pd.read_parquet(private / _panel_file(folder.study, window))
            for window in folder.study.windows
        },
        pd.read_csv(private / "estimates.csv", keep_default_na=False, na_values=[""]),
        pd.read_csv(private / "tests.csv"),
        pd.read_csv(private / "reliability.csv"),
        manifest,
        pd.read_csv(private / "invariance.csv"),
        _read_agreement(private),
        **_read_curves(private),
    )
    return write_public(make_report(data), public)


def _study_of_results(folder: StudyFolder, out: Path, version: str) -> StudyFolder:
    path = out / PRIVATE / STUDY_TEXTS
    if not path.exists():
        raise FileError(out, "", "made with another study file; analyse again")
    return study_versions.load_texts(path, folder, version)


def _panel_file(study: Study, window: Window) -> str:
    own = window == study.exposure.window
    return "panel.parquet" if own else f"panel_{window.name}.parquet"


def _remove(stale: Iterable[Path]) -> None:
    """What an earlier plan left would pass for part of these results."""
    for path in stale:
        path.unlink()


def write_codebook(folder: StudyFolder, panel: pd.DataFrame, path: Path) -> None:
    """Write what every column of the panel means, as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_csv(codebook.build_codebook(folder, panel), path)


def _parquet(folder: StudyFolder, panel: pd.DataFrame, as_of: datetime) -> bytes:
    return export_formats.to_parquet(
        export_formats.describe_panel(folder, panel, as_of)
    )


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table with numbers in full."""
    frame.to_csv(path, index=False, lineterminator="\n", float_format=None)


def write_json(value: Mapping[str, Any], path: Path) -> None:
    """Write for programs, keys in alphabetical order."""
    text = json.dumps(value, indent=2, sort_keys=True) + "\n"
    path.write_text(text, encoding="utf-8")
