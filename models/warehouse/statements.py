"""The SQL of the warehouse: one statement a file, found by folder and name."""

from functools import cache
from pathlib import Path

from panelstream.models.errors import PanelstreamError

SQL = Path(__file__).parent / "sql"
_RELATIONS = ("log", "windows", "acts", "taking_back", "withdrawn_acts", "used_days")
"""Files of `sql/relations` that several queries read; a later one may read earlier."""


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


def with_relations(sql: str) -> str:
    """A query with the relations of `sql/relations` before it, for it to read."""
    relations = ",\n".join(
        f"{name} as (\n{read_statement(f'relations/{name}')}\n)" for name in _RELATIONS
    )
    return f"with {relations}\n{sql}"
