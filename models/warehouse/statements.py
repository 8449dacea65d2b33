"""The SQL of the warehouse: one statement a file, found by folder and name.

A statement writes `person_as_of(<column>)` for the id under which an id counts, as
known at the statement's instant: ids that were merged are one person.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from panelstream.models.errors import PanelstreamError

SQL = Path(__file__).parent / "sql"
_PERSON = re.compile(r"\bperson_(?P<known>as_of|of_panel|now)\((?P<id>[\w.]+)\)")
_KNOWN: Mapping[str, str] = {
    "as_of": "recorded_at <= {as_of:DateTime64(6)}",
    "of_panel": "recorded_at <= (select max(as_of) from participants)",
    "now": "true",
}
"""Of which merges a statement may know: until its instant, until the newest panel's, all."""
_ALIASES = """(
    select groupArray({column})
    from (
        select merges.alias as alias, argMax(merges.person, recorded_at) as holder
        from merges
        where {known}
        group by merges.alias
        having holder != alias
        order by alias
    )
)"""
Relations = Mapping[str, str]
"""By the name under which a statement reads it, the file of `sql/relations`; a later one
may read earlier ones."""
OF_PANELS: Relations = {
    name: name
    for name in (
        "log",
        "windows",
        "acts",
        "taking_back",
        "withdrawn_acts",
        "used_days",
        "sessions",
    )
}
"""Those that queries over planned windows read."""


@cache
def read_statement(name: str) -> str:
    """The text of `sql/<name>.sql`; the name begins with its folder."""
    path = SQL / f"{name}.sql"
    if not path.exists():
        raise PanelstreamError(f"no statement {name}.sql")
    return path.read_text(encoding="utf-8")


def statement_names(folder: str) -> list[str]:
    """The names of a folder's statements without the folder, in order."""
    return sorted(file.stem for file in (SQL / folder).glob("*.sql"))


def with_relations(sql: str, relations: Relations = OF_PANELS) -> str:
    """A query with relations before it, for it to read."""
    texts = ",\n".join(
        f"{name} as (\n{read_statement(f'relations/{file}')}\n)"
        for name, file in relations.items()
    )
    return f"with {texts}\n{sql}"


def names_people(sql: str) -> bool:
    """Whether a statement asks for the ids under which people count."""
    return _PERSON.search(sql) is not None


def with_merges(sql: str) -> str:
    """A statement that counts every id under its person's; the engine folds constants."""
    return _PERSON.sub(_person, sql)


def without_merges(sql: str) -> str:
    """The same statement where no two ids are one person."""
    return _PERSON.sub(lambda call: call["id"], sql)


def _person(call: re.Match[str]) -> str:
    known, column = _KNOWN[call["known"]], call["id"]
    aliases, holders = (
        _ALIASES.replace("{column}", name).replace("{known}", known)
        for name in ("alias", "holder")
    )
    return (
        f"if(empty({aliases}), {column}, "
        f"transform({column}, {aliases}, {holders}, {column}))"
    )
