"""Cells to coded answers: which columns hold which items, and what is written there."""

from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from panelstream.ingest.questions import Question
from panelstream.ingest.surveys.cell_words import (
    MISSING_WORDS,
    NO_WORDS,
    NOT_A_CODE,
    NOT_APPLICABLE_WORD,
    YES_WORDS,
    bare_label_key,
    is_conventional_missing,
    label_key,
    missing_keys,
    number_text,
    split_numbered,
)
from panelstream.ingest.surveys.checkboxes import CheckboxColumns, find_checkboxes
from panelstream.ingest.surveys.file_types.decimal_marks import decimal_mark
from panelstream.ingest.surveys.file_types.export_file import Export
from panelstream.ingest.surveys.formats.importer import (
    ImportContext,
    item_of_column,
    looks_personal,
)
from panelstream.ingest.surveys.mapping import SurveyMapping, coding_ends
from panelstream.models import config_file
from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import Instrument, Item

_MANY = 4
"""Of so many items a question names the first and the last."""


@dataclass(frozen=True)
class ItemColumn:
    """A column that asks one item, and how its cells are read.

    An option label is looked up in the mapping, else in what the export says of
    itself, else in the instrument; a number is taken from the declared coding.
    """

    code: str
    instrument: Instrument
    item: Item | None
    """None for a scale that is delivered ready-made."""
    name: str
    """The instrument's code of the item or scale."""
    mapped_labels: Mapping[str, str] | None
    """By key of a label, the code that the mapping declares; nothing else counts then."""
    file_labels: Mapping[str, str]
    """By code, what the file itself calls it."""
    coding: str | None
    missing: frozenset[str]
    """Keys of the codes that mean "not answered"."""
    decimal: str
    assumed_missing: str = ""
    """A usual code for "not answered", which nobody declared; empty if there is none."""
    assumed_count: int = 0
    """How many cells hold it."""

    @cached_property
    def standard_codes(self) -> Mapping[str, str]:
        """By key of a label of the instrument, the instrument's code."""
        if self.item is None:
            return {}
        labels = self.instrument.labels(self.item)
        codes = {label_key(code): code for code in self.item.choices}
        return codes | {
            label_key(label): code
            for code, text in labels.items()
            for label in text.values()
        }

    @cached_property
    def file_codes(self) -> Mapping[str, str]:
        """By key of a label of the file, the file's code."""
        return {label_key(label): code for code, label in self.file_labels.items()}

    def answer(self, cell: str) -> str:
        """The answer by the instrument's code; what is none becomes `NOT_A_CODE`.

        An empty answer was asked and not given. Cells repeat, so each text is read once.
        """
        if cell not in self._answers:
            self._answers[cell] = self._answer(cell)
        return self._answers[cell]

    @cached_property
    def _answers(self) -> dict[str, str]:
        return {}

    def _answer(self, cell: str) -> str:
        key = label_key(cell)
        if not key or {key, self.file_code(cell)} & self.missing:
            return ""
        if self.mapped_labels is not None:
            answer = self._of_mapped_label(cell, self.mapped_labels)
        else:
            answer = self._of_label(cell) or self._of_number(cell)
            answer = answer or self._of_numbered_label(cell) or self._of_word(key)
        return answer or ("" if self._is_missing_word(key) else NOT_A_CODE)

    def file_code(self, cell: str) -> str:
        """The file's code of an answer that it writes as a number or as its label."""
        code = number_text(cell, self.decimal)
        return code or self.file_codes.get(label_key(cell), "")

    def accepts(self, answer: str) -> bool:
        """Whether an answer is one of the item or in the range of the scale."""
        return self.instrument.accepts(self.name, answer)

    def may_be_missing(self, code: str) -> bool:
        """Whether a code outside the range is a usual one for "not answered"."""
        label = bare_label_key(self.file_labels.get(code, ""))
        return is_conventional_missing(code) and label not in self.standard_codes

    def _of_mapped_label(self, cell: str, labels: Mapping[str, str]) -> str | None:
        code = self.file_code(cell)
        label = label_key(self.file_labels.get(code, ""))
        keys = [key for key in (label_key(cell), code, label) if key in labels]
        return self._decoded(labels[keys[0]]) if keys else None

    def _of_label(self, label: str) -> str | None:
        """Of a label of the file, else of the instrument."""
        code = self.file_codes.get(label_key(label))
        if code is not None:
            return self._of_code(code)
        return self.standard_codes.get(label_key(label))

    def _of_number(self, cell: str) -> str | None:
        code = number_text(cell, self.decimal)
        return self._of_code(code) if code else None

    def _of_code(self, code: str) -> str:
        """Of a code of the file: of its label, where codes are no numbers to compare."""
        label = bare_label_key(self.file_labels.get(code, ""))
        answer = self.standard_codes.get(label)
        if answer and self.item and not self._is_in_range(answer):
            return answer
        return self._decoded(code)

    def _is_in_range(self, answer: str) -> bool:
        item = self.item
        return (
            item is not None and item.is_numeric and answer != str(item.not_applicable)
        )

    def _of_numbered_label(self, cell: str) -> str | None:
        """Of a code with its label, which must not contradict each other."""
        numbered = split_numbered(cell)
        if numbered is None or self.item is None:
            return None
        code, label = numbered
        by_label, by_code = self._of_label(label), self._of_code(code)
        if by_label and not self._is_in_range(by_label):
            return by_label
        if not self.item.is_numeric:
            return None
        return by_code if by_label in (None, by_code) else NOT_A_CODE

    def _of_word(self, key: str) -> str | None:
        """Of yes and no in other words, where an item has no other answers."""
        if self.item is None or self.item.choices or self.item.range != (0, 1):
            return None
        no = self.standard_codes.get("no", "0")
        yes = self.standard_codes.get("yes", "1")
        return yes if key in YES_WORDS else no if key in NO_WORDS else None

    def _is_missing_word(self, key: str) -> bool:
        may_not_apply = self.item is not None and self.item.not_applicable is not None
        return key in MISSING_WORDS and not (
            may_not_apply and key == NOT_APPLICABLE_WORD
        )

    def _decoded(self, code: str) -> str:
        """The instrument's code, by the coding that the mapping declares."""
        item = self.item
        if item is None or item.choices:
            return code
        if not number_text(code):
            return NOT_A_CODE
        if self.coding is None:
            return code
        if not code.removeprefix("-").isdigit():
            return NOT_A_CODE
        if int(code) == item.not_applicable:
            return code
        first, last = coding_ends(self.coding)
        if not min(first, last) <= int(code) <= max(first, last):
            return NOT_A_CODE
        return str(item.range[0] + abs(int(code) - first))


@dataclass(frozen=True)
class AnswerColumns:
    """The columns of an export that hold answers."""

    columns: Mapping[int, ItemColumn]
    boxes: tuple[CheckboxColumns, ...]
    questions: tuple[Question, ...] = ()
    """What is odd about their cells."""

    @property
    def items(self) -> set[str]:
        """The codes of all items that the columns hold."""
        codes = {column.code for column in self.columns.values()}
        return codes.union(*(box.items for box in self.boxes))

    def select(self, places: Container[int]) -> "AnswerColumns":
        """Only the columns at these places."""
        return AnswerColumns(
            {p: column for p, column in self.columns.items() if p in places},
            tuple(box for box in self.boxes if min(box.places) in places),
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
    export: Export,
    context: ImportContext,
    metadata_columns: Iterable[str],
    tool_missing: Collection[str] = (),
) -> AnswerColumns:
    """The columns that hold answers: all but metadata, and what the mapping ignores.

    `tool_missing` are the tool's own codes for "not answered". Raises `FileError` for
    a header that is neither mapped, nor an item's code, nor ignored: an edited title
    must not drop an item in silence.
    """
    mapping = context.mapping
    box_headers = {header for box in mapping.checkboxes for header in box.headers}
    skipped = {*metadata_columns, *mapping.ignore, mapping.person, *box_headers}
    skipped |= mapping.wave_columns
    columns: dict[int, ItemColumn] = {}
    for place, header in enumerate(export.header):
        if header in mapping.columns or header not in skipped:
            code = _item_code(export, context, place, header)
            cells = [record[place] for _, record in export.rows()]
            columns[place] = item_column(
                export, context, code, cells, header, tool_missing
            )
    _refuse_repeated(export, mapping, columns)
    boxes = tuple(find_checkboxes(export, context, tool_missing))
    questions = [question for box in boxes for question in box.questions(export)]
    questions += missing_code_questions(columns.values())
    return AnswerColumns(columns, boxes, tuple(questions))


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
    export: Export,
    context: ImportContext,
    code: str,
    cells: Sequence[str],
    header: str = "",
    tool_missing: Collection[str] = (),
) -> ItemColumn:
    """How answers to an item are read, of which `cells` are all that the file holds."""
    instrument, name = context.items[code]
    mapped = context.mapping.labels_of(code)
    declared = context.mapping.missing_codes(code)
    column = ItemColumn(
        code=code,
        instrument=instrument,
        item=item_of_column(context.items, code),
        name=name,
        mapped_labels=mapped and {label_key(k): c for k, c in mapped.items()},
        file_labels=_file_labels(export.value_labels.get(header, {}), cells),
        coding=context.mapping.coding.get(instrument.instrument),
        missing=missing_keys([*declared, *tool_missing]),
        decimal=decimal_mark(export, cells, code),
    )
    return _with_conventional_missing(column, cells)


def _file_labels(labels: Mapping[str, str], cells: Iterable[str]) -> dict[str, str]:
    """The labels of a file by code.

    A label may be a number, but another one than its code. Where all cells are codes,
    they are not labels.
    """
    by_code = {number_text(code) or code: label for code, label in labels.items()}
    numbers = {number_text(cell) for cell in {*cells}} - {""}
    if not numbers <= {*by_code}:
        return by_code
    return {
        code: label
        for code, label in by_code.items()
        if number_text(label) in ("", code)
    }


def _with_conventional_missing(column: ItemColumn, cells: Iterable[str]) -> ItemColumn:
    """The column with a usual code for "not answered", if all its wrong codes are it."""
    counts: Counter[str] = Counter()
    for cell, count in Counter(cells).items():
        answer = column.answer(cell)
        if answer and not column.accepts(answer):
            counts[column.file_code(cell)] += count
    codes = [code for code in counts if code]
    if len(codes) != 1 or not column.may_be_missing(codes[0]):
        return column
    return replace(
        column,
        missing=column.missing | {codes[0]},
        assumed_missing=codes[0],
        assumed_count=counts[codes[0]],
    )


def missing_code_questions(columns: Iterable[ItemColumn]) -> Iterator[Question]:
    """The codes that are taken as missing without a declaration, by instrument."""
    groups: dict[tuple[str, str], list[ItemColumn]] = {}
    for column in columns:
        if column.assumed_missing:
            key = (column.instrument.instrument, column.assumed_missing)
            groups.setdefault(key, []).append(column)
    for (_, code), group in groups.items():
        names = list(dict.fromkeys(column.code for column in group))
        count = sum(column.assumed_count for column in group)
        place = ", ".join(names) if len(names) < _MANY else f"{names[0]} … {names[-1]}"
        yield Question(
            place,
            f"{count} {'cell holds' if count == 1 else 'cells hold'} {code}, read as missing",
            f"declare it in the mapping: missing: [{code}]",
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
    if mapping == SurveyMapping():
        return (
            "this header is not mapped; 'panelstream responses map FILE' drafts the "
            "mapping that says what headers mean"
        )
    return "this header is not mapped; add it to the mapping's columns, or to ignore"
