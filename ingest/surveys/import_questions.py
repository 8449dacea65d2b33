"""What a coordinator should look at before an import is trusted."""

from collections.abc import Iterator, Sequence

from panelstream.ingest.person_ids import similar_to_enrolled
from panelstream.ingest.questions import Question, row_numbers
from panelstream.ingest.surveys.responses import ImportedResponses
from panelstream.ingest.surveys.revisions import ResponseRevision


def ask(
    imported: ImportedResponses,
    revision: ResponseRevision,
    early: int,
    late: int,
    not_enrolled: Sequence[int],
    nearly_enrolled: Sequence[int],
) -> Iterator[Question]:
    """The questions of an import; those of the file itself are in its summary.

    `not_enrolled`: rows of people who are not enrolled; `nearly_enrolled`: those of them
    whose id is nearly that of somebody enrolled.
    """
    yield from _ask_about_cells(imported)
    yield from _ask_about_changes(revision)
    if nearly_enrolled:
        yield similar_to_enrolled(nearly_enrolled)
    strangers = sorted({*not_enrolled} - {*nearly_enrolled})
    if strangers:
        problem = f"{len(strangers)} responses of people who are not enrolled"
        remedy = "correct the ids, or import the roster that has these people"
        yield Question(row_numbers(strangers), problem, remedy)
    if early or late:
        waves = ", ".join(map(str, imported.waves))
        problem = (
            f"{early + late} responses were sent while the wave was not open "
            f"({early} early, {late} late)"
        )
        remedy = "check that it is the right wave, and the dates in the study file"
        yield Question(f"wave {waves}", problem, remedy)
    if revision.refused:
        problem = f"{revision.refused} responses were given after a withdrawal from collection"
        remedy = "nothing: they are not stored"
        yield Question("people", problem, remedy)


def _ask_about_cells(imported: ImportedResponses) -> Iterator[Question]:
    if not imported.responses:
        problem = "the file has no response that can be stored"
        yield Question("file", problem, "check the file and the wave")
    if imported.not_asked:
        problem = f"the file has no column of {', '.join(imported.not_asked)}"
        remedy = (
            "add the columns to the mapping; if they were not asked, scores that need "
            "them stay empty"
        )
        yield Question("items", problem, remedy)


def _ask_about_changes(revision: ResponseRevision) -> Iterator[Question]:
    changes, before = revision.changes, revision.replaces
    if before and changes["gone"]:
        problem = (
            f"{changes['gone']} responses of the import before are not in the file"
        )
        remedy = (
            "if they were not deleted in the survey tool, export all responses again"
        )
        yield Question(before.origin, problem, remedy)
    if before and changes["moved"]:
        problem = f"{changes['moved']} responses move to another wave or person"
        remedy = "if that is not a correction, retract this import"
        yield Question(before.origin, problem, remedy)
