"""Drafts of mappings: what is recognised, what is left to fill in, and no cell."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from panelstream.ingest.surveys import mapping as mappings
from panelstream.ingest.surveys import mapping_draft, read_export
from panelstream.ingest.surveys.file_types import export_file
from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import find_instrument
from tests.golden.test_responses import waves_of

GOLDEN = Path(__file__).parents[3] / "golden/responses"
EXPORTS = sorted(GOLDEN.rglob("export.*"))
INSTRUMENTS = [
    find_instrument(name, Path()).value
    for name in ("phq9", "pdd", "ghsq", "ahsq", "function_use", "demographics")
]
ITEMS = read_export.items_by_column(INSTRUMENTS)
HEADER_ROWS = {
    "qualtrics/numeric": 2,
    "qualtrics/choice_text": 2,
    "qualtrics/checkbox_columns": 2,
    "qualtrics/previews_only": 2,
    "qualtrics/single_quotes": 2,
    "qualtrics/stated_zone": 2,
    "qualtrics/legacy": 1,
}


def drafted(path: Path) -> dict[str, Any]:
    """The draft of a mapping, as YAML gives it."""
    mapping: dict[str, Any] = yaml.safe_load(
        mapping_draft.draft_mapping_text(path, ITEMS)
    )
    return mapping


def write(folder: Path, *lines: str) -> Path:
    """An export with these lines."""
    path = folder / "wave1.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def text_of(path: Path, *names: str) -> str:
    """The draft for a study of these instruments."""
    known = [instrument for instrument in INSTRUMENTS if instrument.instrument in names]
    return mapping_draft.draft_mapping_text(
        path, read_export.items_by_column(known), INSTRUMENTS
    )


def test_headers_are_recognised_by_code_and_by_label(tmp_path: Path) -> None:
    """English, Japanese, the row of a grid, or the code itself; each header once."""
    path = write(
        tmp_path,
        "platform_id,submitted_at,phq9_1,How likely? [Partner],誰に？ [友人],AGE,Q9,お名前",
        "canary,2026-01-01,1,2,3,44,5,6",
    )
    assert yaml.safe_load(text_of(path, "phq9", "ghsq", "demographics")) == {
        "format": "plain",
        "columns": {
            "phq9_1": "phq9_1",
            "How likely? [Partner]": "ghsq_partner",
            "誰に？ [友人]": "ghsq_friend",
            "AGE": "age",
            "Q9": None,
            "お名前": "ignore",
        },
    }


@pytest.mark.parametrize(
    "header",
    [
        *("phq9_2", "PHQ9-2", "PHQ-9 Q2", "phq9.2", "q2_phq9", "ＰＨＱ－９ ２"),
        *("phq9_02", "PHQ-9 Q2: Feeling down", "PHQ9 問2"),
        "FEELING DOWN, depressed or hopeless!",
    ],
)
def test_codes_are_recognised_however_they_are_written(
    tmp_path: Path, header: str
) -> None:
    """Case, width, punctuation and the word for a question make no difference."""
    path = write(tmp_path, f'platform_id,submitted_at,"{header}"', "u,2026-01-01,1")
    assert drafted(path)["columns"] == {header: "phq9_2"}


def test_a_label_of_two_instruments_is_a_choice_in_place(tmp_path: Path) -> None:
    """Unless the title names one of them, or the answers are those of one."""
    path = write(
        tmp_path,
        "platform_id,submitted_at,Friend,実際の援助要請 [友人],Family,Physician",
        "u-1,2026-01-01,1,1,5,はい",
        "u-2,2026-01-02,0,0,7,いいえ",
    )
    assert drafted(path)["columns"] == {
        "Friend": None,
        "実際の援助要請 [友人]": "ahsq_friend",
        "Family": "ghsq_family",
        "Physician": "ahsq_physician",
    }
    assert "Friend:  # choose: ghsq_friend, ahsq_friend, ignore" in text_of(
        path, "ghsq", "ahsq"
    )


def test_a_grid_with_as_many_rows_as_items_is_a_proposal(tmp_path: Path) -> None:
    """Its rows are proposed in the order of the items, and no row is taken for granted."""
    rows = [f"気分 [質問{letter}]" for letter in "ABCDEFGHI"]
    path = write(
        tmp_path,
        "platform_id,submitted_at," + ",".join(rows),
        "u,2026-01-01," + ",".join("012301230"),
    )
    text = text_of(path, "phq9")
    assert yaml.safe_load(text)["columns"] == dict.fromkeys(rows)
    for number, row in enumerate(rows, start=1):
        assert f"{row}:  # choose: phq9_{number}, ignore" in text


def test_person_and_time_are_proposed(tmp_path: Path) -> None:
    """By the header; else as the only column of ids, and the only one of times."""
    path = write(
        tmp_path,
        "会員番号,いつ,phq9_1,メモ",
        "A-17,2026/01/02 10:00,1,",
        "B-18,2026/01/03 10:00,2,",
    )
    draft = drafted(path)
    assert (draft["person"], draft["submitted_at"]) == ("会員番号", "いつ")
    path = write(
        tmp_path,
        "番地,いつ,phq9_1",
        "canary-17,2026/01/02 10:00,1",
        "canary-18,2026/01/03 10:00,2",
    )
    assert drafted(path)["person"] == "番地"
    assert "canary" not in text_of(path, "phq9")


def test_two_columns_that_may_be_the_person_are_left_to_choose(tmp_path: Path) -> None:
    """A guess would give the answers to others; both headers stay in the list."""
    path = write(
        tmp_path,
        "User ID,Member ID,submitted_at,phq9_1",
        "a1,b1,2026-01-01,1",
    )
    draft = drafted(path)
    assert draft["person"] is None
    assert {"User ID", "Member ID"} < draft["columns"].keys()


def test_missing_codes_labels_and_waves_are_proposed(tmp_path: Path) -> None:
    """Codes that are no answer, words beside the labels, and a column of waves."""
    path = write(
        tmp_path,
        "platform_id,submitted_at,phq9_1,phq9_2,age,Wave",
        "u-1,2026-01-01,-99,数日,99,1",
        "u-2,2026-01-02,2,canary words,34,2",
    )
    text = text_of(path, "phq9", "demographics")
    draft = yaml.safe_load(text)
    assert draft["missing"] == [-99]
    assert draft["waves"] == {"column": "Wave", "values": {1: 1, 2: 2}}
    assert "#   - items: [phq9_2]" in text
    assert "数日: 1" in text
    assert "canary" not in text


def test_ticked_options_are_drafted_as_checkboxes(tmp_path: Path) -> None:
    """Joined labels of yes-or-no items are one question with several answers."""
    path = write(
        tmp_path,
        "platform_id,submitted_at,Whom?",
        'u-1,2026-01-01,"Friend, Physician"',
        "u-2,2026-01-01,Family;Friend",
    )
    options = {
        "Friend": "ahsq_friend",
        "Family": "ahsq_family",
        "Physician": "ahsq_physician",
    }
    draft = drafted(path)
    assert draft["checkboxes"] == [{"column": "Whom?", "options": options}]
    assert "columns" not in draft


def test_an_instrument_that_the_study_forgot_is_named(tmp_path: Path) -> None:
    """A shipped instrument whose labels most headers say may be added to the study."""
    labels = [item.label["en"] for item in INSTRUMENTS[1].items]
    path = write(
        tmp_path,
        "platform_id,submitted_at," + ",".join(labels),
        "u,2026-01-01," + ",".join("1" * len(labels)),
    )
    assert "# 12 headers look like pdd: add it to instruments" in text_of(path, "phq9")
    assert "look like" not in text_of(path, "phq9", "pdd")


def test_headers_of_several_lines_and_of_any_length(tmp_path: Path) -> None:
    """A title may be a whole page, as that of a consent; the draft stays YAML."""
    lines, page = "あなたについて\n\n年齢: [数字]", "同意します。" * 300
    path = tmp_path / "wave1.csv"
    path.write_text(f'platform_id,submitted_at,phq9_1,"{lines}",{page}\na,b,1,2,3\n')
    columns = {"phq9_1": "phq9_1", lines: None, page: None}
    assert drafted(path)["columns"] == columns
    filled = mapping_draft.draft_mapping_text(path, ITEMS).replace(
        '[数字]":', '[数字]": age'
    )
    assert yaml.safe_load(filled)["columns"] == columns | {lines: "age"}


def test_draft_of_qualtrics_names_import_ids() -> None:
    """They stay with their question; a header that is a code tells which item it is."""
    draft = drafted(GOLDEN / "qualtrics/choice_text/export.tsv")
    assert draft["columns"] == {"QID1": "phq9_1", "QID3": "gender", "QID4_TEXT": "age"}
    assert "timezone" not in draft, "the file says it itself"
    assert draft["person"] == "ExternalReference"


def test_a_draft_is_refused_until_it_is_filled_in(tmp_path: Path) -> None:
    """What is still missing is named by line."""
    path = tmp_path / "mapping.yaml"
    path.write_text(
        mapping_draft.draft_mapping_text(GOLDEN / "qualtrics/numeric/export.csv", ITEMS)
    )
    with pytest.raises(FileError, match=r"columns\.QID1_1.* has no value"):
        mappings.read_mapping(path, INSTRUMENTS)


def _checkboxes(case: str) -> dict[str, Any]:
    """The columns and checkbox questions of a mapping."""
    mapping = yaml.safe_load((GOLDEN / case / "mapping.yaml").read_text("utf-8"))
    return {key: mapping[key] for key in ("columns", "checkboxes")}


REMAINS: dict[str, dict[str, Any]] = {
    "google_forms/own_words": _checkboxes("google_forms/own_words"),
    "qualtrics/checkbox_columns": _checkboxes("qualtrics/checkbox_columns"),
    "plain/long": {"columns": {"stigma1": "pdd_1"}, "ignore": ["note"]},
    "limesurvey/undated_texts": {"submitted_at": "wave"},
    "redcap/untimed": {"submitted_at": {"phq9": "phq9_date", "stigma": "wave"}},
}
"""What a person adds to a draft by hand: names in cells, which a draft may not show,
options without an item, and forms without times of their own."""


@pytest.mark.parametrize(
    "path", EXPORTS, ids=lambda case: str(case.parent.relative_to(GOLDEN))
)
def test_a_draft_with_its_choices_made_reads_like_the_mapping_of_a_person(
    path: Path, tmp_path: Path
) -> None:
    """Nothing is retyped: each open entry gets one of its words, what is certain is right."""
    file = path.parent / "mapping.yaml"
    by_hand = yaml.safe_load(file.read_text("utf-8")) if file.exists() else {}
    draft = drafted(path)
    taken_over = {key: by_hand[key] for key in FACTS & by_hand.keys()}
    wanted = by_hand.get("columns", {})
    columns = {
        header: code or wanted.get(header, "ignore")
        for header, code in (draft.get("columns") or {}).items()
    }
    case = str(path.parent.relative_to(GOLDEN))
    filled = draft | taken_over | {"columns": columns} | REMAINS.get(case, {})
    for name, content in (("draft", filled), ("person", by_hand)):
        (tmp_path / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    assert _rows(path, tmp_path / "draft") == _rows(path, tmp_path / "person")


FACTS = {"timezone", "events", "waves", "coding", "labels", "missing"}
"""What a person has to know and a file does not say."""


def _rows(path: Path, mapping: Path) -> object:
    known = mappings.read_mapping(mapping, INSTRUMENTS)
    wave, waves = waves_of(path.parent)
    links = (path.parent / "links.csv").exists()
    zone = ZoneInfo("Asia/Tokyo")
    return read_export.read_survey_export(
        path, wave, ITEMS, known, zone, links, waves
    ).rows


@pytest.mark.parametrize(
    "path", EXPORTS, ids=lambda case: str(case.parent.relative_to(GOLDEN))
)
def test_a_draft_holds_no_cell(path: Path) -> None:
    """Headers and titles of columns may be shown; what people wrote may not."""
    table = export_file.read_export_file(path)
    count = HEADER_ROWS.get(str(path.parent.relative_to(GOLDEN)), 0)
    titles = [title for record in table.records[:count] for title in record]
    rows = table.records[count:]
    named = "\n".join([*ITEMS, *table.header, *titles, *read_export.FORMATS])
    cells = {
        cell for row in rows for cell in row if len(cell) > 3 and cell not in named
    }
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


def test_odd_numbers_stop_no_draft_and_are_not_shown(tmp_path: Path) -> None:
    """A number beyond all measure has no coding; years in a column of visits stay there."""
    head = "platform_id,submitted_at,phq9_1,Visit"
    cells = [f"u{n},2027-01-12 09:30,{'9' * 400},{1990 + n}" for n in range(2)]
    draft = mapping_draft.draft_mapping_text(write(tmp_path, head, *cells), ITEMS)
    assert "waves: {column: Visit, values: {}}" in draft
    assert "1990" not in draft
