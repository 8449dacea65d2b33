"""Golden pairs for importers: an export as it comes beside the answers expected."""

import csv
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ingest import responses
from ingest.importers import survey
from ingest.pseudonymise import Pseudonyms
from models import instruments
from models.errors import FileError

HERE = Path(__file__).parent / "responses"
PEOPLE = Pseudonyms((b"k" * 32,), "u2plus")
INSTRUMENTS = [
    instruments.find(name, HERE).value
    for name in ("phq9", "pdd", "function_use", "demographics")
]
KNOWN = responses.known(INSTRUMENTS, PEOPLE, ZoneInfo("Asia/Tokyo"))


def table(path):
    """Rows of a small CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read(folder, links=None):
    """Import the folder's wave1.csv with its mapping, storing nothing."""
    mapping = folder / "mapping.yaml"
    mapped = survey.read_mapping(mapping if mapping.exists() else None)
    return responses.read(folder / "wave1.csv", 1, KNOWN, mapped, links)


@pytest.mark.parametrize("name", sorted(one.name for one in HERE.iterdir()))
def test_export_gives_the_expected_answers(name):
    """Every answer is there once, pseudonymous, in UTC; the rest is set apart."""
    imported = read(HERE / name)
    assert imported.format == name
    expected = [
        row | {"person": PEOPLE.of(row["person"]).hex()}
        for row in table(HERE / name / "expected.csv")
    ]
    found = [
        {
            "person": row["participant_id"].hex(),
            "responded_at": row["responded_at"].isoformat(),
            "instrument": row["instrument"],
            "item": row["item"],
            "answer": row["answer"],
        }
        for row in imported.answers.to_pylist()
    ]
    assert found == expected
    apart = [{k: str(v) for k, v in vars(one).items()} for one in imported.set_apart]
    assert apart == table(HERE / name / "set_apart.csv")


def test_link_file_turns_survey_ids_into_people(tmp_path):
    """With a link file people are known by survey id; the unlinked are set apart."""
    (tmp_path / "links.csv").write_text("survey_id,platform_id\nuser-1,real-9\n")
    links = responses.read_links(tmp_path / "links.csv")
    imported = read(HERE / "plain", links)
    people = {row["participant_id"] for row in imported.answers.to_pylist()}
    assert people == {PEOPLE.of("real-9")}
    assert [one.row for one in imported.set_apart if one.column == "person"] == [
        3,
        4,
        5,
    ]


def test_link_to_two_people_is_refused(tmp_path):
    """One survey id cannot stand for two people."""
    path = tmp_path / "links.csv"
    path.write_text("survey_id,platform_id\ns1,a\ns1,b\n")
    with pytest.raises(FileError, match=r"row 3: .*two people"):
        responses.read_links(path)


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("platform_id,submitted_at,phq9_1,Comment\n", "column 4", "not mapped"),
        ("platform_id,phq9_1\n", "row 1", "no column 'submitted_at'"),
        ("canary@example.org,2026-01-01\n", "row 1", "row 1 must hold the headers"),
        (
            "platform_id,submitted_at,phq9_1\nx,soon,1\n",
            "row 2, column 2",
            "not a time",
        ),
        ("platform_id,submitted_at,phq9_1\nx,1\n", "row 2", "2 cells under 3 headers"),
        ("", "", "empty"),
    ],
)
def test_mistake_in_an_export_has_a_place_and_a_remedy(tmp_path, text, place, problem):
    """Nothing is guessed: an unknown header or a broken row stops the import."""
    path = tmp_path / "wave1.csv"
    path.write_text(text)
    with pytest.raises(FileError, match=problem) as caught:
        responses.read(path, 1, KNOWN, survey.read_mapping(None), None)
    assert caught.value.place == place
    assert "canary" not in str(caught.value)


def test_windows_japanese_is_read(tmp_path):
    """An export saved by a Japanese spreadsheet (cp932) is read like UTF-8."""
    text = "会員番号,submitted_at,phq9_1\nuser-1,2026-03-01T00:00:00Z,2\n"
    (tmp_path / "wave1.csv").write_bytes(text.encode("cp932"))
    mapping = survey.SurveyMapping(person="会員番号")
    imported = responses.read(tmp_path / "wave1.csv", 1, KNOWN, mapping, None)
    assert imported.answers.num_rows == 1


def test_labels_count_in_plain_files_too(tmp_path):
    """A mapping that shifts a coding does so in every format; no label is set apart."""
    path = tmp_path / "wave1.csv"
    path.write_text(
        "platform_id,submitted_at,pdd_1,pdd_2\nu1,2026-03-01T00:00:00Z,3,0\n"
    )
    codes = {str(number): str(number - 1) for number in range(1, 7)}
    labels = survey.Labels(items=("pdd_1", "pdd_2"), codes=codes)
    mapping = survey.SurveyMapping(labels=(labels,))
    imported = responses.read(path, 1, KNOWN, mapping, None)
    assert [row["answer"] for row in imported.answers.to_pylist()] == ["2"]
    assert [(one.row, one.column) for one in imported.set_apart] == [(2, "pdd_2")]


def test_two_rows_of_one_person_and_time_are_not_mixed(tmp_path):
    """The second is set apart: item by item they would make a score nobody gave."""
    path = tmp_path / "wave1.csv"
    path.write_text(
        "platform_id,submitted_at,phq9_1,phq9_2\nu1,2026-03-01,0,3\nu1,2026-03-01,3,0\n"
    )
    imported = responses.read(path, 1, KNOWN, survey.read_mapping(None), None)
    assert [row["answer"] for row in imported.answers.to_pylist()] == ["0", "3"]
    assert [one.row for one in imported.set_apart] == [3]
