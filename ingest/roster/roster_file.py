"""A roster file, read and checked; nothing is stored.

All mistakes of a file are found at once. An error says the row and the column, never
what stands there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from panelstream.ingest.person_ids import require_sound_ids
from panelstream.ingest.pseudonymise import normalize_id
from panelstream.ingest.surveys.file_types.export_file import (
    Export,
    read_export_file,
    require_column,
)
from panelstream.models import config_file
from panelstream.models.errors import FileError
from panelstream.models.events.catalogue import Catalogue
from panelstream.models.study.study import midnight
from panelstream.models.timestamps import EARLIEST, FUTURE_TOLERANCE

CONSENT = ("consented_at", "consent_version", "consent_scopes")
ROSTER_COLUMNS = (
    "platform_id",
    "enrolled_on",
    *CONSENT,
    "group",
    "account",
    "invited_waves",
)
_LISTED = 10
"""Places of further mistakes that an error lists."""


@dataclass(frozen=True)
class RosterConsent:
    """A yes: when, to which version, and to which scopes."""

    at: datetime
    version: int
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class RosterRow:
    """One row of a roster; what it does not say is empty."""

    number: int
    platform_id: str
    enrolled_at: datetime | None
    group: str
    consent: RosterConsent | None
    account: str
    invited_waves: tuple[int, ...]


@dataclass(frozen=True)
class Roster:
    """A roster file: its columns, and its rows by normalized platform id."""

    path: Path
    columns: frozenset[str]
    rows: Mapping[str, Sequence[RosterRow]]


@dataclass(frozen=True)
class RosterRules:
    """What may stand in a roster: the same as in study events."""

    catalogue: Catalogue
    zone: ZoneInfo
    now: datetime
    scopes: tuple[str, ...]
    """Scopes of consent that the study knows; none: any will do."""

    def accepts(self, event_type: str, field: str, value: Any) -> bool:
        """Whether a field of a study event may hold the value."""
        return self.catalogue.types[event_type].data[field].accepts(value)


def read_roster(path: Path, rules: RosterRules) -> Roster:
    """Read a roster.

    Raises `FileError` with the row and column of everything that is wrong.
    """
    export = read_export_file(path)
    place = require_column(export, "platform_id", "the roster")
    _check_header(export)
    ids = [(number, record[place]) for number, record in export.rows()]
    require_sound_ids(path, "platform_id", ids)
    mistakes: list[FileError] = []
    rows: dict[str, list[RosterRow]] = {}
    for number, record in export.rows():
        try:
            row = _parse_row(_cells(export, number, record, rules))
            earlier = rows.setdefault(row.platform_id, [])
            _check_consistent(export, row, earlier)
            earlier.append(row)
        except FileError as mistake:
            mistakes.append(mistake)
    if mistakes:
        raise _summary_of(mistakes)
    return Roster(path, frozenset(export.header), rows)


def _check_header(export: Export) -> None:
    for place, header in enumerate(export.header):
        if header not in ROSTER_COLUMNS:
            problem = f"not a column of a roster; known: {', '.join(ROSTER_COLUMNS)}"
            raise FileError(export.path, f"column {place + 1}", problem)
    if len(export.header) == 1:
        raise FileError(
            export.path, "row 1", f"says nothing of people; add {ROSTER_COLUMNS[1]}"
        )


def _check_consistent(
    export: Export, row: RosterRow, earlier_rows: Sequence[RosterRow]
) -> None:
    """Rows of one person may not contradict each other."""
    place = f"row {row.number}"
    for earlier in earlier_rows:
        if earlier.account != row.account:
            problem = f"row {earlier.number} says otherwise of the same person"
            raise FileError(export.path, f"{place}, account", problem)
        same = row.enrolled_at is not None and earlier.enrolled_at == row.enrolled_at
        if same and earlier.group != row.group:
            problem = f"row {earlier.number} says otherwise of the same enrolment"
            raise FileError(export.path, f"{place}, group", problem)


def _summary_of(mistakes: Sequence[FileError]) -> FileError:
    """One line: the first mistake in full, and the places of the others."""
    first, *further = mistakes
    if not further:
        return first
    places = "; ".join(mistake.place for mistake in further[:_LISTED])
    ellipsis = "; …" if len(further) > _LISTED else ""
    problem = f"{first.problem} ({len(further)} more to fix: {places}{ellipsis})"
    return FileError(first.path, first.place, problem)


def _parse_row(cells: "_Cells") -> RosterRow:
    platform_id = normalize_id(cells["platform_id"])
    if not platform_id:
        raise cells.error("platform_id", "is empty")
    row = RosterRow(
        number=cells.number,
        platform_id=platform_id,
        enrolled_at=cells.enrolled_at(),
        group=cells.slug("group"),
        consent=cells.consent(),
        account=cells.account(),
        invited_waves=cells.waves(),
    )
    needs_no_day = row.account != "participant" or row.invited_waves
    if "enrolled_on" in cells.texts and not row.enrolled_at and not needs_no_day:
        raise cells.error("enrolled_on", "is empty; write a day like 2027-01-31")
    return row


def _cells(
    export: Export, number: int, record: Sequence[str], rules: RosterRules
) -> "_Cells":
    texts = map(str.strip, record)
    return _Cells(export, number, dict(zip(export.header, texts, strict=True)), rules)


@dataclass(frozen=True)
class _Cells:
    """The cells of one row by column; a column that the file lacks is empty."""

    export: Export
    number: int
    texts: Mapping[str, str]
    rules: RosterRules

    def __getitem__(self, column: str) -> str:
        return self.texts.get(column, "")

    def error(self, column: str, problem: str) -> FileError:
        return FileError(self.export.path, f"row {self.number}, {column}", problem)

    def enrolled_at(self) -> datetime | None:
        def day(text: str) -> datetime:
            return midnight(date.fromisoformat(text), self.rules.zone)

        return self._time("enrolled_on", day, "not a day; write 2027-01-31")

    def consent(self) -> RosterConsent | None:
        zone = self.rules.zone

        def instant(text: str) -> datetime:
            at = datetime.fromisoformat(text)
            return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)

        remedy = "not a time; write 2027-01-31T09:30:00+09:00"
        at = self._time("consented_at", instant, remedy)
        if at is not None:
            return RosterConsent(at, self._version(), self._scopes())
        for column in CONSENT[1:]:
            if self[column]:
                raise self.error("consented_at", f"is empty, and {column} is not")
        return None

    def slug(self, column: str) -> str:
        text = self[column]
        if text and not self.rules.accepts("study.enrolled", column, text):
            raise self.error(column, "write a short name: a-z, 0-9, _ - and .")
        return text

    def account(self) -> str:
        text = self["account"] or "participant"
        if not self.rules.accepts("study.enrolled", "account", text):
            raise self.error("account", "expected participant, test or staff")
        return text

    def waves(self) -> tuple[int, ...]:
        study_waves = self.rules.catalogue.questionnaires.waves
        texts = self._list("invited_waves")
        if not all(text.isascii() and text.isdigit() for text in texts):
            raise self.error("invited_waves", "write wave numbers, as 1;2")
        waves = {int(text) for text in texts}
        if not waves <= set(study_waves):
            numbers = ", ".join(map(str, study_waves))
            raise self.error("invited_waves", f"the study has waves {numbers}")
        return tuple(sorted(waves))

    def _version(self) -> int:
        text = self["consent_version"]
        version = int(text) if text.isascii() and text.isdigit() else None
        if not self.rules.accepts("study.consent_given", "version", version):
            raise self.error("consent_version", "not a whole number from 1 to 1000")
        return version or 0

    def _scopes(self) -> tuple[str, ...]:
        scopes = self._list("consent_scopes")
        valid = self.rules.accepts("study.consent_given", "scopes", scopes)
        if not scopes or not valid:
            raise self.error("consent_scopes", "write short names, as survey;telemetry")
        for scope in scopes:
            if self.rules.scopes and scope not in self.rules.scopes:
                remedy = config_file.nearest(scope, self.rules.scopes)
                problem = f"not a scope of the study's consent; {remedy}"
                raise self.error("consent_scopes", problem)
        return tuple(sorted(set(scopes)))

    def _list(self, column: str) -> list[str]:
        parts = (part.strip() for part in self[column].split(";"))
        return [part for part in parts if part]

    def _time(
        self, column: str, parse: Callable[[str], datetime], remedy: str
    ) -> datetime | None:
        if not self[column]:
            return None
        try:
            at = parse(self[column])
        except (ValueError, OverflowError):
            raise self.error(column, remedy) from None
        if at < EARLIEST - timedelta(days=1):
            raise self.error(column, f"before {EARLIEST.year}")
        if at > self.rules.now + FUTURE_TOLERANCE:
            raise self.error(column, "lies in the future")
        return at
