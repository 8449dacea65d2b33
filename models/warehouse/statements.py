"""The SQL of the warehouse: one statement a file, found by folder and name.

A statement writes `person_as_of(<column>)` for the id under which an id counts, as
known at the statement's instant: ids that were merged are one person. It writes
`corrected(events.occurred_at)` for when an event took place, where its clock was wrong.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache, partial
from pathlib import Path

from panelstream.models.errors import PanelstreamError
from panelstream.models.events.clocks import ClockCorrection, Clocks
from panelstream.models.timestamps import microseconds

SQL = Path(__file__).parent / "sql"
_PERSON = re.compile(r"\bperson_(?P<known>as_of|of_panel|now)\((?P<id>[\w.]+)\)")
_CORRECTED = re.compile(r"\bcorrected\((?P<table>\w+)\.occurred_at\)")
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
_AS_OF = re.compile(r"\b(?P<view>\w+)_as_of\(as_of = \{as_of:DateTime64\(6\)\}\)")
_VIEW_QUERY = re.compile(r"\nselect\b.*(?=\ncomment ')", re.DOTALL)
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


def with_view_queries(sql: str) -> str:
    """A statement with the query of each view of `sql/as_of` in place of its name.

    The engine analyses a view with a parameter twice, and one inside it four times.
    """
    return _AS_OF.sub(_view_query, sql)


def _view_query(call: re.Match[str]) -> str:
    [query] = _VIEW_QUERY.findall(read_statement(f"as_of/{call['view']}"))
    return f"({with_view_queries(query)}\n)"


def names_people(sql: str) -> bool:
    """Whether a statement asks for the ids under which people count."""
    return _PERSON.search(sql) is not None


def with_merges(sql: str) -> str:
    """A statement that counts every id under its person's; the engine folds constants."""
    return _PERSON.sub(_person, sql)


def without_merges(sql: str) -> str:
    """The same statement where no two ids are one person."""
    return _PERSON.sub(lambda call: call["id"], sql)


def with_clocks(sql: str, clocks: Clocks) -> str:
    """A statement that reads times as a study corrects them; as recorded without any."""
    return _CORRECTED.sub(partial(_corrected_time, clocks.corrections), sql)


def quoted(text: str) -> str:
    """A text as SQL writes it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _corrected_time(corrections: Sequence[ClockCorrection], call: re.Match[str]) -> str:
    table = call["table"]
    recorded = f"{table}.occurred_at"
    cases = "".join(f"{_case(table, correction)}, " for correction in corrections)
    if not cases:
        return recorded
    return f"{recorded} + toIntervalMicrosecond(multiIf({cases}toInt64(0)))"


def _case(table: str, correction: ClockCorrection) -> str:
    """The condition under which a correction applies, and its shift in microseconds."""
    at = f"toUnixTimestamp64Micro({table}.occurred_at)"
    return (
        f"{table}.source = {quoted(correction.source)} "
        f"and {at} >= {microseconds(correction.start)} "
        f"and {at} < {microseconds(correction.end)}, "
        f"toInt64({correction.shift // timedelta(microseconds=1)})"
    )


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
