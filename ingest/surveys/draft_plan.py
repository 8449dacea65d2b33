"""What a draft of a mapping would say of each column of an export; no text yet."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from panelstream.ingest.surveys.column_roles import (
    CellColumn,
    holds_free_text,
    holds_times,
    propose_person,
    propose_response_id,
    propose_submitted_at,
    propose_wave,
)
from panelstream.ingest.surveys.file_types.export_file import Export, read_export_file
from panelstream.ingest.surveys.formats.importer import (
    Importer,
    Items,
    item_of_column,
    looks_personal,
    normalize_text,
)
from panelstream.ingest.surveys.header_matching import (
    HeaderColumn,
    HeaderMatch,
    is_box,
    match_headers,
    may_ask,
    option_key,
)
from panelstream.ingest.surveys.mapping import (
    IGNORE,
    PERSON,
    SurveyFormat,
    SurveyMapping,
)
from panelstream.ingest.surveys.read_export import FORMATS, detect_format
from panelstream.models.errors import FileError

_DATUM = re.compile(r"\d+(?:[.,]\d+)?|\d[\d\-/.]+\d(?:[ T]\d.*)?|\S+@\S+\.\S+|R_\w{8,}")
_MOST_CHOICES = 12


@dataclass(frozen=True)
class DraftColumn:
    """A header in `columns`: the code to write, empty where a person has to choose."""

    header: str
    code: str
    comment: str = ""


@dataclass(frozen=True)
class TickedOptions:
    """A column whose cells hold ticked options joined, by label the item of each."""

    header: str
    options: Mapping[str, str]
    is_complete: bool
    """Whether its cells hold nothing else."""


class ColumnRoles(NamedTuple):
    """Headers that say who, when, which response and which wave; empty where unclear."""

    person: str
    submitted_at: str
    response_id: str
    wave: str


@dataclass(frozen=True)
class DraftSource:
    """An export as a draft looks at it."""

    format: SurveyFormat
    importer: Importer
    export: Export
    as_exported: Mapping[str, str]
    items: Items

    def column(self, header: str) -> CellColumn:
        """A header with its cells."""
        place = self.export.header.index(header)
        return CellColumn(header, [record[place] for _, record in self.export.rows()])

    def header_column(self, header: str) -> HeaderColumn:
        """A header with its names and the different texts of its cells."""
        names = (header, self.as_exported[header], self.export.titles.get(header, ""))
        answers = map(normalize_text, self.column(header).texts)
        return HeaderColumn(header, tuple(filter(None, names)), frozenset(answers))

    def question_columns(self) -> list[HeaderColumn]:
        """The columns that a mapping has to speak of."""
        reserved = {*self.metadata, *self.personal, PERSON}
        headers = (header for header in self.export.header if header not in reserved)
        return [self.header_column(header) for header in headers]

    @property
    def personal(self) -> tuple[str, ...]:
        """Headers that an import removes by itself."""
        names = self.importer.personal_columns(self.export)
        return tuple(header for header in self.export.header if header in names)

    @property
    def metadata(self) -> tuple[str, ...]:
        """Headers that the tool itself adds."""
        names = self.importer.metadata_columns(self.export, SurveyMapping())
        return tuple(header for header in self.export.header if header in names)


@dataclass(frozen=True)
class Draft:
    """What a mapping would say of an export."""

    roles: ColumnRoles
    columns: tuple[DraftColumn, ...]
    joined_boxes: tuple[TickedOptions, ...]
    separate_boxes: tuple[DraftColumn, ...]
    """Columns of options, each with the item of its option."""

    @property
    def mapped(self) -> Mapping[str, str]:
        """Item code by header."""
        codes = {column.header: column.code for column in self.columns}
        return {h: code for h, code in codes.items() if code not in ("", IGNORE)}


def open_draft_source(path: Path, items: Items) -> DraftSource:
    """Read an export; raises `FileError` where row 1 holds something else than headers."""
    table = read_export_file(path)
    if any(_DATUM.fullmatch(header) for header in table.header):
        problem = "row 1 seems to hold answers; it must hold the headers"
        raise FileError(path, "row 1", problem)
    name = detect_format(table)
    export = FORMATS[name].prepare_for_draft(table)
    as_exported = dict(zip(export.header, table.header, strict=True))
    return DraftSource(name, FORMATS[name], export, as_exported, items)


def plan_draft(source: DraftSource) -> Draft:
    """Items first, then who and when among what remains."""
    columns = source.question_columns()
    boxes = tuple(filter(None, (_ticked_options(c, source.items) for c in columns)))
    joined = {box.header for box in boxes}
    columns = [column for column in columns if column.header not in joined]
    matches = match_headers(columns, source.items)
    certain = {header for header, match in matches.items() if match.is_certain}
    roles = _propose_roles(
        source, [c.header for c in columns if c.header not in certain]
    )
    free = _free_codes(source.items, matches, boxes)
    drafted = [
        _draft_column(source, column, matches.get(column.header), free)
        for column in columns
        if column.header not in roles
    ]
    options = {c.header for c in columns if c.is_option} & certain
    # REDCap's own options are 0 and 1: they are read like any other column.
    separate = options if source.format != "redcap" else set()
    return Draft(
        roles,
        tuple(column for column in drafted if column.header not in separate),
        boxes,
        tuple(column for column in drafted if column.header in separate),
    )


def _propose_roles(source: DraftSource, headers: Sequence[str]) -> ColumnRoles:
    export, needed = source.export, source.importer.required_keys(source.export)
    columns = [source.column(header) for header in headers]
    person = PERSON if PERSON in export.header else propose_person(columns)
    if not person:
        person = propose_person([source.column(header) for header in source.metadata])
    submitted_at = propose_submitted_at(columns) if "submitted_at" in needed else ""
    others = [c for c in columns if c.header not in (person, submitted_at)]
    response_id = propose_response_id(others) if source.format == "plain" else ""
    return ColumnRoles(person, submitted_at, response_id, propose_wave(others))


def _free_codes(
    items: Items, matches: Mapping[str, HeaderMatch], boxes: Sequence[TickedOptions]
) -> list[str]:
    """Items that no column asks for certain, of instruments that the file asks in part."""
    certain = {match.codes[0] for match in matches.values() if match.is_certain}
    certain |= {code for box in boxes for code in box.options.values()}
    names = {items[code][0].instrument for code in certain}
    return [c for c in items if c not in certain and items[c][0].instrument in names]


def _draft_column(
    source: DraftSource,
    column: HeaderColumn,
    match: HeaderMatch | None,
    free: Sequence[str],
) -> DraftColumn:
    header, cells = column.header, source.column(column.header)
    if match and match.is_certain:
        return DraftColumn(header, match.codes[0])
    if looks_personal(header):
        return DraftColumn(header, IGNORE, "looks like personal data")
    if match:
        choices = ", ".join((*match.codes, IGNORE))
        return DraftColumn(header, "", f"choose: {choices} ({match.evidence})")
    if holds_times(cells):
        return DraftColumn(header, IGNORE, "times, no answers")
    if holds_free_text(cells):
        return DraftColumn(header, IGNORE, "free text")
    fitting = [code for code in free if may_ask(column, source.items, code)]
    if 0 < len(fitting) <= _MOST_CHOICES:
        return DraftColumn(header, "", f"choose: {IGNORE}, {', '.join(fitting)}")
    return DraftColumn(header, "", f"choose: {IGNORE}, or the code of an item")


def _ticked_options(column: HeaderColumn, items: Items) -> TickedOptions | None:
    """A column of several options whose texts are labels of one instrument's boxes."""
    parts = {part for cell in column.answers for part in re.split(r"; ?|, ", cell)}
    if not parts or parts == column.answers:
        return None
    for labels in _box_labels(items).values():
        keys = {part: option_key(part) for part in sorted(parts)}
        options = {part: labels[key] for part, key in keys.items() if key in labels}
        if len(options) > len(parts) / 2:
            return TickedOptions(column.header, options, options.keys() == parts)
    return None


def _box_labels(items: Items) -> Mapping[str, Mapping[str, str]]:
    """By instrument the codes of items that are ticked or not, by their labels."""
    labels: dict[str, dict[str, str]] = {}
    for code, (instrument, _) in items.items():
        item = item_of_column(items, code)
        if item and is_box(item):
            texts = {option_key(text): code for text in item.label.values()}
            labels.setdefault(instrument.instrument, {}).update(texts)
    return labels
