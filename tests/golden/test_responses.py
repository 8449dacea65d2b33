"""Golden pairs for importers: an export as it comes beside the rows expected.

A case is a folder: `export.*`, as a service writes it; the mapping, links and data
dictionary beside it as a coordinator would put them there; `expected.csv`, every
answer that is kept; `set_apart.csv`, what is not; `summary.yaml`, what the import
says of the file. `waves.yaml` holds the waves of the study and the one that is read,
where they matter; `expected.csv` has a column of waves then.
"""

import csv
from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
import yaml

from panelstream.ingest.pseudonymise import Pseudonyms
from panelstream.ingest.surveys.links import read_links
from panelstream.ingest.surveys.mapping import SurveyFormat, read_mapping
from panelstream.ingest.surveys.read_export import (
    FORMATS,
    SurveyExport,
    items_by_column,
    read_survey_export,
)
from panelstream.ingest.surveys.responses import (
    ImportedResponses,
    read_responses,
    study_context,
)
from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import find_instrument
from panelstream.models.study.study import Wave

HERE = Path(__file__).parent / "responses"
CASES = sorted(
    str(path.parent.relative_to(HERE)) for path in HERE.rglob("expected.csv")
)
PEOPLE = Pseudonyms((b"k" * 32,), "u2plus")
ZONE = ZoneInfo("Asia/Tokyo")
INSTRUMENTS = [
    find_instrument(name, HERE).value
    for name in ("phq9", "pdd", "ghsq", "ahsq", "function_use", "demographics")
]
ITEMS = items_by_column(INSTRUMENTS)


def table(path: Path) -> list[dict[str, str]]:
    """Rows of a small CSV file; none if there is no such file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def beside(folder: Path, name: str) -> Path | None:
    """A file beside the export, if the case has one."""
    return folder / name if (folder / name).exists() else None


def export_of(folder: Path) -> Path:
    """The export of a case, whatever its ending."""
    [path] = folder.glob("export.*")
    return path


def waves_of(folder: Path) -> tuple[int, tuple[Wave, ...]]:
    """The wave to read, and the waves of the study."""
    path = beside(folder, "waves.yaml")
    if path is None:
        return 1, ()
    text = yaml.safe_load(path.read_text("utf-8"))
    return text["wave"], tuple(Wave(**wave) for wave in text["waves"])


def read(path: Path, links: Mapping[str, str] | None = None) -> SurveyExport:
    """What an export holds at the border to storage."""
    mapping = read_mapping(beside(path.parent, "mapping.yaml"), INSTRUMENTS)
    wave, waves = waves_of(path.parent)
    return read_survey_export(
        path, wave, ITEMS, mapping, ZONE, links is not None, waves
    )


def whole(path: Path, links: Mapping[str, str] | None = None) -> ImportedResponses:
    """The import of an export, storing nothing."""
    mapping = read_mapping(beside(path.parent, "mapping.yaml"), INSTRUMENTS)
    wave, waves = waves_of(path.parent)
    study = study_context(INSTRUMENTS, PEOPLE, ZONE, waves)
    return read_responses(path, wave, study, mapping, links)


def answers(
    path: Path, links: Mapping[str, str] | None, apart: set[tuple[int, str]]
) -> list[dict[str, str]]:
    """Every answer of an export that is not set apart, as a row of text."""
    has_waves = beside(path.parent, "waves.yaml") is not None
    return [
        {
            **({"wave": str(row.wave)} if has_waves else {}),
            "row": str(row.rows.get(code, row.number)),
            "person": row.person,
            "responded_at": row.responded_at.astimezone(UTC).isoformat(),
            "finished": "" if row.finished is None else str(row.finished).lower(),
            "item": code,
            "answer": answer,
        }
        for row in read(path, links).rows
        for code, answer in row.answers.items()
        if not {(row.number, "person"), (row.number, "row")} & apart
        and (row.rows.get(code, row.number), code) not in apart
    ]


@pytest.mark.parametrize("case", CASES)
def test_export_gives_the_expected_answers(case: str) -> None:
    """Every answer is there once, by row and in UTC; the rest is set apart by place."""
    folder = HERE / case
    path, link_file = export_of(folder), beside(folder, "links.csv")
    links = read_links(link_file) if link_file else None
    apart = whole(path, links).set_apart
    assert [{k: str(v) for k, v in vars(entry).items()} for entry in apart] == table(
        folder / "set_apart.csv"
    )
    result = answers(path, links, {(entry.row, entry.column) for entry in apart})
    assert result == table(folder / "expected.csv")
    said = vars(read(path, links).summary)
    expected = yaml.safe_load((folder / "summary.yaml").read_text("utf-8"))
    shown = {k: list(v) if isinstance(v, tuple) else v for k, v in said.items()}
    shown["questions"] = [vars(question) for question in said["questions"]]
    assert {key: shown[key] for key in expected} == expected


def test_every_format_and_kind_of_file_has_a_case() -> None:
    """Each importer and each container stands here with a file of its own."""
    said = [read(export_of(HERE / case), {}).summary for case in CASES]
    assert {entry.format for entry in said} == set(FORMATS) == {*get_args(SurveyFormat)}
    assert {"UTF-8", "Windows Japanese", "UTF-16", "XLSX", "SPSS", "Stata"} <= {
        entry.encoding for entry in said
    }


def test_link_file_turns_survey_ids_into_people(tmp_path: Path) -> None:
    """With a link file people are known by survey id; the unlinked are set apart."""
    (tmp_path / "links.csv").write_text("survey_id,platform_id\nuser-1,real-9\n")
    links = read_links(tmp_path / "links.csv")
    imported = whole(HERE / "plain/wide/export.csv", links)
    people = {row["participant_id"] for row in imported.answers.to_pylist()}
    assert people == {PEOPLE.participant_id("real-9")}
    apart = [entry.row for entry in imported.set_apart if entry.column == "person"]
    assert apart == [3, 4, 5]


def test_link_to_two_people_is_refused(tmp_path: Path) -> None:
    """One survey id cannot stand for two people."""
    path = tmp_path / "links.csv"
    path.write_text("survey_id,platform_id\ns1,a\ns1,b\n")
    with pytest.raises(FileError, match=r"row 3: .*two people"):
        read_links(path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1.23457E+17,a", "row 2, survey_id: a spreadsheet has rounded"),
        ("s1,1.23457E+17", "row 2, platform_id: a spreadsheet has rounded"),
        ("\u3000,a", "row 2, survey_id: is empty"),
    ],
)
def test_link_of_no_sound_id_is_refused(tmp_path: Path, row: str, message: str) -> None:
    """A rounded id is that of several people, an empty one is nobody's."""
    path = tmp_path / "links.csv"
    path.write_text(f"survey_id,platform_id\n{row}\n", encoding="utf-8")
    with pytest.raises(FileError, match=message):
        read_links(path)
