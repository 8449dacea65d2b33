"""A survey tool's export to rows of coded answers: the door for personal data.

What names or locates a person is removed before anything else is looked at. What
happens to the rows then, `ingest.responses` knows.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo

from ingest.importers import google_forms, plain, qualtrics, redcap, survey, tables
from ingest.importers.mapping import Format, SurveyMapping
from ingest.importers.survey import (
    Asked,
    Excluded,
    Row,
    SetApart,
    SurveyRow,
    Understood,
)
from ingest.importers.tables import Export
from models.errors import FileError
from models.instruments import Instrument, Item

FORMATS: Mapping[Format, ModuleType] = {
    "google_forms": google_forms,
    "qualtrics": qualtrics,
    "redcap": redcap,
    "plain": plain,
}
"""In the order in which they are tried on a file."""

_MOST_OPTIONS = 10
_MANY = 50
"""Among so many answers to an instrument, somebody gives the lowest one."""

Items = Mapping[str, tuple[Instrument, str]]
"""By column code the instrument and its code of the item or delivered scale."""


@dataclass(frozen=True)
class Survey:
    """What an export holds: responses in the order of the file, and what is set apart."""

    understood: Understood
    rows: tuple[SurveyRow, ...]
    set_apart: tuple[SetApart, ...]


def items_of(instruments: Sequence[Instrument]) -> Items:
    """Items by their code, delivered scales by their score's name."""
    items = {item.code: (one, item.code) for one in instruments for item in one.items}
    for one in instruments:
        for scale in one.scales:
            if scale.delivered:
                items[one.column(scale)] = (one, scale.code)
    return items


def read(
    path: Path,
    wave: int,
    items: Items,
    mapping: SurveyMapping,
    study_zone: ZoneInfo,
    linked: bool = False,
) -> Survey:
    """Read an export; `linked` says that its people are known through a link file.

    Raises `FileError` with place and remedy, never with the value of a cell.
    """
    table = tables.read(path)
    form = mapping.format or detect(table)
    importer = FORMATS[form]
    zone = ZoneInfo(mapping.timezone) if mapping.timezone else study_zone
    asked = Asked(mapping, items, zone, wave)
    whole = importer.prepare(table, mapping)
    dropped = [one for one in whole.header if one in importer.personal(whole)]
    _refuse_address(whole, dropped, mapping, linked)
    export = whole.without({*dropped} - {mapping.person})
    found: list[Row] = list(importer.rows(export, asked))
    _check_codings(export, asked, found)
    understood = Understood(
        origin=path.name,
        sha256=table.sha256,
        format=form,
        variant=importer.variant(export),
        encoding=table.encoding,
        timezone=str(zone),
        coding=mapping.coding,
        mapping=mapping.hash,
        rows=len(list(export.rows())),
        items=_items_held(asked, found),
        excluded=dict(Counter(o.reason for o in found if isinstance(o, Excluded))),
        dropped=tuple(dropped),
        ignored=tuple(one for one in export.header if one in mapping.ignore),
    )
    return Survey(
        understood,
        tuple(one for one in found if isinstance(one, SurveyRow)),
        tuple(one for one in found if isinstance(one, SetApart)),
    )


def detect(export: Export) -> Format:
    """The format that a file is in, by its headers."""
    return next(name for name, one in FORMATS.items() if one.recognises(export))


def _refuse_address(
    export: Export, dropped: Sequence[str], mapping: SurveyMapping, linked: bool
) -> None:
    """An address is nobody's id on the platform: without links it leads nowhere."""
    person = mapping.person
    if not linked and (person in dropped or survey.looks_personal(person)):
        problem = (
            f"'{person}' is no platform id; give a link file (survey_id,platform_id)"
        )
        raise FileError(export.path, "mapping", problem)


def _items_held(asked: Asked, found: Sequence[Row]) -> dict[str, int]:
    codes = {c for one in found if isinstance(one, SurveyRow) for c in one.answers}
    held = Counter(asked.items[code][0].instrument for code in codes)
    return {name: held[name] for name in sorted(held)}


def _check_codings(export: Export, asked: Asked, found: Sequence[Row]) -> None:
    """Numbers that only fit under another coding are an error until one is declared."""
    names = {instrument.instrument for instrument, _ in asked.items.values()}
    for name in sorted(names - {*asked.mapping.coding}):
        likely = _labelled(export, asked, name) or _observed(asked, name, found)
        if likely:
            low, high = likely.own
            problem = (
                f"answers to {name} do not go from {low} to {high}; declare how this "
                f"export codes them, in the mapping: coding: {{{name}: {likely.other}}}, "
                f"or {{{name}: {low}-{high}}} if the others are mistakes"
            )
            raise FileError(export.path, name, problem)


@dataclass(frozen=True)
class _Likely:
    """A coding that would explain what an item's own range does not."""

    own: tuple[int, int]
    other: str


def _labelled(export: Export, asked: Asked, name: str) -> _Likely | None:
    """Value labels of the export go beyond an item's range."""
    for header, labels in export.value_labels.items():
        code = asked.mapping.columns.get(header, header)
        if code in asked.items and asked.items[code][0].instrument == name:
            item = survey.item_of(asked, code)
            codes = [int(one) for one in labels if one.isdigit()]
            if item and _has_options(item) and codes:
                codes = [one for one in codes if one != item.not_applicable]
                low, high = item.range
                if (min(codes), max(codes)) != (low, high) and len(codes) > 1:
                    return _Likely((low, high), f"{min(codes)}-{max(codes)}")
    return None


def _observed(asked: Asked, name: str, found: Sequence[Row]) -> _Likely | None:
    """All answers would fit the range if it were shifted, or nobody gave the lowest."""
    by_range: dict[tuple[int, int], list[int]] = {}
    for row in found:
        for code, answer in row.answers.items() if isinstance(row, SurveyRow) else ():
            if asked.items[code][0].instrument == name and answer.isdigit():
                item = survey.item_of(asked, code)
                if item and _has_options(item) and int(answer) != item.not_applicable:
                    by_range.setdefault(item.range, []).append(int(answer))
    for (low, high), answers in by_range.items():
        smallest, largest = min(answers), max(answers)
        fits = largest - smallest <= high - low
        if fits and largest > high:
            return _Likely((low, high), f"{low + largest - high}-{largest}")
        if smallest != low and ((fits and smallest < low) or len(answers) >= _MANY):
            return _Likely((low, high), f"{smallest}-{high - low + smallest}")
    return None


def _has_options(item: Item) -> bool:
    """Whether its numbers stand for options; an age is only an age."""
    return item.is_numeric and item.range[1] - item.range[0] <= _MOST_OPTIONS
