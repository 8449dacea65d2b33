"""A draft of the mapping of an export: what is recognised, and what to choose.

Each header is named once, with an item, `ignore`, or the items to choose from. It names
headers and labels of instruments, never a cell that is none of these.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from panelstream.ingest.surveys.cell_words import number_text
from panelstream.ingest.surveys.column_roles import days_spanned
from panelstream.ingest.surveys.draft_plan import (
    Draft,
    DraftColumn,
    DraftSource,
    open_draft_source,
    plan_draft,
)
from panelstream.ingest.surveys.formats.importer import (
    Items,
    RequiredKey,
    item_of_column,
    normalize_text,
)
from panelstream.ingest.surveys.header_matching import (
    MISSING_CODES,
    match_headers,
    option_key,
    option_texts,
)
from panelstream.ingest.surveys.mapping import EVENT, PERSON, coding_text
from panelstream.ingest.surveys.read_export import items_by_column
from panelstream.ingest.surveys.wave_rule import INSTANCE
from panelstream.models.instruments.instrument import Instrument, Item

_LONG_KEY = 1000
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_WAVE_NUMBER = re.compile(r"[0-9]{1,2}")
"""Longer numbers may be years or days of a person."""
_LONGEST_WAVE = 60
"""Days between the first and the last answer from which a file may hold two waves."""
_MOST_CODES = 10
"""Steps of a numeric item whose coding is worth a question."""

_PROMPTS: Mapping[RequiredKey, str] = {
    "submitted_at": "the header of the column that says when",
    "timezone": "where the export was made, e.g. Asia/Tokyo",
    "events": "the wave of each event, e.g. baseline_arm_1: 1",
}


def draft_mapping_text(
    path: Path, items: Items, shipped: Sequence[Instrument] = ()
) -> str:
    """A mapping file for an export, as YAML with comments.

    `shipped` are instruments of which the study may have forgotten one. Raises
    `FileError` where row 1 holds something else than headers.
    """
    source = open_draft_source(path, items)
    draft = plan_draft(source)
    lines = [
        f"# How the headers of {path.name} relate to the study's items.",
        "# Where a line says 'choose', leave one of its words as the value.",
        *_forgotten_lines(source, draft, shipped),
        f"format: {source.format}",
        *_role_lines(source, draft),
        *_wave_lines(source, draft),
        *_coding_lines(source, draft),
        *_missing_lines(source, draft),
        *_label_lines(source, draft),
        *_box_lines(source, draft),
        *_column_lines(source, draft),
        *_unnamed_lines(source, draft),
    ]
    return "\n".join(lines) + "\n"


def _forgotten_lines(
    source: DraftSource, draft: Draft, shipped: Sequence[Instrument]
) -> Iterator[str]:
    """Shipped instruments whose items the open headers say, and the study does not list."""
    in_study = {instrument.instrument for instrument, _ in source.items.values()}
    columns = [source.header_column(c.header) for c in draft.columns if not c.code]
    for instrument in shipped:
        if instrument.instrument not in in_study:
            matches = match_headers(columns, items_by_column([instrument])).values()
            number = sum(match.is_certain for match in matches)
            if number > 1 and number >= len(instrument.items) / 2:
                yield (
                    f"# {number} headers look like {instrument.instrument}: "
                    "add it to instruments in study.yaml, and draft again."
                )


def _role_lines(source: DraftSource, draft: Draft) -> Iterator[str]:
    """The keys of person, time and response, and those that somebody has to fill in."""
    person, submitted_at, response_id, _ = draft.roles
    if not person:
        yield "person:  # fill in: the header of the column that says who"
    elif person != PERSON:
        yield f"person: {_scalar(person)}  # check: the column that says who"
    for key in source.importer.required_keys(source.export):
        if key == "submitted_at" and submitted_at:
            yield f"{key}: {_scalar(submitted_at)}  # check: the column that says when"
        elif key != "events" or len(set(source.column(EVENT).texts)) > 1:
            yield f"{key}:  # fill in: {_PROMPTS[key]}"
    if response_id:
        yield f"response_id: {_scalar(response_id)}  # check: the tool's own id"


def _wave_lines(source: DraftSource, draft: Draft) -> Iterator[str]:
    """Rules of waves, where the file may hold several; a person decides."""
    if draft.roles.wave:
        values = set(source.column(draft.roles.wave).texts)
        is_numbered = all(map(_WAVE_NUMBER.fullmatch, values))
        numbers = sorted(values, key=int) if is_numbered else []
        pairs = ", ".join(f"{number}: {number}" for number in numbers)
        header = _flow(draft.roles.wave)
        yield "# Write which value of this column is which wave (nothing: leave it out):"
        yield f"waves: {{column: {header}, values: {{{pairs}}}}}"
    elif INSTANCE in source.export.header:
        yield "# If the instances of a form are the waves, take the mark away:"
        yield "# waves: instance"
    elif _days(source, draft) > _LONGEST_WAVE:
        yield f"# The answers span {_days(source, draft)} days. If the file holds several"
        yield "# waves, and the day says which, take the mark away:"
        yield "# waves: day"


def _days(source: DraftSource, draft: Draft) -> int:
    """Days between the first and the last answer, by the columns of times."""
    names = (draft.roles.submitted_at, *source.metadata)
    headers = [header for header in names if header in source.export.header]
    return max((days_spanned(source.column(header)) for header in headers), default=0)


def _coding_lines(source: DraftSource, draft: Draft) -> Iterator[str]:
    """Codings of numeric answers, to be confirmed by taking the mark away."""
    codings: dict[str, str] = {}
    by_instrument: dict[str, list[str]] = defaultdict(list)
    for header in draft.mapped:
        by_instrument[_instrument(source, draft, header).instrument].append(header)
    for name, headers in by_instrument.items():
        if coding := _coding(source, draft, headers):
            codings[name] = coding
    if codings:
        pairs = ", ".join(f"{name}: {codings[name]}" for name in sorted(codings))
        yield "# Look up what the first and last code mean, then declare it, the low end first (1-6 or 6-1):"
        yield f"# coding: {{{pairs}}}"


def _coding(source: DraftSource, draft: Draft, headers: Sequence[str]) -> str:
    """The range of an instrument's items, or the one that its answers show instead."""
    items = [item for header in headers if (item := _item(source, draft, header))]
    spans = {item.range for item in items if item.is_numeric}
    special = {str(item.not_applicable) for item in items}
    texts = {text for header in headers for text in source.column(header).texts}
    numbers = {
        int(float(number))
        for text in texts - special
        if (number := number_text(text)) and option_key(text) not in MISSING_CODES
    }
    if len(spans) != 1 or not numbers:
        return ""
    low, high = spans.pop()
    if high - low > _MOST_CODES or high - low == 1:
        return ""
    first, last = min(numbers), max(numbers)
    return coding_text(*((first, last) if last - first == high - low else (low, high)))


def _missing_lines(source: DraftSource, draft: Draft) -> Iterator[str]:
    """Usual codes for "not answered" that are no answer of the item that holds them."""
    items: dict[str, list[str]] = defaultdict(list)
    for header, code in draft.mapped.items():
        item = _item(source, draft, header)
        for text in sorted({*source.column(header).texts}):
            if option_key(text) in MISSING_CODES and not (item and item.accepts(text)):
                items[text].append(code)
    if items:
        yield "missing:  # check: codes that mean 'not answered'"
    for missing, codes in items.items():
        if _is_answer(source, draft, missing):
            yield f"  - {{items: [{', '.join(codes)}], codes: [{_quoted(missing)}]}}"
        else:
            yield f"  - {_quoted(missing)}"


def _is_answer(source: DraftSource, draft: Draft, text: str) -> bool:
    """Whether any item of the export accepts a code that another cannot have."""
    items = (_item(source, draft, header) for header in draft.mapped)
    return any(item is not None and item.accepts(text) for item in items)


def _label_lines(source: DraftSource, draft: Draft) -> Iterator[str]:
    """Items that are answered in part with other words than their labels."""
    groups: dict[tuple[tuple[str, str], ...], list[str]] = defaultdict(list)
    for header, code in draft.mapped.items():
        labels = _labels(source, draft, header)
        if labels and _has_words_beside(source, draft, header):
            groups[tuple(labels.items())].append(code)
    if groups:
        yield "# Some answers of these items are words that are not among their labels."
        yield "# Where they mean the same, write the form's words in place of these:"
        yield "# labels:"
    for pairs, codes in groups.items():
        yield f"#   - items: [{', '.join(codes)}]"
        options = ", ".join(f"{_flow(text)}: {_quoted(code)}" for code, text in pairs)
        yield f"#     codes: {{{options}}}"


def _labels(source: DraftSource, draft: Draft, header: str) -> dict[str, str]:
    """By code the labels of a column's item, in the language that its cells have."""
    item, instrument = _item(source, draft, header), _instrument(source, draft, header)
    answers = {option_key(text) for text in source.column(header).texts}
    by_code = instrument.labels(item) if item else {}
    languages = sorted({language for texts in by_code.values() for language in texts})
    if not languages:
        return {}
    language = max(
        languages,
        key=lambda name: len(
            answers & {option_key(t.get(name, "")) for t in by_code.values()}
        ),
    )
    return {code: t[language] for code, t in by_code.items() if language in t}


def _has_words_beside(source: DraftSource, draft: Draft, header: str) -> bool:
    """Whether cells hold words that are neither labels nor codes of the item."""
    item, instrument = _item(source, draft, header), _instrument(source, draft, header)
    answers = {option_key(text) for text in source.column(header).texts}
    labels = source.export.value_labels.get(header, {}).values()
    usual = MISSING_CODES | {option_key(text) for text in labels}
    if item:
        usual |= {option_key(text) for text in option_texts(instrument, item)}
        usual |= {option_key(choice) for choice in item.choices}
    return any(not _NUMBER.fullmatch(text) for text in answers - usual)


def _box_lines(source: DraftSource, draft: Draft) -> Iterator[str]:
    """Questions with several answers: one column, or one for each option."""
    separate = draft.separate_boxes
    if not (draft.joined_boxes or separate):
        return
    yield "checkboxes:"
    for box in draft.joined_boxes:
        note = "" if box.is_complete else "  # its cells hold other texts too"
        yield f"  - column: {_scalar(box.header)}{note}"
        options = ", ".join(
            f"{_flow(text)}: {code}" for text, code in box.options.items()
        )
        yield f"    options: {{{options}}}"
    if separate:
        yield "  - options:"
        for column in separate:
            yield f"      {_entry(source, column)}"


def _column_lines(source: DraftSource, draft: Draft) -> Iterator[str]:
    if draft.columns:
        yield "columns:"
    for column in draft.columns:
        yield f"  {_entry(source, column)}"


def _entry(source: DraftSource, column: DraftColumn) -> str:
    """A header with its item, and in a comment what to choose and what was asked."""
    title = normalize_text(source.export.titles.get(column.header, ""))
    asked = title if title != column.header else ""
    remarks = "; ".join(filter(None, (column.comment, asked)))
    comment = f"  # {remarks}" if remarks else ""
    code = f" {column.code}" if column.code else ""
    return f"{_key_of(column.header)}:{code}{comment}"


def _unnamed_lines(source: DraftSource, draft: Draft) -> Iterator[str]:
    """Headers that the mapping need not name."""
    reserved = {*source.personal, *draft.roles}
    metadata = [header for header in source.metadata if header not in reserved]
    for what, headers in (
        ("read as they are", metadata),
        ("removed as personal data", source.personal),
    ):
        if headers:
            yield f"# {what}: {', '.join(map(normalize_text, headers))}"


def _instrument(source: DraftSource, draft: Draft, header: str) -> Instrument:
    return source.items[draft.mapped[header]][0]


def _item(source: DraftSource, draft: Draft, header: str) -> Item | None:
    return item_of_column(source.items, draft.mapped[header])


def _key_of(header: str) -> str:
    """A header as a key; YAML wants a mark before a long one, such as a consent text."""
    text = _scalar(header)
    return text if len(text) < _LONG_KEY else f"? {text}\n  "


def _scalar(text: str) -> str:
    """A text in one line, whatever it holds."""
    style = '"' if len(text.splitlines()) > 1 else None
    shown: str = yaml.safe_dump(
        text, allow_unicode=True, width=10**6, default_style=style
    )
    return shown.removesuffix("\n").removesuffix("\n...")


def _flow(text: str) -> str:
    """A text inside braces, where commas and brackets need quotes."""
    shown: str = yaml.safe_dump(
        [text], allow_unicode=True, width=10**6, default_flow_style=True
    )
    return shown.strip().removeprefix("[").removesuffix("]")


def _quoted(code: str) -> str:
    """A code as text, which YAML might read as something else."""
    return code if _NUMBER.fullmatch(code) else _scalar(code)
