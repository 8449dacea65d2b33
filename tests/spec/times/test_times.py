"""Times of answers as tables worked by hand."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from panelstream.ingest.questions import Question
from panelstream.ingest.surveys.file_types.export_file import Export
from panelstream.ingest.surveys.formats.importer import (
    ImportContext,
    ImportProblem,
    StudyWaves,
)
from panelstream.ingest.surveys.mapping import SurveyMapping
from panelstream.ingest.surveys.survey_timestamps import Timestamps, parse_timestamps
from panelstream.models.errors import FileError
from tests.lib import ascii_table

HERE = Path(__file__).parent
FORMS = [
    row
    for name in ("forms", "clock_changes")
    for row in ascii_table.read_file(HERE / f"{name}.txt")
]
COLUMNS = ascii_table.read_file(HERE / "columns.txt")
STOPS = {"ambiguous": "ambiguous", "changes": "order .* changes"}
TOKYO = ZoneInfo("Asia/Tokyo")


def parse(cells: list[str], zone: ZoneInfo, times: str | None = None) -> Timestamps:
    """The times of a column in rows 2, 3, ..."""
    export = Export(HERE / "export.csv", ["at"], [[cell] for cell in cells], [1])
    mapping, study = SurveyMapping(times=times), StudyWaves((), zone)
    context = ImportContext(mapping, {}, zone, 1, study)
    return parse_timestamps(export, 0, list(enumerate(cells, start=2)), context)


@pytest.mark.parametrize(
    "row", FORMS, ids=lambda row: f"{row['zone']} {row['written']}"
)
def test_written_time_is_an_instant(row: dict[str, str]) -> None:
    """Beside a time that is certain: the instant in UTC, and whether it is asked about."""
    cells = ["2020-01-01T00:00:00Z", row["written"]]
    result = parse(cells, ZoneInfo(row["zone"]))
    if row["instant"] == "not a time":
        assert set(result.by_row) == {2}
        [problem] = result.outcomes
        assert isinstance(problem, ImportProblem)
        assert (problem.row, problem.column) == (3, "column 1")
        assert row["written"] not in problem.problem
        return
    at = result.by_row[3]
    assert at.replace(microsecond=0) == datetime.fromisoformat(row["instant"])
    assert at.tzinfo is UTC
    problems = [q.problem for q in result.outcomes if isinstance(q, Question)]
    assert len(problems) == bool(row["question"])
    assert all(row["question"] in problem for problem in problems)


@pytest.mark.parametrize("row", COLUMNS, ids=lambda row: f"{row['cells']}")
def test_column_has_one_order(row: dict[str, str]) -> None:
    """The study-local day of each cell; what has two readings is never guessed."""
    cells = [cell.strip() for cell in row["cells"].split(";")]
    times = row["times in the mapping"] or None
    if row["days"] in STOPS:
        with pytest.raises(FileError, match=STOPS[row["days"]]):
            parse(cells, TOKYO, times)
        return
    by_row = parse(cells, TOKYO, times).by_row
    days = [
        str(by_row[number].astimezone(TOKYO).date()) if number in by_row else "-"
        for number in range(2, 2 + len(cells))
    ]
    assert days == [day.strip() for day in row["days"].split(";")]


def test_abbreviation_that_zones_share_is_asked() -> None:
    """IST is of Ireland, Israel and India: a study in Tokyo has to say which."""
    for name in ("IST", "CST", "BST"):
        with pytest.raises(FileError, match=r"row 2, column 1: several time zones"):
            parse([f"2027-01-12 09:30 {name}"], TOKYO)


def test_column_without_any_time_stops() -> None:
    """A number of a spreadsheet and an empty cell have remedies of their own."""
    with pytest.raises(FileError, match=r"row 2, column 1: .* times: excel"):
        parse(["46035.395", "46036.1"], TOKYO)
    with pytest.raises(FileError, match="no time of the answer"):
        parse(["", ""], TOKYO)
    assert parse([], TOKYO).by_row == {}


def test_question_names_the_first_rows() -> None:
    """One question a column and oddity, however many rows it has."""
    [question] = parse(["2027-01-12"] * 12, TOKYO).outcomes
    assert isinstance(question, Question)
    assert question.place == "rows 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …, column 1"
