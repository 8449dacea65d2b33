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
from panelstream.ingest.surveys.item_columns import Columns
from panelstream.ingest.surveys.mapping import SurveyMapping
from panelstream.models.errors import FileError

DICTIONARY = "dictionary.csv"
EVENT, INSTRUMENT, INSTANCE = (
    "redcap_event_name",
    "redcap_repeat_instrument",
    "redcap_repeat_instance",
)
IDENTIFIER = "redcap_survey_identifier"
KNOWN = frozenset({EVENT, INSTRUMENT, INSTANCE, "redcap_data_access_group"})
LABELS = {
    "Event Name": EVENT,
    "Repeat Instrument": INSTRUMENT,
    "Repeat Instance": INSTANCE,
    "Data Access Group": "redcap_data_access_group",
    "Survey Identifier": IDENTIFIER,
}
NOT_COMPLETED = "[not completed]"

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
class Form:
    """A block of columns: where its answers, its status and its time stand."""

    name: str
    places: range
    complete: int
    timestamp: int | None


@dataclass(frozen=True)
class Field:
    """A line of a data dictionary."""

    name: str
    form: str
    kind: str
    label: str
    choices: Mapping[str, str]
    identifies: bool


def recognises(export: Export) -> bool:
    """REDCap's own columns, or a column of a form's status."""
    named = {*export.header} & {*KNOWN, *LABELS, IDENTIFIER}
    return bool(named) or any(_is_status(export, i) for i in range(len(export.header)))


def prepare(export: Export, mapping: SurveyMapping) -> Export:
    """Raw names in place of labels, and what the dictionary says of the fields."""
    fields = dictionary(export.path)
    named = export.renamed(_raw_names(export, fields))
    choices = {
        header: dict(field.choices)
        for header in named.header
        if (field := fields.get(header)) and field.choices
    }
    boxes = {h: {v: k for k, v in _TICKS.items()} for h in named.header if "___" in h}
    titles = {one.name: one.label for one in fields.values()}
    return replace(named, titles=titles, value_labels=choices | boxes)


def personal(export: Export) -> Collection[str]:
    """Who was invited, and the fields that the dictionary says identify people."""
    marked = {one.name for one in dictionary(export.path).values() if one.identifies}
    return {IDENTIFIER, *marked}


def plumbing(export: Export, mapping: SurveyMapping) -> Collection[str]:
    """The record, REDCap's own columns, and status and time of each form."""
    own = {export.header[0], *KNOWN}
    for form in forms(export):
        own.add(export.header[form.complete])
        if form.timestamp is not None:
            own.add(export.header[form.timestamp])
    return own | ({mapping.submitted_at} if mapping.submitted_at else set())


def variant(export: Export) -> str:
    """What the rows stand for."""
    kinds = [("longitudinal", EVENT), ("repeating", INSTANCE)]
    return ", ".join(k for k, h in kinds if export.place(h) is not None) or "flat"


def rows(export: Export, asked: Asked) -> Iterator[Row]:
    """Yield a response a form and row; raises `FileError` with row and column."""
    held = item_columns.columns(export, asked, plumbing(export, asked.mapping))
    blocks = [(form, held.of(form.places)) for form in forms(export)]
    if not blocks:
        problem = "no column <form>_complete; export whole forms from REDCap"
        raise FileError(export.path, "row 1", problem)
    submitted = _submitted(export, asked.mapping)
    at = _times(export, asked, submitted, [form for form, _ in blocks])
    records = _Records(export, _people(export, asked.mapping), at, submitted)
    waves = _waves(export, asked)
    for number, record in export.rows():
        if waves[number] == asked.wave:
            for form, block in blocks:
                if block.items:
                    yield from records.response(number, record, form, block)
        else:
            reason = "of another wave" if waves[number] else "event left out"
            yield Excluded(number, reason)


def forms(export: Export) -> list[Form]:
    """The blocks of a file, from the status columns that end them."""
    found, start, timestamp = [], 1, None
    for place, header in enumerate(export.header):
        if (
            header.endswith(_TIMESTAMP)
            and f"{header.removesuffix(_TIMESTAMP)}{_COMPLETE}" in export.header
        ):
            timestamp = place
        if _is_status(export, place):
            name = header.removesuffix(_COMPLETE)
            found.append(Form(name, range(start, place), place, timestamp))
            start, timestamp = place + 1, None
    return found


def dictionary(export: Path) -> Mapping[str, Field]:
    """The fields of the data dictionary beside an export, by name; there may be none."""
    path = export.parent / DICTIONARY
    if not path.exists():
        return {}
    table = export_file.read(path)
    used = _HEADERS if _HEADERS[0] in table.header else _API_HEADERS
    places = [export_file.column_of(table, one, "the data dictionary") for one in used]
    fields = [
        _field(*(record[place].strip() for place in places))
        for _, record in table.rows()
    ]
    return {field.name: field for field in fields}


def _field(
    name: str, form: str, kind: str, label: str, options: str, identifies: str
) -> Field:
    return Field(name, form, kind, label, _choices(options), identifies == "y")


def _choices(text: str) -> dict[str, str]:
    """`0, Not at all | 1, Several days`; anything else is no list of options."""
    pairs = [one.split(",", 1) for one in text.split("|")]
    if any(len(pair) != 2 for pair in pairs):
        return {}
    return {code.strip(): label.strip() for code, label in pairs}


def _raw_names(export: Export, fields: Mapping[str, Field]) -> dict[str, str]:
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


def _raw_name(header: str, by_label: Mapping[str, Field]) -> str:
    box = _CHECKBOX_LABEL.fullmatch(header)
    if box and box[1] in by_label:
        codes = {label: code for code, label in by_label[box[1]].choices.items()}
        return f"{by_label[box[1]].name}___{codes.get(box[2], box[2])}"
    return by_label[header].name if header in by_label else LABELS.get(header, header)


def _by_label(fields: Iterable[Field]) -> dict[str, Field]:
    """Fields by their label, numbered like headers where it repeats."""
    seen: Counter[str] = Counter()
    found = {}
    for field in fields:
        seen[field.label] += 1
        again = f"#{seen[field.label]}" if seen[field.label] > 1 else ""
        found[field.label + again] = field
    return found


def _is_status(export: Export, place: int) -> bool:
    """Whether a column is the status that ends a form."""
    header = export.header[place]
    if _COMPLETE_LABEL.fullmatch(header):
        return True
    cells = {record[place].strip() for _, record in export.rows()}
    return header.endswith(_COMPLETE) and cells <= _STATUS


def _people(export: Export, mapping: SurveyMapping) -> dict[str, str]:
    """The person behind each record: the id may stand in one of its rows only."""
    place = export_file.column_of(export, mapping.person, "the person")
    people: dict[str, str] = {}
    for number, row in export.rows():
        record, person = row[0].strip(), row[place].strip()
        known = people.setdefault(record, person)
        if person and known and person != known:
            problem = "another person than in an earlier row of the same record"
            raise FileError(
                export.path, f"row {number}, {export.column(place)}", problem
            )
        people[record] = known or person
    return people


def _submitted(export: Export, mapping: SurveyMapping) -> int | None:
    """The column of times that the mapping names, if it does."""
    if mapping.submitted_at is None:
        return None
    return export_file.column_of(export, mapping.submitted_at, "the time of the answer")


def _times(
    export: Export, asked: Asked, submitted: int | None, blocks: Iterable[Form]
) -> dict[tuple[int, int], datetime]:
    """All times of the file by column and row."""
    places = {submitted, *(form.timestamp for form in blocks)}
    found: dict[tuple[int, int], datetime] = {}
    for place in places - {None}:
        assert place is not None
        cells = [(number, record[place].strip()) for number, record in export.rows()]
        told = [(n, text) for n, text in cells if text not in ("", NOT_COMPLETED)]
        read = survey_timestamps.instants(export, place, told, asked)
        found |= {(place, number): at for number, at in read.items()}
    return found


def _waves(export: Export, asked: Asked) -> dict[int, int | None]:
    """The wave of each row, by its event."""
    place, waves = export.place(EVENT), asked.mapping.events
    events = {
        n: r[place].strip() if place is not None else "" for n, r in export.rows()
    }
    if not waves:
        if len(set(events.values())) > 1:
            problem = "several events; write in the mapping which wave each is, events: {name: 1}"
            raise FileError(export.path, export.column(place or 0), problem)
        return dict.fromkeys(events, asked.wave)
    for number, event in events.items():
        if event not in waves:
            problem = "its event is not in the mapping's events; add it, without a wave to leave it out"
            raise FileError(export.path, f"row {number}", problem)
    return {number: waves[event] for number, event in events.items()}


@dataclass(frozen=True)
class _Records:
    """What is looked up for each row of a file."""

    export: Export
    people: Mapping[str, str]
    at: Mapping[tuple[int, int], datetime]
    submitted: int | None

    def response(
        self, number: int, record: Sequence[str], form: Form, block: Columns
    ) -> Iterator[Row]:
        """The response to one form of a row; none where the form was not asked."""
        status = record[form.complete].strip()
        stamp = "" if form.timestamp is None else record[form.timestamp].strip()
        at = self._at(form, number)
        if not status and not stamp:
            return
        if status not in _DONE and not any(_answered(self.export, form, record)):
            yield Excluded(number, "opened, not answered" if stamp else "not started")
        elif at is None:
            problem = "no time of the answer; name a column of times under submitted_at"
            yield SetApart(number, form.name, problem)
        else:
            yield SurveyRow(
                number=number,
                person=self.people[record[0].strip()],
                responded_at=at,
                answers=block.answers(record),
                response_id=_key(self.export, record, form, at),
                finished=status in _DONE or stamp not in ("", NOT_COMPLETED),
            )

    def _at(self, form: Form, number: int) -> datetime | None:
        """When the form was completed, else what the column of times says."""
        places = [one for one in (form.timestamp, self.submitted) if one is not None]
        found = [
            self.at[place, number] for place in places if (place, number) in self.at
        ]
        return found[0] if found else None


def _answered(export: Export, form: Form, record: Sequence[str]) -> Iterator[bool]:
    """Whether each field was filled in; a box that is not ticked says nothing."""
    for place in form.places:
        cell = record[place].strip()
        empty = ("", "0", "Unchecked") if "___" in export.header[place] else ("",)
        yield place != form.timestamp and cell not in empty


def _key(export: Export, record: Sequence[str], form: Form, at: datetime) -> str:
    """Record, event, repeated instrument and instance, and the form.

    Without events the time as well: where each wave is a project of its own, all of
    them number the same people alike.
    """
    parts = [record[0].strip()]
    for header in (EVENT, INSTRUMENT, INSTANCE):
        place = export.place(header)
        parts.append(record[place].strip() if place is not None else "")
    time = at.astimezone(UTC).isoformat() if export.place(EVENT) is None else ""
    return "|".join([*parts, form.name, time])
