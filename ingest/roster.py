"""A roster file says who is enrolled and agreed to what; it becomes study events.

One path: a row turns into `study.enrolled` and `study.consent_given` events whose
ids derive from what they say, so that the same fact counts once.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest.decode import EARLIEST
from ingest.importers import tables
from ingest.importers.tables import Export
from ingest.pipeline import Pipeline, RawEvents
from ingest.pseudonymise import Pseudonyms
from models.catalogue import OWN_SOURCES
from models.errors import FileError
from models.events import Counts
from models.study import midnight

COLUMNS = (
    "platform_id",
    "enrolled_on",
    "consent_version",
    "consent_scopes",
    "consented_at",
    "group",
)


@dataclass(frozen=True)
class RosterRow:
    """One person of the roster; consent fields are empty where there is none."""

    platform_id: str
    enrolled_on: date
    consent_version: int | None
    consent_scopes: tuple[str, ...]
    consented_at: datetime | None
    group: str


def ingest(
    path: Path, pipeline: Pipeline, pseudonyms: Pseudonyms, zone: ZoneInfo
) -> Counts:
    """Read a roster and send its events through the pipeline.

    Raises `FileError` with row and column before anything is stored.
    """
    rows = read(path, zone)
    events = [event for row in rows for event in events_of(row, pseudonyms, zone)]
    payload = "\n".join(json.dumps(event) for event in events).encode()
    counts = pipeline.process(RawEvents(path.name, 1, payload))
    if counts.rejected:
        why = ", ".join(counts.reasons)
        raise FileError(path, "", f"{counts.rejected} entries were not taken: {why}")
    return counts


def read(path: Path, zone: ZoneInfo) -> list[RosterRow]:
    """Read `platform_id,enrolled_on[,consent_version,consent_scopes,consented_at,group]`."""
    export = tables.read(path)
    for required in COLUMNS[:2]:
        tables.column_of(export, required, "the roster")
    for place, header in enumerate(export.header):
        if header not in COLUMNS:
            problem = f"not a column of a roster; known: {', '.join(COLUMNS)}"
            raise FileError(path, f"column {place + 1}", problem)
    numbered = enumerate(export.records, start=2)
    return [
        _row(export, number, record, zone) for number, record in numbered if any(record)
    ]


def events_of(
    row: RosterRow, pseudonyms: Pseudonyms, zone: ZoneInfo
) -> Iterator[dict[str, object]]:
    """The CloudEvents that say the same as the row."""
    group = {"group": row.group} if row.group else {}
    yield _event(
        "study.enrolled", row, midnight(row.enrolled_on, zone), group, pseudonyms
    )
    if row.consented_at is not None:
        agreed = {"version": row.consent_version, "scopes": list(row.consent_scopes)}
        yield _event("study.consent_given", row, row.consented_at, agreed, pseudonyms)


def _event(
    kind: str,
    row: RosterRow,
    at: datetime,
    data: Mapping[str, object],
    pseudonyms: Pseudonyms,
) -> dict[str, object]:
    time = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    # The id is stored, so it is made of the pseudonym and not of the platform's id.
    said = json.dumps(
        [pseudonyms.of(row.platform_id).hex(), kind, time, data], sort_keys=True
    )
    return {
        "specversion": "1.0",
        "id": hashlib.sha256(said.encode()).hexdigest()[:32],
        "source": OWN_SOURCES[0],
        "type": kind,
        "time": time,
        "subject": row.platform_id,
        "data": data,
    }


def _row(
    export: Export, number: int, record: Sequence[str], zone: ZoneInfo
) -> RosterRow:
    cells = {
        name: cell.strip() for name, cell in zip(export.header, record, strict=True)
    }
    cell = _Cell(export, number, cells)
    if not cells["platform_id"]:
        raise cell.error("platform_id", "is empty")
    consented_at = cell.instant("consented_at", zone)
    return RosterRow(
        platform_id=cells["platform_id"],
        enrolled_on=cell.day("enrolled_on"),
        consent_version=cell.version(consented_at is not None),
        consent_scopes=tuple(
            s.strip() for s in cells.get("consent_scopes", "").split(";") if s.strip()
        ),
        consented_at=consented_at,
        group=cells.get("group", ""),
    )


@dataclass(frozen=True)
class _Cell:
    export: Export
    number: int
    cells: dict[str, str]

    def error(self, column: str, problem: str) -> FileError:
        return FileError(self.export.path, f"row {self.number}, {column}", problem)

    def day(self, column: str) -> date:
        try:
            day = date.fromisoformat(self.cells[column])
        except ValueError:
            raise self.error(column, "not a day; write 2027-01-31") from None
        if day.year < EARLIEST.year:
            raise self.error(column, f"before {EARLIEST.year}")
        return day

    def instant(self, column: str, zone: ZoneInfo) -> datetime | None:
        text = self.cells.get(column, "")
        if not text:
            return None
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise self.error(
                column, "not a time; write 2027-01-31T09:30:00+09:00"
            ) from None
        if at.year < EARLIEST.year:
            raise self.error(column, f"before {EARLIEST.year}")
        return at if at.tzinfo else at.replace(tzinfo=zone)

    def version(self, needed: bool) -> int | None:
        text = self.cells.get("consent_version", "")
        if not needed:
            return None
        if not (text.isascii() and text.isdigit()):
            raise self.error("consent_version", "not a whole number")
        return int(text)
