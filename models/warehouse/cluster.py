"""The same statements for a ClickHouse cluster: text in, texts out.

A table becomes two: `<table>_local` on every shard, replicated, and under the table's
own name a Distributed one over all shards, which everybody reads and writes. Rows of
one participant lie on one shard; a table without participants is sharded by its sort
key, so that repetitions meet. A query about participants runs on each shard as a
whole, over the local tables; any other, and what reads a view of `sql/as_of`, reads
the Distributed ones. What changes rows goes to the local tables of all shards.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from panelstream.models.errors import PanelstreamError

CLUSTER_SETTINGS: Mapping[str, str | int] = {
    # A row is on its shard, and on most of its replicas, when the insert returns.
    "distributed_foreground_insert": 1,
    "insert_quorum": "auto",
    # Everybody reads where everybody writes, as long as that replica is there.
    "load_balancing": "in_order",
    "prefer_localhost_replica": 0,
    # An INSERT … SELECT compares the rows of all shards, not of each by itself.
    "parallel_distributed_insert_select": 0,
    # What a reader groups by participant is complete on its shard: no second merge.
    "optimize_skip_unused_shards": 1,
    "optimize_distributed_group_by_sharding_key": 1,
    # Deletions name rows by what another table of the same shard holds.
    "allow_nondeterministic_mutations": 1,
}
"""Of every connection to a cluster."""

BY_PARTICIPANT = "cityHash64(participant_id)"

_COMMENT = re.compile(r"^\s*--.*\n", re.MULTILINE)
_CREATE = re.compile(
    r"create table if not exists (?P<table>\w+) \((?P<columns>.*)\n\)\n"
    r"engine = (?P<engine>\w+)(?:\((?P<arguments>\w*)\))?\n"
    r"order by (?P<key>[^\n]+)\n(?P<rest>.*)",
    re.DOTALL,
)
_ALTER = re.compile(r"alter table (?P<table>\w+)\b(?P<rest>.*)", re.DOTALL)
_DELETE = re.compile(r"delete from (?P<table>\w+)\b(?P<rest>.*)", re.DOTALL)
_VIEW = re.compile(r"create or replace view (?P<view>\w+)\b(?P<rest>.*)", re.DOTALL)
_TABLE_COMMENT = re.compile(r"^comment ('.*')$", re.MULTILINE)
_PARTICIPANT = re.compile(r"^\s+participant_id ", re.MULTILINE)
_FROM = re.compile(r"\b(?P<verb>from|join) (?P<table>\w+)(?P<called> as \w+)?")
_AS_KNOWN = re.compile(r"\b(?:from|join) \w+_as_of\(")
_SORT_KEY = re.compile(r",\s*modify order by [^\n]+")
_LOOKED_UP = re.compile(
    r"\b((?:not )?in|(?:(?:left|right|inner|full|any|asof) )*join)(?=\s*\(\s*select\b)"
)
_ORDER = re.compile(r"\norder by(?:(?!\norder by|\n\)).)*?(?=\nsettings|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Cluster:
    """A cluster by its name in the servers' configuration, and the database there.

    `keys`: by what the rows of each table are sharded.
    """

    name: str
    database: str
    keys: Mapping[str, str]

    def statements(self, sql: str) -> list[str]:
        """What has to run in place of one statement on a single server.

        Raises `PanelstreamError` for a statement of a kind that is not known here.
        """
        text = _COMMENT.sub("", sql).strip()
        kinds: Mapping[str, Callable[[str], list[str]]] = {
            "create table": self._create,
            "alter table": self._alter,
            "create or replace view": self._view,
            "drop view if exists": self._drop_views,
            "delete from": self._delete,
            "insert into": self._from_all_shards,
            "select": self._query,
            "with": self._query,
        }
        for beginning, rewrite in kinds.items():
            if text.startswith(beginning):
                return rewrite(text)
        raise PanelstreamError(f"no such statement on a cluster: {text[:40]}…")

    def _create(self, text: str) -> list[str]:
        match = _match(_CREATE, text)
        table, local = match["table"], self._local(match["table"])
        path = f"/clickhouse/tables/{{shard}}/{self.database}/{table}"
        engine_arguments = [match["arguments"]] if match["arguments"] else []
        arguments = ", ".join([f"'{path}'", "'{replica}'", *engine_arguments])
        local_table = (
            f"create table if not exists {local} {self._everywhere} ("
            f"{match['columns']}\n)\nengine = Replicated{match['engine']}({arguments})\n"
            f"order by {match['key']}\n{match['rest']}"
        )
        over = (
            f"create table if not exists {self._named(table)} {self._everywhere}\n"
            f"as {local}\nengine = Distributed('{self.name}', '{self.database}', "
            f"'{table}_local', {self.keys[table]})\n"
            f"comment {_match(_TABLE_COMMENT, match['rest'])[1]}"
        )
        return [local_table, over]

    def _alter(self, text: str) -> list[str]:
        """The Distributed table has the same columns, and no order of its own."""
        match = _match(_ALTER, text)
        local, over = self._local(match["table"]), self._named(match["table"])
        changes = match["rest"]
        return [
            f"alter table {local} {self._everywhere}{changes}",
            f"alter table {over} {self._everywhere}{_SORT_KEY.sub('', changes)}",
        ]

    def _view(self, text: str) -> list[str]:
        match = _match(_VIEW, text)
        view = f"create or replace view {self._named(match['view'])} {self._everywhere}"
        return [
            view + definition for definition in self._from_all_shards(match["rest"])
        ]

    def _drop_views(self, text: str) -> list[str]:
        names = text.removeprefix("drop view if exists").replace(",", " ").split()
        return [
            f"drop view if exists {self._named(name)} {self._everywhere}"
            for name in names
        ]

    def _delete(self, text: str) -> list[str]:
        """Each shard deletes rows of its own, by what else it holds."""
        match = _match(_DELETE, text)
        condition = self._on_its_shard(match["rest"])
        table = self._local(match["table"])
        return [f"delete from {table} {self._everywhere}{condition}"]  # noqa: S608 - ours

    def _query(self, text: str) -> list[str]:
        """One about participants is answered by each shard for its own."""
        tables = {match["table"] for match in _FROM.finditer(text)} & self.keys.keys()
        by_participant = {self.keys[table] for table in tables} == {BY_PARTICIPANT}
        several = not by_participant or _AS_KNOWN.search(text)
        if several or "participant" not in text:
            return self._from_all_shards(text)
        order = _ORDER.search(text)
        per_shard = self._on_its_shard(_ORDER.sub("", text))
        union = f"select *\nfrom cluster('{self.name}', view(\n{per_shard}\n))"
        return [union + order[0] if order else union]

    def _from_all_shards(self, text: str) -> list[str]:
        """What is looked up is found once, on all shards, and sent to each of them."""
        return [_LOOKED_UP.sub(r"global \1", text)]

    def _on_its_shard(self, text: str) -> str:
        return _FROM.sub(self._read_locally, text)

    def _read_locally(self, match: re.Match[str]) -> str:
        table = match["table"]
        if table not in self.keys:
            return match[0]
        called = match["called"] or f" as {table}"
        return f"{match['verb']} {self._local(table)}{called}"

    def _named(self, table: str) -> str:
        return f"{self.database}.{table}"

    def _local(self, table: str) -> str:
        return f"{self.database}.{table}_local"

    @property
    def _everywhere(self) -> str:
        return f"on cluster '{self.name}'"


def sharding(migrations: Iterable[str]) -> dict[str, str]:
    """Table → the expression by which its rows are sharded, from what creates them."""
    created = filter(None, map(_CREATE.search, migrations))
    return {match["table"]: _key(match) for match in created}


def _key(match: re.Match[str]) -> str:
    if _PARTICIPANT.search(match["columns"]):
        return BY_PARTICIPANT
    return f"cityHash64({match['key'].removeprefix('(').removesuffix(')')})"


def _match(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    match = pattern.search(text)
    if match is None:
        raise PanelstreamError(f"no way to say on a cluster: {text[:40]}…")
    return match
