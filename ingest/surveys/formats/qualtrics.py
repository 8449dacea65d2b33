"""Qualtrics: three header rows, of which the third holds import ids.

Headers are positions and names may repeat; an import id (with its choice) stays
with its question, so a mapping may name either, and an id wins. Legacy exports
have two header rows, files for SPSS and workbooks may have one. Times carry no
offset and are local to the person who exported: newer exports say beside the import
ids where that was, of others the mapping must say it.
"""

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from panelstream.ingest.surveys.file_types.export_file import Export, require_column
from panelstream.ingest.surveys.formats.importer import (
    ExcludedRow,
    ImportContext,
    Importer,
    RequiredKey,
    RowOutcome,
    SurveyRow,
    normalize_text,
)
from panelstream.ingest.surveys.item_columns import find_answer_columns
from panelstream.ingest.surveys.mapping import SurveyMapping
from panelstream.ingest.surveys.survey_timestamps import Cells, parse_timestamps
from panelstream.models.errors import FileError

_PERSONAL = frozenset(
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
_METADATA = frozenset(
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
_MISSING = ("-99",)
"""What Qualtrics writes for a question that was seen and not answered."""
_NO_RESPONSES: Mapping[str, str] = {
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
_LEGACY_METADATA = re.compile(r"V(?:[1-9]|10)")
_FINISHED = {
    **dict.fromkeys(("1", "true", "yes", "正", "はい", "真", "wahr", "ja"), True),
    **dict.fromkeys(("vrai", "oui", "verdadero", "sí", "vero", "sì"), True),
    **dict.fromkeys(("verdadeiro", "sim", "waar", "sant", "是", "참", "예"), True),
    **dict.fromkeys(
        ("0", "false", "no", "誤", "いいえ", "偽", "falsch", "nein"), False
    ),
    **dict.fromkeys(("faux", "non", "falso", "não", "onwaar", "falskt"), False),
    **dict.fromkeys(("假", "否", "거짓", "아니요"), False),
}
"""What `Finished` says in English and the languages of exports."""
_MOST_HEADER_ROWS = 3


class Qualtrics(Importer):
    """A survey's responses, as numbers or texts."""

    def recognises(self, export: Export) -> bool:
        """Import ids in the third row, the columns of a legacy export, or their names."""
        has_ids = _import_ids(export) is not None
        return has_ids or _is_legacy(export) or _has_usual_names(export)

    def prepare(self, export: Export, mapping: SurveyMapping) -> Export:
        """Columns under their import ids where the mapping names those, without the
        further header rows."""
        ids = _import_ids(export)
        if ids is not None:
            return _renamed_by_ids(export, ids, mapping.headers)
        if _is_legacy(export):
            return _renamed_legacy(export)
        return export.from_record(_header_rows(export))

    def prepare_for_draft(self, export: Export) -> Export:
        """Questions under their import ids, which stay when a text is edited."""
        ids = _import_ids(export)
        if ids is None:
            return self.prepare(export, SurveyMapping())
        return _renamed_by_ids(export, ids, {*ids})

    def personal_columns(self, export: Export) -> Collection[str]:
        """Recipients, addresses and places."""
        return _PERSONAL

    def metadata_columns(
        self, export: Export, mapping: SurveyMapping
    ) -> Collection[str]:
        """What Qualtrics adds to each response."""
        return _METADATA

    def required_keys(self, export: Export) -> Sequence[RequiredKey]:
        """The zone of times, which carry no offset, where the file does not say it."""
        return [] if export.timezone else ["timezone"]

    def variant(self, export: Export) -> str:
        """Numbers or texts, by the cells of the columns that every export has."""
        place = export.place("Finished")
        has_texts = place is not None and any(
            not record[place].strip().isdigit()
            for _, record in export.rows()
            if record[place]
        )
        return "choice texts" if has_texts else "numeric values"

    def read_rows(self, export: Export, context: ImportContext) -> Iterator[RowOutcome]:
        """Yield the responses, and the rows that are none."""
        columns = find_answer_columns(export, context, _METADATA, _MISSING)
        person = require_column(export, context.mapping.person, "the person")
        place = _time_column(export, context.mapping)
        rows = {number: _metadata(export, record) for number, record in export.rows()}
        excluded = {
            n: reason for n, row in rows.items() if (reason := _no_response(row))
        }
        yield from columns.questions
        yield from (ExcludedRow(number, reason) for number, reason in excluded.items())
        cells = [(n, r[place]) for n, r in export.rows() if n not in excluded]
        _require_zone(export, place, cells, context.mapping)
        times = parse_timestamps(export, place, cells, context)
        yield from times.outcomes
        for number, record in export.rows():
            if number in times.by_row:
                yield SurveyRow(
                    number,
                    record[person].strip(),
                    times.by_row[number],
                    columns.answers(record),
                    rows[number].get("ResponseId", ""),
                    _finished(rows[number]),
                )


def _renamed_by_ids(export: Export, ids: Sequence[str], headers: set[str]) -> Export:
    """Metadata under their usual names, questions under the import ids in `headers`."""
    names = {
        header: _IDS.get(import_id, import_id if import_id in headers else header)
        for header, import_id in zip(export.header, ids, strict=True)
    }
    zones = [_description(cell).get("timeZone", "") for cell in export.records[1]]
    timezone = next((str(zone) for zone in zones if zone), "")
    titled = replace(_titled(export), timezone=timezone)
    return titled.renamed(names).from_record(2)


def _renamed_legacy(export: Export) -> Export:
    """Metadata are V1 to V10, with their names in the second row."""
    titles = [_LEGACY.get(title, title) for title in export.records[0]]
    names = {
        header: name
        for header, name in zip(export.header, titles, strict=True)
        if _LEGACY_METADATA.fullmatch(header)
    }
    return _titled(export).renamed(names).from_record(1)


def _require_zone(
    export: Export, place: int, cells: Cells, mapping: SurveyMapping
) -> None:
    if mapping.timezone or export.timezone:
        return
    if not all(_has_offset(text) for _, text in cells):
        problem = (
            "times without an offset; write timezone: (of the export) in the mapping"
        )
        raise FileError(export.path, export.column(place), problem)


def _metadata(export: Export, record: Sequence[str]) -> dict[str, str]:
    return {
        header: cell.strip()
        for header, cell in zip(export.header, record, strict=True)
        if header in _METADATA
    }


def _no_response(metadata: Mapping[str, str]) -> str:
    if metadata.get("DistributionChannel") in ("preview", "test"):
        return metadata["DistributionChannel"]
    return _NO_RESPONSES.get(metadata.get("Status", ""), "")


def _finished(metadata: Mapping[str, str]) -> bool | None:
    """By the flag; its words differ between languages, so else by the progress."""
    finished = _FINISHED.get(normalize_text(metadata.get("Finished", "")).lower())
    if finished is not None or "Progress" not in metadata:
        return finished
    return metadata["Progress"] == "100"


def _time_column(export: Export, mapping: SurveyMapping) -> int:
    """When the person ended: partial responses are recorded only weeks later."""
    named = mapping.time_column()
    names = [named] if named else ["EndDate", "RecordedDate"]
    present = [name for name in names if export.place(name) is not None]
    return require_column(export, (present or names)[0], "the time of the answer")


def _has_offset(text: str) -> bool:
    return re.search(r"(?:Z|[+-]\d\d:?\d\d)$", text.strip()) is not None


def _import_ids(export: Export) -> list[str] | None:
    """The import ids of the third row, with their choices; None if there are none."""
    if len(export.records) < 2 or not all(export.records[:2]):
        return None
    ids = [_import_id(cell) for cell in export.records[1]]
    return ids if any(ids) else None


def _import_id(cell: str) -> str:
    description = _description(cell)
    if "ImportId" not in description:
        return ""
    choice = description.get("choiceId")
    return str(description["ImportId"]) + (f"_{choice}" if choice is not None else "")


def _description(cell: str) -> Mapping[str, object]:
    """`{"ImportId": "QID4"}`; exports of 2016 write it with single quotes."""
    for parse in (json.loads, ast.literal_eval):
        try:
            description = parse(cell)
        except (ValueError, SyntaxError, TypeError, RecursionError):
            continue
        return description if isinstance(description, dict) else {}
    return {}


def _titled(export: Export) -> Export:
    """The second header row says what was asked."""
    titles = dict(zip(export.header, export.records[0], strict=True))
    return replace(export, titles=titles)


def _is_legacy(export: Export) -> bool:
    return bool(export.records) and "ResponseID" in export.records[0]


def _has_usual_names(export: Export) -> bool:
    return "ResponseId" in export.header and bool(
        {"Finished", "Progress"} & {*export.header}
    )


def _header_rows(export: Export) -> int:
    """Further header rows of a workbook: those that hold no response id."""
    place = export.place("ResponseId")
    ids = [r[place] if r else "" for r in export.records] if place is not None else []
    return next(
        (
            index
            for index, response_id in enumerate(ids[:_MOST_HEADER_ROWS])
            if response_id.startswith("R_")
        ),
        0,
    )
