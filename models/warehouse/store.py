"""The warehouse: the only file that knows clickhouse-connect.

A DSN chooses the engine: `chdb://PATH` embeds ClickHouse in this process, an
`http(s)://` address is a server; the SQL is the same. Every statement is a file
under `sql/`, one relation or query each, with values as typed parameters.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, Error

from panelstream.models.errors import PanelstreamError, Unreachable, UsageError
from panelstream.models.events.event import Counts, Rejection
from panelstream.models.timestamps import EARLIEST, LATEST, Clock, utc_now
from panelstream.models.warehouse import cluster as clusters
from panelstream.models.warehouse import endpoint
from panelstream.models.warehouse.cluster import Cluster

SQL = Path(__file__).parent / "sql"
_SETTINGS = {"async_insert": 0, "session_timezone": "UTC"}

_NOTHING: Mapping[str, Any] = {}
_TICK = timedelta(microseconds=1)
_INSTANT = pa.timestamp("us", "UTC")
_LETTER = pa.schema(
    {
        "reason": pa.string(),
        "field": pa.string(),
        "origin": pa.string(),
        "line": pa.uint64(),
        "batch_index": pa.uint32(),
    }
)
_LETTER_AND_PATH = _LETTER.append(pa.field("path", pa.string()))
SETTLING = timedelta(seconds=10)
"""How long nothing is settled where several write (`queries/settled_at.sql`)."""
_ENTERING = SETTLING / 2
"""How long after its instant a batch may be entered in the ledger."""
_ATTEMPTS = 10
_RELATIONS = ("log", "windows", "acts", "taking_back", "withdrawn_acts", "used_days")
"""Files of `sql/relations` that several queries read; a later one may read earlier."""
_IMPORT = pa.schema(
    {
        "import_id": pa.string(),
        "origin": pa.string(),
        "sha256": pa.string(),
        "format": pa.string(),
        "encoding": pa.string(),
        "timezone": pa.string(),
        "coding": pa.map_(pa.string(), pa.string()),
        "mapping": pa.string(),
        "wave": pa.uint16(),
        **dict.fromkeys(
            (
                "rows",
                "responses",
                "answers",
                "added",
                "changed",
                "moved",
                "refused",
                "set_apart",
            ),
            pa.uint64(),
        ),
        "recorded_at": _INSTANT,
    }
)
_LOCK = pa.schema(
    {
        **dict.fromkeys(("hash", "frozen", "study_version", "text"), pa.string()),
        "responses": pa.uint64(),
        "locked_at": _INSTANT,
    }
)
_WRITING_SECONDS = 60
"""A write takes a second; a warehouse that is silent for so long is tried again."""

_REFUSES_DATA = frozenset(
    # CANNOT_PARSE_*, TYPE_MISMATCH, CANNOT_CONVERT_TYPE, ARGUMENT_OUT_OF_BOUND,
    # INCORRECT_DATA, TOO_LARGE_STRING_SIZE, VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE,
    # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN, VIOLATED_CONSTRAINT
    {6, 26, 27, 38, 41, 53, 69, 70, 72, 117, 131, 321, 349, 469}
)
"""ClickHouse's codes for a row that will never be taken, however often it is sent."""


class NotStorable(PanelstreamError):
    """The engine refuses rows for what they hold: sending them again cannot help."""


@dataclass(frozen=True)
class _ServerClock:
    """The clock of a server: those of its writers and readers may differ."""

    client: Client

    def __call__(self) -> datetime:
        try:
            [row] = self.client.query_arrow(_read("queries", "now")).to_pylist()
        except (ClickHouseError, OSError) as error:
            kind = getattr(error, "name", None) or type(error).__name__
            raise Unreachable(
                f"the warehouse does not answer ({kind}); is it running?"
            ) from None
        return _aware(row["now"])


@dataclass(frozen=True)
class Batch:
    """What one batch of input adds: pseudonymous events and rejections."""

    origin: str
    events: pa.Table
    rejections: Sequence[Rejection]
    counts: Counts
    path: str = ""


class Store:
    """A warehouse that is open.

    A server is `shared`: several processes write at once, each with instants of its
    own, which increase within the process. A batch is entered in `arrivals` before its
    rows, and in `completions` after them, so that a reader knows up to where nothing
    can be added any more (`queries/settled_at.sql`). An embedded engine has one writer:
    whatever is not complete was broken off.
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
        self._last: datetime | None = None

    def close(self) -> None:
        """Give the warehouse free for another process."""
        self._client.close()

    def migrate(self) -> list[str]:
        """Bring the tables up to date; returns the migrations applied now."""
        self._run(_read("migrations", "000_migrations"))
        applied = set(self.query("applied_migrations")["name"].to_pylist())
        pending = [name for name in _names("migrations") if name not in applied]
        for name in pending:
            self._run(_read("migrations", name))
            self._insert(
                "migrations", pa.table({"name": [name], "applied_at": [self._clock()]})
            )
        self._define("as_of", [_read("as_of", name) for name in _names("as_of")])
        return pending

    def create_views(self, statements: Iterable[str]) -> None:
        """Create views (`models.views.statements`) anew, if they are not as these say."""
        self._define("views", list(statements))

    def _define(self, kind: str, statements: Sequence[str]) -> None:
        """Create views where they, or the tables below them, have changed.

        While a view is created anew, other processes can miss it.
        """
        below = _names("migrations")
        text = "\n".join([*below, *statements]).encode()
        digest = hashlib.sha256(text).hexdigest()
        last = self.query("last_definition", kind=kind).to_pylist()
        if last and last[0]["hash"] == digest:
            return
        for statement in statements:
            self._run(statement)
        since = [_aware(one["created_at"]) + _TICK for one in last]
        row = {
            "kind": [kind],
            "hash": [digest],
            "created_at": [max([self._clock(), *since])],
        }
        self._insert("view_definitions", pa.table(row))

    def append(self, batch: Batch) -> None:
        """Record a batch. Repeating it, wholly or in part, changes nothing a reader sees.

        Raises `NotStorable` if the engine refuses a row for what it holds (then nothing
        of the batch is recorded or counted), `Unreachable` if it cannot be written.
        """
        with self._arriving(batch.origin, batch.counts) as at:
            if batch.events.num_rows:
                self._insert("events", _stamped(batch.events, at))
            if batch.rejections:
                self._insert("dead_letters", _dead_letters(batch, at))

    def resolve(self, letters: Sequence[Mapping[str, Any]]) -> None:
        """Mark dead letters (rows of `open_dead_letters`) as resolved."""
        rows = pa.Table.from_pylist(list(letters), schema=_LETTER)
        at = self.next_instant()
        self._insert(
            "dead_letter_resolutions",
            rows.append_column("resolved_at", _same(at, rows)),
        )

    def append_responses(self, answers: pa.Table, about: Mapping[str, Any]) -> str:
        """Record an import; returns its id.

        `answers`: the columns of `responses` but for `import_id` and `recorded_at`;
        there may be none. `about`: its line of the ledger `imports`, but for these.
        """
        with self._arriving(about["origin"], Counts()) as at:
            name = f"{at:%Y%m%dT%H%M%S%f}"
            line = {**about, "import_id": name, "recorded_at": at}
            self._insert("imports", pa.Table.from_pylist([line], schema=_IMPORT))
            if answers.num_rows:
                named = pa.repeat(pa.scalar(name), answers.num_rows)
                rows = answers.append_column("import_id", named)
                self._insert("responses", _stamped(rows, at))
        return name

    def retract_import(self, import_id: str) -> None:
        """Take an import back: what it said does not hold from now on."""
        with self._arriving(import_id, Counts()) as at:
            row = {"import_id": [import_id], "recorded_at": [at]}
            self._insert("import_retractions", pa.table(row))

    def append_roster(self, people: pa.Table) -> None:
        """Record what a roster says: the columns of `roster` but for `recorded_at`."""
        with self._arriving("roster", Counts()) as at:
            self._insert("roster", _stamped(people, at))

    def keep_study(self, version: str, text: str) -> None:
        """Keep a version of the study file."""
        row = {"version": [version], "text": [text], "recorded_at": [self._clock()]}
        self._insert("study_versions", pa.table(row))

    def lock_plan(self, lock: Mapping[str, Any]) -> None:
        """Record a lock: the columns of `plan_locks` but for `locked_at`."""
        row = {**lock, "locked_at": self.next_instant()}
        self._insert("plan_locks", pa.Table.from_pylist([row], schema=_LOCK))

    def derive(self, table: str, rows: pa.Table) -> None:
        """Write rows of a table whose content is derived."""
        self._insert(table, rows)

    def change(self, name: str, **parameters: Any) -> None:
        """Run the statement `sql/changes/<name>.sql` with typed parameters."""
        self._run(_read("changes", name), parameters)

    def settle(self) -> datetime:
        """Move events that conflict with an earlier one of the same (source, id) apart.

        Returns the settled instant: nothing that is recorded later can be of that
        time or before. Can be repeated and interrupted at any point.
        """
        now = self.now()
        [bounds] = self.query("settled_at", now=now, shared=self.shared).to_pylist()
        if bounds["due"]:
            for step in _names("settle"):
                self._run(_read("settle", step), {**bounds, "now": now})
        return _aware(bounds["settled"])

    def newest(self, until: datetime | None = None) -> datetime:
        """The newest `recorded_at` that is present, up to `until`."""
        [row] = self.query("newest_recorded_at", until=until or LATEST).to_pylist()
        return _aware(row["newest"])

    def now(self) -> datetime:
        """What the warehouse's clock shows: a server's own, ours where it is embedded."""
        return self._clock()

    def query(self, name: str, **parameters: Any) -> pa.Table:
        """Run the query `sql/queries/<name>.sql` with typed parameters."""
        return self._rows(_read("queries", name), parameters)

    def query_over_relations(self, name: str, **parameters: Any) -> pa.Table:
        """The same for `sql/<name>.sql`, which reads the relations of `sql/relations`."""
        return self._rows(_over_relations(_read(*name.split("/"))), parameters)

    def select(self, sql: str) -> pa.Table:
        """Run a reader's own statement; nothing can be changed by it.

        An embedded engine stays read-only from here on: open another store to write.

        Raises `UsageError` with the engine's message if the statement is wrong.
        """
        try:
            return self._client.query_arrow(
                sql, settings={"readonly": 1}, use_strings=True
            )
        except ClickHouseError as error:
            raise UsageError(_first_line(error)) from None

    def _rows(self, sql: str, parameters: Mapping[str, Any]) -> pa.Table:
        [text] = self._statements(sql)
        return self._client.query_arrow(
            text, parameters=_bound(parameters), use_strings=True
        )

    def _run(self, sql: str, parameters: Mapping[str, Any] = _NOTHING) -> None:
        for text in self._statements(sql):
            self._client.command(text, parameters=_bound(parameters))

    def _statements(self, sql: str) -> list[str]:
        return self._cluster.statements(sql) if self._cluster else [sql]

    def next_instant(self) -> datetime:
        """The `recorded_at` of the next batch: the clock, but always later than the last."""
        if self._last is None:
            [row] = self.query("last_recorded_at").to_pylist()
            self._last = _aware(row["last"])
        self._last = max(self._last + _TICK, self._clock())
        return self._last

    def _insert(self, table: str, rows: pa.Table) -> None:
        """Write rows; an error tells the engine's name for it, never what it quotes."""
        try:
            self._client.insert_arrow(table, rows)
        except (ClickHouseError, OSError) as error:
            code = getattr(error, "code", None)
            kind = getattr(error, "name", None) or type(error).__name__
            if code in _REFUSES_DATA:
                raise NotStorable(
                    f"{table}: the engine refuses rows ({kind})"
                ) from None
            raise Unreachable(
                f"the warehouse does not take rows of {table} ({kind}); is it running, "
                f"and is there room?"
            ) from None

    @contextmanager
    def _arriving(self, origin: str, counts: Counts) -> Iterator[datetime]:
        """The instant of a batch, which is in the ledger until its rows are all here."""
        at = self._enter(origin, counts)
        try:
            yield at
        except NotStorable:
            self.change("forget_arrival", at=at, origin=origin)
            raise
        self._insert("completions", pa.table({"recorded_at": pa.array([at], _INSTANT)}))

    def _enter(self, origin: str, counts: Counts) -> datetime:
        """Enter a batch in the ledger, so soon that no reader has passed its instant."""
        for _ in range(_ATTEMPTS):
            at = self.next_instant()
            self._insert("arrivals", _arrival(origin, counts, at))
            if not self.shared or self._clock() - at <= _ENTERING:
                return at
            self.change("forget_arrival", at=at, origin=origin)
        raise Unreachable(
            f"the warehouse takes over {_ENTERING.seconds} s for one row; is it overloaded?"
        )


def connect(
    dsn: str,
    clock: Clock = utc_now,
    writing: bool = False,
    setting: str = "PANELSTREAM_WAREHOUSE",
    cluster: str = "",
) -> Store:
    """Open the warehouse at `dsn`; for `writing` a server must answer soon.

    `cluster`: the server is one of a cluster of that name, as its configuration has it.
    Raises `Unreachable` (exit code 5) naming what cannot be reached and why, and the
    `setting` that names it; `UsageError` where there is no such cluster.
    """
    # The driver and its HTTP client would write lines of their own, whole statements
    # with them, to the log of whoever asked.
    for name in ("clickhouse_connect", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if dsn.startswith("chdb:") and endpoint.holder(Path(dsn.removeprefix("chdb://"))):
        raise Unreachable(_explain(dsn, setting, RuntimeError()))
    soon: dict[str, Any] = {
        "send_receive_timeout": _WRITING_SECONDS,
        "connect_timeout": 5,
    }
    options = soon if writing and not dsn.startswith("chdb:") else {}
    more = clusters.SETTINGS if cluster else {}
    try:
        client = clickhouse_connect.get_client(
            dsn=dsn, tz_mode="aware", settings={**_SETTINGS, **more}, **options
        )
        found = _find_cluster(client, cluster) if cluster else None
    except (Error, ClickHouseError, OSError, RuntimeError, ValueError) as error:
        raise Unreachable(_explain(dsn, setting, error)) from None
    if dsn.startswith("chdb:"):
        return Store(client, clock, cluster=found)
    return Store(client, _ServerClock(client), shared=True, cluster=found)


def _find_cluster(client: Client, name: str) -> Cluster:
    [row] = client.query_arrow(
        _read("queries", "shards"), parameters={"cluster": name}, use_strings=True
    ).to_pylist()
    if not row["shards"]:
        client.close()
        raise UsageError(
            f"PANELSTREAM_CLUSTER: the warehouse's server knows no cluster '{name}'"
        )
    created = (_read("migrations", one) for one in _names("migrations"))
    return Cluster(name, row["database"], clusters.sharding(created))


def _explain(dsn: str, setting: str, error: Exception) -> str:
    where = dsn.split("@")[-1] or "an address without a host"
    if dsn.startswith("chdb:"):
        return (
            f"the warehouse {where} cannot be opened; another panelstream process may "
            f"hold it: wait for it to end, or name another in {setting}"
        )
    if "AUTHENTICATION_FAILED" in str(error):
        return f"the warehouse {where} refuses user or password; mend {setting}"
    return (
        f"no warehouse answers at {where}; start it, or mend its address in {setting}"
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


@cache
def _read(folder: str, name: str) -> str:
    path = SQL / folder / f"{name}.sql"
    if not path.exists():
        raise PanelstreamError(f"no statement {folder}/{name}.sql")
    return path.read_text(encoding="utf-8")


def _over_relations(sql: str) -> str:
    relations = ",\n".join(
        f"{one} as (\n{_read('relations', one)}\n)" for one in _RELATIONS
    )
    return f"with {relations}\n{sql}"


def _names(folder: str) -> list[str]:
    return sorted(file.stem for file in (SQL / folder).glob("*.sql"))


def _bound(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _text(value) if isinstance(value, datetime) else value
        for name, value in parameters.items()
    }


def _text(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"


def _aware(value: datetime | None) -> datetime:
    return (value or EARLIEST).astimezone(UTC)


def _same(at: datetime, rows: pa.Table) -> pa.Array:
    return pa.repeat(pa.scalar(at, _INSTANT), rows.num_rows)


def _stamped(rows: pa.Table, at: datetime) -> pa.Table:
    return rows.append_column("recorded_at", _same(at, rows))


def _arrival(origin: str, counts: Counts, at: datetime) -> pa.Table:
    return pa.table(
        {
            "recorded_at": pa.array([at], _INSTANT),
            "origin": [origin],
            "accepted": [counts.accepted],
            "rejected": [counts.rejected],
            "refused": [counts.refused],
        }
    )


def _dead_letters(batch: Batch, at: datetime) -> pa.Table:
    letters = [_letter(one, batch.path) for one in batch.rejections]
    return _stamped(pa.Table.from_pylist(letters, schema=_LETTER_AND_PATH), at)


def _letter(rejection: Rejection, path: str) -> dict[str, Any]:
    position = rejection.position
    return {
        "reason": rejection.reason,
        "field": rejection.field,
        "origin": position.origin,
        "line": position.line,
        "batch_index": position.index,
        "path": path,
    }
