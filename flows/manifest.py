"""The manifest of results: what they depend on, so that they can be computed again."""

import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from panelstream.analysis.panel import export_formats
from panelstream.analysis.verdicts.preregistration import PlanStatus
from panelstream.flows.code_hash import code_hash
from panelstream.flows.panels import Panels
from panelstream.models.study.folder import StudyFolder

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


def describe_results(
    folder: StudyFolder,
    panels: Panels,
    counts: Mapping[str, int],
    plan_status: PlanStatus,
) -> dict[str, Any]:
    """The manifest: what the results depend on, so that they can be computed again."""
    return {
        "study": folder.study.study,
        "as_of": panels.as_of.isoformat(),
        "study_version": folder.version,
        "plan": plan_status.as_dict(),
        "data_hash": {
            window.name: _hash(
                export_formats.to_parquet(
                    export_formats.describe_panel(folder, panel, panels.as_of)
                )
            )
            for window, panel in panels.by_window.items()
        },
        "code_hash": code_hash(),
        "versions": library_versions(),
        "not_asked": {
            str(wave): list(items) for wave, items in panels.not_asked.items()
        },
        "coverage": panels.coverage.as_dict(),
        "clock_corrections": [
            correction.as_dict() for correction in folder.study.clock_corrections
        ],
        "counts": {name: int(counts[name]) for name in sorted(counts)},
        "epochs": {"erasure": 0, "retention": 0},
    }


def library_versions() -> dict[str, str]:
    """Of Python, panelstream and the libraries that make numbers."""
    return {
        "panelstream": version("panelstream"),
        "python": platform.python_version(),
        **{name: version(name) for name in PINNED},
    }


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
