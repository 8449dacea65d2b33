"""Ids that are one person: stated by command, by a file of pairs or by a link file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from panelstream.flows.workspace import Workspace
from panelstream.ingest.person_ids import is_damaged_id, require_sound_ids
from panelstream.ingest.pseudonymise import normalize_id
from panelstream.ingest.surveys.file_types.export_file import (
    read_export_file,
    require_column,
)
from panelstream.ingest.surveys.links import hash_links
from panelstream.models.errors import FileError, PersonError
from panelstream.models.study.consent import ConsentStatement, ConsentStatements
from panelstream.models.warehouse.merges import (
    Merges,
    MergeStatement,
    read_merges,
    retract_links,
    store_merges,
)

MERGE, SPLIT = "people merge", "people split"
"""The origins of what commands state."""


@dataclass(frozen=True)
class IdPair:
    """Two ids of one person as they were written: the first is the one that is kept.

    `line`: row of the file; 0: a command.
    """

    same_as: str
    platform_id: str
    line: int = 0


@dataclass(frozen=True)
class MergeCounts:
    """What became of pairs of ids."""

    merged: int
    unchanged: int
    """Pairs that were one person already."""


@dataclass(frozen=True)
class LinkedPeople:
    """What a link file says of ids that have events of their own.

    `statements`: that they are the same person as the id that they are linked to.
    `apart`: ids of which that is not certain, so that only their answers are joined.
    """

    statements: tuple[MergeStatement, ...] = ()
    apart: int = 0
    is_news: bool = False
    """Whether any statement joins ids that were two people before."""


@dataclass(frozen=True)
class Population:
    """People who are enrolled, what they said about consent, and all their ids."""

    enrolled: pd.DataFrame
    consents: ConsentStatements
    merges: Merges = field(default_factory=Merges)

    def by_person(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows with a participant_id, under which the person counts."""
        if not self.merges.statements:
            return rows
        people = rows["participant_id"].map(self.merges.person_of)
        return rows.assign(participant_id=people.astype(rows["participant_id"].dtype))

    def statements(self, participant_id: bytes) -> Iterable[ConsentStatement]:
        """What the person of an id said about consent."""
        return self.consents.get(self.merges.person(participant_id).hex(), ())


def merge_people(
    workspace: Workspace, pairs: Sequence[IdPair], path: Path | None = None
) -> MergeCounts:
    """State of pairs of ids that each is one person; all of them are stored or none.

    `path`: the file that they are from. Raises `PersonError`, or `FileError` with the
    row, for an id that is empty, rounded or nobody's, for two ids that are one, and for
    an id that a file merges into two.
    """
    _require_known(workspace, pairs, path)
    if path:
        _require_consistent(workspace, pairs, path)
    stored = revised = read_merges(workspace.store)
    merged = 0
    for pair in pairs:
        statement = _statement(workspace, pair, path)
        if revised.person(statement.alias) != revised.person(statement.same_as):
            revised, merged = revised.with_statement(statement), merged + 1
    store_merges(workspace.store, stored, revised)
    return MergeCounts(merged, len(pairs) - merged)


def split_person(workspace: Workspace, platform_id: str) -> None:
    """Undo what was last stated about an id, which is a person of its own again.

    Raises `PersonError` for an id about which nothing is stated.
    """
    stored = read_merges(workspace.store)
    alias = workspace.pseudonyms.participant_id(platform_id)
    statement = stored.statements.get(alias)
    if statement is None or not statement.is_merge:
        raise PersonError(
            "OTHER: this id was not merged into another one; name the second id of the "
            "statement ('panelstream people list' shows the pseudonyms of both)"
        )
    undone = MergeStatement(alias, alias, SPLIT)
    store_merges(workspace.store, stored, stored.with_statement(undone))


def list_merges(workspace: Workspace) -> list[dict[str, Any]]:
    """All that was ever stated about ids of one person; pseudonyms only."""
    rows: list[dict[str, Any]] = workspace.store.query("merge_statements").to_pylist()
    return rows


def read_pairs(path: Path) -> list[IdPair]:
    """Read a file of pairs (`platform_id,same_as`); it is never stored.

    Raises `FileError` for ids that are rounded or empty.
    """
    export = read_export_file(path)
    columns = []
    for name in ("platform_id", "same_as"):
        place = require_column(export, name, "the other id")
        ids = {number: record[place] for number, record in export.rows()}
        require_sound_ids(path, name, ids.items())
        columns.append(ids)
    others, same_as = columns
    return [IdPair(same_as[line], others[line], line) for line in others]


def find_linked_people(
    workspace: Workspace, links: Mapping[str, str] | None, population: Population
) -> LinkedPeople:
    """The linked ids with events of their own, and what the file says of them.

    A linked id is the person's other id on the platform, unless it is enrolled itself,
    is linked to, or is a plain number: numbers of two systems are the same by chance.
    """
    linked = _linked_with_events(workspace, links or {})
    if not (links and linked):
        return LinkedPeople()
    enrolled = set(population.enrolled["participant_id"])
    hashed = hash_links(links, workspace.pseudonyms)
    certain = [
        pair
        for survey_id, pair in linked.items()
        if pair[0].hex() not in enrolled
        and survey_id not in links.values()
        and not survey_id.isdecimal()
    ]
    stored = revised = population.merges
    statements = tuple(_link_statements(certain, hashed, stored))
    for statement in statements:
        revised = revised.with_statement(statement)
    return LinkedPeople(
        statements,
        sum(
            revised.person(alias) != revised.person(kept)
            for alias, kept in linked.values()
        ),
        any(
            revised.person(line.alias) != stored.person(line.alias)
            for line in statements
        ),
    )


def state_links(workspace: Workspace, linked: LinkedPeople, origin: str) -> None:
    """Store what a link file says of ids, and take back what no import says any more."""
    stored = revised = read_merges(workspace.store)
    for statement in linked.statements:
        revised = revised.with_statement(
            replace(statement, origin=statement.origin or f"links of {origin}")
        )
    _store_held(workspace, stored, revised, f"links of {origin}")


def withdraw_links(workspace: Workspace, import_id: str) -> None:
    """Take back what only the links of a retracted import say."""
    merges = read_merges(workspace.store)
    _store_held(workspace, merges, merges, f"retraction of {import_id}")


def _store_held(
    workspace: Workspace, stored: Merges, revised: Merges, origin: str
) -> None:
    held = workspace.store.query("links_held")["links"].to_pylist()
    store_merges(workspace.store, stored, retract_links(revised, held, origin))


def _statement(workspace: Workspace, pair: IdPair, path: Path | None) -> MergeStatement:
    pseudonyms = workspace.pseudonyms
    return MergeStatement(
        pseudonyms.participant_id(pair.platform_id),
        pseudonyms.participant_id(pair.same_as),
        path.name if path else MERGE,
        pair.line,
    )


def _require_known(
    workspace: Workspace, pairs: Sequence[IdPair], path: Path | None
) -> None:
    pseudonyms = workspace.pseudonyms
    ids = {
        platform_id: pseudonyms.participant_id(platform_id).hex()
        for pair in pairs
        for platform_id in (pair.same_as, pair.platform_id)
    }
    rows = workspace.store.query("known_people", people=sorted(ids.values()))
    stored = set(rows["participant_id"].to_pylist())
    for pair in pairs:
        for name, problem in _problems(pair, ids, stored):
            if path:
                raise FileError(path, f"row {pair.line}, {name}", problem)
            place = "KEEP" if name == "same_as" else "OTHER"
            raise PersonError(f"{place}: {problem}")


def _require_consistent(
    workspace: Workspace, pairs: Iterable[IdPair], path: Path
) -> None:
    """Raise `FileError` with both rows for an id that is merged into two ids."""
    participant_id = workspace.pseudonyms.participant_id
    earlier: dict[bytes, IdPair] = {}
    for pair in pairs:
        first = earlier.setdefault(participant_id(pair.platform_id), pair)
        if participant_id(first.same_as) != participant_id(pair.same_as):
            raise FileError(
                path,
                f"rows {first.line} and {pair.line}, platform_id",
                "the same id is merged into two ids; keep one of the rows, and if all "
                "three are one person, merge the second id into the first in a row",
            )


def _problems(
    pair: IdPair, ids: Mapping[str, str], stored: set[str]
) -> Iterator[tuple[str, str]]:
    """What is wrong with a pair, by the column of the id."""
    for name, platform_id in (
        ("same_as", pair.same_as),
        ("platform_id", pair.platform_id),
    ):
        if not normalize_id(platform_id):
            yield name, "the id is empty; write the platform's id"
        elif is_damaged_id(platform_id):
            yield name, "a spreadsheet has rounded this id; write it in full"
        elif ids[platform_id] not in stored:
            yield (
                name,
                "nothing is stored of this id; check it, or import its events, roster "
                "or answers first",
            )
    if ids[pair.same_as] == ids[pair.platform_id]:
        yield "platform_id", "both ids are the same; name two ids of the person"


def _linked_with_events(
    workspace: Workspace, links: Mapping[str, str]
) -> dict[str, tuple[bytes, bytes]]:
    """By linked id with events of its own: its pseudonym and that which it is linked to."""
    participant_id = workspace.pseudonyms.participant_id
    pairs = {
        survey_id: (participant_id(survey_id), participant_id(platform_id))
        for survey_id, platform_id in links.items()
    }
    names = sorted({alias.hex() for alias, person in pairs.values() if alias != person})
    rows = workspace.store.query("ids_with_events", people=names)
    active = set(rows["participant_id"].to_pylist())
    return {
        survey_id: (alias, person)
        for survey_id, (alias, person) in pairs.items()
        if alias.hex() in active and alias != person
    }


def _link_statements(
    pairs: Iterable[tuple[bytes, bytes]], hashed: str, merges: Merges
) -> Iterator[MergeStatement]:
    """What a link file says; what a command said of an id still holds."""
    for alias, person in pairs:
        last = merges.statements.get(alias)
        if last and not last.links:
            continue
        if last and last.same_as == person:
            links = tuple(sorted({*last.links, hashed}))
            yield replace(last, links=links)
        else:
            yield MergeStatement(alias, person, "", links=(hashed,))
