"""What a report is made of: exact, and private until released."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from panelstream.analysis.report.people_behind import people_behind
from panelstream.models.arrays import Vector
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.study import Disclosure, Study, Window


@dataclass(frozen=True)
class ReportInput:
    """A study's results, exact.

    `panels`: a row per participant and wave, for each window of the study;
    `estimates`, `tests`, `reliability`, `invariance`, `agreement`: the columns of their
    CSV files, `agreement` without any if no item asks about use;
    `manifest`: as_of, study_version, and where there are any plan, data_hash, versions,
    counts, epochs. `curve` and `curve_tests` are without columns if the
    plan has no specification curve.
    """

    folder: StudyFolder
    panels: Mapping[Window, pd.DataFrame]
    estimates: pd.DataFrame
    tests: pd.DataFrame
    reliability: pd.DataFrame
    manifest: Mapping[str, Any]
    invariance: pd.DataFrame = field(default_factory=pd.DataFrame)
    agreement: pd.DataFrame = field(default_factory=pd.DataFrame)
    curve: pd.DataFrame = field(default_factory=pd.DataFrame)
    curve_tests: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def study(self) -> Study:
        """The study file."""
        return self.folder.study

    @property
    def rule(self) -> Disclosure:
        """What the study withholds and rounds."""
        return self.folder.study.disclosure

    @property
    def panel(self) -> pd.DataFrame:
        """The panel with the study's own window."""
        return self.panels[self.folder.study.exposure.window]

    @property
    def removed_after_lock(self) -> int:
        """Locked coefficients that are no longer planned."""
        return int(self.manifest.get("plan", {}).get("removed_after_lock", 0))

    @cached_property
    def people_behind(self) -> Vector:
        """How many people's use each estimate (rows,) rests on; NaN if not known."""
        return people_behind(self.estimates, self.panels, self.study)
