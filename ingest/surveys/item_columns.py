"""Cells to coded answers: which columns hold which items, and what is written there."""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from panelstream.ingest.surveys import mapping as mappings
from panelstream.ingest.surveys.file_types.export_file import Export
from panelstream.ingest.surveys.formats.importer import (
    Asked,
    item_of,
    looks_personal,
    plain,
)
from panelstream.ingest.surveys.mapping import Checkboxes, SurveyMapping
from panelstream.models import config_file
from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import Item

NOT_A_CODE = "?"
"""Stands for a cell that is no answer of its item; set apart like any wrong code."""

TICKED, UNTICKED = "1", "0"
_NO_TICK = frozenset({"", "0", "FALSE", "Unchecked"})
_WHOLE = re.compile(r"[+-]?\d+(?:\.0*)?")


@dataclass(frozen=True)
class Question:
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
    own: Mapping[str, str]
    """By label of the instrument, its own code."""
    coding: str | None

    def answer(self, cell: str) -> str:
        """The answer by the instrument's code; what is none becomes `NOT_A_CODE`."""
        text = plain(cell)
        if not text:
            return ""
        if text in self.labels:
            return self._number(self.labels[text])
        if self.strict:
            return NOT_A_CODE
        return self.own[text] if text in self.own else self._number(text)

    def _number(self, text: str) -> str:
        item = self.item
        if item is None or item.choices or not _WHOLE.fullmatch(text):
            return text
        number = int(float(text))
        if self.coding is None or number == item.not_applicable:
            return str(number)
        first, last = mappings.ends(self.coding)
        if not min(first, last) <= number <= max(first, last):
            return NOT_A_CODE
        return str(item.range[0] + abs(number - first))


@dataclass(frozen=True)
class Joined:
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
        rest = plain(record[self.place])
        ticked = dict.fromkeys(self.options.values(), False)
        for label in sorted(self.options, key=len, reverse=True):
            pattern = rf"(?:^|(?<=;)|(?<=, )){re.escape(label)}(?=;|, |$)"
            rest, found = re.subn(pattern, "", rest)
            ticked[self.options[label]] |= bool(found)
        return (
            dict.fromkeys(ticked, NOT_A_CODE) if rest.strip("; ,") else _marked(ticked)
        )


@dataclass(frozen=True)
class Separate:
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
        return _marked({code: cell not in _NO_TICK for code, cell in cells.items()})


@dataclass(frozen=True)
class Columns:
    """The columns of an export that hold answers."""

    questions: Mapping[int, Question]
    boxes: tuple[Joined | Separate, ...]

    @property
    def items(self) -> set[str]:
        """The codes of all items that the columns hold."""
        asked = {one.code for one in self.questions.values()}
        return asked.union(*(box.items for box in self.boxes))

    def of(self, places: Container[int]) -> "Columns":
        """The same, for some of the columns only."""
        questions = {i: one for i, one in self.questions.items() if i in places}
        boxes = tuple(one for one in self.boxes if _first(one) in places)
        return Columns(questions, boxes)

    def answers(self, record: Sequence[str]) -> dict[str, str]:
        """The coded answers of a record.

        An item may stand in two columns, if its question was edited while people
        answered; only one of them may hold an answer.
        """
        found: dict[str, str] = {}
        for place, question in self.questions.items():
            answer, held = question.answer(record[place]), found.get(question.code, "")
            found[question.code] = NOT_A_CODE if held and answer else held or answer
        for box in self.boxes:
            found |= box.answers(record)
        return found


def columns(export: Export, asked: Asked, plumbing: Iterable[str]) -> Columns:
    """The columns that hold answers; `plumbing` is what the importer itself reads.

    Raises `FileError` for a header that is neither mapped, nor a known code, nor
    ignored: an edited title must not drop an item in silence.
    """
    mapping = asked.mapping
    boxed = {header for box in mapping.checkboxes for header in box.headers}
    passed = {*plumbing, *mapping.ignore, mapping.person, *boxed} - {*mapping.columns}
    questions: dict[int, Question] = {}
    for place, header in enumerate(export.header):
        if header not in passed:
            code = _code(export, asked, place, header)
            questions[place] = question(
                asked, code, export.value_labels.get(header, {})
            )
    _refuse_repeated(export, mapping, questions)
    return Columns(questions, tuple(_boxes(export, asked)))


def _refuse_repeated(
    export: Export, mapping: SurveyMapping, questions: Mapping[int, Question]
) -> None:
    """Two columns of one item are meant only where the mapping names both."""
    seen: dict[str, int] = {}
    for place, one in questions.items():
        first = seen.setdefault(one.code, place)
        named = {export.header[first], export.header[place]} <= {*mapping.columns}
        if first != place and not named:
            problem = f"'{one.code}' stands in two columns; name both in the mapping"
            raise FileError(export.path, export.column(place), problem)


def question(asked: Asked, code: str, labels: Mapping[str, str]) -> Question:
    """How answers to an item are read; `labels` are the export's own, by code."""
    mapped, item = asked.mapping.labels_of(code), item_of(asked, code)
    instrument = asked.items[code][0]
    given = {label: c for c, label in labels.items()} if mapped is None else mapped
    own = instrument.labels(item).items() if item else ()
    return Question(
        code=code,
        item=item,
        labels={plain(label): c for label, c in given.items()},
        strict=mapped is not None,
        own={plain(label): c for c, text in own for label in text.values()},
        coding=asked.mapping.coding.get(instrument.instrument),
    )


def _code(export: Export, asked: Asked, place: int, header: str) -> str:
    mapping = asked.mapping
    code = mapping.columns.get(header, header)
    if code not in asked.items:
        problem = _unmapped(mapping, header, code, list(asked.items))
        raise FileError(export.path, export.column(place), problem)
    return code


def _unmapped(
    mapping: SurveyMapping, header: str, code: str, known: Sequence[str]
) -> str:
    """Says what to do; shows a header only if the mapping named it itself."""
    if header in mapping.columns:
        return f"mapped to '{code}', which no instrument has; {config_file.nearest(code, known)}"
    if looks_personal(header):
        return "looks like personal data; list this header under ignore in the mapping"
    return "this header is not mapped; add it to the mapping's columns, or to ignore"


def _boxes(export: Export, asked: Asked) -> Iterable[Joined | Separate]:
    for box in asked.mapping.checkboxes:
        _check_items(export, asked, box)
        if box.column is None:
            places = {export.place(name): code for name, code in box.options.items()}
            held = {place: code for place, code in places.items() if place is not None}
            if held:
                yield Separate(held)
        elif (place := export.place(box.column)) is not None:
            yield Joined(place, {plain(k): code for k, code in box.options.items()})


def _check_items(export: Export, asked: Asked, box: Checkboxes) -> None:
    known = list(asked.items)
    for code in box.options.values():
        if code not in known:
            problem = (
                f"checkboxes: no item '{code}'; {config_file.nearest(code, known)}"
            )
            raise FileError(export.path, "mapping", problem)


def _first(box: Joined | Separate) -> int:
    return box.place if isinstance(box, Joined) else min(box.places)


def _marked(ticked: Mapping[str, bool]) -> dict[str, str]:
    """Nothing ticked is no answer: it may be "none of these", or skipped."""
    if not any(ticked.values()):
        return dict.fromkeys(ticked, "")
    return {code: TICKED if one else UNTICKED for code, one in ticked.items()}
