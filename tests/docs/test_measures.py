"""The pages on measured use and the panel: windows, measures and columns are those of a real panel."""

import re
from pathlib import Path
from typing import get_args

import pandas as pd

from panelstream.analysis.panel import export_formats
from panelstream.analysis.panel.careless_responding import scales_with_reversed_items
from panelstream.analysis.panel.person_waves import FREQUENCY_LIMITS
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.load import load_study
from panelstream.models.study.measures import definitions
from panelstream.models.study.study import Measure, WindowKind
from tests.docs import documents

TEXT = documents.read("docs/reference/measures.md")
CONCEPTS = documents.read("docs/explanation/measured-use.md")


def columns(study: StudyFolder) -> set[str]:
    """The documented columns, with the study's names in place of the brackets."""
    exposures, covariates = study.study.exposure, study.study.covariates
    names = {
        "<function>": exposures.functions,
        "<instrument>_<scale>": study.outcomes,
        "<turned_score>": [
            i.column(s) for i, s in scales_with_reversed_items(study.instruments)
        ],
        "<score>": [*study.study.outcomes, *covariates.previous_wave],
        "<item>": covariates.fixed,
    }
    documented = set(documents.documented(TEXT, "Columns of the panel"))
    for place, values in names.items():
        general = {column for column in documented if place in column}
        documented -= general
        documented |= {c.replace(place, value) for c in general for value in values}
    return documented


def test_every_window_and_measure_is_documented() -> None:
    """The words are those that a study file may use."""
    assert documents.documented(CONCEPTS, "Windows") == list(get_args(WindowKind))
    assert documents.documented(TEXT, "Measures") == list(get_args(Measure))


def test_further_measures_are_those_of_their_headers() -> None:
    """Each row says what the header of the SQL file says, word for word."""
    lines = documents.section(TEXT, "Further measures").splitlines()
    said = [line for line in lines if line.startswith("| `")]
    assert said == [
        f"| `{one.name.replace('by_field', 'by_<field>')}` | {one.scope} | {one.unit}"
        f" | {one.meaning}. {one.words} | {one.null} |"
        for one in definitions().values()
    ]


def test_no_line_of_a_header_is_lost() -> None:
    """Each key of a header is one line: what it goes on to say would reach no reader."""
    for file in (documents.ROOT / "models/warehouse/sql/measures").glob("*.sql"):
        header = file.read_text(encoding="utf-8").partition("\nselect")[0]
        keys = header[header.index("-- of:") : header.index("-- gaps:")].splitlines()
        assert all(re.match(r"-- (of|over|unit|null): ", line) for line in keys), file


def test_frequency_limits_are_those_of_the_code() -> None:
    """Each limit between two codes stands on the page, and there are six codes."""
    section = documents.section(TEXT, "Frequency")
    limits = [float(entry) for entry in re.findall(r"under ([\d.]+)", section)]
    assert documents.documented(TEXT, "Frequency") == list("012345")
    assert tuple(limits) == FREQUENCY_LIMITS


def test_formats_and_codebook_are_those_of_the_code(finished: Path) -> None:
    """Every ending that can be written, and every column of a codebook, in order."""
    assert documents.documented(TEXT, "Formats") == list(export_formats.WRITERS)
    book = pd.read_csv(finished / "results/private/codebook.csv")
    assert documents.documented(TEXT, "Codebook") == list(book)


def test_columns_are_those_of_a_panel(finished: Path) -> None:
    """The demo's panel has every documented column and no other."""
    panel = pd.read_parquet(finished / "results/private/panel.parquet")
    assert columns(load_study(finished)) == set(panel)
