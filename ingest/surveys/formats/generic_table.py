"""Plain tables: a row a response (wide) or a row an answer (long).

Wide: headers are item codes, or mapped to them. Long: one column names the item,
another holds the answer.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from panelstream.ingest.surveys.file_types.export_file import Export, require_column
from panelstream.ingest.surveys.formats.importer import (
    WAVE_OPENS,
    ExcludedRow,
    ImportContext,
    Importer,
    ImportProblem,
    Items,
    RequiredKey,
    RowOutcome,
    SurveyRow,
)
from panelstream.ingest.surveys.item_columns import (
    ItemColumn,
    find_answer_columns,
    item_column,
    missing_code_questions,
)
from panelstream.ingest.surveys.mapping import (
    SUBMITTED_AT,
    WAVE_DAY,
    SurveyMapping,
)
from panelstream.ingest.surveys.survey_timestamps import Timestamps, parse_timestamps
from panelstream.models.errors import FileError


class GenericTable(Importer):
    """Any table with a header; nothing is known of it but what the mapping says."""

    def recognises(self, export: Export) -> bool:
        """Anything with a header may be a plain file."""
        return bool(export.header)

    def personal_columns(self, export: Export) -> Collection[str]:
        """None: what such a file calls personal data, the mapping must ignore by name."""
        return ()

    def metadata_columns(
        self, export: Export, mapping: SurveyMapping
    ) -> Collection[str]:
        """The columns of person, time and response."""
        return _metadata_columns(export, mapping)

    def required_keys(self, export: Export) -> Sequence[RequiredKey]:
        """The column of times, unless it has the usual name."""
        return [] if SUBMITTED_AT in export.header else ["submitted_at"]

    def variant(self, export: Export) -> str:
        """Long files are known by the columns that they have in place of items."""
        return "long" if {"item", "answer"} <= set(export.header) else "wide"

    def read_rows(self, export: Export, context: ImportContext) -> Iterator[RowOutcome]:
        """Yield the responses."""
        if _is_long(export, context.mapping):
            yield from _read_long(export, context)
        else:
            yield from _read_wide(export, context)

    def complete_rows(
        self, export: Export, rows: Sequence[SurveyRow], context: ImportContext
    ) -> Sequence[SurveyRow]:
        """Long: items that a response does not list, though others of its wave do."""
        if _is_long(export, context.mapping):
            return fill_unlisted_items(rows, context.items)
        return rows


def _metadata_columns(export: Export, mapping: SurveyMapping) -> Collection[str]:
    names = {mapping.person, mapping.response_id, *_time_headers(mapping)}
    long = {mapping.item, mapping.answer} if _is_long(export, mapping) else set()
    return {name for name in names | long if name}


def _time_headers(mapping: SurveyMapping) -> set[str]:
    """The column of times; none where the wave's first day is to count."""
    return mapping.time_columns if mapping.submitted_at else {SUBMITTED_AT}


def _is_long(export: Export, mapping: SurveyMapping) -> bool:
    return {mapping.item, mapping.answer} <= set(export.header)


def _read_wide(export: Export, context: ImportContext) -> Iterator[RowOutcome]:
    rows, outcomes = _rows_without_answers(export, context)
    columns = find_answer_columns(
        export, context, _metadata_columns(export, context.mapping)
    )
    yield from (*outcomes, *columns.questions)
    for row in rows:
        record = export.records[row.number - export.first_row]
        yield replace(row, answers=columns.answers(record))


def _rows_without_answers(
    export: Export, context: ImportContext
) -> tuple[list[SurveyRow], Sequence[RowOutcome]]:
    """Person, time and response of each row; rows without a time, and questions."""
    mapping = context.mapping
    person = require_column(export, mapping.person, "the person")
    header = mapping.response_id
    response = require_column(export, header, "the response") if header else None
    times = _times(export, context)
    rows = [
        SurveyRow(
            number,
            record[person].strip(),
            times.by_row[number],
            {},
            "" if response is None else record[response].strip(),
        )
        for number, record in export.rows()
        if number in times.by_row
    ]
    return rows, times.outcomes


def _times(export: Export, context: ImportContext) -> Timestamps:
    """When each row was sent, as far as the file says."""
    numbers = [number for number, _ in export.rows()]
    if context.mapping.submitted_at == WAVE_DAY:
        return Timestamps(dict.fromkeys(numbers, WAVE_OPENS), ())
    header = context.mapping.time_column() or SUBMITTED_AT
    time = require_column(export, header, "the time of the answer")
    cells = [(number, record[time]) for number, record in export.rows()]
    return parse_timestamps(export, time, cells, context)


def _read_long(export: Export, context: ImportContext) -> Iterator[RowOutcome]:
    """Rows of one person, time, response and wave are one response, in any order."""
    rows, outcomes = _rows_without_answers(export, context)
    # Refuses headers that are neither metadata nor ignored.
    find_answer_columns(export, context, _metadata_columns(export, context.mapping))
    columns = _columns_by_item(export, context)
    yield from (*outcomes, *missing_code_questions(columns.values()))
    waves = [export.place(header) for header in context.mapping.wave_columns]

    def response_key(row: SurveyRow) -> tuple[str, ...]:
        record = export.records[row.number - export.first_row]
        wave = [record[place].strip() for place in waves if place is not None]
        return row.person, row.responded_at.isoformat(), row.response_id, *wave

    for _, group in groupby(sorted(rows, key=response_key), key=response_key):
        yield from _join_answers(export, context.mapping, columns, list(group))


def fill_unlisted_items(rows: Sequence[SurveyRow], items: Items) -> list[SurveyRow]:
    """Rows of a long file with a blank for each item that was asked and is not listed.

    An item was asked if any response of the same wave lists it, of people who answered
    its instrument.
    """
    asked: dict[tuple[int | None, str], dict[str, str]] = {}
    for row in rows:
        for code in row.answers:
            asked.setdefault((row.wave, items[code][0].instrument), {})[code] = ""
    filled = []
    for row in rows:
        names = dict.fromkeys(items[code][0].instrument for code in row.answers)
        blanks = {code: "" for name in names for code in asked[row.wave, name]}
        filled.append(replace(row, answers=blanks | dict(row.answers)))
    return filled


def _columns_by_item(export: Export, context: ImportContext) -> dict[str, ItemColumn]:
    """How answers to each item are read, by its name in the file."""
    cells: dict[str, list[str]] = {}
    codes: dict[str, str] = {}
    item = require_column(export, context.mapping.item, "the item")
    answer = require_column(export, context.mapping.answer, "the answer")
    for number, record in export.rows():
        name = record[item].strip()
        if name not in context.mapping.ignore:
            codes[name] = _item_code(export, context, number, name)
            cells.setdefault(name, []).append(record[answer])
    return {
        name: item_column(export, context, code, cells[name])
        for name, code in codes.items()
    }


def _join_answers(
    export: Export,
    mapping: SurveyMapping,
    columns: Mapping[str, ItemColumn],
    group: list[SurveyRow],
) -> Iterator[RowOutcome]:
    answers, numbers = dict[str, str](), dict[str, int]()
    item = require_column(export, mapping.item, "the item")
    answer = require_column(export, mapping.answer, "the answer")
    for row in group:
        record = export.records[row.number - export.first_row]
        name = record[item].strip()
        if name in mapping.ignore:
            yield ExcludedRow(row.number, "item ignored")
            continue
        column = columns[name]
        if column.code in answers:
            problem = "a second answer of the same response to this item"
            yield ImportProblem(row.number, column.code, problem)
        else:
            answers[column.code] = column.answer(record[answer])
            numbers[column.code] = row.number
    if answers:
        yield replace(group[0], answers=answers, rows=numbers)


def _item_code(export: Export, context: ImportContext, number: int, name: str) -> str:
    code = context.mapping.columns.get(name, name)
    if code not in context.items:
        problem = "unknown item; add it to the mapping's columns, or to ignore"
        place = f"row {number}, {context.mapping.item}"
        raise FileError(export.path, place, problem)
    return code
