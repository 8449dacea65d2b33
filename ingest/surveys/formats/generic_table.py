"""Plain tables: a row a response (wide) or a row an answer (long).

Wide: headers are item codes, or mapped to them. Long: one column names the item,
another holds the answer.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import groupby

from panelstream.ingest.surveys import item_columns, survey_timestamps
from panelstream.ingest.surveys.file_types import export_file
from panelstream.ingest.surveys.file_types.export_file import Export
from panelstream.ingest.surveys.formats.importer import (
    Asked,
    Excluded,
    Row,
    SetApart,
    SurveyRow,
)
from panelstream.ingest.surveys.mapping import SUBMITTED_AT, SurveyMapping
from panelstream.models.errors import FileError


def recognises(export: Export) -> bool:
    """Anything with a header may be a plain file."""
    return bool(export.header)


def prepare(export: Export, mapping: SurveyMapping) -> Export:
    """A plain file needs no preparation."""
    return export


def personal(export: Export) -> Collection[str]:
    """Nobody knows what a plain file calls personal data: it must be ignored by name."""
    return ()


def plumbing(export: Export, mapping: SurveyMapping) -> Collection[str]:
    """The columns that say who, when and which response."""
    own = (mapping.person, mapping.submitted_at or SUBMITTED_AT, mapping.response_id)
    long = (mapping.item, mapping.answer) if _is_long(export, mapping) else ()
    return {one for one in (*own, *long) if one}


def variant(export: Export) -> str:
    """Long files are known by the columns that they have in place of items."""
    return "long" if {"item", "answer"} <= set(export.header) else "wide"


def rows(export: Export, asked: Asked) -> Iterator[Row]:
    """Yield the responses; raises `FileError` with row and column."""
    long = _is_long(export, asked.mapping)
    yield from _answers(export, asked) if long else _responses(export, asked)


def _is_long(export: Export, mapping: SurveyMapping) -> bool:
    return {mapping.item, mapping.answer} <= set(export.header)


def _responses(export: Export, asked: Asked) -> Iterator[SurveyRow]:
    told = _told(export, asked)
    held = item_columns.columns(export, asked, plumbing(export, asked.mapping))
    for row in told:
        record = export.records[row.number - export.first_row]
        yield replace(row, answers=held.answers(record))


def _told(export: Export, asked: Asked) -> list[SurveyRow]:
    """Who, when and which response, of each row; answers are still missing."""
    mapping = asked.mapping
    person = export_file.column_of(export, mapping.person, "the person")
    what = "the time of the answer"
    time = export_file.column_of(export, mapping.submitted_at or SUBMITTED_AT, what)
    own = mapping.response_id
    given = export_file.column_of(export, own, "the response") if own else None
    at = survey_timestamps.instants(
        export, time, [(n, r[time]) for n, r in export.rows()], asked
    )
    return [
        SurveyRow(
            number,
            record[person].strip(),
            at[number],
            {},
            "" if given is None else record[given].strip(),
        )
        for number, record in export.rows()
    ]


def _answers(export: Export, asked: Asked) -> Iterator[Row]:
    """Rows of one person, time and response are one response, in any order."""
    told = sorted(_told(export, asked), key=_response)
    item_columns.columns(export, asked, plumbing(export, asked.mapping))
    for _, group in groupby(told, key=_response):
        yield from _joined(export, asked, list(group))


def _response(row: SurveyRow) -> tuple[str, str, str]:
    return row.person, row.responded_at.isoformat(), row.response_id


def _joined(export: Export, asked: Asked, group: list[SurveyRow]) -> Iterator[Row]:
    mapping, held, numbers = asked.mapping, dict[str, str](), dict[str, int]()
    item = export_file.column_of(export, mapping.item, "the item")
    answer = export_file.column_of(export, mapping.answer, "the answer")
    for row in group:
        record = export.records[row.number - export.first_row]
        name = record[item].strip()
        if name in mapping.ignore:
            yield Excluded(row.number, "item ignored")
            continue
        code = _code(export, asked, row.number, name)
        if code in held:
            problem = "a second answer of the same response to this item"
            yield SetApart(row.number, code, problem)
        else:
            held[code] = item_columns.question(asked, code, {}).answer(record[answer])
            numbers[code] = row.number
    if held:
        yield replace(group[0], answers=held, rows=numbers)


def _code(export: Export, asked: Asked, number: int, name: str) -> str:
    code = asked.mapping.columns.get(name, name)
    if code not in asked.items:
        problem = (
            "this item is not known; add it to the mapping's columns, or to ignore"
        )
        raise FileError(export.path, f"row {number}, {asked.mapping.item}", problem)
    return code
