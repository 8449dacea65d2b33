"""Questions with several answers: which boxes of a response were ticked.

A box is ticked by a word or number that says so, or by the option's own text; what
says neither yes nor no is set apart and never a tick.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import chain

from panelstream.ingest.questions import Question
from panelstream.ingest.surveys.cell_words import (
    MISSING_WORDS,
    NO_WORDS,
    NOT_A_CODE,
    TICKED,
    UNTICKED,
    YES_WORDS,
    is_conventional_missing,
    label_key,
    missing_keys,
    number_text,
)
from panelstream.ingest.surveys.file_types.export_file import Export
from panelstream.ingest.surveys.formats.importer import ImportContext, item_of_column
from panelstream.ingest.surveys.mapping import Checkboxes
from panelstream.models import config_file
from panelstream.models.errors import FileError

_RESEMBLING = 0.8
"""A text that is so similar to an option is the option, misspelt or edited."""
_SEVERAL = 2
"""Nobody writes the same own words as another person; so many do tick an option."""

_SEPARATOR = re.compile(r"[;,]")
_CHOICE = re.compile(r"\(choice=(.*)\)| [-–] ([^-–]+)$")
"""The option in a title: `Question (choice=A friend)`, `Question - A friend`."""


@dataclass(frozen=True)
class JoinedCheckboxes:
    """A column whose cells hold all options that were ticked.

    Options are joined by `;` or a comma; their texts may hold commas themselves.
    """

    place: int
    options: Mapping[str, str | None]
    """Item code by key of an option; None for an option of no item."""
    missing: frozenset[str]
    unknown: frozenset[str] = frozenset()
    """Keys of texts that are options, but none of the mapping's."""

    @property
    def places(self) -> Sequence[int]:
        """The column's place."""
        return [self.place]

    @property
    def items(self) -> Sequence[str]:
        """The codes of its options."""
        return list(dict.fromkeys(code for code in self.options.values() if code))

    def answers(self, record: Sequence[str]) -> dict[str, str]:
        """Which boxes were ticked; own words beside the options are dropped."""
        options, texts = self.split(record[self.place])
        if self.unknown.intersection(texts):
            return dict.fromkeys(self.items, NOT_A_CODE)
        if not options and not texts:
            return dict.fromkeys(self.items, "")
        ticked = {self.options[option] for option in options}
        return {code: TICKED if code in ticked else UNTICKED for code in self.items}

    def split(self, cell: str) -> tuple[set[str], list[str]]:
        """The options of a cell, and the keys of the other texts in it."""
        text = label_key(cell)
        if _is_missing(cell, self.missing):
            return set(), []
        options = set()
        for option in sorted(self.options, key=len, reverse=True):
            # "Other: own words" ticks the option "Other".
            pattern = (
                rf"(?:^|(?<=[;,])|(?<=[;,] )){re.escape(option)}(?:: [^;,]*)?(?=;|,|$)"
            )
            text, count = re.subn(pattern, "", text)
            if count:
                options.add(option)
        texts = [part.strip() for part in _SEPARATOR.split(text)]
        return options, [part for part in texts if part]

    def questions(self, export: Export) -> Iterator[Question]:
        """Counts of rows with texts that are no option of the mapping."""
        texts = [set(self.split(record[self.place])[1]) for _, record in export.rows()]
        unknown = sum(bool(row & self.unknown) for row in texts)
        dropped = sum(bool(row) and not row & self.unknown for row in texts)
        if unknown:
            problem = f"{_rows(unknown)} an option that the mapping does not have; all boxes of these rows are set apart"
            remedy = (
                "add it to options, without an item (Option: ) if it belongs to none"
            )
            yield Question(export.column(self.place), problem, remedy)
        if dropped:
            problem = f"{_rows(dropped)} own words beside the options; the words are dropped, the boxes count"
            remedy = "if the words are an option, add it to options"
            yield Question(export.column(self.place), problem, remedy)


@dataclass(frozen=True)
class OptionColumn:
    """A column of a single option."""

    place: int
    item: str | None
    names: frozenset[str]
    """Keys of the texts that name the option itself."""
    file_labels: Mapping[str, str]
    missing: frozenset[str]

    def tick(self, cell: str) -> str:
        """Ticked, not ticked, missing (empty) or none of these (`NOT_A_CODE`)."""
        key, number = label_key(cell), number_text(cell)
        word = label_key(self.file_labels.get(number, key))
        if _is_missing(cell, self.missing):
            return ""
        if not key or word in NO_WORDS:
            return UNTICKED
        if key in self.names or word in YES_WORDS:
            return TICKED
        return number if number in (TICKED, UNTICKED) else NOT_A_CODE


@dataclass(frozen=True)
class SeparateCheckboxes:
    """Columns of one question, each of an option."""

    columns: tuple[OptionColumn, ...]

    @property
    def places(self) -> Sequence[int]:
        """The places of its columns."""
        return [column.place for column in self.columns]

    @property
    def items(self) -> Sequence[str]:
        """The codes of its options."""
        return list(
            dict.fromkeys(column.item for column in self.columns if column.item)
        )

    def answers(self, record: Sequence[str]) -> dict[str, str]:
        """Which of the options were ticked.

        Nothing ticked is no answer: it may be "none of these", or skipped.
        """
        ticks = [
            (column.item, column.tick(record[column.place])) for column in self.columns
        ]
        is_answered = any(tick == TICKED for _, tick in ticks)
        answers: dict[str, str] = {}
        for item, tick in ticks:
            if item is not None and answers.get(item) != TICKED:
                answers[item] = "" if tick == UNTICKED and not is_answered else tick
        return answers

    def questions(self, export: Export) -> Iterator[Question]:
        """None: what is no tick is set apart cell by cell."""
        return iter(())


CheckboxColumns = JoinedCheckboxes | SeparateCheckboxes


def find_checkboxes(
    export: Export, context: ImportContext, missing: Collection[str]
) -> Iterator[CheckboxColumns]:
    """The checkbox questions of the mapping that the file has.

    `missing` are the tool's own codes for "not answered". Raises `FileError` for an
    option of an item that no instrument has.
    """
    for box in context.mapping.checkboxes:
        _check_items(export, context, box)
        declared = (context.mapping.missing_codes(code) for code in box.items)
        keys = missing_keys([*missing, *chain.from_iterable(declared)])
        if box.column is None:
            columns = _option_columns(export, context, box, keys)
            if columns:
                yield SeparateCheckboxes(_with_own_texts(export, columns))
        elif (place := export.place(box.column)) is not None:
            options = {label_key(label): code for label, code in box.options.items()}
            joined = JoinedCheckboxes(place, options, keys)
            yield replace(joined, unknown=_unknown_options(export, joined))


def _check_items(export: Export, context: ImportContext, box: Checkboxes) -> None:
    codes = list(context.items)
    for code in box.items:
        if code not in codes:
            remedy = config_file.nearest(code, codes)
            problem = f"checkboxes: no item '{code}'; {remedy}"
            raise FileError(export.path, "mapping", problem)


def _unknown_options(export: Export, box: JoinedCheckboxes) -> frozenset[str]:
    """Texts of a column that are options, though not declared: no person's own words.

    Where no cell holds a declared option, all are: the mapping is of another form.
    """
    cells = [box.split(record[box.place]) for _, record in export.rows()]
    counts = Counter(text for _, texts in cells for text in set(texts))
    is_of_this_form = any(options for options, _ in cells)
    return frozenset(
        text
        for text, count in counts.items()
        if not is_of_this_form
        or count >= _SEVERAL
        or any(_resemble(text, option) for option in box.options)
    )


def _resemble(text: str, option: str) -> bool:
    matcher = SequenceMatcher(None, text, option)
    # The first two are cheap upper bounds: own words may be thousands of long texts.
    ratios = (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio)
    return all(ratio() >= _RESEMBLING for ratio in ratios)


def _option_columns(
    export: Export, context: ImportContext, box: Checkboxes, missing: frozenset[str]
) -> list[OptionColumn]:
    return [
        OptionColumn(
            place=place,
            item=code,
            names=frozenset(_names(export, context, header, code)),
            file_labels=export.value_labels.get(header, {}),
            missing=missing,
        )
        for header, code in box.options.items()
        if (place := export.place(header)) is not None
    ]


def _names(
    export: Export, context: ImportContext, header: str, code: str | None
) -> Iterator[str]:
    """Header and title of an option, and the labels of its item."""
    for text in (header, export.titles.get(header, "")):
        choice = _CHOICE.search(text)
        yield from map(
            label_key, [text, *((choice[1] or choice[2],) if choice else ())]
        )
    item = item_of_column(context.items, code) if code else None
    yield from map(label_key, item.label.values() if item else ())


def _with_own_texts(
    export: Export, columns: Sequence[OptionColumn]
) -> tuple[OptionColumn, ...]:
    """The columns with the text that stands in each where its option was ticked.

    A text that the column of another option has too, or that fills a whole column, may
    mean no in a language that is not recognised.
    """
    texts = [_unrecognised(export, column) for column in columns]
    counts = Counter(text for keys in texts for text in keys)
    return tuple(
        replace(column, names=column.names | keys)
        if len(keys) == 1
        and counts[min(keys)] == 1
        and _is_sometimes_unticked(export, column)
        else column
        for column, keys in zip(columns, texts, strict=True)
    )


def _unrecognised(export: Export, column: OptionColumn) -> set[str]:
    """Keys of the texts of a column that say neither yes nor no; numbers are none."""
    cells = {record[column.place] for _, record in export.rows()}
    texts = (cell for cell in cells if column.tick(cell) == NOT_A_CODE)
    return {label_key(text) for text in texts if not number_text(text)}


def _is_sometimes_unticked(export: Export, column: OptionColumn) -> bool:
    ticks = {column.tick(record[column.place]) for _, record in export.rows()}
    return UNTICKED in ticks and TICKED not in ticks


def _rows(count: int) -> str:
    return "1 row holds" if count == 1 else f"{count} rows hold"


def _is_missing(cell: str, codes: frozenset[str]) -> bool:
    """Whether a cell is a word or code for "not answered"; -99 is no option's number."""
    key, number = label_key(cell), number_text(cell)
    is_usual = number.startswith("-") and is_conventional_missing(number)
    return is_usual or bool({key, number} & (codes | MISSING_WORDS))
