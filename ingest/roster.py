"""A roster file says who is enrolled, invited, in which group, and agreed to what.

A file speaks of the people whom it names and of the columns that it has. What it says
of a person replaces what earlier files said in these columns; several rows of one
person are one statement: several consents, or enrolment in several rounds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from panelstream.ingest.pseudonymise import Pseudonyms
from panelstream.ingest.surveys.file_types import export_file
from panelstream.ingest.surveys.file_types.export_file import Export
from panelstream.models.errors import FileError
from panelstream.models.events.catalogue import Catalogue
from panelstream.models.study.study import midnight
from panelstream.models.timestamps import EARLIEST, FUTURE_TOLERANCE, LATEST
from panelstream.models.warehouse.store import Store

CONSENT = ("consented_at", "consent_version", "consent_scopes")
COLUMNS = (
    "platform_id",
    "enrolled_on",
    *CONSENT,
    "group",
    "account",
    "invited_waves",
)
_SHOWN = 10

_TIME = pa.timestamp("us", "UTC")
ROSTER = pa.schema(
    {
        "participant_id": pa.binary(16),
        "account": pa.string(),
        "enrolled_at": pa.list_(_TIME),
        "cohort": pa.list_(pa.string()),
        "consented_at": pa.list_(_TIME),
        "consent_version": pa.list_(pa.uint16()),
        "consent_scopes": pa.list_(pa.list_(pa.string())),
        "invited_waves": pa.list_(pa.uint16()),
    }
)


@dataclass(frozen=True)
class Consent:
    """A yes: when, to which version, and to which scopes."""

    at: datetime
    version: int
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One row of a roster; what it does not say is empty."""

    number: int
    platform_id: str
    enrolled_at: datetime | None
    group: str
    consent: Consent | None
    account: str
    invited_waves: tuple[int, ...]


@dataclass(frozen=True)
class Person:
    """All that rosters say of somebody: enrolments with their groups, consents, waves."""

    account: str = "participant"
    enrolled: tuple[tuple[datetime, str], ...] = ()
    consents: tuple[Consent, ...] = ()
    invited_waves: tuple[int, ...] = ()


@dataclass(frozen=True)
class Roster:
    """A roster file that was read: its columns, and its rows by platform id."""

    path: Path
    columns: frozenset[str]
    rows: Mapping[str, Sequence[Row]]


@dataclass(frozen=True)
class Revision:
    """What a roster adds: people who are new to it or of whom it says something else."""

    people: Mapping[bytes, Person]
    """All whom the file names, as they stand after it."""
    added: int
    changed: int
    fresh: pa.Table

    @property
    def unchanged(self) -> int:
        """People of whom the file says what was known."""
        return len(self.people) - self.added - self.changed


@dataclass(frozen=True)
class Rules:
    """What may stand in a roster: the same as in study events."""

    catalogue: Catalogue
    zone: ZoneInfo
    now: datetime

    def accepts(self, event: str, field: str, value: Any) -> bool:
        """Whether a field of a study event may hold the value."""
        return self.catalogue.types[event].data[field].accepts(value)


def read(path: Path, rules: Rules) -> Roster:
    """Read a roster; stores nothing.

    Raises `FileError` with the row and column of everything that is wrong, and never
    with what stands there.
    """
    export = export_file.read(path)
    export_file.column_of(export, "platform_id", "the roster")
    for place, header in enumerate(export.header):
        if header not in COLUMNS:
            problem = f"not a column of a roster; known: {', '.join(COLUMNS)}"
            raise FileError(path, f"column {place + 1}", problem)
    if len(export.header) == 1:
        raise FileError(path, "row 1", f"says nothing of people; add {COLUMNS[1]}")
    mistakes: list[FileError] = []
    rows: dict[str, list[Row]] = {}
    for number, record in export.rows():
        try:
            row = _row(_Cells.of(export, number, record, rules))
            _check_beside(export, row, rows.get(row.platform_id, []))
            rows.setdefault(row.platform_id, []).append(row)
        except FileError as mistake:
            mistakes.append(mistake)
    if mistakes:
        raise _all_of(mistakes)
    return Roster(path, frozenset(export.header), rows)


def plan(roster: Roster, pseudonyms: Pseudonyms, warehouse: Store) -> Revision:
    """Set a roster against what earlier ones said; stores nothing."""
    known = _known(warehouse)
    people = {}
    for platform_id, rows in roster.rows.items():
        who = pseudonyms.of(platform_id)
        people[who] = _person(rows, known.get(who, Person()), roster.columns)
    fresh = {who: one for who, one in people.items() if known.get(who) != one}
    added = sum(who not in known for who in people)
    return Revision(people, added, len(fresh) - added, _table(fresh))


def store(revision: Revision, warehouse: Store) -> None:
    """Store what is new; storing it again changes nothing."""
    if revision.fresh.num_rows:
        warehouse.append_roster(revision.fresh)


def _person(rows: Sequence[Row], known: Person, columns: frozenset[str]) -> Person:
    """What is known of somebody, with what the file's columns say in its place."""
    person = known
    if "enrolled_on" in columns:
        before = {} if "group" in columns else dict(known.enrolled)
        said = {
            (row.enrolled_at, row.group or before.get(row.enrolled_at, ""))
            for row in rows
            if row.enrolled_at
        }
        person = replace(person, enrolled=tuple(sorted(said)))
    if "consented_at" in columns:
        agreed = {row.consent for row in rows if row.consent}
        ordered = sorted(agreed, key=lambda one: (one.at, one.version, one.scopes))
        person = replace(person, consents=tuple(ordered))
    if "invited_waves" in columns:
        waves = {wave for row in rows for wave in row.invited_waves}
        person = replace(person, invited_waves=tuple(sorted(waves)))
    if "account" in columns:
        person = replace(person, account=rows[0].account)
    return person


def _known(warehouse: Store) -> dict[bytes, Person]:
    rows = warehouse.query("roster", as_of=LATEST).to_pylist()
    return {
        bytes.fromhex(row["participant_id"]): Person(
            row["account"],
            tuple(zip(row["enrolled_at"], row["cohort"], strict=True)),
            tuple(
                Consent(at, version, tuple(scopes))
                for at, version, scopes in zip(
                    row["consented_at"],
                    row["consent_version"],
                    row["consent_scopes"],
                    strict=True,
                )
            ),
            tuple(row["invited_waves"]),
        )
        for row in rows
    }


def _table(people: Mapping[bytes, Person]) -> pa.Table:
    rows = [
        {
            "participant_id": who,
            "account": one.account,
            "enrolled_at": [at for at, _ in one.enrolled],
            "cohort": [group for _, group in one.enrolled],
            "consented_at": [consent.at for consent in one.consents],
            "consent_version": [consent.version for consent in one.consents],
            "consent_scopes": [list(consent.scopes) for consent in one.consents],
            "invited_waves": list(one.invited_waves),
        }
        for who, one in people.items()
    ]
    return pa.Table.from_pylist(rows, schema=ROSTER)


def _check_beside(export: Export, row: Row, others: Sequence[Row]) -> None:
    """Rows of one person may not contradict each other."""
    place = f"row {row.number}"
    for other in others:
        if other.account != row.account:
            problem = f"row {other.number} says otherwise of the same person"
            raise FileError(export.path, f"{place}, account", problem)
        same = row.enrolled_at is not None and other.enrolled_at == row.enrolled_at
        if same and other.group != row.group:
            problem = f"row {other.number} says otherwise of the same enrolment"
            raise FileError(export.path, f"{place}, group", problem)


def _all_of(mistakes: Sequence[FileError]) -> FileError:
    """One line: the first mistake in full, and the places of the others."""
    first, *others = mistakes
    if not others:
        return first
    places = "; ".join(one.place for one in others[:_SHOWN])
    more = "; …" if len(others) > _SHOWN else ""
    problem = f"{first.problem} ({len(others)} more to mend: {places}{more})"
    return FileError(first.path, first.place, problem)


def _row(cells: "_Cells") -> Row:
    if not cells["platform_id"]:
        raise cells.error("platform_id", "is empty")
    row = Row(
        number=cells.number,
        platform_id=cells["platform_id"],
        enrolled_at=cells.enrolled_at(),
        group=cells.slug("group"),
        consent=cells.consent(),
        account=cells.account(),
        invited_waves=cells.waves(),
    )
    left_out = row.account != "participant" or row.invited_waves
    if "enrolled_on" in cells.cells and not row.enrolled_at and not left_out:
        raise cells.error("enrolled_on", "is empty; write a day like 2027-01-31")
    return row


@dataclass(frozen=True)
class _Cells:
    """The cells of one row by column; a column that the file lacks is empty."""

    export: Export
    number: int
    cells: Mapping[str, str]
    rules: Rules

    @classmethod
    def of(
        cls, export: Export, number: int, record: Sequence[str], rules: Rules
    ) -> "_Cells":
        stripped = (cell.strip() for cell in record)
        return cls(
            export, number, dict(zip(export.header, stripped, strict=True)), rules
        )

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")

    def error(self, column: str, problem: str) -> FileError:
        return FileError(self.export.path, f"row {self.number}, {column}", problem)

    def enrolled_at(self) -> datetime | None:
        def day(text: str) -> datetime:
            return midnight(date.fromisoformat(text), self.rules.zone)

        return self._time("enrolled_on", day, "not a day; write 2027-01-31")

    def consent(self) -> Consent | None:
        zone = self.rules.zone

        def instant(text: str) -> datetime:
            at = datetime.fromisoformat(text)
            return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)

        remedy = "not a time; write 2027-01-31T09:30:00+09:00"
        at = self._time("consented_at", instant, remedy)
        if at is not None:
            return Consent(at, self._version(), self._scopes())
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
            raise self.error("account", "may be participant, test or staff")
        return text

    def waves(self) -> tuple[int, ...]:
        known = self.rules.catalogue.questionnaires.waves
        waves = self._list("invited_waves")
        if not all(one.isascii() and one.isdigit() for one in waves):
            raise self.error("invited_waves", "write wave numbers, as 1;2")
        if not {int(one) for one in waves} <= set(known):
            numbers = ", ".join(map(str, known))
            raise self.error("invited_waves", f"the study has waves {numbers}")
        return tuple(sorted({int(one) for one in waves}))

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
