"""What every importer makes of an export, and what a mapping says about it."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator

from models import yaml_files
from models.errors import FileError
from models.study import known_zone
from models.yaml_files import Frozen

NO_LABEL = "?"
"""Stands for a cell that is none of the labels; set apart like any wrong code."""

Format = Literal["plain", "google_forms"]


def _labels(value: Any) -> Any:
    """YAML reads yes, no and numbers as values; in a survey they are labels."""
    words = {True: "yes", False: "no"}
    if isinstance(value, dict):
        return {
            str(words.get(k, k) if isinstance(k, bool) else k): str(v)
            for k, v in value.items()
        }
    return value


class Labels(Frozen):
    """The codes behind the option labels of some items."""

    items: tuple[str, ...]
    codes: Annotated[dict[str, str], BeforeValidator(_labels)]


class SurveyMapping(Frozen):
    """How an export's headers and labels relate to the study's items."""

    format: Format | None = None
    person: str = "platform_id"
    submitted_at: str = "submitted_at"
    timezone: Annotated[str, AfterValidator(known_zone)] | None = None
    columns: dict[str, str] = {}
    labels: tuple[Labels, ...] = ()
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True)
class SurveyRow:
    """One response as exported, or one of its forms where each has a time of its own.

    `number` is the file's 1-based row; several forms of one row share it.
    """

    number: int
    person: str
    responded_at: datetime
    answers: Mapping[str, str]
    """Coded answers by column code. An empty one was asked and not answered; one
    that is absent was not asked."""
    response_id: str = ""
    """The survey tool's own id of the response, never stored as it is; empty where
    an export has none, so that person and time are all there is to tell it by."""
    finished: bool = True
    """Whether the person sent the questionnaire in, as far as the export says."""


@dataclass(frozen=True)
class Understood:
    """What was understood of a file, to be shown and recorded with its import."""

    origin: str
    """The file's name."""
    sha256: str
    format: str
    encoding: str
    timezone: str
    """Where times without an offset were written."""
    coding: Mapping[str, str]
    """By instrument, the coding that the mapping declares, as `1-6`."""
    mapping: str
    """Hash of the mapping that was used."""
    rows: int
    excluded: Mapping[str, int]
    """Rows that are no responses (previews, tests, spam), by reason."""
    dropped: tuple[str, ...]
    """Headers of personal data, removed before anything was looked at."""
    ignored: tuple[str, ...]
    """Headers that the mapping says to leave out, or that the format knows."""


@dataclass(frozen=True)
class Export:
    """A file's header and records, as text."""

    path: Path
    header: Sequence[str]
    records: Sequence[Sequence[str]]


def read_mapping(path: Path | None) -> SurveyMapping:
    """Read a mapping file; without one, headers are the codes themselves."""
    return yaml_files.read(path, SurveyMapping).value if path else SurveyMapping()


def read_csv(path: Path) -> Export:
    """Read a CSV file in UTF-8 (with or without BOM) or Windows Japanese.

    Raises `FileError` for a file that is missing, empty or uneven; repeated
    headers become `title`, `title#2`, ... so that a mapping can tell them apart.
    """
    try:
        rows = list(csv.reader(io.StringIO(_text(path), newline="")))
    except csv.Error:
        raise FileError(path, "", "not CSV; export the file again") from None
    if not rows:
        raise FileError(path, "", "the file is empty")
    header, *records = rows
    for number, record in enumerate(records, start=2):
        if record and len(record) != len(header):
            problem = f"{len(record)} cells under {len(header)} headers; export the file again"
            raise FileError(path, f"row {number}", problem)
    return Export(path, _numbered(header), records)


def column_of(export: Export, name: str, what: str) -> int:
    """The place of a header; `what` it is for goes into the error."""
    try:
        return list(export.header).index(name)
    except ValueError:
        # What stands there instead may be somebody's data, if the headers are missing.
        problem = f"no column '{name}' for {what}; row 1 must hold the headers"
        raise FileError(export.path, "row 1", problem) from None


def codes_by_column(
    export: Export, mapping: SurveyMapping, known: Sequence[str]
) -> dict[int, str]:
    """The code of each column that holds answers.

    Raises `FileError` for a header that is neither mapped, nor a known code, nor
    ignored: an edited title must not drop an item in silence.
    """
    plumbing = {mapping.person, mapping.submitted_at, *mapping.ignore}
    codes: dict[int, str] = {}
    for place, header in enumerate(export.header):
        if header in plumbing:
            continue
        code = mapping.columns.get(header, header)
        if code not in known:
            raise FileError(
                export.path,
                f"column {place + 1}",
                _unmapped(mapping, header, code, known),
            )
        if code in codes.values():
            raise FileError(
                export.path, f"column {place + 1}", f"'{code}' stands in two columns"
            )
        codes[place] = code
    return codes


def coded(
    mapping: SurveyMapping, codes: Mapping[int, str], record: Sequence[str]
) -> dict[str, str]:
    """The coded answers of a record: option labels become codes, where the mapping has any.

    A cell that is none of its item's labels becomes a code that no item accepts.
    """
    labels = {item: group.codes for group in mapping.labels for item in group.items}
    cells = {code: record[place].strip() for place, code in codes.items()}
    return {code: _code(labels.get(code), cell) for code, cell in cells.items()}


def _code(labels: Mapping[str, str] | None, cell: str) -> str:
    return labels.get(cell, NO_LABEL) if labels and cell else cell


def instant(text: str, formats: Sequence[str], zone: ZoneInfo) -> datetime | None:
    """Parse a time; one without an offset is in `zone`. None if it does not parse."""
    for form in formats:
        try:
            at = datetime.strptime(text.strip(), form)  # noqa: DTZ007 - the zone follows
        except ValueError:
            continue
        return at if at.tzinfo else at.replace(tzinfo=zone)
    return None


def _unmapped(
    mapping: SurveyMapping, header: str, code: str, known: Sequence[str]
) -> str:
    """Says what to do; shows a header only if the mapping named it itself."""
    if header in mapping.columns:
        return f"mapped to '{code}', which no instrument has; {yaml_files.nearest(code, known)}"
    return "this header is not mapped; add it to the mapping's columns, or to ignore"


def _numbered(header: Sequence[str]) -> list[str]:
    seen: dict[str, int] = {}
    names = []
    for title in (one.strip() for one in header):
        seen[title] = seen.get(title, 0) + 1
        names.append(title if seen[title] == 1 else f"{title}#{seen[title]}")
    return names


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError(path, "", f"cannot be read: {error.strerror}") from None
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise FileError(path, "", "neither UTF-8 nor Windows Japanese; save it as UTF-8")
