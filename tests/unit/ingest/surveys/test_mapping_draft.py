"""Drafts of mappings: what is recognised, what is left to fill in, and no cell."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from panelstream.ingest.surveys import mapping as mappings
from panelstream.ingest.surveys import mapping_draft, read_export
from panelstream.ingest.surveys.file_types import export_file
from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import find_instrument

GOLDEN = Path(__file__).parents[3] / "golden/responses"
EXPORTS = sorted(GOLDEN.rglob("export.*"))
INSTRUMENTS = [
    find_instrument(name, Path()).value
    for name in ("phq9", "pdd", "ghsq", "demographics")
]
ITEMS = read_export.items_by_column(INSTRUMENTS)
HEADER_ROWS = {
    "qualtrics/numeric": 2,
    "qualtrics/choice_text": 2,
    "qualtrics/legacy": 1,
}


def drafted(path: Path) -> dict[str, Any]:
    """The draft of a mapping, as YAML gives it."""
    mapping: dict[str, Any] = yaml.safe_load(
        mapping_draft.draft_mapping_text(path, ITEMS)
    )
    return mapping


def test_headers_are_recognised_by_code_and_by_label(tmp_path: Path) -> None:
    """English, Japanese, the row of a grid, or the code itself; others are listed."""
    path = tmp_path / "wave1.csv"
    path.write_text(
        "platform_id,submitted_at,phq9_1,How likely? [Partner],誰に？ [友人],AGE,Q9,お名前\n"
        "canary,2026-01-01,1,2,3,44,5,6\n"
    )
    assert drafted(path) == {
        "format": "plain",
        "columns": {
            "How likely? [Partner]": "ghsq_partner",
            "誰に？ [友人]": "ghsq_friend",
            "AGE": "age",
            "Q9": None,
        },
        "ignore": ["お名前"],
    }


def test_headers_of_several_lines_and_of_any_length(tmp_path: Path) -> None:
    """A title may be a whole page, as that of a consent; the draft stays YAML."""
    lines, page = "あなたについて\n\n年齢: [数字]", "同意します。" * 300
    path = tmp_path / "wave1.csv"
    path.write_text(f'platform_id,submitted_at,phq9_1,"{lines}",{page}\na,b,1,2,3\n')
    assert drafted(path)["columns"] == {lines: None, page: None}
    filled = mapping_draft.draft_mapping_text(path, ITEMS).replace(
        '[数字]":', '[数字]": age'
    )
    assert yaml.safe_load(filled)["columns"] == {lines: "age", page: None}


def test_draft_of_qualtrics_names_import_ids() -> None:
    """They stay with their question; a header that is a code tells which item it is."""
    said = drafted(GOLDEN / "qualtrics/choice_text/export.tsv")
    assert said["columns"] == {"QID1": "phq9_1", "QID3": "gender", "QID4_TEXT": "age"}
    assert said["timezone"] is None
    assert said["person"] is None


def test_a_draft_is_refused_until_it_is_filled_in(tmp_path: Path) -> None:
    """What is still missing is named by line."""
    path = tmp_path / "mapping.yaml"
    path.write_text(
        mapping_draft.draft_mapping_text(GOLDEN / "qualtrics/numeric/export.csv", ITEMS)
    )
    with pytest.raises(FileError, match=r"columns\.QID1_1.* has no value"):
        mappings.read_mapping(path, INSTRUMENTS)


@pytest.mark.parametrize(
    "path", EXPORTS, ids=lambda case: str(case.parent.relative_to(GOLDEN))
)
def test_a_draft_holds_no_cell(path: Path) -> None:
    """Headers and titles of columns may be shown; what people wrote may not."""
    table = export_file.read_export_file(path)
    rows = table.records[HEADER_ROWS.get(str(path.parent.relative_to(GOLDEN)), 0) :]
    named = {*ITEMS, *table.header, *read_export.FORMATS, "phq9"}
    cells = {cell for row in rows for cell in row if len(cell) > 3} - named
    text = mapping_draft.draft_mapping_text(path, ITEMS)
    assert cells
    assert [cell for cell in cells if cell in text] == []
    assert yaml.safe_load(text)["format"] == path.parents[1].name


def test_row_that_is_no_header_is_not_shown(tmp_path: Path) -> None:
    """An export without headers would put somebody's answers into the draft."""
    path = tmp_path / "wave1.csv"
    path.write_text("canary@example.org,2026-01-01,1,2\nother,2026-01-02,1,2\n")
    with pytest.raises(FileError, match="must hold the headers") as caught:
        mapping_draft.draft_mapping_text(path, ITEMS)
    assert "canary" not in str(caught.value)


def test_ignore_in_place_of_an_item_is_the_list_of_ignored_headers(
    tmp_path: Path,
) -> None:
    """A header need not be moved to be ignored; both ways of writing are one mapping."""
    texts = {
        "place": "columns: {Q1: phq9_1, Note: ignore}\nignore: [Name]\n",
        "list": "columns: {Q1: phq9_1}\nignore: [Name, Note]\n",
    }
    read = {}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        read[name] = mappings.read_mapping(tmp_path / name, INSTRUMENTS)
    assert read["place"] == read["list"]
    assert read["place"].hash == read["list"].hash
    assert read["place"].columns == {"Q1": "phq9_1"}
