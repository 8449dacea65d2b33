"""REDCap: a row a record, event and repetition; a block of columns a form.

A form's block ends with its `<form>_complete`, and begins with `<form>_timestamp`
where it is a survey. In a row of an event or a repetition that does not have the
form, the block is blank: it was not asked. An empty cell of a form that was asked
is missing. `dictionary.csv` beside the export, REDCap's own data dictionary, says
which fields identify people and what options are called.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from panelstream.ingest.surveys.file_types.export_file import (
    Export,
    read_export_file,
    require_column,
)
from panelstream.ingest.surveys.formats.importer import (
    ExcludedRow,
    ImportContext,
    Importer,
    ImportProblem,
    RequiredKey,
    RowOutcome,
    SurveyRow,
)
from panelstream.ingest.surveys.item_columns import AnswerColumns, find_answer_columns
from panelstream.ingest.surveys.mapping import EVENT, SurveyMapping
from panelstream.ingest.surveys.survey_timestamps import (
    Timestamps,
    parse_timestamps,
)
from panelstream.models.errors import FileError

DICTIONARY = "dictionary.csv"
_INSTRUMENT, _INSTANCE = "redcap_repeat_instrument", "redcap_repeat_instance"
_IDENTIFIER = "redcap_survey_identifier"
_METADATA = frozenset({EVENT, _INSTRUMENT, _INSTANCE, "redcap_data_access_group"})
_LABELS = {
    "Event Name": EVENT,
    "Repeat Instrument": _INSTRUMENT,
    "Repeat Instance": _INSTANCE,
    "Data Access Group": "redcap_data_access_group",
    "Survey Identifier": _IDENTIFIER,
}
_NOT_COMPLETED = "[not completed]"

_HEADERS = (
    "Variable / Field Name",
    "Form Name",
    "Field Type",
    "Field Label",
    "Choices, Calculations, OR Slider Labels",
    "Identifier?",
)
_API_HEADERS = (
    "field_name",
    "form_name",
    "field_type",
    "field_label",
    "select_choices_or_calculations",
    "identifier",
)
_COMPLETE, _TIMESTAMP = "_complete", "_timestamp"
_COMPLETE_LABEL = re.compile(r"Complete\?(?:#\d+)?")
_TIMESTAMP_LABEL = re.compile(r"Survey Timestamp(?:#\d+)?")
_CHECKBOX_LABEL = re.compile(r"(.*) \(choice=(.*)\)(?:#\d+)?", re.DOTALL)
_STATUS = {"", "0", "1", "2", "3", "Incomplete", "Unverified", "Complete"}
_DONE = ("2", "Complete")
_TICKS = {"Unchecked": "0", "Checked": "1"}


@dataclass(frozen=True)
class _Form:
    """A block of columns: where its answers, its status and its time stand."""

    name: str
    places: range
    complete: int
    timestamp: int | None


@dataclass(frozen=True)
class _Field:
    """A line of a data dictionary."""

    name: str
    form: str
    kind: str
    label: str
    choices: Mapping[str, str]
    identifies: bool


class Redcap(Importer):
    """A project's records, raw or as labels, with its data dictionary beside."""

    def recognises(self, export: Export) -> bool:
        """REDCap's own columns, or a column of a form's status."""
        usual = {*export.header} & {*_METADATA, *_LABELS, _IDENTIFIER}
        places = range(len(export.header))
        return bool(usual) or any(_is_status(export, place) for place in places)

    def prepare(self, export: Export, mapping: SurveyMapping) -> Export:
        """Raw names in place of labels, and what the dictionary says of the fields."""
        fields = _read_dictionary(export.path)
        renamed = export.renamed(_raw_names(export, fields))
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
        """The invited person, and fields that the dictionary says identify people."""
        fields = _read_dictionary(export.path).values()
        return {_IDENTIFIER, *(field.name for field in fields if field.identifies)}

    def metadata_columns(
        self, export: Export, mapping: SurveyMapping
    ) -> Collection[str]:
        """The record, REDCap's own columns, and status and time of each form."""
        headers = {export.header[0], *_METADATA}
        for form in _forms(export):
            headers.add(export.header[form.complete])
            if form.timestamp is not None:
                headers.add(export.header[form.timestamp])
        return headers | ({mapping.submitted_at} if mapping.submitted_at else set())

    def required_keys(self, export: Export) -> Sequence[RequiredKey]:
        """The column of times where no form has one, and the waves of events."""
        keys: list[RequiredKey] = []
        if not any(form.timestamp for form in _forms(export)):
            keys.append("submitted_at")
        if export.place(EVENT) is not None:
            keys.append("events")
        return keys

    def variant(self, export: Export) -> str:
        """What the rows stand for."""
        kinds = [("longitudinal", EVENT), ("repeating", _INSTANCE)]
        return (
            ", ".join(
                kind for kind, header in kinds if export.place(header) is not None
            )
            or "flat"
        )

    def read_rows(self, export: Export, context: ImportContext) -> Iterator[RowOutcome]:
        """Yield a response a form and row."""
        mapping = context.mapping
        columns = find_answer_columns(
            export, context, self.metadata_columns(export, mapping)
        )
        blocks = [(form, columns.select(form.places)) for form in _forms(export)]
        if not blocks:
            problem = "no column <form>_complete; export whole forms from REDCap"
            raise FileError(export.path, "row 1", problem)
        submitted = _submitted(export, mapping)
        columns_of_times = _times(
            export, context, submitted, [form for form, _ in blocks]
        )
        times = {
            (place, number): at
            for place, column in columns_of_times.items()
            for number, at in column.by_row.items()
        }
        for column in columns_of_times.values():
            yield from column.outcomes
        yield from columns.questions
        records = _Records(export, _people(export, mapping), times, submitted)
        for number, record in export.rows():
            responses = [
                outcome
                for form, block in blocks
                if block.items
                for outcome in records.response(number, record, form, block)
            ]
            yield from responses or [ExcludedRow(number, "no form of the study")]


def _forms(export: Export) -> list[_Form]:
    """The blocks of a file, from the status columns that end them."""
    forms, start, timestamp = [], 1, None
    for place, header in enumerate(export.header):
        if (
            header.endswith(_TIMESTAMP)
            and f"{header.removesuffix(_TIMESTAMP)}{_COMPLETE}" in export.header
        ):
            timestamp = place
        if _is_status(export, place):
            name = header.removesuffix(_COMPLETE)
            forms.append(_Form(name, range(start, place), place, timestamp))
            start, timestamp = place + 1, None
    return forms


def _read_dictionary(export: Path) -> Mapping[str, _Field]:
    """The fields of the data dictionary beside an export, by name; there may be none."""
    path = export.parent / DICTIONARY
    if not path.exists():
        return {}
    table = read_export_file(path)
    headers = _HEADERS if _HEADERS[0] in table.header else _API_HEADERS
    places = [require_column(table, name, "the data dictionary") for name in headers]
    fields = [
        _field(*(record[place].strip() for place in places))
        for _, record in table.rows()
    ]
    return {field.name: field for field in fields}


def _field(
    name: str, form: str, kind: str, label: str, options: str, identifies: str
) -> _Field:
    return _Field(name, form, kind, label, _choices(options), identifies == "y")


def _choices(text: str) -> dict[str, str]:
    """`0, Not at all | 1, Several days`; anything else is no list of options."""
    pairs = [option.split(",", 1) for option in text.split("|")]
    if any(len(pair) != 2 for pair in pairs):
        return {}
    return {code.strip(): label.strip() for code, label in pairs}


def _raw_names(export: Export, fields: Mapping[str, _Field]) -> dict[str, str]:
    """The raw name of each header of a label export."""
    by_label = _by_label(fields.values())
    names: dict[str, str] = {}
    form, timestamp, ended = "", "", 0
    for header in export.header:
        if _TIMESTAMP_LABEL.fullmatch(header):
            timestamp = header
        elif _COMPLETE_LABEL.fullmatch(header):
            ended += 1
            form = form or f"form{ended}"
            names |= {header: form + _COMPLETE, timestamp: form + _TIMESTAMP}
            form, timestamp = "", ""
        else:
            names[header] = _raw_name(header, by_label)
            field = fields.get(names[header].partition("___")[0])
            form = field.form if field else form
    return names


def _raw_name(header: str, by_label: Mapping[str, _Field]) -> str:
    box = _CHECKBOX_LABEL.fullmatch(header)
    if box and box[1] in by_label:
        codes = {label: code for code, label in by_label[box[1]].choices.items()}
        return f"{by_label[box[1]].name}___{codes.get(box[2], box[2])}"
    return by_label[header].name if header in by_label else _LABELS.get(header, header)


def _by_label(fields: Iterable[_Field]) -> dict[str, _Field]:
    """Fields by their label, numbered like headers where it repeats."""
    counts: Counter[str] = Counter()
    by_label = {}
    for field in fields:
        counts[field.label] += 1
        suffix = f"#{counts[field.label]}" if counts[field.label] > 1 else ""
        by_label[field.label + suffix] = field
    return by_label


def _is_status(export: Export, place: int) -> bool:
    """Whether a column is the status that ends a form."""
    header = export.header[place]
    if _COMPLETE_LABEL.fullmatch(header):
        return True
    cells = {record[place].strip() for _, record in export.rows()}
    return header.endswith(_COMPLETE) and cells <= _STATUS


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


def _submitted(export: Export, mapping: SurveyMapping) -> int | None:
    """The column of times that the mapping names, if it does."""
    if mapping.submitted_at is None:
        return None
    return require_column(export, mapping.submitted_at, "the time of the answer")


def _times(
    export: Export,
    context: ImportContext,
    submitted: int | None,
    forms: Iterable[_Form],
) -> dict[int, Timestamps]:
    """The times of each column that has any."""
    times: dict[int, Timestamps] = {}
    for place in {submitted, *(form.timestamp for form in forms)}:
        if place is not None:
            texts = [(n, record[place].strip()) for n, record in export.rows()]
            cells = [(n, text) for n, text in texts if text not in ("", _NOT_COMPLETED)]
            times[place] = parse_timestamps(export, place, cells, context)
    return times


@dataclass(frozen=True)
class _Records:
    """What is looked up for each row of a file."""

    export: Export
    people: Mapping[str, str]
    times: Mapping[tuple[int, int], datetime]
    submitted: int | None

    def response(
        self, number: int, record: Sequence[str], form: _Form, block: AnswerColumns
    ) -> Iterator[RowOutcome]:
        """The response to one form of a row; none where the form was not asked."""
        status = record[form.complete].strip()
        stamp = "" if form.timestamp is None else record[form.timestamp].strip()
        at = self._at(form, number)
        if not status and not stamp:
            return
        if status not in _DONE and not any(_answered(self.export, form, record)):
            yield ExcludedRow(
                number, "opened, not answered" if stamp else "not started"
            )
        elif at is None:
            problem = "no time of the answer; name a column of times under submitted_at"
            yield ImportProblem(number, form.name, problem)
        else:
            yield SurveyRow(
                number=number,
                person=self.people[record[0].strip()],
                responded_at=at,
                answers=block.answers(record),
                response_id=_key(self.export, record, form, at),
                finished=status in _DONE or stamp not in ("", _NOT_COMPLETED),
            )

    def _at(self, form: _Form, number: int) -> datetime | None:
        """When the form was completed, else what the column of times says."""
        for place in (form.timestamp, self.submitted):
            if place is not None and (place, number) in self.times:
                return self.times[place, number]
        return None


def _answered(export: Export, form: _Form, record: Sequence[str]) -> Iterator[bool]:
    """Whether each field was filled in; a box that is not ticked says nothing."""
    for place in form.places:
        cell = record[place].strip()
        empty = ("", "0", "Unchecked") if "___" in export.header[place] else ("",)
        yield place != form.timestamp and cell not in empty


def _key(export: Export, record: Sequence[str], form: _Form, at: datetime) -> str:
    """Record, event, repeated instrument and instance, and the form.

    Without events the time as well: where each wave is a project of its own, all of
    them number the same people alike.
    """
    parts = [record[0].strip()]
    for header in (EVENT, _INSTRUMENT, _INSTANCE):
        place = export.place(header)
        parts.append(record[place].strip() if place is not None else "")
    time = at.astimezone(UTC).isoformat() if export.place(EVENT) is None else ""
    return "|".join([*parts, form.name, time])
