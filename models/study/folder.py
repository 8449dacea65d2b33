"""A study with all it names: its catalogue, its instruments, the columns of its panel."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from panelstream.models.events.catalogue import Catalogue
from panelstream.models.instruments.instrument import Instrument, self_reports
from panelstream.models.study import measures
from panelstream.models.study.measures import MeasureColumn
from panelstream.models.study.study import Measure, Study

_OF_SCORES = ("", "_missing", "_prorated", "_straightlined", "_inconsistent")


@dataclass(frozen=True)
class StudyFolder:
    """A study with the catalogue and the instruments that it names.

    `texts`: what it was read from, by kind (study, catalogue, instrument) and name.
    """

    path: Path
    study: Study
    catalogue: Catalogue
    instruments: tuple[Instrument, ...]
    text: str
    texts: Mapping[tuple[str, str], str] = field(default_factory=dict, repr=False)

    @property
    def version(self) -> str:
        """Hash of the study file, its catalogue and its instruments as used."""
        parts = [self.catalogue, *self.instruments]
        texts = [self.text, *(part.model_dump_json() for part in parts)]
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]

    @property
    def measures(self) -> list[MeasureColumn]:
        """The panel's columns of the further measures that the study asks for."""
        exposure = self.study.exposure
        return measures.measure_columns(
            exposure.measures, exposure.functions, self.catalogue
        )

    @property
    def outcomes(self) -> list[str]:
        """Every score column that the study's instruments yield."""
        return [
            name for instrument in self.instruments for name in instrument.score_columns
        ]

    @property
    def use_columns(self) -> list[str]:
        """The panel's columns of measured use."""
        functions = self.study.exposure.functions
        usual = [
            f"{function}_{kind}" for function in functions for kind in get_args(Measure)
        ]
        return usual + [column.name for column in self.measures]

    @property
    def answer_columns(self) -> list[str]:
        """Columns that the panel may have of scores, of their flags and of self-reports."""
        scores = [
            f"{score}{suffix}" for score in self.outcomes for suffix in _OF_SCORES
        ]
        self_report_columns = [
            f"{function}_self_report"
            for instrument in self.instruments
            for function in self_reports(instrument)
        ]
        return [*scores, *self_report_columns, "too_fast"]
