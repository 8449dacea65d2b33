"""REDCap: a row a record, event and repetition; a block of columns a form.

A form's block ends with its `<form>_complete`, and begins with `<form>_timestamp`
where it is a survey. In a row of an event or a repetition that does not have the
form, the block is blank: it was not asked. An empty cell of a form that was asked
is missing. `dictionary.csv` beside the export, REDCap's own data dictionary, says
which fields identify people and what options are called.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from panelstream.ingest.surveys.file_types.export_file import Export, require_column
from panelstream.ingest.surveys.formats.importer import (
    WAVE_OPENS,
    ExcludedRow,
    ImportContext,
    Importer,
    ImportProblem,
    RequiredKey,
    RowOutcome,
    SurveyRow,
)
from panelstream.ingest.surveys.formats.redcap_dictionary import read_dictionary
from panelstream.ingest.surveys.formats.redcap_forms import (
    IDENTIFIER,
    INSTANCE,
    INSTRUMENT,
    LABELS,
    METADATA,
    FormBlock,
    check_forms,
    find_forms,
    looks_like_status,
    raw_names,
)
from panelstream.ingest.surveys.item_columns import AnswerColumns, find_answer_columns
from panelstream.ingest.surveys.mapping import EVENT, WAVE_DAY, SurveyMapping
from panelstream.ingest.surveys.survey_timestamps import Timestamps, parse_timestamps
from panelstream.models.errors import FileError

_NOT_COMPLETED = "[not completed]"
_TICKS = {"Unchecked": "0", "Checked": "1"}


class Redcap(Importer):
    """A project's records, raw or as labels, with its data dictionary beside."""

    def recognises(self, export: Export) -> bool:
        """REDCap's own columns, or a column of a form's status."""
        usual = {*export.header} & {*METADATA, *LABELS, IDENTIFIER}
        places = range(len(export.header))
        return bool(usual) or any(looks_like_status(export, place) for place in places)

    def prepare(self, export: Export, mapping: SurveyMapping) -> Export:
        """Raw names in place of labels, and what the dictionary says of the fields."""
        fields = read_dictionary(export.path)
        renamed = export.renamed(raw_names(export, fields))
        choices = {
            header: dict(field.choices)
            for header in renamed.header
            if (field := fields.get(header)) and field.choices
        }
        boxes = {
            header: {code: label for label, code in _TICKS.items()}
            for header in renamed.header
            if "___" in header
        }
        titles = {field.name: field.label for field in fields.values()}
        return replace(renamed, titles=titles, value_labels=choices | boxes)

    def personal_columns(self, export: Export) -> Collection[str]:
        """The invited person, and fields that the dictionary says identify people.

        The first column stays: a record is known by it, and it is stored as a hash.
        """
        fields = read_dictionary(export.path).values()
        identifying = {field.name for field in fields if field.identifies}
        return {IDENTIFIER, *identifying} - {export.header[0]}

    def metadata_columns(
        self, export: Export, mapping: SurveyMapping
    ) -> Collection[str]:
        """The record, REDCap's own columns, and status and time of each form."""
        headers = {export.header[0], *METADATA, *mapping.time_columns}
        for form in find_forms(export, mapping):
            headers.add(export.header[form.complete])
            if form.timestamp is not None:
                headers.add(export.header[form.timestamp])
        return headers

    def required_keys(self, export: Export) -> Sequence[RequiredKey]:
        """The column of times where no form has one, and the waves of events."""
        keys: list[RequiredKey] = []
        if not any(form.timestamp for form in find_forms(export, SurveyMapping())):
            keys.append("submitted_at")
        if export.place(EVENT) is not None:
            keys.append("events")
        return keys

    def variant(self, export: Export) -> str:
        """What the rows stand for."""
        kinds = [("longitudinal", EVENT), ("repeating", INSTANCE)]
        return (
            ", ".join(
                kind for kind, header in kinds if export.place(header) is not None
            )
            or "flat"
        )

    def read_rows(self, export: Export, context: ImportContext) -> Iterator[RowOutcome]:
        """Yield a response a form and row."""
        forms = _require_forms(export, context.mapping)
        metadata = self.metadata_columns(export, context.mapping)
        columns = find_answer_columns(export, context, metadata)
        check_forms(export, forms, _instruments(columns, context))
        times = _times(export, context, forms)
        for column in times.values():
            yield from column.outcomes
        yield from columns.questions
        records = _Records(export, context, _people(export, context.mapping), times)
        blocks = [(form, columns.select(form.fields)) for form in forms]
        answered = [(form, block) for form, block in blocks if block.items]
        outcomes = [*_outcomes(records, answered)]
        _refuse_untimed(export, outcomes)
        yield from outcomes


def _outcomes(
    records: "_Records", forms: Sequence[tuple[FormBlock, AnswerColumns]]
) -> Iterator[RowOutcome]:
    """A response a form and row."""
    for number, record in records.export.rows():
        responses = [
            outcome
            for form, block in forms
            for outcome in records.response(number, record, form, block)
        ]
        yield from responses or [ExcludedRow(number, "no form of the study")]


def _refuse_untimed(export: Export, outcomes: Sequence[RowOutcome]) -> None:
    """Raise `FileError` where there are answers, and none has a time."""
    untimed = [row for row in outcomes if isinstance(row, ImportProblem)]
    if untimed and not any(isinstance(row, SurveyRow) for row in outcomes):
        first = untimed[0]
        place = f"row {first.row}, {first.column}"
        raise FileError(export.path, place, first.problem)


def _require_forms(export: Export, mapping: SurveyMapping) -> list[FormBlock]:
    forms = find_forms(export, mapping)
    if not forms:
        problem = "no column <form>_complete; export whole forms from REDCap"
        raise FileError(export.path, "row 1", problem)
    return forms


def _instruments(columns: AnswerColumns, context: ImportContext) -> dict[int, str]:
    """By column the instrument that it is of."""
    return {
        place: context.items[column.code][0].instrument
        for place, column in columns.columns.items()
    }


def _people(export: Export, mapping: SurveyMapping) -> dict[str, str]:
    """The person behind each record: the id may stand in one of its rows only."""
    place = require_column(export, mapping.person, "the person")
    people: dict[str, str] = {}
    for number, row in export.rows():
        record, person = row[0].strip(), row[place].strip()
        earlier = people.setdefault(record, person)
        if person and earlier and person != earlier:
            problem = "another person than in an earlier row of the same record"
            raise FileError(
                export.path, f"row {number}, {export.column(place)}", problem
            )
        people[record] = earlier or person
    return people


def _times(
    export: Export, context: ImportContext, forms: Sequence[FormBlock]
) -> dict[int, Timestamps]:
    """The times of the file by column."""
    headers = {context.mapping.time_column(form.name) for form in forms}
    named = [
        require_column(export, header, "the time of the answer")
        for header in headers
        if header and header != WAVE_DAY
    ]
    stamps = [form.timestamp for form in forms if form.timestamp is not None]
    times: dict[int, Timestamps] = {}
    for place in {*named, *stamps}:
        texts = [(number, record[place].strip()) for number, record in export.rows()]
        cells = [(n, text) for n, text in texts if text not in ("", _NOT_COMPLETED)]
        times[place] = parse_timestamps(export, place, cells, context)
    return times


@dataclass(frozen=True)
class _Records:
    """What is looked up for each row of a file."""

    export: Export
    context: ImportContext
    people: Mapping[str, str]
    times: Mapping[int, Timestamps]

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The place of each header."""
        return {header: place for place, header in enumerate(self.export.header)}

    def response(
        self, number: int, record: Sequence[str], form: FormBlock, block: AnswerColumns
    ) -> Iterator[RowOutcome]:
        """The response to one form of a row; none where the form was not asked."""
        stamp = "" if form.timestamp is None else record[form.timestamp].strip()
        if not record[form.complete].strip() and not stamp:
            return
        if not form.is_done(record) and not form.has_answers(self.export, record):
            reason = "opened, not answered" if stamp else "not started"
            yield ExcludedRow(number, reason)
            return
        at = self._time(form, number)
        if at is None:
            problem = (
                "no time of the answer; name a column of times under submitted_at, "
                "or write submitted_at: wave for the first day of the wave"
            )
            yield ImportProblem(number, form.name, problem)
            return
        yield SurveyRow(
            number=number,
            person=self.people[record[0].strip()],
            responded_at=at,
            answers=block.answers(record),
            response_id=self._response_id(record, form),
            finished=form.is_done(record) or stamp not in ("", _NOT_COMPLETED),
        )

    def _time(self, form: FormBlock, number: int) -> datetime | None:
        """When the form was completed, else what the mapping says."""
        header = self.context.mapping.time_column(form.name)
        for place in (form.timestamp, self.places.get(header or "")):
            times = None if place is None else self.times.get(place)
            if times and number in times.by_row:
                return times.by_row[number]
        return WAVE_OPENS if header == WAVE_DAY else None

    def _response_id(self, record: Sequence[str], form: FormBlock) -> str:
        """Record, event, repeated instrument and instance, and the form."""
        places = [self.places.get(header) for header in (EVENT, INSTRUMENT, INSTANCE)]
        parts = ["" if place is None else record[place].strip() for place in places]
        return "|".join([record[0].strip(), *parts, form.name])
