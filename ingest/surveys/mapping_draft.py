"""A draft of the mapping of an export: what is recognised, and what to fill in.

It names headers, never cells. A header is recognised if it is an item's code, or
says just what an item's label says in any language.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from panelstream.ingest.surveys.file_types.export_file import Export, read_export_file
from panelstream.ingest.surveys.formats.importer import (
    Importer,
    RequiredKey,
    looks_personal,
    normalize_text,
)
from panelstream.ingest.surveys.mapping import PERSON, SurveyMapping
from panelstream.ingest.surveys.read_export import FORMATS, Items, detect_format
from panelstream.models.errors import FileError

_DATUM = re.compile(r"\d+(?:[.,]\d+)?|\d[\d\-/.]+\d(?:[ T]\d.*)?|\S+@\S+\.\S+|R_\w{8,}")
_ROWS = (re.compile(r"\[([^\]]+)\](?:#\d+)?$"), re.compile(r" [-–] ([^-–]+)$"))
"""The row of a grid: `Title [Row]` in forms, `Title - Row` in Qualtrics."""
_LONG_KEY = 1000


_PROMPTS: Mapping[RequiredKey, str] = {
    "submitted_at": "the header of the column that says when",
    "timezone": "where the export was made, e.g. Asia/Tokyo",
    "events": "the wave of each event, e.g. baseline_arm_1: 1",
}


@dataclass(frozen=True)
class _DraftMapping:
    """The headers of an export by what a mapping must say of them."""

    mapped: Mapping[str, str]
    unknown: tuple[str, ...]
    ignored: tuple[str, ...]
    instruments: tuple[str, ...]


def draft_mapping_text(path: Path, items: Items) -> str:
    """A mapping file for an export, as YAML with comments.

    Raises `FileError` where row 1 holds something else than headers.
    """
    table = read_export_file(path)
    if any(_DATUM.fullmatch(header) for header in table.header):
        problem = "row 1 seems to hold answers; it must hold the headers"
        raise FileError(path, "row 1", problem)
    name = detect_format(table)
    importer = FORMATS[name]
    export = importer.prepare_for_draft(table)
    as_exported = dict(zip(export.header, table.header, strict=True))
    draft = _sort_headers(export, importer, items, as_exported)
    lines = [
        f"# How the headers of {path.name} relate to the study's items.",
        f"format: {name}",
        *_required_lines(importer, export),
        *_coding_lines(draft, items),
        *_column_lines(export, draft),
    ]
    return "\n".join(lines) + "\n"


def _sort_headers(
    export: Export, importer: Importer, items: Items, as_exported: Mapping[str, str]
) -> _DraftMapping:
    metadata = {
        PERSON,
        *importer.personal_columns(export),
        *importer.metadata_columns(export, SurveyMapping()),
    }
    codes = _codes_by_label(items)
    headers = [header for header in export.header if header not in metadata]
    mapped: dict[str, str] = {}
    for header in headers:
        names = (header, as_exported[header], export.titles.get(header, ""))
        code = _recognised(names, codes, items)
        if code and code not in mapped.values():
            mapped[header] = code
    unmapped = [header for header in headers if header not in mapped]
    ignored = tuple(header for header in unmapped if looks_personal(header))
    unknown = tuple(header for header in unmapped if header not in ignored)
    instruments = {items[code][0].instrument for code in mapped.values()}
    return _DraftMapping(mapped, unknown, ignored, tuple(sorted(instruments)))


def _recognised(names: Sequence[str], codes: Mapping[str, str], items: Items) -> str:
    """The item whose code or label one of a column's names says."""
    for text in names:
        if text in items:
            return text
        rows = [match[1] for row in _ROWS if (match := row.search(text))]
        for part in (text, *rows):
            if _label_key(part) in codes:
                return codes[_label_key(part)]
    return ""


def _codes_by_label(items: Items) -> dict[str, str]:
    """Codes by label, and by themselves; a label that two items share tells nothing."""
    by_label = {_label_key(code): code for code in items}
    for code, (instrument, name) in items.items():
        item = next((item for item in instrument.items if item.code == name), None)
        for label in set(item.label.values()) if item else ():
            key = _label_key(label)
            by_label[key] = "" if key in by_label else code
    return {label: code for label, code in by_label.items() if code and label}


def _label_key(text: str) -> str:
    return re.sub(r"[\W_]+", "", normalize_text(text).casefold())


def _required_lines(importer: Importer, export: Export) -> Iterator[str]:
    """The keys that somebody has to fill in."""
    if PERSON not in export.header:
        yield "person:  # fill in: the header of the column that says who"
    for key in importer.required_keys(export):
        yield f"{key}:  # fill in: {_PROMPTS[key]}"


def _column_lines(export: Export, draft: _DraftMapping) -> Iterator[str]:
    renamed = {header: code for header, code in draft.mapped.items() if header != code}
    if renamed or draft.unknown:
        yield "columns:"
    for header, code in renamed.items():
        yield f"  {_key_of(header)}: {code}{_comment(export, header)}"
    if draft.unknown:
        yield "  # Fill in the code of an item, or move the header to ignore."
    for header in draft.unknown:
        yield f"  {_key_of(header)}:{_comment(export, header)}"
    if draft.ignored:
        yield "ignore:  # looks like personal data"
        yield from (f"  - {_scalar(header)}" for header in draft.ignored)


def _coding_lines(draft: _DraftMapping, items: Items) -> Iterator[str]:
    """The instruments' own codings, to be confirmed by taking the mark away."""
    by_name = {instrument.instrument: instrument for instrument, _ in items.values()}
    ranges = []
    for name in draft.instruments:
        spans = {item.range for item in by_name[name].items if item.is_numeric}
        if len(spans) == 1 and (span := spans.pop())[1] - span[0] <= 10:
            ranges.append(f"{name}: {span[0]}-{span[1]}")
    if ranges:
        yield "# Look up how the answers are coded, then declare it:"
        yield f"# coding: {{{', '.join(ranges)}}}"


def _comment(export: Export, header: str) -> str:
    title = normalize_text(export.titles.get(header, ""))
    return f"  # {title}" if title and title != header else ""


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
