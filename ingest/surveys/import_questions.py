"""What a coordinator should look at before an import is trusted."""

from collections.abc import Iterator
from dataclasses import dataclass

from panelstream.ingest.person_ids import similar_to_enrolled
from panelstream.ingest.questions import Question, row_numbers
from panelstream.ingest.surveys.responses import ImportedResponses
from panelstream.ingest.surveys.revisions import ResponseRevision


@dataclass(frozen=True)
class StudyComparison:
    """An import against the roster, the consents and the days of the waves.

    `early`, `late`: responses that were sent while their wave was not open. The others
    are rows of the file: of people who are not enrolled (a mistyped id, or a roster that
    is to come); of those of them whose id is nearly that of somebody who is; and of a
    no to what was agreed before.
    """

    early: int = 0
    late: int = 0
    not_enrolled: tuple[int, ...] = ()
    nearly_enrolled: tuple[int, ...] = ()
    revoked: tuple[int, ...] = ()


def ask(
    imported: ImportedResponses, revision: ResponseRevision, study: StudyComparison
) -> Iterator[Question]:
    """The questions of an import; those of the file itself are in its summary."""
    yield from _ask_about_cells(imported)
    yield from _ask_about_changes(revision)
    yield from _ask_about_people(study)
    yield from _ask_about_days(imported, study)
    if revision.refused:
        problem = (
            f"{_responses(revision.refused)} given after a withdrawal from collection"
        )
        remedy = "nothing: they are not stored"
        yield Question("people", problem, remedy)


def _ask_about_people(study: StudyComparison) -> Iterator[Question]:
    if study.nearly_enrolled:
        yield similar_to_enrolled(study.nearly_enrolled)
    strangers = sorted({*study.not_enrolled} - {*study.nearly_enrolled})
    if strangers:
        problem = f"{_responses(len(strangers))} of people who are not enrolled"
        remedy = "correct the ids, or import the roster that has these people"
        yield Question(row_numbers(strangers), problem, remedy)
    if study.revoked:
        problem = "says no to a consent that was given before"
        remedy = (
            "nothing of these people counts from that day on, until they agree again"
        )
        yield Question(row_numbers(study.revoked), problem, remedy)


def _ask_about_days(
    imported: ImportedResponses, study: StudyComparison
) -> Iterator[Question]:
    if study.early or study.late:
        waves = ", ".join(map(str, imported.waves))
        problem = (
            f"{_responses(study.early + study.late)} sent while the wave was not "
            f"open ({study.early} early, {study.late} late)"
        )
        remedy = "check that it is the right wave, and the dates in the study file"
        yield Question(f"wave {waves}", problem, remedy)


def _ask_about_cells(imported: ImportedResponses) -> Iterator[Question]:
    if not imported.responses:
        problem = "the file has no response that can be stored"
        yield Question("file", problem, "check the file and the wave")
    if imported.unscored:
        problem = f"the file has no column of {', '.join(imported.unscored)}"
        remedy = (
            "add the columns to the mapping; if they were not asked, scores that need "
            "them stay empty"
        )
        yield Question("items", problem, remedy)


def _ask_about_changes(revision: ResponseRevision) -> Iterator[Question]:
    changes, before = revision.changes, revision.replaces
    if before and changes["gone"]:
        problem = (
            f"{_responses(changes['gone'])} of the import before missing from the file"
        )
        remedy = (
            "if they were not deleted in the survey tool, export all responses again"
        )
        yield Question(before.origin, problem, remedy)
    if before and changes["moved"]:
        problem = f"{_responses(changes['moved'])} moved to another wave or person"
        remedy = "if that is not a correction, retract this import"
        yield Question(before.origin, problem, remedy)


def _responses(number: int) -> str:
    return "1 response" if number == 1 else f"{number} responses"
