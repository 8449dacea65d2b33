"""A draft of the mapping of an export: what is recognised, and what to fill in.

It names headers, never cells. A header is recognised if it is an item's code, or
says just what an item's label says in any language.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from panelstream.ingest.surveys import read_export
from panelstream.ingest.surveys.file_types import export_file
from panelstream.ingest.surveys.file_types.export_file import Export
from panelstream.ingest.surveys.formats import qualtrics, redcap
from panelstream.ingest.surveys.formats.importer import looks_personal, plain
from panelstream.ingest.surveys.mapping import (
    PERSON,
    SUBMITTED_AT,
    Format,
    SurveyMapping,
)
from panelstream.ingest.surveys.read_export import FORMATS, Items
from panelstream.models.errors import FileError

_DATUM = re.compile(r"\d+(?:[.,]\d+)?|\d[\d\-/.]+\d(?:[ T]\d.*)?|\S+@\S+\.\S+|R_\w{8,}")
_ROWS = (re.compile(r"\[([^\]]+)\](?:#\d+)?$"), re.compile(r" [-–] ([^-–]+)$"))
"""The row of a grid: `Title [Row]` in forms, `Title - Row` in Qualtrics."""
_LONG_KEY = 1000


@dataclass(frozen=True)
class _Drafted:
    """The headers of an export by what a mapping must say of them."""

    mapped: Mapping[str, str]
    unknown: tuple[str, ...]
    ignored: tuple[str, ...]
    instruments: tuple[str, ...]


def draft(path: Path, items: Items) -> str:
    """A mapping file for an export, as YAML with comments.

    Raises `FileError` where row 1 holds something else than headers.
    """
    table = export_file.read(path)
    if any(_DATUM.fullmatch(header) for header in table.header):
        problem = "row 1 seems to hold answers; it must hold the headers"
        raise FileError(path, "row 1", problem)
    form = read_export.detect(table)
    export = _prepared(table, form)
    as_exported = dict(zip(export.header, table.header, strict=True))
    drafted = _sort(export, form, items, as_exported)
    return "\n".join(_lines(path, form, export, drafted, items)) + "\n"


def _prepared(table: Export, form: Format) -> Export:
    if form == "qualtrics":
        return qualtrics.by_import_id(table)
    prepared: Export = FORMATS[form].prepare(table, SurveyMapping())
    return prepared


def _sort(
    export: Export, form: Format, items: Items, as_exported: Mapping[str, str]
) -> _Drafted:
    importer = FORMATS[form]
    passed = {
        PERSON,
        *importer.personal(export),
        *importer.plumbing(export, SurveyMapping()),
    }
    codes = _codes_by_label(items)
    headers = [one for one in export.header if one not in passed]
    mapped, held = {}, set[str]()
    for header in headers:
        said = (header, as_exported[header], export.titles.get(header, ""))
        code = _recognised(said, codes, items)
        if code and code not in held:
            mapped[header] = code
            held.add(code)
    rest = [one for one in headers if one not in mapped]
    ignored = tuple(one for one in rest if looks_personal(one))
    names = sorted({items[code][0].instrument for code in held})
    return _Drafted(
        mapped, tuple(o for o in rest if o not in ignored), ignored, tuple(names)
    )


def _recognised(said: Sequence[str], codes: Mapping[str, str], items: Items) -> str:
    """The item whose code or label one of a column's names says."""
    for text in said:
        if text in items:
            return text
        rows = [found[1] for row in _ROWS if (found := row.search(text))]
        for part in (text, *rows):
            if _key(part) in codes:
                return codes[_key(part)]
    return ""


def _codes_by_label(items: Items) -> dict[str, str]:
    """Codes by label, and by themselves; a label that two items share tells nothing."""
    found = {_key(code): code for code in items}
    for code, (instrument, name) in items.items():
        item = next((one for one in instrument.items if one.code == name), None)
        for label in set(item.label.values()) if item else ():
            found[_key(label)] = "" if _key(label) in found else code
    return {label: code for label, code in found.items() if code and label}


def _key(text: str) -> str:
    return re.sub(r"[\W_]+", "", plain(text).casefold())


def _lines(
    path: Path, form: Format, export: Export, drafted: _Drafted, items: Items
) -> Iterator[str]:
    yield f"# How the headers of {path.name} relate to the study's items."
    yield f"format: {form}"
    if PERSON not in export.header:
        yield "person:  # fill in: the header of the column that says who"
    if _lacks_times(form, export):
        yield "submitted_at:  # fill in: the header of the column that says when"
    if form == "qualtrics":
        yield "timezone:  # fill in: where the export was made, e.g. Asia/Tokyo"
    if form == "redcap" and export.place(redcap.EVENT) is not None:
        yield "events:  # fill in: the wave of each event, e.g. baseline_arm_1: 1"
    yield from _coding(drafted, items)
    renamed = {h: code for h, code in drafted.mapped.items() if h != code}
    if renamed or drafted.unknown:
        yield "columns:"
    for header, code in renamed.items():
        yield f"  {_key_of(header)}: {code}{_comment(export, header)}"
    if drafted.unknown:
        yield "  # Fill in the code of an item, or move the header to ignore."
    for header in drafted.unknown:
        yield f"  {_key_of(header)}:{_comment(export, header)}"
    if drafted.ignored:
        yield "ignore:  # looks like personal data"
        yield from (f"  - {_scalar(header)}" for header in drafted.ignored)


def _lacks_times(form: Format, export: Export) -> bool:
    if form == "redcap":
        return not any(one.timestamp for one in redcap.forms(export))
    return form == "plain" and SUBMITTED_AT not in export.header


def _coding(drafted: _Drafted, items: Items) -> Iterator[str]:
    """The instruments' own codings, to be confirmed by taking the mark away."""
    by_name = {one.instrument: one for one, _ in items.values()}
    ranges = []
    for name in drafted.instruments:
        spans = {item.range for item in by_name[name].items if item.is_numeric}
        if len(spans) == 1 and (span := spans.pop())[1] - span[0] <= 10:
            ranges.append(f"{name}: {span[0]}-{span[1]}")
    if ranges:
        yield "# Look up how the answers are coded, then declare it:"
        yield f"# coding: {{{', '.join(ranges)}}}"


def _comment(export: Export, header: str) -> str:
    title = plain(export.titles.get(header, ""))
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
