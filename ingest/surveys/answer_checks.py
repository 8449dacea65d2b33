"""Whether the rows of an export can be what people answered: who, and whether at all."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache, partial

from panelstream.ingest.questions import Question, row_numbers
from panelstream.ingest.surveys.cell_words import label_key
from panelstream.ingest.surveys.file_types.export_file import Export
from panelstream.ingest.surveys.formats.importer import (
    ImportContext,
    SurveyRow,
    item_of_column,
)
from panelstream.models.errors import FileError

_TIME = re.compile(
    r"\d{1,4}[-/.年]\d{1,2}[-/.月]\d{1,4}日?[\WT].*?\d{1,2}[:時]\d{2}.*"
    r"|(?:19|20)\d\d[-/]\d{1,2}[-/]\d{1,2}"
)
_FEW_PEOPLE, _MANY_ROWS = 10, 20
"""So few people do not answer so many times in a wave; the values may be no ids."""
_SEVERAL = 2


def refuse_wrong_people(
    export: Export, context: ImportContext, rows: Sequence[SurveyRow]
) -> None:
    """Raises `FileError` where the column of the person, or a response, has others."""
    for problem in _problems_of_person_column(context, rows):
        raise FileError(export.path, "mapping", f"person: {problem}")
    first: dict[str, SurveyRow] = {}
    for row in rows:
        earlier = first.setdefault(row.response_id, row)
        people = {row.person, earlier.person} - {""}
        if row.response_id and len(people) > 1:
            place = row_numbers([earlier.number, row.number])
            problem = "one response id, but two people; correct the id of the person"
            raise FileError(export.path, place, problem)


def _problems_of_person_column(
    context: ImportContext, rows: Sequence[SurveyRow]
) -> Iterator[str]:
    mapping, people = context.mapping, {row.person for row in rows} - {""}
    header, remedy = mapping.person, "name the column of the ids"
    code = mapping.columns.get(header, header)
    if code in context.items:
        yield f"'{header}' holds answers to {code}; {remedy}"
    if header == mapping.submitted_at or (people and all(map(_TIME.fullmatch, people))):
        yield f"'{header}' holds the times of the answers; {remedy}"
    keys = {label_key(person) for person in people}
    for code in context.items:
        item = item_of_column(context.items, code)
        labels = item.choices.values() if item else ()
        if keys and keys <= {label_key(t) for texts in labels for t in texts.values()}:
            yield f"'{header}' holds answers to {code}; {remedy}"


def odd_people(context: ImportContext, rows: Sequence[SurveyRow]) -> Iterator[Question]:
    """A question where very few people have very many responses in a wave."""
    by_wave: dict[int | None, set[tuple[int, str]]] = {}
    for row in rows:
        by_wave.setdefault(row.wave, set()).add((row.number, row.person))
    for responses in by_wave.values():
        people = {person for _, person in responses} - {""}
        if 0 < len(people) <= _FEW_PEOPLE and len(responses) >= _MANY_ROWS:
            yield Question(
                f"column '{context.mapping.person}'",
                f"only {len(people)} people in {len(responses)} rows",
                "if it is not the column of the ids, name that one under person",
            )
            return


def unusable_answers(
    context: ImportContext, rows: Sequence[SurveyRow]
) -> Iterator[Question]:
    """Questions for items and for responses of which no cell is an answer."""
    cells: Counter[str] = Counter()
    usable: Counter[str] = Counter()
    empty_rows: list[int] = []
    accepts = cache(partial(_accepts, context))
    for row in rows:
        filled = [code for code, answer in row.answers.items() if answer]
        valid = [code for code in filled if accepts(code, row.answers[code])]
        cells.update(filled)
        usable.update(valid)
        if len(filled) >= _SEVERAL and not valid:
            empty_rows.append(row.number)
    for code, count in cells.items():
        if count >= _SEVERAL and not usable[code]:
            problem = f"none of the {count} cells is an answer"
            remedy = "declare its labels, coding or missing codes in the mapping"
            yield Question(code, problem, remedy)
    if empty_rows:
        problem = "no cell of these responses is an answer"
        yield Question(row_numbers(empty_rows), problem, "see what is set apart there")


def _accepts(context: ImportContext, code: str, answer: str) -> bool:
    instrument, name = context.items[code]
    return instrument.accepts(name, answer)
