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

from panelstream.ingest.surveys import coding_checks
from panelstream.ingest.surveys.file_types import export_file
from panelstream.ingest.surveys.file_types.export_file import Export
from panelstream.ingest.surveys.formats import (
    generic_table,
    google_forms,
    qualtrics,
    redcap,
)
from panelstream.ingest.surveys.formats.importer import (
    Asked,
    Excluded,
    Row,
    SetApart,
    SurveyRow,
    Understood,
    looks_personal,
)
from panelstream.ingest.surveys.mapping import Format, SurveyMapping
from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import Instrument

FORMATS: Mapping[Format, ModuleType] = {
    "google_forms": google_forms,
    "qualtrics": qualtrics,
    "redcap": redcap,
    "plain": generic_table,
}
"""In the order in which they are tried on a file."""

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
    table = export_file.read(path)
    form = mapping.format or detect(table)
    importer = FORMATS[form]
    zone = ZoneInfo(mapping.timezone) if mapping.timezone else study_zone
    asked = Asked(mapping, items, zone, wave)
    whole = importer.prepare(table, mapping)
    dropped = [one for one in whole.header if one in importer.personal(whole)]
    _refuse_address(whole, dropped, mapping, linked)
    export = whole.without({*dropped} - {mapping.person})
    found: list[Row] = list(importer.rows(export, asked))
    rows = tuple(one for one in found if isinstance(one, SurveyRow))
    coding_checks.check(export, asked, rows)
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
        items=_items_held(asked, rows),
        excluded=dict(Counter(o.reason for o in found if isinstance(o, Excluded))),
        dropped=tuple(dropped),
        ignored=tuple(one for one in export.header if one in mapping.ignore),
    )
    set_apart = tuple(one for one in found if isinstance(one, SetApart))
    return Survey(understood, rows, set_apart)


def detect(export: Export) -> Format:
    """The format that a file is in, by its headers."""
    return next(name for name, one in FORMATS.items() if one.recognises(export))


def _refuse_address(
    export: Export, dropped: Sequence[str], mapping: SurveyMapping, linked: bool
) -> None:
    """An address is nobody's id on the platform: without links it leads nowhere."""
    person = mapping.person
    if not linked and (person in dropped or looks_personal(person)):
        problem = (
            f"'{person}' is no platform id; give a link file (survey_id,platform_id)"
        )
        raise FileError(export.path, "mapping", problem)


def _items_held(asked: Asked, rows: Sequence[SurveyRow]) -> dict[str, int]:
    codes = {code for one in rows for code in one.answers}
    held = Counter(asked.items[code][0].instrument for code in codes)
    return {name: held[name] for name in sorted(held)}
