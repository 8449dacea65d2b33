"""What the warehouse is made of: tables by migrations, views from their statements."""

import hashlib
from collections.abc import Collection, Iterable, Sequence

import pyarrow as pa

from panelstream.models.errors import SettingError
from panelstream.models.warehouse.statements import (
    read_statement,
    statement_names,
    with_clocks,
    with_merges,
)
from panelstream.models.warehouse.store import TICK, Store, in_utc


def apply_migrations(store: Store) -> list[str]:
    """Bring the tables up to date; returns the migrations applied now.

    Raises `SettingError` where a newer program has written the warehouse.
    """
    store.execute("migrations/000_migrations")
    applied = set(store.query("applied_migrations")["name"].to_pylist())
    _refuse_newer(applied)
    pending = [name for name in statement_names("migrations") if name not in applied]
    for name in pending:
        store.execute(f"migrations/{name}")
        row = {"name": [name], "applied_at": [store.now()]}
        store.insert("migrations", pa.table(row))
    names = statement_names("as_of")
    _define(store, "as_of", [read_statement(f"as_of/{name}") for name in names])
    return pending


def _refuse_newer(applied: Collection[str]) -> None:
    # Names with a blank are hashes of views, which once were rows of the same table.
    unknown = {name for name in applied if " " not in name}
    unknown -= set(statement_names("migrations"))
    if unknown:
        raise SettingError(
            f"the warehouse was written by a newer panelstream (migration "
            f"{max(unknown)}); update this one, or restore an older backup"
        )


def create_views(store: Store, statements: Iterable[str]) -> None:
    """Create the views for readers again, if they are not as `statements` say.

    `statements`: those of `views.view_statements`.
    """
    _define(store, "views", list(statements))


def create_panel_view(store: Store, statement: str) -> None:
    """The same for the view `panel`, whose columns are those of the newest panel."""
    _define(store, "panel", [statement])


def _define(store: Store, kind: str, texts: Sequence[str]) -> None:
    """Create views where they, or the tables below them, have changed.

    While a view is created again, other processes can miss it.
    """
    statements = [with_clocks(with_merges(text), store.clocks) for text in texts]
    tables = statement_names("migrations")
    digest = hashlib.sha256("\n".join([*tables, *statements]).encode()).hexdigest()
    last = store.query("last_definition", kind=kind).to_pylist()
    if last and last[0]["hash"] == digest:
        return
    for statement in statements:
        store.execute_sql(statement)
    earliest = [in_utc(row["created_at"]) + TICK for row in last]
    created_at = max([store.now(), *earliest])
    row = {"kind": [kind], "hash": [digest], "created_at": [created_at]}
    store.insert("view_definitions", pa.table(row))
