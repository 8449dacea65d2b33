"""What a roster adds to earlier ones: people who are new, or whose entry has changed.

A file speaks of the people whom it names and of the columns that it has. What it says
of a person replaces what earlier files said in these columns; several rows of one
person are one statement: several consents, or enrolment in several rounds.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa

from panelstream.ingest.person_ids import similar_rows
from panelstream.ingest.pseudonymise import Pseudonyms
from panelstream.ingest.questions import Question, row_numbers
from panelstream.ingest.roster.roster_file import Roster, RosterConsent, RosterRow
from panelstream.models.study.consent import ConsentStatement, current_consent
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse.ledger import append_roster
from panelstream.models.warehouse.reads import read_similar_ids
from panelstream.models.warehouse.store import Store

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
SIMILAR_IDS = pa.schema({"participant_id": pa.binary(16), "similar_id": pa.binary(16)})


@dataclass(frozen=True)
class RosterEntry:
    """All that rosters say of a person: enrolments with their groups, consents, waves."""

    account: str = "participant"
    enrolled: tuple[tuple[datetime, str], ...] = ()
    consents: tuple[RosterConsent, ...] = ()
    invited_waves: tuple[int, ...] = ()

    def agrees_to(self, required: Collection[str]) -> bool:
        """Whether the consents cover all scopes that a study requires."""
        statements = [
            ConsentStatement(consent.at, consent.version, frozenset(consent.scopes))
            for consent in self.consents
        ]
        return bool(statements) and {*required} <= current_consent(statements)[1]


@dataclass(frozen=True)
class RosterRevision:
    """What a roster adds, as rows of `ROSTER`."""

    people: Mapping[bytes, RosterEntry]
    """All whom the file names, as they stand after it."""
    added: int
    changed: int
    agreed: int
    """People who agree to all that the study requires."""
    rows: pa.Table
    similar_ids: pa.Table
    """Rows of `SIMILAR_IDS`, of people who have none yet."""
    questions: tuple[Question, ...]
    """Ids that may be one person's."""

    @property
    def unchanged(self) -> int:
        """People of whom the file says the same as earlier ones."""
        return len(self.people) - self.added - self.changed


def plan_roster_revision(
    roster: Roster,
    pseudonyms: Pseudonyms,
    warehouse: Store,
    required_scopes: Collection[str],
) -> RosterRevision:
    """Compare a roster with earlier ones; stores nothing."""
    stored = _read_entries(warehouse)
    rows_of = {pseudonyms.participant_id(k): rows for k, rows in roster.rows.items()}
    people = {
        participant: _revised(
            stored.get(participant, RosterEntry()), rows, roster.columns
        )
        for participant, rows in rows_of.items()
    }
    revised = {
        participant: entry
        for participant, entry in people.items()
        if stored.get(participant) != entry
    }
    added = sum(participant not in stored for participant in people)
    similar_ids = _SimilarIds(
        {participant: rows[0].number for participant, rows in rows_of.items()},
        {
            pseudonyms.participant_id(name): pseudonyms.similar_id(name)
            for name in roster.rows
        },
        _stored_similar_ids(warehouse),
        stored.keys(),
    )
    return RosterRevision(
        people,
        added,
        len(revised) - added,
        sum(entry.agrees_to(required_scopes) for entry in people.values()),
        _table(revised),
        similar_ids.table(),
        tuple(similar_ids.questions()),
    )


def store_roster_revision(revision: RosterRevision, warehouse: Store) -> None:
    """Store what is new; storing it again changes nothing."""
    if revision.rows.num_rows or revision.similar_ids.num_rows:
        append_roster(warehouse, revision.rows, revision.similar_ids)


def _stored_similar_ids(warehouse: Store) -> dict[bytes, bytes]:
    """The similar id of each id of a roster or with events, by participant id."""
    stored = read_similar_ids(warehouse)
    participants, similar_ids = (
        map(bytes.fromhex, stored[name]) for name in ("participant_id", "similar_id")
    )
    return dict(zip(participants, similar_ids, strict=True))


@dataclass(frozen=True)
class _SimilarIds:
    """Row and similar id of each person of a file, and similar ids that are stored.

    `of_rosters`: the people of earlier rosters; others are stored for their events.
    """

    rows: Mapping[bytes, int]
    of_file: Mapping[bytes, bytes]
    stored: Mapping[bytes, bytes]
    of_rosters: Collection[bytes]

    def table(self) -> pa.Table:
        """What is not stored yet, as rows of `SIMILAR_IDS`."""
        rows = [
            {"participant_id": participant, "similar_id": similar_id}
            for participant, similar_id in self.of_file.items()
            if participant not in self.stored
        ]
        return pa.Table.from_pylist(rows, schema=SIMILAR_IDS)

    def questions(self) -> Iterator[Question]:
        """Ids that are nearly the same in the file, or the same as an earlier one."""
        difference = "only by case, blanks, hyphens or leading zeros"
        remedy = "write one id for one person; two people may stay as they are"
        by_row = {
            self.rows[person]: similar for person, similar in self.of_file.items()
        }
        for group in similar_rows(by_row):
            problem = f"these ids differ {difference}"
            yield Question(row_numbers(group), problem, remedy)
        earlier = {
            similar
            for person, similar in self.stored.items()
            if person in self.of_rosters and person not in self.rows
        }
        rows = [row for row, similar in by_row.items() if similar in earlier]
        if rows:
            problem = f"differs {difference} from an id of an earlier roster"
            yield Question(row_numbers(rows), problem, remedy)


def _revised(
    entry: RosterEntry, rows: Sequence[RosterRow], columns: frozenset[str]
) -> RosterEntry:
    """A person's entry, with what the file's columns say in its place."""
    if "enrolled_on" in columns:
        groups = {} if "group" in columns else dict(entry.enrolled)
        enrolments = {
            (row.enrolled_at, row.group or groups.get(row.enrolled_at, ""))
            for row in rows
            if row.enrolled_at
        }
        entry = replace(entry, enrolled=tuple(sorted(enrolments)))
    if "consented_at" in columns:
        consents = {row.consent for row in rows if row.consent}
        ordered = sorted(consents, key=lambda yes: (yes.at, yes.version, yes.scopes))
        entry = replace(entry, consents=tuple(ordered))
    if "invited_waves" in columns:
        waves = {wave for row in rows for wave in row.invited_waves}
        entry = replace(entry, invited_waves=tuple(sorted(waves)))
    if "account" in columns:
        entry = replace(entry, account=rows[0].account)
    return entry


def _read_entries(warehouse: Store) -> dict[bytes, RosterEntry]:
    rows = warehouse.query("roster", as_of=LATEST).to_pylist()
    return {
        bytes.fromhex(row["participant_id"]): RosterEntry(
            row["account"],
            tuple(zip(row["enrolled_at"], row["cohort"], strict=True)),
            tuple(
                RosterConsent(at, version, tuple(scopes))
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


def _table(people: Mapping[bytes, RosterEntry]) -> pa.Table:
    rows = [
        {
            "participant_id": participant,
            "account": entry.account,
            "enrolled_at": [at for at, _ in entry.enrolled],
            "cohort": [group for _, group in entry.enrolled],
            "consented_at": [consent.at for consent in entry.consents],
            "consent_version": [consent.version for consent in entry.consents],
            "consent_scopes": [list(consent.scopes) for consent in entry.consents],
            "invited_waves": list(entry.invited_waves),
        }
        for participant, entry in people.items()
    ]
    return pa.Table.from_pylist(rows, schema=ROSTER)
