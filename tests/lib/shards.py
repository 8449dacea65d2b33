"""A cluster of two shards, played by databases of one embedded engine.

The statements are those that a cluster is given, but for what only servers have: a
replicated table is a plain one, `on cluster` means both shards one after the other, a
Distributed table is a Merge table over the shards, and what is inserted into it is
spread by its sharding key. `cluster(…, view(…))` is the union of both shards' answers.
"""

import re
from collections.abc import Mapping
from typing import Any

import clickhouse_connect
import pyarrow as pa

from panelstream.models.timestamps import Clock
from panelstream.models.warehouse import cluster as clusters
from panelstream.models.warehouse import store as stores
from panelstream.models.warehouse.client import CONNECTION_SETTINGS, as_parameters
from panelstream.models.warehouse.cluster import Cluster
from panelstream.models.warehouse.statements import read_statement, statement_names
from panelstream.models.warehouse.store import Store

SHARDS = ("shard0", "shard1")
WHOLE, STAGE = "panel", "stage"
"""The database that everybody names; one in which inserted rows wait to be spread."""

_REPLICATED = re.compile(r"engine = Replicated(\w+)\('[^']*', '[^']*'(?:, )?")
_DISTRIBUTED = re.compile(r"engine = Distributed\('\w+', '\w+', '(\w+)_local', .*\)\n")
_INSERT = re.compile(r"insert into (\w+)")
_EVERYWHERE = " on cluster 'c'"
_ANSWERED = re.compile(r"from cluster\('c', view\(\n(.*)\n\)\)", re.DOTALL)


class Sharded(Store):
    """The warehouse on such a cluster, made new."""

    def __init__(self, dsn: str, clock: Clock) -> None:
        client = clickhouse_connect.get_client(dsn=dsn, tz_mode="aware")
        for name in (*SHARDS, WHOLE, STAGE):
            client.command(f"drop database if exists {name}")
            client.command(f"create database {name}")
        client.close()
        client = clickhouse_connect.get_client(
            dsn=dsn, tz_mode="aware", database=WHOLE, settings=dict(CONNECTION_SETTINGS)
        )
        created = [
            read_statement(f"migrations/{name}")
            for name in statement_names("migrations")
        ]
        self.keys = clusters.sharding(created)
        super().__init__(client, clock, cluster=Cluster("c", WHOLE, self.keys))

    def insert(self, table: str, rows: pa.Table) -> None:
        self._client.insert_arrow(table, rows, database=STAGE)
        self._spread(table)

    def _read(self, sql: str, parameters: Mapping[str, Any]) -> pa.Table:
        sql = self._resolve(sql)
        [text] = self._statements(sql)
        result = self._client.query_arrow(
            _answered(text), parameters=as_parameters(parameters), use_strings=True
        )
        assert isinstance(result, pa.Table)
        return result

    def execute_sql(
        self, sql: str, parameters: Mapping[str, Any] = stores._NO_PARAMETERS
    ) -> None:
        for text in self._statements(sql):
            inserted = _INSERT.match(text)
            for entry in _played(text):
                self._client.command(entry, parameters=as_parameters(parameters))
            if inserted:
                self._spread(inserted[1])

    def _spread(self, table: str) -> None:
        for number, shard in enumerate(SHARDS):
            self._client.command(
                f"insert into {shard}.{table}_local select * from {STAGE}.{table}"  # noqa: S608 - our own names
                f" where {self.keys[table]} % 2 = {number}"
            )
        self._client.command(f"truncate table {STAGE}.{table}")


def _played(text: str) -> list[str]:
    if inserted := _INSERT.match(text):
        return [_INSERT.sub(f"insert into {STAGE}.{inserted[1]}", text, count=1)]
    assert _EVERYWHERE in text
    text = text.replace(_EVERYWHERE, "")
    if _DISTRIBUTED.search(text):
        merge = r"engine = Merge(REGEXP('^shard[01]$'), '^\1_local$')" + "\n"
        alike = text.replace(f"as {WHOLE}.", f"as {SHARDS[0]}.")
        staged = _DISTRIBUTED.sub("engine = Memory\n", alike)
        return [
            _DISTRIBUTED.sub(merge, alike),
            staged.replace(f"exists {WHOLE}.", f"exists {STAGE}."),
        ]
    if re.search(rf"{WHOLE}\.\w+_local", text):
        plain = _REPLICATED.sub(r"engine = \1(", text)
        return [plain.replace(f"{WHOLE}.", f"{shard}.") for shard in SHARDS]
    if text.startswith("alter"):
        return [text, text.replace(f"{WHOLE}.", f"{STAGE}.")]
    return [text]


def _answered(text: str) -> str:
    result = _ANSWERED.search(text)
    if not result:
        return text
    each = (result[1].replace(f"{WHOLE}.", f"{shard}.") for shard in SHARDS)
    union = "\nunion all\n".join(f"select * from (\n{one}\n)" for one in each)  # noqa: S608 - our own statements
    return text.replace(result[0], f"from (\n{union}\n)")
