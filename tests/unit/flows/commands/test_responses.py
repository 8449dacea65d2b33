"""What commands show."""

from typing import Any, get_args

import pytest

from panelstream.flows.commands.responses import show_import
from panelstream.flows.survey_imports import WaveImport
from panelstream.ingest.surveys.formats.importer import ImportSummary
from panelstream.ingest.surveys.import_questions import StudyComparison
from panelstream.ingest.surveys.responses import ANSWERS, ImportedResponses
from panelstream.ingest.surveys.revisions import Change, ResponseRevision
from panelstream.ingest.surveys.sources import Source


def test_headers_are_shown_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The title of a question may have several lines, or be a page."""
    summary = ImportSummary(
        origin="wave1.csv",
        sha256="",
        header="",
        format="google_forms",
        variant="linked sheet",
        encoding="UTF-8",
        timezone="Asia/Tokyo",
        coding={},
        mapping="",
        rows=0,
        items={},
        excluded={},
        dropped=(),
        ignored=("Anything\n\nelse?", "I agree. " * 50),
    )
    none = ANSWERS.empty_table()
    imported = ImportedResponses(summary, 1, none, (), {}, {}, ())
    source = Source("wave1@1", "wave1", 1, "plain", "", frozenset(), "wave1.csv")
    counts: dict[Any, int] = dict.fromkeys(get_args(Change), 0)
    revision = ResponseRevision(source, 0, (), counts, (), 0, None)
    held = WaveImport(imported, revision, StudyComparison(), ())
    show_import(held, dry_run=True, as_json=False)
    [line] = [o for o in capsys.readouterr().out.splitlines() if "ignored" in o]
    assert line.startswith("  ignored: Anything else?, I agree. I agree.")
    assert len(line) < 100
