"""The lines of an import: compact, with places and remedies, without any cell."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from panelstream.flows import folder_import, import_lines, survey_imports
from panelstream.flows.workspace import Workspace
from panelstream.ingest.questions import Question
from panelstream.ingest.surveys.formats.importer import ImportProblem
from panelstream.ingest.surveys.revisions import Change
from tests.lib import studies


@dataclass(frozen=True)
class Counts:
    """Answers to an item."""

    answered: int
    missing: int
    apart: int


def test_changes_are_one_line_with_the_people() -> None:
    """Every kind of change is named, also where there is none of it."""
    changes: dict[Change, int] = {
        "new": 1,
        "revised": 2,
        "unchanged": 1500,
        "gone": 0,
        "moved": 1,
    }
    assert list(import_lines.change_lines(3, changes)) == [
        "  3 people; responses: 1 new, 2 revised, 1,500 unchanged, 0 gone, 1 moved"
    ]


def test_items_with_the_same_share_are_one_entry() -> None:
    """Items without anything to say are not listed; shares are of all who were asked."""
    counts = {f"phq9_{n}": Counts(3, 1, 0) for n in range(1, 10)}
    counts |= {"age": Counts(4, 0, 0), "gender": Counts(1, 2, 1)}
    assert list(import_lines.item_lines(counts, ("pdd_1", "pdd_2", "pdd_4"))) == [
        "  missing: phq9_1 to phq9_9 25%; gender 50%",
        "  cells set apart: gender 1",
        "  not asked: pdd_1, pdd_2, pdd_4",
    ]
    assert list(import_lines.item_lines({"age": Counts(4, 0, 0)}, ())) == []


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["a_1"], "a_1"),
        (["a_9", "a_10", "a_11"], "a_9 to a_11"),
        (["a_1", "a_2", "b_3"], "a_1, a_2, b_3"),
        (list("abcdefgh"), "a, b, c, d, e, f and 2 more"),
    ],
)
def test_names_are_shown_in_a_line(names: list[str], text: str) -> None:
    """Three or more that count up are a run; of many names the first are shown."""
    assert import_lines.name_runs(names) == text


def test_questions_say_place_problem_and_remedy() -> None:
    """One line each; of many the first are shown and the others counted."""
    question = Question("row 3", "sent before the wave opened", "check --wave")
    [line] = import_lines.question_lines([question])
    assert line == "  question: row 3: sent before the wave opened; check --wave"
    lines = list(import_lines.question_lines([question] * 25))
    assert (len(lines), lines[-1]) == (21, "  … 5 more")


def test_places_set_apart_are_listed_and_counted() -> None:
    """Row and column, and the rest as a number."""
    problems = [ImportProblem(row, "phq9_1", "out of range") for row in range(2, 24)]
    lines = list(import_lines.apart_lines(problems))
    assert lines[0] == "  set apart: row 2, phq9_1: out of range"
    assert lines[-1] == "  … 2 more"


def test_withheld_exports_are_not_called_stored(
    workspace: Callable[..., Workspace],
) -> None:
    """What a strict folder withholds is not stored, and no line says that it was."""
    study = workspace()
    folder = study.folder.path / "responses"
    folder.mkdir()
    (folder / "wave1.csv").write_text(
        "platform_id,submitted_at,calm\naki,2027-01-12T12:00:00+09:00,no answer\n"
    )
    for strict, start in ((True, "would store 1"), (False, "stored 1")):
        result = folder_import.import_folder(study, strict=strict)
        [line] = [line for line in result.lines() if " responses, " in line]
        assert line.startswith(f"wave1.csv (plain): {start} responses, ")


def test_what_strict_would_do_is_said_only_where_it_would_stop() -> None:
    """Nothing is said of an import that is clean."""
    assert list(import_lines.strict_line(0, 0)) == []
    assert list(import_lines.strict_line(2, 0)) == [
        "  --strict would stop this import: 2 questions"
    ]
    assert list(import_lines.strict_line(1, 3)) == [
        "  --strict would stop this import: 1 question, 3 places set apart"
    ]


def test_linked_ids_with_events(workspace: Callable[..., Workspace]) -> None:
    """It is said where a linked id that is enrolled has events of its own."""
    study = workspace(enrolment="activity")
    at = datetime(2027, 1, 12, 3, tzinfo=UTC)
    studies.send(study, [studies.event("story_viewed", "anna-new", at)])
    folder = study.folder.path
    links = "survey_id,platform_id\nanna-new,anna-old\nben-new,ben\nchie,chie\n"
    (folder / "links.csv").write_text(links, encoding="utf-8")
    answers = "platform_id,submitted_at,calm,awake\nanna-new,2027-01-12 09:00,1,1\n"
    (folder / "wave1.csv").write_text(answers, encoding="utf-8")
    imported = survey_imports.import_responses(study, folder / "wave1.csv", 1)
    assert [
        line for line in import_lines.import_lines(imported) if "links:" in line
    ] == [
        "  links: linked ids with events of their own: 1; these do not count for the "
        "person, as the id may be somebody else's; if it is not: panelstream people "
        "merge PLATFORM_ID SURVEY_ID"
    ]
