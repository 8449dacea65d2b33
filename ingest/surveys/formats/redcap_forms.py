"""The forms of a REDCap export: blocks of columns, each ended by the form's status.

A status is named `<form>_complete`, `Complete?` in a label export, and is the last
column of its form. A field may be named so too (`treatment_complete`). What decides
is the data dictionary, else a column `<form>_timestamp`, a repeating form of that name
or the mapping; where all are silent and the columns contradict a status, nobody knows.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from panelstream.ingest.surveys.file_types.export_file import Export
from panelstream.ingest.surveys.formats.redcap_dictionary import (
    DictionaryField,
    read_dictionary,
)
from panelstream.ingest.surveys.mapping import EVENT, SurveyMapping
from panelstream.models.errors import FileError

INSTRUMENT, INSTANCE = "redcap_repeat_instrument", "redcap_repeat_instance"
IDENTIFIER = "redcap_survey_identifier"
METADATA = frozenset({EVENT, INSTRUMENT, INSTANCE, "redcap_data_access_group"})
LABELS = {
    "Event Name": EVENT,
    "Repeat Instrument": INSTRUMENT,
    "Repeat Instance": INSTANCE,
    "Data Access Group": "redcap_data_access_group",
    "Survey Identifier": IDENTIFIER,
}
_COMPLETE, _TIMESTAMP = "_complete", "_timestamp"
_COMPLETE_LABEL = re.compile(r"Complete\?(?:#\d+)?")
_TIMESTAMP_LABEL = re.compile(r"Survey Timestamp(?:#\d+)?")
_CHECKBOX_LABEL = re.compile(r"(.*) \(choice=(.*)\)(?:#\d+)?", re.DOTALL)
_REPEATED_LABEL = re.compile(r"(.*?)(?:#\d+)?", re.DOTALL)
_STATUS = {"", "0", "1", "2", "3", "Incomplete", "Unverified", "Complete"}
_DONE = ("2", "Complete")


@dataclass(frozen=True)
class FormBlock:
    """A block of columns: where its fields, its status and its time are."""

    name: str
    fields: tuple[int, ...]
    complete: int
    timestamp: int | None

    def is_done(self, record: Sequence[str]) -> bool:
        """Whether the form is marked as complete."""
        return record[self.complete].strip() in _DONE

    def has_answers(self, export: Export, record: Sequence[str]) -> bool:
        """Whether any field was filled in; a box that is not ticked says nothing."""
        for place in self.fields:
            cell = record[place].strip()
            is_box = "___" in export.header[place]
            if cell and not (is_box and cell in ("0", "Unchecked")):
                return True
        return False


def looks_like_status(export: Export, place: int) -> bool:
    """Whether a column is named like a form's status and holds nothing else."""
    header = export.header[place]
    if not header.endswith(_COMPLETE) and not _COMPLETE_LABEL.fullmatch(header):
        return False
    return {record[place].strip() for _, record in export.rows()} <= _STATUS


def find_forms(export: Export, mapping: SurveyMapping) -> list[FormBlock]:
    """The blocks of a file under raw names, from the status columns that end them."""
    dictionary = read_dictionary(export.path)
    no_fields = {*METADATA, IDENTIFIER, mapping.person, *mapping.wave_columns}
    forms: list[FormBlock] = []
    fields, timestamp = list[int](), None
    for place, header in enumerate(export.header[1:], start=1):
        if _is_status(export, place, dictionary, mapping):
            forms.append(FormBlock(_stem(header), tuple(fields), place, timestamp))
            fields, timestamp = [], None
        elif _is_timestamp(export, header):
            timestamp = place
        elif header not in no_fields:
            fields.append(place)
    return forms


def check_forms(
    export: Export, forms: Sequence[FormBlock], instruments: Mapping[int, str]
) -> None:
    """Refuse a status that may be a field.

    `instruments`: of each column of answers. Raises `FileError` where nothing but its
    name says that a column is a status, and it precedes another status directly, or
    is blank beside answers, or splits an instrument.
    """
    if read_dictionary(export.path):
        return
    certain = _certain_forms(export)
    uncertain = {form.complete for form in forms if form.name not in certain}
    for place in sorted(uncertain & {*_doubtful(export, forms, instruments)}):
        problem = (
            "a form's status, or a field? put REDCap's data dictionary beside the "
            "export as dictionary.csv; or list the header in the mapping, under "
            "columns or ignore, if it is a field"
        )
        raise FileError(export.path, export.column(place), problem)


def raw_names(export: Export, fields: Mapping[str, DictionaryField]) -> dict[str, str]:
    """The raw name of each header of a label export."""
    by_label = _by_label(fields.values())
    names: dict[str, str] = {}
    form, timestamp, ended = "", "", 0
    for place, header in enumerate(export.header):
        if _TIMESTAMP_LABEL.fullmatch(header):
            timestamp = header
        elif _COMPLETE_LABEL.fullmatch(header) and looks_like_status(export, place):
            ended += 1
            form = form or f"form{ended}"
            names |= {header: form + _COMPLETE, timestamp: form + _TIMESTAMP}
            form, timestamp = "", ""
        else:
            names[header] = _raw_name(header, by_label)
            field = fields.get(names[header].partition("___")[0])
            form = field.form if field else form
    return names


def _is_status(
    export: Export,
    place: int,
    fields: Mapping[str, DictionaryField],
    mapping: SurveyMapping,
) -> bool:
    header = export.header[place]
    if not looks_like_status(export, place) or header in fields:
        return False
    is_field = header in mapping.columns or header in mapping.ignore
    return bool(fields) or not is_field or _stem(header) in _certain_forms(export)


def _is_timestamp(export: Export, header: str) -> bool:
    form = header.removesuffix(_TIMESTAMP)
    return header.endswith(_TIMESTAMP) and form + _COMPLETE in export.header


def _stem(header: str) -> str:
    return header.removesuffix(_COMPLETE)


def _certain_forms(export: Export) -> set[str]:
    """Forms that the export itself names: surveys by their times, repeating forms."""
    forms = {
        header.removesuffix(_TIMESTAMP)
        for header in export.header
        if header.endswith(_TIMESTAMP)
    }
    place = export.place(INSTRUMENT)
    repeating = (
        {record[place].strip() for _, record in export.rows()}
        if place is not None
        else set()
    )
    return forms | repeating


def _doubtful(
    export: Export, forms: Sequence[FormBlock], instruments: Mapping[int, str]
) -> Iterator[int]:
    """The status columns that may be fields."""
    for form, following in pairwise(forms):
        names, next_names = (
            {instruments[place] for place in block.fields if place in instruments}
            for block in (form, following)
        )
        if not following.fields or names & next_names:
            yield form.complete
    for form in forms:
        if any(
            not record[form.complete].strip() and form.has_answers(export, record)
            for _, record in export.rows()
        ):
            yield form.complete


def _raw_name(header: str, by_label: Mapping[str, DictionaryField]) -> str:
    box = _CHECKBOX_LABEL.fullmatch(header)
    if box and box[1] in by_label:
        codes = {label: code for code, label in by_label[box[1]].choices.items()}
        return f"{by_label[box[1]].name}___{codes.get(box[2], box[2])}"
    if header in by_label:
        return by_label[header].name
    label = _REPEATED_LABEL.fullmatch(header)
    if label and _COMPLETE_LABEL.fullmatch(header) and label[1] in by_label:
        return by_label[label[1]].name
    return LABELS.get(header, header)


def _by_label(fields: Iterable[DictionaryField]) -> dict[str, DictionaryField]:
    """Fields by their label, numbered like headers where it repeats."""
    counts: Counter[str] = Counter()
    by_label = {}
    for field in fields:
        counts[field.label] += 1
        suffix = f"#{counts[field.label]}" if counts[field.label] > 1 else ""
        by_label[field.label + suffix] = field
    return by_label
