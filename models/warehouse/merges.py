"""Ids that are one person: statements about pairs of ids, and what follows from them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from panelstream.models.timestamps import EARLIEST, LATEST
from panelstream.models.warehouse.ledger import append_merges
from panelstream.models.warehouse.store import Store, in_utc


@dataclass(frozen=True)
class MergeStatement:
    """What was last stated about an id: which other one is the same person.

    `same_as`: the id itself where an earlier statement was undone. `stated_at`: None for
    now. `links`: keyed hashes of the link files that state it; empty: none does.
    """

    alias: bytes
    same_as: bytes
    origin: str
    line: int = 0
    links: tuple[str, ...] = ()
    stated_at: datetime | None = None

    @property
    def is_merge(self) -> bool:
        """Whether it makes two ids one person."""
        return self.alias != self.same_as

    @property
    def order(self) -> tuple[datetime, int]:
        """The earliest statement of a person's names the id under which all count."""
        return self.stated_at or LATEST, self.line


@dataclass
class _Person:
    """Ids that are one person; `first`: the place of the earliest statement on them."""

    holder: bytes
    ids: list[bytes]
    first: float = float("inf")


@dataclass(frozen=True)
class Merges:
    """All ids that were ever merged, by the last statement about each."""

    statements: Mapping[bytes, MergeStatement] = field(default_factory=dict)

    def person(self, participant_id: bytes) -> bytes:
        """The id under which an id counts."""
        return self._persons.get(participant_id, participant_id)

    def person_of(self, participant: str) -> str:
        """The same for ids as 32 hex digits."""
        return (
            self.person(bytes.fromhex(participant)).hex()
            if self._persons
            else participant
        )

    def ids_of(self, participant_id: bytes) -> Sequence[bytes]:
        """All ids of the person that counts under an id."""
        return self._ids.get(participant_id, (participant_id,))

    def with_statement(self, statement: MergeStatement) -> "Merges":
        """What holds after a statement; it replaces the one before about the same id."""
        return Merges({**self.statements, statement.alias: statement})

    def rows_since(self, earlier: "Merges") -> Iterator[Mapping[str, Any]]:
        """Rows of `merges`: the ids about which anything is other than in `earlier`."""
        for alias in sorted({*self._persons, *earlier._persons, *self.statements}):
            unstated = MergeStatement(alias, alias, "", stated_at=EARLIEST)
            statement = self.statements.get(alias, unstated)
            is_same = statement == earlier.statements.get(alias, unstated)
            if not is_same or self.person(alias) != earlier.person(alias):
                yield {**asdict(statement), "person": self.person(alias)}

    @cached_property
    def _persons(self) -> Mapping[bytes, bytes]:
        groups = _join(sorted(self.statements.values(), key=lambda line: line.order))
        return {alias: group.holder for alias, group in groups.items()}

    @cached_property
    def _ids(self) -> Mapping[bytes, Sequence[bytes]]:
        ids: dict[bytes, list[bytes]] = {}
        for alias, person in self._persons.items():
            ids.setdefault(person, []).append(alias)
        return ids


def read_merges(store: Store) -> Merges:
    """What was stated about ids until now."""
    rows = store.query("merges").to_pylist()
    statements = [
        MergeStatement(
            alias=bytes.fromhex(row["alias"]),
            same_as=bytes.fromhex(row["same_as"]),
            origin=row["origin"],
            line=row["line"],
            links=tuple(row["links"]),
            stated_at=in_utc(row["stated_at"]),
        )
        for row in rows
    ]
    return Merges({line.alias: line for line in statements if line.order[0] > EARLIEST})


def store_merges(store: Store, stored: Merges, revised: Merges) -> None:
    """Store what is revised; nothing where all is the same."""
    if rows := list(revised.rows_since(stored)):
        append_merges(store, rows)


def retract_links(merges: Merges, links_held: Iterable[str], origin: str) -> Merges:
    """What holds once the link files that no import states any more are taken back."""
    held = set(links_held)
    for statement in merges.statements.values():
        is_from_links = statement.is_merge and statement.links
        if is_from_links and held.isdisjoint(statement.links):
            undone = replace(
                statement, same_as=statement.alias, origin=origin, stated_at=None
            )
            merges = merges.with_statement(undone)
    return merges


def _join(statements: Iterable[MergeStatement]) -> Mapping[bytes, _Person]:
    """By id its person: statements join ids, whichever of them is named first."""
    groups: dict[bytes, _Person] = {}
    for place, line in enumerate(statements):
        pair = [
            groups.setdefault(name, _Person(name, [name]))
            for name in (line.same_as, line.alias)
        ]
        if pair[0] is pair[1]:
            continue
        older, newer = sorted(pair, key=lambda person: person.first)
        older.ids += newer.ids
        older.first = min(older.first, place)
        groups.update(dict.fromkeys(newer.ids, older))
    return groups
