"""Cells to coded answers: which columns hold which items, and what is written there."""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from panelstream.ingest.surveys.file_types.export_file import Export
from panelstream.ingest.surveys.formats.importer import (
    ImportContext,
    item_of_column,
    looks_personal,
    normalize_text,
)
from panelstream.ingest.surveys.mapping import (
    Checkboxes,
    SurveyMapping,
    coding_ends,
)
from panelstream.models import config_file
from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import Item

NOT_A_CODE = "?"
"""Stands for a cell that is no answer of its item; set apart like any wrong code."""

TICKED, UNTICKED = "1", "0"
_NO_TICK = frozenset({"", "0", "FALSE", "Unchecked"})
_WHOLE_NUMBER = re.compile(r"[+-]?\d+(?:\.0*)?")


@dataclass(frozen=True)
class ItemColumn:
    """A column that asks one item, and how its cells are read.

    An option label is looked up in the mapping, else in what the export says of
    itself, else in the instrument; a number is taken from the declared coding.
    """

    code: str
    item: Item | None
    labels: Mapping[str, str]
    """By label, the code of this export."""
    strict: bool
    """Whether nothing but these labels is an answer."""
    standard_labels: Mapping[str, str]
    """By label of the instrument, the instrument's code."""
    coding: str | None

    def answer(self, cell: str) -> str:
        """The answer by the instrument's code; what is none becomes `NOT_A_CODE`."""
        text = normalize_text(cell)
        if not text:
            return ""
        if text in self.labels:
            return self._number(self.labels[text])
        if self.strict:
            return NOT_A_CODE
        if text in self.standard_labels:
            return self.standard_labels[text]
        return self._number(text)

    def _number(self, text: str) -> str:
        item = self.item
        if item is None or item.choices or not _WHOLE_NUMBER.fullmatch(text):
            return text
        number = int(float(text))
        if self.coding is None or number == item.not_applicable:
            return str(number)
        first, last = coding_ends(self.coding)
        if not min(first, last) <= number <= max(first, last):
            return NOT_A_CODE
        return str(item.range[0] + abs(number - first))


@dataclass(frozen=True)
class JoinedCheckboxes:
    """A column whose cells hold all options that were ticked."""

    place: int
    options: Mapping[str, str]
    """Item code by option."""

    @property
    def items(self) -> set[str]:
        """The codes of its options."""
        return set(self.options.values())

    def answers(self, record: Sequence[str]) -> dict[str, str]:
        """Options joined by `;` or `, `; their labels may hold commas themselves."""
        text = normalize_text(record[self.place])
        ticked = dict.fromkeys(self.options.values(), False)
        for label in sorted(self.options, key=len, reverse=True):
            pattern = rf"(?:^|(?<=;)|(?<=, )){re.escape(label)}(?=;|, |$)"
            text, count = re.subn(pattern, "", text)
            ticked[self.options[label]] |= count > 0
        has_unknown_option = bool(text.strip("; ,"))
        return (
            dict.fromkeys(ticked, NOT_A_CODE) if has_unknown_option else _coded(ticked)
        )


@dataclass(frozen=True)
class SeparateCheckboxes:
    """Columns of one question, each with something in it where its option was ticked."""

    places: Mapping[int, str]
    """Item code by column."""

    @property
    def items(self) -> set[str]:
        """The codes of its options."""
        return set(self.places.values())

    def answers(self, record: Sequence[str]) -> dict[str, str]:
        """Which of the options were ticked."""
        cells = {code: record[place].strip() for place, code in self.places.items()}
        return _coded({code: cell not in _NO_TICK for code, cell in cells.items()})


@dataclass(frozen=True)
class AnswerColumns:
    """The columns of an export that hold answers."""

    columns: Mapping[int, ItemColumn]
    boxes: tuple[JoinedCheckboxes | SeparateCheckboxes, ...]

    @property
    def items(self) -> set[str]:
        """The codes of all items that the columns hold."""
        codes = {column.code for column in self.columns.values()}
        return codes.union(*(box.items for box in self.boxes))

    def select(self, places: Container[int]) -> "AnswerColumns":
        """Only the columns at these places."""
        return AnswerColumns(
            {
                place: column
                for place, column in self.columns.items()
                if place in places
            },
            tuple(box for box in self.boxes if _first_place(box) in places),
        )

    def answers(self, record: Sequence[str]) -> dict[str, str]:
        """The coded answers of a record.

        An item may stand in two columns, if its question was edited while people
        answered; only one of them may hold an answer.
        """
        answers: dict[str, str] = {}
        for place, column in self.columns.items():
            answer = column.answer(record[place])
            earlier = answers.get(column.code, "")
            answers[column.code] = (
                NOT_A_CODE if earlier and answer else earlier or answer
            )
        for box in self.boxes:
            answers |= box.answers(record)
        return answers


def find_answer_columns(
    export: Export, context: ImportContext, metadata_columns: Iterable[str]
) -> AnswerColumns:
    """The columns that hold answers: all but metadata, and what the mapping ignores.

    Raises `FileError` for a header that is neither mapped, nor an item's code, nor
    ignored: an edited title must not drop an item in silence.
    """
    mapping = context.mapping
    box_headers = {header for box in mapping.checkboxes for header in box.headers}
    skipped = {*metadata_columns, *mapping.ignore, mapping.person, *box_headers}
    skipped |= mapping.wave_columns
    columns: dict[int, ItemColumn] = {}
    for place, header in enumerate(export.header):
        if header in mapping.columns or header not in skipped:
            code = _item_code(export, context, place, header)
            labels = export.value_labels.get(header, {})
            columns[place] = item_column(context, code, labels)
    _refuse_repeated(export, mapping, columns)
    return AnswerColumns(columns, tuple(_boxes(export, context)))


def _refuse_repeated(
    export: Export, mapping: SurveyMapping, columns: Mapping[int, ItemColumn]
) -> None:
    """Two columns of one item are meant only where the mapping names both."""
    places: dict[str, int] = {}
    for place, column in columns.items():
        first = places.setdefault(column.code, place)
        mapped = {export.header[first], export.header[place]} <= {*mapping.columns}
        if first != place and not mapped:
            problem = f"two columns of '{column.code}'; name both in the mapping"
            raise FileError(export.path, export.column(place), problem)


def item_column(
    context: ImportContext, code: str, labels: Mapping[str, str]
) -> ItemColumn:
    """How answers to an item are read; `labels` are the export's own, by code."""
    mapped, item = context.mapping.labels_of(code), item_of_column(context, code)
    instrument = context.items[code][0]
    codes = {label: c for c, label in labels.items()} if mapped is None else mapped
    standard = instrument.labels(item).items() if item else ()
    return ItemColumn(
        code=code,
        item=item,
        labels={normalize_text(label): c for label, c in codes.items()},
        strict=mapped is not None,
        standard_labels={
            normalize_text(label): c for c, text in standard for label in text.values()
        },
        coding=context.mapping.coding.get(instrument.instrument),
    )


def _item_code(export: Export, context: ImportContext, place: int, header: str) -> str:
    code = context.mapping.columns.get(header, header)
    if code not in context.items:
        problem = _unmapped(context.mapping, header, code, list(context.items))
        raise FileError(export.path, export.column(place), problem)
    return code


def _unmapped(
    mapping: SurveyMapping, header: str, code: str, codes: Sequence[str]
) -> str:
    """Says what to do; shows a header only if the mapping named it itself."""
    if header in mapping.columns:
        remedy = config_file.nearest(code, codes)
        return f"mapped to '{code}', which no instrument has; {remedy}"
    if looks_personal(header):
        return "looks like personal data; list this header under ignore in the mapping"
    return "this header is not mapped; add it to the mapping's columns, or to ignore"


def _boxes(
    export: Export, context: ImportContext
) -> Iterable[JoinedCheckboxes | SeparateCheckboxes]:
    for box in context.mapping.checkboxes:
        _check_items(export, context, box)
        if box.column is None:
            places = {
                export.place(name): code for name, code in box.options.items() if code
            }
            present = {p: code for p, code in places.items() if p is not None}
            if present:
                yield SeparateCheckboxes(present)
        elif (place := export.place(box.column)) is not None:
            options = {
                normalize_text(k): code for k, code in box.options.items() if code
            }
            yield JoinedCheckboxes(place, options)


def _check_items(export: Export, context: ImportContext, box: Checkboxes) -> None:
    codes = list(context.items)
    for code in box.items:
        if code not in codes:
            remedy = config_file.nearest(code, codes)
            problem = f"checkboxes: no item '{code}'; {remedy}"
            raise FileError(export.path, "mapping", problem)


def _first_place(box: JoinedCheckboxes | SeparateCheckboxes) -> int:
    return box.place if isinstance(box, JoinedCheckboxes) else min(box.places)


def _coded(ticked: Mapping[str, bool]) -> dict[str, str]:
    """Nothing ticked is no answer: it may be "none of these", or skipped."""
    if not any(ticked.values()):
        return dict.fromkeys(ticked, "")
    return {
        code: TICKED if is_ticked else UNTICKED for code, is_ticked in ticked.items()
    }
