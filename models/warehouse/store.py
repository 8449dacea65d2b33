"""An open warehouse: its statements by name, its rows, its clock.

Every statement is a file under `sql/`, one relation or query each, with values as typed
parameters. What is written in which order is the business of `ledger`, `settling` and
`definitions`.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from panelstream.models.events.clocks import Clocks
from panelstream.models.settings.dsn import is_embedded
from panelstream.models.timestamps import EARLIEST, Clock, utc_now
from panelstream.models.warehouse import client as clients
from panelstream.models.warehouse.cluster import Cluster
from panelstream.models.warehouse.statements import (
    names_people,
    read_statement,
    with_clocks,
    with_merges,
    with_relations,
    with_view_queries,
    without_merges,
)

TICK = timedelta(microseconds=1)
"""The least difference of two instants."""
_ABOUT_ITSELF = frozenset({"migrations", "view_definitions", "identity"})
"""Tables in which the warehouse describes itself, and nothing of a study is stored."""
_NO_PARAMETERS: Mapping[str, Any] = {}


class Store:
    """A warehouse that is open.

    A server is `shared`: several processes write at once, each with instants of its
    own, which increase within the process. An embedded engine has one writer.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock = utc_now,
        shared: bool = False,
        cluster: Cluster | None = None,
    ) -> None:
        self._client = client
        self._clock = clock
        self.shared = shared
        self._cluster = cluster
        self.clocks = Clocks()
        self._last: datetime | None = None
        self._before_first_insert: Callable[[], None] | None = None

    def correct_clocks(self, clocks: Clocks) -> None:
        """Read times of the log as a study corrects them from here on.

        Views have to be defined again after it.
        """
        self.clocks = clocks

    @property
    def clustered(self) -> bool:
        """Whether its queries read views as they were defined when it was opened."""
        return self._cluster is not None

    def close(self) -> None:
        """Give the warehouse free for another process."""
        self._client.close()

    def now(self) -> datetime:
        """What the warehouse's clock shows: a server's own, ours where it is embedded."""
        return self._clock()

    def next_instant(self) -> datetime:
        """The `recorded_at` of the next batch: the clock, but always later than the last."""
        if self._last is None:
            [row] = self.query("last_recorded_at").to_pylist()
            self._last = in_utc(row["last"])
        self._last = max(self._last + TICK, self._clock())
        return self._last

    def query(self, name: str, **parameters: Any) -> pa.Table:
        """Run the query `sql/queries/<name>.sql` with typed parameters."""
        return self._read(read_statement(f"queries/{name}"), parameters)

    def query_over_relations(self, name: str, **parameters: Any) -> pa.Table:
        """The same for `sql/<name>.sql`, which reads the relations of `sql/relations`."""
        return self._read(with_relations(read_statement(name)), parameters)

    def select(self, sql: str) -> pa.Table:
        """Run a reader's own statement; nothing can be changed by it.

        An embedded engine stays read-only from here on: open another store to write.

        Raises `UsageError` with the engine's message if the statement is wrong.
        """
        return clients.select_read_only(self._client, sql)

    def syntax_tree(self, sql: str) -> str:
        """What the engine's parser makes of a statement; empty if it is wrong."""
        return clients.syntax_tree(self._client, sql)

    def execute(self, name: str, **parameters: Any) -> None:
        """Run the statement `sql/<name>.sql`, which changes something."""
        self.execute_sql(read_statement(name), parameters)

    def execute_sql(
        self, sql: str, parameters: Mapping[str, Any] = _NO_PARAMETERS
    ) -> None:
        """Run a statement of our own, on a cluster in all the parts that it needs."""
        for text in self._statements(sql):
            with clients.disk_errors():
                self._client.command(text, parameters=clients.as_parameters(parameters))

    def run_before_first_insert(self, action: Callable[[], None]) -> None:
        """Run `action` once, before the first rows of a study that are written."""
        self._before_first_insert = action

    def insert(self, table: str, rows: pa.Table) -> None:
        """Write rows.

        Raises `NotStorable` for rows that the engine refuses for what they hold,
        `Unreachable` where it cannot write.
        """
        action = self._before_first_insert
        if action and table not in _ABOUT_ITSELF:
            action()
            self._before_first_insert = None
        clients.insert_rows(self._client, table, rows)

    def _read(self, sql: str, parameters: Mapping[str, Any]) -> pa.Table:
        query = sql if self._cluster else with_view_queries(sql)
        [text] = self._statements(self._resolve(query))
        with clients.disk_errors():
            return self._client.query_arrow(
                text, parameters=clients.as_parameters(parameters), use_strings=True
            )

    def _resolve(self, sql: str) -> str:
        """The statement for the warehouse as it is; without merges it is faster."""
        sql = with_clocks(sql, self.clocks)
        if not names_people(sql):
            return sql
        [row] = self.query("merges_stored").to_pylist()
        return with_merges(sql) if row["stored"] else without_merges(sql)

    def _statements(self, sql: str) -> list[str]:
        return self._cluster.statements(sql) if self._cluster else [sql]


def open_store(
    dsn: str,
    clock: Clock = utc_now,
    writing: bool = False,
    setting: str = "PANELSTREAM_WAREHOUSE",
    cluster: str = "",
) -> Store:
    """Open the warehouse at `dsn`; for `writing` a server must answer soon.

    `cluster`: the server is one of a cluster of that name, as its configuration has it.
    Raises `Unreachable` (exit code 5) naming what cannot be reached and why, and the
    `setting` that names it; `SettingError` where there is no such cluster.
    """
    client, configured = clients.open_client(dsn, writing, setting, cluster)
    if is_embedded(dsn):
        return Store(client, clock, cluster=configured)
    server_clock = partial(clients.server_time, client)
    return Store(client, server_clock, shared=True, cluster=configured)


def in_utc(instant: datetime | None) -> datetime:
    """An instant of the engine in UTC; `EARLIEST` where it has none."""
    return (instant or EARLIEST).astimezone(UTC)
