"""Migrations go forward only: none is repeated, a failed one is resumed."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import clickhouse_connect
import pyarrow as pa
import pytest

from panelstream.models.warehouse import store as stores
from panelstream.models.warehouse.definitions import apply_migrations
from panelstream.models.warehouse.statements import SQL
from panelstream.models.warehouse.store import Store

AT = datetime(2027, 1, 5, 3, tzinfo=UTC)
NAMES = sorted(path.stem for path in SQL.glob("migrations/*.sql"))


class Broken(Exception):
    """The process has gone."""


class Breaking(Store):
    """A store that breaks off after a statement, or after the record of one."""

    after = ""
    left = 0

    def execute_sql(
        self, sql: str, parameters: Mapping[str, Any] = stores._NO_PARAMETERS
    ) -> None:
        super().execute_sql(sql, parameters)
        self._count("statement")

    def insert(self, table: str, rows: pa.Table) -> None:
        super().insert(table, rows)
        self._count("record")

    def _count(self, what: str) -> None:
        if what == self.after:
            self.left -= 1
            if self.left == 0:
                raise Broken


@pytest.fixture
def breaking(engine: str) -> Iterator[Breaking]:
    """An empty database of its own."""
    client = clickhouse_connect.get_client(dsn=engine, tz_mode="aware")
    client.command("CREATE DATABASE migrated")
    own = clickhouse_connect.get_client(
        dsn=engine, tz_mode="aware", database="migrated"
    )
    yield Breaking(own)
    own.close()
    client.command("DROP DATABASE migrated")
    client.close()


def tables(store: Store) -> dict[str, str]:
    """Each table and what would create it."""
    result = store._client.query(
        "SELECT name, replace(create_table_query, concat(database, '.'), '')"
        " FROM system.tables WHERE database = currentDatabase() AND engine != 'View'"
    )
    return dict(map(tuple, result.result_rows))


def test_broken_off_after_every_statement_and_every_record(
    breaking: Breaking, store: Store
) -> None:
    """Each attempt comes one step further; the last leaves what one attempt leaves.

    The first statement is that of the table of records itself, which every attempt
    makes sure of; the second is the first migration that is missing.
    """
    for missing in range(len(NAMES), 0, -1):
        for breaking.after, breaking.left in (("statement", 2), ("record", 1)):
            with pytest.raises(Broken):
                apply_migrations(breaking)
        applied = breaking.query("applied_migrations")["name"].to_pylist()
        assert sorted(applied) == NAMES[: len(NAMES) - missing + 1]
    breaking.after = ""
    assert apply_migrations(breaking) == []
    assert tables(breaking) == tables(store)


def test_what_is_pending_is_applied_in_order(breaking: Breaking) -> None:
    """From the first on, and only what is missing."""
    assert apply_migrations(breaking) == NAMES
    breaking._client.command("DELETE FROM migrations WHERE name > '010'")
    assert apply_migrations(breaking) == [name for name in NAMES if name > "010"]
    assert apply_migrations(breaking) == []


def test_every_migration_can_be_run_twice(store: Store) -> None:
    """A repetition, as after a statement whose record was lost, changes nothing."""
    before = tables(store)
    for name in NAMES:
        store.execute_sql((SQL / "migrations" / f"{name}.sql").read_text())
    assert tables(store) == before


def test_a_warehouse_that_kept_hashes_among_its_migrations(breaking: Breaking) -> None:
    """It migrates, loses the rows that are no migrations, and gets its views again."""
    earlier = [name for name in NAMES if name < "025"]
    for name in earlier:
        breaking._client.command((SQL / "migrations" / f"{name}.sql").read_text())
    rows = [*earlier, f"as_of {'0' * 64}", f"views {'f' * 64}"]
    times = pa.array([AT] * len(rows), pa.timestamp("us", "UTC"))
    breaking._client.insert_arrow(
        "migrations", pa.table({"name": rows, "applied_at": times})
    )
    assert apply_migrations(breaking) == [name for name in NAMES if name >= "025"]
    applied = breaking.query("applied_migrations")["name"].to_pylist()
    assert sorted(applied) == NAMES
    assert breaking.query("answers", as_of=AT).num_rows == 0
    [definition] = breaking.query("last_definition", kind="as_of").to_pylist()
    assert len(definition["hash"]) == 64
    assert apply_migrations(breaking) == []
    assert breaking.query("last_definition", kind="as_of").to_pylist() == [definition]


def test_numbers_of_migrations() -> None:
    """Each number is used once: the order of migrations is that of their numbers."""
    numbers = [int(name[:3]) for name in NAMES]
    assert len(set(numbers)) == len(numbers)
