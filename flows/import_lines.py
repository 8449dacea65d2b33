"""What an import says to people: the same lines on the terminal and in the log of a flow.

Places, headers and counts only; never the value of a cell.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from panelstream.ingest.questions import Question
from panelstream.ingest.surveys.formats.importer import ImportProblem, ImportSummary

if TYPE_CHECKING:
    from panelstream.flows.people import LinkedPeople
    from panelstream.flows.survey_imports import WaveImport
    from panelstream.ingest.surveys.revisions import Change

LONGEST_HEADER = 60
"""Characters of a header that are shown."""
MOST_PLACES = 20
"""Places of one kind that are shown; the others are counted."""
_MOST_NAMES = 6
_LEAST_RUN = 3
_NUMBERED = re.compile(r"(.*?)(\d+)$")


class AnswerCounts(Protocol):
    """How often an item was answered, was left out, and was set apart."""

    @property
    def answered(self) -> int: ...
    @property
    def missing(self) -> int: ...
    @property
    def apart(self) -> int: ...


def import_lines(wave_import: "WaveImport") -> Iterator[str]:
    """How a file was read, what of it is new, and what a person should look at."""
    imported = wave_import.imported
    yield from file_lines(imported.summary)
    verb = "stored" if wave_import.import_id else "would store"
    yield (
        f"{imported.summary.origin} ({imported.summary.format}): {verb} "
        f"{imported.responses} responses, "
        f"{imported.answers.num_rows} answers for {_waves(wave_import)}"
    )
    yield from change_lines(imported.people, wave_import.revision.changes)
    yield from _linked_lines(wave_import.links)
    yield from item_lines(imported.item_counts, imported.not_asked)
    yield from question_lines(wave_import.questions)
    yield from apart_lines(imported.set_apart)
    yield from strict_line(len(wave_import.questions), len(imported.set_apart))


def _linked_lines(links: "LinkedPeople") -> Iterator[str]:
    """Linked ids with events: those that are joined with the person, and the others."""
    if links.statements:
        yield (
            f"  links: linked ids with events of their own: {len(links.statements)}; "
            "these count for the person the id is linked to ('panelstream people split' "
            "undoes it)"
        )
    if links.apart:
        yield (
            f"  links: linked ids with events of their own: {links.apart}; these do not "
            "count for the person, as the id may be somebody else's; if it is not: "
            "panelstream people merge PLATFORM_ID SURVEY_ID"
        )


def _waves(wave_import: "WaveImport") -> str:
    waves = wave_import.imported.waves or (wave_import.imported.wave,)
    if waves == (None,):
        return "no wave"
    return f"wave{'s' if len(waves) > 1 else ''} {', '.join(map(str, waves))}"


def file_lines(summary: ImportSummary) -> Iterator[str]:
    """What a file is and what of it was recognised, a line each."""
    yield (
        f"{summary.origin}: {summary.format}, {summary.variant}; {summary.encoding}; "
        f"{summary.rows} rows; times in {summary.timezone}"
    )
    items = [
        f"{name} {number}{_declared(summary.coding.get(name))}"
        for name, number in summary.items.items()
    ]
    yield f"  items: {', '.join(items) or 'none'}"
    excluded = [f"{reason} {number}" for reason, number in summary.excluded.items()]
    for what, names in (
        ("left out", excluded),
        ("dropped as personal data", summary.dropped),
        ("ignored", summary.ignored),
    ):
        if names:
            yield f"  {what}: {', '.join(map(_shorten, names))}"
    for fact in summary.facts:
        yield f"  the file: {fact}"


def change_lines(people: int, changes: "Mapping[Change, int]") -> Iterator[str]:
    """People, and what became of the responses since the last reading of this form."""
    counts = ", ".join(f"{number:,} {change}" for change, number in changes.items())
    yield f"  {people:,} people; responses: {counts}"


def item_lines(
    counts: Mapping[str, AnswerCounts], not_asked: Sequence[str]
) -> Iterator[str]:
    """By item the share missing and the cells set apart; equal ones in one entry."""
    missing: dict[str, list[str]] = defaultdict(list)
    apart: dict[int, list[str]] = defaultdict(list)
    for code, count in counts.items():
        total = count.answered + count.missing + count.apart
        if count.missing:
            missing[f"{count.missing / total:.0%}"].append(code)
        if count.apart:
            apart[count.apart].append(code)
    if missing:
        yield f"  missing: {_entries(missing)}"
    if apart:
        yield f"  cells set apart: {_entries(apart)}"
    if not_asked:
        yield f"  not asked: {name_runs(not_asked)}"


def question_lines(questions: Sequence[Question]) -> Iterator[str]:
    """What is odd, where, and what to do about it."""
    for question in questions[:MOST_PLACES]:
        yield f"  question: {question.place}: {question.problem}; {question.remedy}"
    yield from _more(len(questions))


def apart_lines(problems: Sequence[ImportProblem]) -> Iterator[str]:
    """The places of what is set apart."""
    for problem in problems[:MOST_PLACES]:
        yield f"  set apart: row {problem.row}, {problem.column}: {problem.problem}"
    yield from _more(len(problems))


def strict_line(questions: int, apart: int) -> Iterator[str]:
    """What `--strict` would do with an import like this."""
    if questions or apart:
        counts = [
            f"{number} {name}{'s' if number > 1 else ''}"
            for number, name in ((questions, "question"), (apart, "place"))
            if number
        ]
        remark = " set apart" if apart else ""
        yield f"  --strict would stop this import: {', '.join(counts)}{remark}"


def name_runs(names: Iterable[str]) -> str:
    """Codes in a line; `phq9_1 to phq9_9` for codes that count up."""
    runs: list[list[str]] = []
    for name in names:
        if runs and _follows(runs[-1][-1], name):
            runs[-1].append(name)
        else:
            runs.append([name])
    texts = [
        text
        for run in runs
        for text in ([f"{run[0]} to {run[-1]}"] if len(run) >= _LEAST_RUN else run)
    ]
    more = len(texts) - _MOST_NAMES
    shown = ", ".join(texts[:_MOST_NAMES])
    return f"{shown} and {more} more" if more > 0 else shown


def _entries(groups: Mapping[str, Sequence[str]] | Mapping[int, Sequence[str]]) -> str:
    return "; ".join(f"{name_runs(codes)} {count}" for count, codes in groups.items())


def _follows(first: str, second: str) -> bool:
    """Whether a code is the next after another, `phq9_2` after `phq9_1`."""
    numbers = [_NUMBERED.fullmatch(name) for name in (first, second)]
    if not all(numbers):
        return False
    (stem, number), (next_stem, next_number) = (m.groups() for m in numbers if m)
    return stem == next_stem and int(next_number) == int(number) + 1


def _more(total: int) -> Iterator[str]:
    if total > MOST_PLACES:
        yield f"  … {total - MOST_PLACES} more"


def _declared(coding: str | None) -> str:
    return f" (coded {coding})" if coding else ""


def _shorten(header: str) -> str:
    """A header in one line; the title of a question may be a page."""
    line = " ".join(header.split())
    return line if len(line) <= LONGEST_HEADER else f"{line[:LONGEST_HEADER]}…"
