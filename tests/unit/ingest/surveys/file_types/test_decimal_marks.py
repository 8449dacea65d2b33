"""Numbers with a comma or a point, from the cells of a file to the answers."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from panelstream.ingest.surveys.mapping import SurveyMapping
from panelstream.ingest.surveys.read_export import items_by_column, read_survey_export
from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import find_instrument

INDEX = """
instrument: index
title: {en: Index}
reference: none
licence: none
scales:
  - {code: score, delivered: true, low: 0, high: 5000}
"""


def scores(folder: Path, content: str, mapping: SurveyMapping) -> list[str]:
    """The delivered scores of a file, as they are stored."""
    (folder / "index.yaml").write_text(INDEX, encoding="utf-8")
    path = folder / "export.csv"
    path.write_text(content, encoding="utf-8")
    items = items_by_column([find_instrument("index.yaml", folder).value])
    export = read_survey_export(path, 1, items, mapping, ZoneInfo("Europe/Berlin"))
    return [answer for row in export.rows for answer in row.answers.values()]


def table(cells: list[str], delimiter: str = ";") -> str:
    """A file with these cells as scores."""
    rows = [("platform_id", "submitted_at", "index_score")]
    rows += [(f"u-{n}", "2027-01-12 09:00", cell) for n, cell in enumerate(cells)]
    return "\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)


@pytest.mark.parametrize(
    ("cells", "delimiter", "expected"),
    [
        (["12,5", "40", "7,25"], ";", ["12.5", "40", "7.25"]),
        (["12,5", "40"], "\t", ["12.5", "40"]),
        (["12,5", "40"], ",", ["12.5", "40"]),
        (["12.5", "40"], ";", ["12.5", "40"]),
        (["0,125", "1,234"], ";", ["0.125", "1.234"]),
        (["1.234", "2.345"], ",", ["1.234", "2.345"]),
        (["1.234", "2.5"], ";", ["1.234", "2.5"]),
    ],
)
def test_mark_follows_from_the_column(
    tmp_path: Path, cells: list[str], delimiter: str, expected: list[str]
) -> None:
    """Commas only, or points only, of which one cannot separate thousands."""
    assert scores(tmp_path, table(cells, delimiter), SurveyMapping()) == expected


@pytest.mark.parametrize(
    ("cells", "delimiter"),
    [
        (["12,5", "7.25"], ";"),
        (["1.234", "2.345"], ";"),
        (["1,234", "40"], ","),
        (["1,234"], ";"),
    ],
)
def test_ambiguous_mark_is_asked_and_can_be_declared(
    tmp_path: Path, cells: list[str], delimiter: str
) -> None:
    """1.234 may be more than a thousand: the mapping says what the mark is."""
    content = table(cells, delimiter)
    with pytest.raises(FileError, match=r"index_score: .* write decimal:") as caught:
        scores(tmp_path, content, SurveyMapping())
    assert cells[0] not in str(caught.value)
    declared = scores(tmp_path, content, SurveyMapping(decimal=","))
    number = cells[0].replace(",", ".")
    assert declared[0] == (number if "," in cells[0] else "?")
