"""The SQL of the warehouse: one statement a file, found by folder and name."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from panelstream.models.errors import PanelstreamError

SQL = Path(__file__).parent / "sql"
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
