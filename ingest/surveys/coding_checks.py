"""Whether an export speaks against how the answers to an instrument are read.

A coding is declared in the mapping and never guessed. What is not declared is assumed
to be as the instrument's; these checks compare the assumption with what the file
itself says (labels of its codes, answers given) and say what to declare.
"""

from collections.abc import Iterator, Sequence

import yaml

from panelstream.ingest.questions import Question
from panelstream.ingest.surveys.cell_words import (
    NOT_A_CODE,
    bare_label_key,
    label_key,
)
from panelstream.ingest.surveys.file_types.export_file import Export
from panelstream.ingest.surveys.formats.importer import (
    ImportContext,
    SurveyRow,
    item_of_column,
)
from panelstream.ingest.surveys.item_columns import item_column
from panelstream.ingest.surveys.labelled_codes import LabelledCode, labelled_codes
from panelstream.ingest.surveys.mapping import coding_ends, coding_text
from panelstream.ingest.surveys.order_words import label_order
from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import Instrument, Item

_MOST_OPTIONS = 10
_MIN_ANSWERS = 50
"""Among so many answers to an instrument, the lowest one is expected to occur."""
_SHOWN = 8
"""So many codes are shown with their labels."""

Ends = tuple[int, int]
"""Smallest and largest code of an item."""


def check_codings(
    export: Export, context: ImportContext, rows: Sequence[SurveyRow]
) -> list[Question]:
    """What the labels of codes leave in doubt, by instrument.

    Raises `FileError` with what to declare, for the first instrument whose codes are
    not as assumed.
    """
    labelled = labelled_codes(export, context)
    instruments = {i.instrument: i for i, _ in context.items.values()}
    questions: list[Question] = []
    for name, instrument in sorted(instruments.items()):
        codes = [c for c in labelled if context.items[c.code][0] is instrument]
        coding = context.mapping.coding.get(name)
        problem = _contradiction(instrument, codes)
        if not problem and not any(code.meaning for code in codes):
            problem = _other_ends(instrument, codes, coding)
            if not problem and coding is None:
                problem = _observed(context, instrument, rows)
        if problem:
            raise FileError(export.path, name, problem)
        questions += _order_questions(instrument, codes)
    questions += _mapped_label_questions(export, context)
    return questions


def _contradiction(instrument: Instrument, codes: Sequence[LabelledCode]) -> str:
    """Labels that are the instrument's (or the mapping's), but stand for other codes."""
    wrong = [code for code in codes if code.is_contradicted]
    if not wrong:
        return ""
    name = instrument.instrument
    stated = {code.number: code.shown for code in wrong}
    assumed = {code.number: _text(instrument, code) for code in wrong}
    fitting = fitting_codings(instrument, codes)
    remedy = ", or ".join(f"coding: {{{name}: {coding}}}" for coding in fitting)
    return (
        f"the file says {_listed(stated)}, but these codes would be read as "
        f"{_listed(assumed)}; write in the mapping {remedy or _labels_text(wrong)}"
    )


def fitting_codings(instrument: Instrument, codes: Sequence[LabelledCode]) -> list[str]:
    """The codings under which every label of the instrument has its own code."""
    spans = {i.range[1] - i.range[0] for i in instrument.items if i.is_numeric}
    labelled = {code.code for code in codes if code.meaning}
    pairs = [
        (code.number, int(code.meaning) - code.item.range[0])
        for code in codes
        if code.meaning and code.item.is_numeric and _is_in_range(code)
    ]
    if len(spans) != 1 or not pairs or any(c.mapped is not None for c in codes):
        return []
    span = spans.pop()
    up = {number - distance for number, distance in pairs}
    down = {number + distance for number, distance in pairs}
    ends = [(min(up), min(up) + span)] if len(up) == 1 else []
    ends += [(min(down), min(down) - span)] if len(down) == 1 else []
    numbers = {code.number for code in codes if code.code in labelled}
    whole = [
        pair for pair in ends if min(pair) <= min(numbers) and max(numbers) <= max(pair)
    ]
    return [coding_text(*pair) for pair in whole or ends]


def _is_in_range(code: LabelledCode) -> bool:
    return code.meaning != str(code.item.not_applicable)


def _text(instrument: Instrument, code: LabelledCode) -> str:
    """How a code would be read, in the language of the file where there are words."""
    if not code.meaning:
        return f"the mapping's {code.mapped}"
    texts = instrument.labels(code.item)
    if code.reading not in texts:
        return f"answer {code.reading}" if code.item.accepts(code.reading) else "none"
    key = bare_label_key(code.label)
    languages = [k for k, text in texts[code.meaning].items() if label_key(text) == key]
    read_as = texts[code.reading]
    same = [read_as[language] for language in languages if language in read_as]
    return [*same, *read_as.values()][0]


def _listed(texts: dict[int, str]) -> str:
    shown = [f"{number} = {text}" for number, text in sorted(texts.items())]
    return ", ".join(shown[:_SHOWN]) + (", …" if len(shown) > _SHOWN else "")


def _labels_text(codes: Sequence[LabelledCode]) -> str:
    """The labels of a mapping that give these codes what they mean."""
    meanings: dict[str | int, str] = {
        code.shown if code.meaning else code.number: code.meaning or code.mapped or ""
        for code in codes
    }
    entry = {
        "items": list(dict.fromkeys(code.code for code in codes)),
        "codes": {k: int(v) if v.isdigit() else v for k, v in meanings.items()},
    }
    text = yaml.safe_dump(
        [entry],
        default_flow_style=True,
        allow_unicode=True,
        width=10**6,
        sort_keys=False,
    )
    return f"labels: {text.strip()}, with all other options"


def _other_ends(
    instrument: Instrument, codes: Sequence[LabelledCode], coding: str | None
) -> str:
    """Labels in other words, whose codes do not end where the item's range does."""
    for item, labels in _by_item(codes):
        ends = (min(labels), max(labels))
        span = item.range[1] - item.range[0]
        if len(labels) < 2 or span > _MOST_OPTIONS:
            continue
        if coding is None and ends != item.range:
            order = label_order(labels) * _instrument_order(instrument, item)
            return _proposal(instrument, item, ends, order)
        is_other = coding is not None and {*ends} != {*coding_ends(coding)}
        if is_other and ends[1] - ends[0] == span:
            return (
                f"the file labels the codes {ends[0]} to {ends[1]}, but the mapping "
                f"declares coding: {{{instrument.instrument}: {coding}}}"
            )
    return ""


def _by_item(codes: Sequence[LabelledCode]) -> Iterator[tuple[Item, dict[int, str]]]:
    """The labels that the file itself lists, by number, for each numeric item."""
    for name in dict.fromkeys(code.code for code in codes):
        group = [code for code in codes if code.code == name and code.shown]
        item = next(code.item for code in codes if code.code == name)
        if item.is_numeric and group:
            yield (
                item,
                {
                    code.number: code.label
                    for code in group
                    if code.number != item.not_applicable
                },
            )


def _proposal(instrument: Instrument, item: Item, ends: Ends, order: int) -> str:
    """What to declare; which end is the low one only where labels say so."""
    (low, high), (first, last), name = item.range, ends, instrument.instrument
    codings = [coding_text(first, last), coding_text(last, first)]
    meanings = [_end_text(instrument, item, end) for end in (low, high)]
    usual = f"{{{name}: {coding_text(low, high)}}}"
    if not _is_accepted(instrument, ends):
        choices = "labels: which answer of the instrument each code is"
    elif order:
        choices = f"coding: {{{name}: {codings[order < 0]}}}"
    else:
        choices = ", or ".join(
            f"coding: {{{name}: {coding}}} if {first} means {meaning}"
            for coding, meaning in zip(codings, meanings, strict=True)
        )
    return (
        f"answers to {name} do not go from {low} to {high}; declare how this export "
        f"codes them, in the mapping, the low end first: {choices}, or {usual} if the "
        "others are mistakes"
    )


def _is_accepted(instrument: Instrument, ends: Ends) -> bool:
    """Whether a mapping may declare these ends: no item is stretched by them."""
    spans = {i.range[1] - i.range[0] for i in instrument.items if i.is_numeric}
    return spans == {ends[1] - ends[0]}


def _end_text(instrument: Instrument, item: Item, end: int) -> str:
    text = instrument.labels(item).get(str(end), {})
    return next(iter(text.values()), f"what the instrument codes {end}")


def _instrument_order(instrument: Instrument, item: Item) -> int:
    """1 if an instrument's labels rise with their codes, -1 if they fall, 0 unknown."""
    labels = instrument.labels(item)
    low, high = (labels.get(str(end), {}) for end in item.range)
    orders = (label_order({0: low[k], 1: high[k]}) for k in low if k in high)
    return next((order for order in orders if order), 0)


def _order_questions(
    instrument: Instrument, codes: Sequence[LabelledCode]
) -> Iterator[Question]:
    """Labels in other words that seem to rise where those of the instrument fall."""
    for name in dict.fromkeys(code.code for code in codes):
        group = [code for code in codes if code.code == name and code.mapped is None]
        labels = {
            int(code.reading): code
            for code in group
            if code.item.is_numeric
            and code.item.accepts(code.reading)
            and code.reading != str(code.item.not_applicable)
        }
        if len(labels) < 2:
            continue
        order = label_order({reading: code.label for reading, code in labels.items()})
        low, high = labels[min(labels)], labels[max(labels)]
        if order * _instrument_order(instrument, low.item) < 0:
            yield _order_question(instrument, low, high)
            return


def _order_question(
    instrument: Instrument, low: LabelledCode, high: LabelledCode
) -> Question:
    name, item = instrument.instrument, low.item
    stated = [f"{c.number} = {c.shown}" for c in (low, high) if c.shown]
    texts = [_end_text(instrument, item, int(c.reading)) for c in (low, high)]
    span = item.range[1] - item.range[0]
    is_whole = high.number - low.number in (span, -span)
    turned = coding_text(high.number, low.number)
    remedy = f"coding: {{{name}: {turned}}}" if is_whole else "labels:"
    return Question(
        low.code,
        f"the labels of the file ({', '.join(stated) or 'in its cells'}) seem to go the "
        f"other way than {low.number} = {texts[0]}, {high.number} = {texts[1]}",
        f"if they do, write {remedy} in the mapping; else list them under labels:",
    )


def _mapped_label_questions(
    export: Export, context: ImportContext
) -> Iterator[Question]:
    """Labels that the mapping gives another meaning than the instrument does."""
    for group in context.mapping.labels:
        columns = [item_column(export, context, code, []) for code in group.items]
        for column in columns:
            wrong = [
                label
                for label in group.codes
                if (meaning := column.standard_codes.get(bare_label_key(label)))
                and column.answer(label) not in (meaning, NOT_A_CODE)
            ]
            if wrong:
                yield Question(
                    f"{group.items[0]}, labels of the mapping",
                    f"'{wrong[0]}' is another answer in the instrument",
                    "correct the code, or the coding, if it is the same label",
                )
                break


def _observed(
    context: ImportContext, instrument: Instrument, rows: Sequence[SurveyRow]
) -> str:
    """All answers would fit if the range were shifted, or nobody gave the lowest."""
    for item, answers in _by_range(context, instrument, rows).values():
        (low, high), span = item.range, item.range[1] - item.range[0]
        smallest, largest = min(answers), max(answers)
        fits = largest - smallest <= span
        is_telling = len(answers) >= _MIN_ANSWERS
        if fits and largest > high:
            return _proposal(instrument, item, (largest - span, largest), 0)
        half = span // 2
        if -half <= smallest < min(low, 0) and largest <= half and span % 2 == 0:
            # Codes below zero usually have zero in their middle.
            smallest = -half
        if (fits and smallest < low) or (is_telling and smallest > low):
            return _proposal(instrument, item, (smallest, smallest + span), 0)
    return ""


def _by_range(
    context: ImportContext, instrument: Instrument, rows: Sequence[SurveyRow]
) -> dict[Ends, tuple[Item, list[int]]]:
    """The numbers given to an instrument's items, by the range of the item."""
    candidates = {code: _item(context, instrument, code) for code in context.items}
    items = {code: item for code, item in candidates.items() if item is not None}
    by_range: dict[Ends, tuple[Item, list[int]]] = {}
    for code, item in items.items():
        skipped = ("", str(item.not_applicable), NOT_A_CODE)
        answers = (row.answers.get(code, "") for row in rows)
        numbers = [int(float(answer)) for answer in answers if answer not in skipped]
        if numbers:
            by_range.setdefault(item.range, (item, []))[1].extend(numbers)
    return by_range


def _item(context: ImportContext, instrument: Instrument, code: str) -> Item | None:
    """The item of a column, if it is one of the instrument whose numbers are options."""
    if context.items[code][0] is not instrument:
        return None
    item = item_of_column(context.items, code)
    if item is None or not item.is_numeric:
        return None
    low, high = item.range
    return item if high - low <= _MOST_OPTIONS else None
