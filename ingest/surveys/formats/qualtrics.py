"""Qualtrics: three header rows, of which the third holds import ids.

Headers are positions and names may repeat; an import id (with its choice) stays
with its question, so a mapping may name either, and an id wins. Legacy exports
have two header rows, files for SPSS and workbooks may have one. Times carry no
offset and are those of whoever exported, so the mapping must say where that was.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from panelstream.ingest.surveys import item_columns, survey_timestamps
from panelstream.ingest.surveys.file_types import export_file
from panelstream.ingest.surveys.file_types.export_file import Export
from panelstream.ingest.surveys.formats.importer import Asked, Excluded, Row, SurveyRow
from panelstream.ingest.surveys.mapping import SurveyMapping
from panelstream.models.errors import FileError

PERSONAL = frozenset(
    {
        "IPAddress",
        "RecipientLastName",
        "RecipientFirstName",
        "RecipientEmail",
        "LocationLatitude",
        "LocationLongitude",
        "LocationAccuracy",
        "EmailAddress",
        "Name",
    }
)
KNOWN = frozenset(
    {
        "StartDate",
        "EndDate",
        "RecordedDate",
        "Status",
        "Progress",
        "Duration (in seconds)",
        "Finished",
        "ResponseId",
        "ResponseSet",
        "ExternalReference",
        "DistributionChannel",
        "UserLanguage",
    }
)
NO_RESPONSES: Mapping[str, str] = {
    "1": "preview",
    "Survey Preview": "preview",
    "2": "test",
    "Survey Test": "test",
    "8": "spam",
    "Spam": "spam",
    "9": "preview",
    "Survey Preview and Spam": "preview",
    "17": "preview",
    "Offline Survey Preview": "preview",
}
"""What `Status` says of rows that nobody of the study sent."""

_IDS = {
    "startDate": "StartDate",
    "endDate": "EndDate",
    "recordedDate": "RecordedDate",
    "status": "Status",
    "ipAddress": "IPAddress",
    "progress": "Progress",
    "duration": "Duration (in seconds)",
    "finished": "Finished",
    "_recordId": "ResponseId",
    "recipientLastName": "RecipientLastName",
    "recipientFirstName": "RecipientFirstName",
    "recipientEmail": "RecipientEmail",
    "externalDataReference": "ExternalReference",
    "locationLatitude": "LocationLatitude",
    "locationLongitude": "LocationLongitude",
    "distributionChannel": "DistributionChannel",
    "userLanguage": "UserLanguage",
}
_LEGACY = {"ResponseID": "ResponseId", "ExternalDataReference": "ExternalReference"}
_LEGACY_PLUMBING = re.compile(r"V(?:[1-9]|10)")
_FINISHED = {"1": True, "true": True, "0": False, "false": False}
_MOST_HEADER_ROWS = 3


def recognises(export: Export) -> bool:
    """Import ids in the third row, the columns of a legacy export, or their names."""
    return _import_ids(export) is not None or _is_legacy(export) or _is_named(export)


def prepare(export: Export, mapping: SurveyMapping) -> Export:
    """Columns under their import ids where the mapping names those; header rows gone."""
    ids = _import_ids(export)
    if ids is not None:
        ours = {
            header: _IDS.get(found, found if found in mapping.headers else header)
            for header, found in zip(export.header, ids, strict=True)
        }
        return _titled(export).renamed(ours).from_record(2)
    if _is_legacy(export):
        names = [_LEGACY.get(one, one) for one in export.records[0]]
        plumb = {
            header: name
            for header, name in zip(export.header, names, strict=True)
            if _LEGACY_PLUMBING.fullmatch(header)
        }
        return _titled(export).renamed(plumb).from_record(1)
    return export.from_record(_header_rows(export))


def by_import_id(export: Export) -> Export:
    """The export with questions under their import ids, the best names for a mapping."""
    ids = _import_ids(export)
    if ids is None:
        return prepare(export, SurveyMapping())
    return prepare(export, SurveyMapping(ignore=tuple(ids)))


def personal(export: Export) -> Collection[str]:
    """Recipients, addresses and places."""
    return PERSONAL


def plumbing(export: Export, mapping: SurveyMapping) -> Collection[str]:
    """What Qualtrics adds to each response."""
    return KNOWN


def variant(export: Export) -> str:
    """Numbers or texts, by what stands in the columns that every export has."""
    place = export.place("Finished")
    words = place is not None and any(
        not record[place].strip().isdigit()
        for _, record in export.rows()
        if record[place]
    )
    return "choice texts" if words else "numeric values"


def rows(export: Export, asked: Asked) -> Iterator[Row]:
    """Yield the responses and what is none; raises `FileError` with row and column."""
    held = item_columns.columns(export, asked, KNOWN)
    person = export_file.column_of(export, asked.mapping.person, "the person")
    place = _time_column(export, asked.mapping)
    cells = [(number, record[place]) for number, record in export.rows()]
    if asked.mapping.timezone is None and not all(
        _has_offset(text) for _, text in cells
    ):
        problem = (
            "times without an offset; write timezone: (of the export) in the mapping"
        )
        raise FileError(export.path, export.column(place), problem)
    at = survey_timestamps.instants(export, place, cells, asked)
    for number, record in export.rows():
        cell = _cells(export, record)
        reason = _no_response(cell)
        if reason:
            yield Excluded(number, reason)
        else:
            yield SurveyRow(
                number,
                record[person].strip(),
                at[number],
                held.answers(record),
                cell.get("ResponseId", ""),
                _finished(cell),
            )


def _cells(export: Export, record: Sequence[str]) -> dict[str, str]:
    return {
        header: cell.strip()
        for header, cell in zip(export.header, record, strict=True)
        if header in KNOWN
    }


def _no_response(cell: Mapping[str, str]) -> str:
    if cell.get("DistributionChannel") in ("preview", "test"):
        return cell["DistributionChannel"]
    return NO_RESPONSES.get(cell.get("Status", ""), "")


def _finished(cell: Mapping[str, str]) -> bool | None:
    """By the flag; its words differ between languages, so else by the progress."""
    known = _FINISHED.get(cell.get("Finished", "").lower())
    if known is not None or "Progress" not in cell:
        return known
    return cell["Progress"] == "100"


def _time_column(export: Export, mapping: SurveyMapping) -> int:
    """When the person ended: partial responses are recorded only weeks later."""
    names = (
        [mapping.submitted_at] if mapping.submitted_at else ["EndDate", "RecordedDate"]
    )
    found = [name for name in names if export.place(name) is not None]
    return export_file.column_of(export, (found or names)[0], "the time of the answer")


def _has_offset(text: str) -> bool:
    return re.search(r"(?:Z|[+-]\d\d:?\d\d)$", text.strip()) is not None


def _import_ids(export: Export) -> list[str] | None:
    """The import ids of the third row, with their choices; None if there are none."""
    if len(export.records) < 2 or not all(export.records[:2]):
        return None
    found = [_import_id(cell) for cell in export.records[1]]
    return found if any(found) else None


def _import_id(cell: str) -> str:
    try:
        said = json.loads(cell)
    except ValueError:
        return ""
    if not isinstance(said, dict) or "ImportId" not in said:
        return ""
    choice = said.get("choiceId")
    return str(said["ImportId"]) + (f"_{choice}" if choice is not None else "")


def _titled(export: Export) -> Export:
    """The second header row says what was asked."""
    titles = dict(zip(export.header, export.records[0], strict=True))
    return replace(export, titles=titles)


def _is_legacy(export: Export) -> bool:
    return bool(export.records) and "ResponseID" in export.records[0]


def _is_named(export: Export) -> bool:
    return "ResponseId" in export.header and bool(
        {"Finished", "Progress"} & {*export.header}
    )


def _header_rows(export: Export) -> int:
    """Further header rows of a workbook: those that hold no response id."""
    place = export.place("ResponseId")
    ids = [r[place] if r else "" for r in export.records] if place is not None else []
    return next(
        (i for i, one in enumerate(ids[:_MOST_HEADER_ROWS]) if one.startswith("R_")), 0
    )
