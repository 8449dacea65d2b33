"""Connecting to ClickHouse: clickhouse-connect's client, its settings and its errors.

A DSN chooses the engine: `chdb://PATH` embeds ClickHouse in this process, an
`http(s)://` address is a server; the SQL is the same. Errors of the driver become
errors of ours, which never quote data.
"""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, Error

from panelstream.models.errors import (
    PanelstreamError,
    SettingError,
    Unreachable,
    UsageError,
)
from panelstream.models.settings.dsn import (
    embedded_path,
    is_embedded,
    is_on_disk,
    server_of,
)
from panelstream.models.warehouse import cluster as clusters
from panelstream.models.warehouse import endpoint
from panelstream.models.warehouse.cluster import Cluster
from panelstream.models.warehouse.statements import read_statement, statement_names

CONNECTION_SETTINGS: Mapping[str, Any] = {"async_insert": 0, "session_timezone": "UTC"}
"""Of every connection."""
_WRITING_SECONDS = 60
"""A write takes a second; a warehouse that is silent for so long is tried again."""
_CONNECTING_SECONDS = 5
_REFUSES_DATA = frozenset(
    # CANNOT_PARSE_*, TYPE_MISMATCH, CANNOT_CONVERT_TYPE, ARGUMENT_OUT_OF_BOUND,
    # INCORRECT_DATA, TOO_LARGE_STRING_SIZE, VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE,
    # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN, VIOLATED_CONSTRAINT
    {6, 26, 27, 38, 41, 53, 69, 70, 72, 117, 131, 321, 349, 469}
)
"""ClickHouse's codes for a row that will never be taken, however often it is sent."""


_OF_THE_DISK = frozenset(
    # CANNOT_READ_ALL_DATA, CHECKSUM_DOESNT_MATCH, CANNOT_READ_FROM_FILE_DESCRIPTOR,
    # CANNOT_WRITE_TO_FILE_DESCRIPTOR, CANNOT_OPEN_FILE, FILE_DOESNT_EXIST,
    # NO_FILE_IN_DATA_PART, BAD_SIZE_OF_FILE_IN_DATA_PART, NOT_ENOUGH_SPACE,
    # CORRUPTED_DATA, CANNOT_DECOMPRESS, CANNOT_WRITE_TO_FILE, CANNOT_CREATE_FILE
    {33, 40, 74, 75, 76, 107, 226, 228, 243, 246, 271, 294, 586}
)
"""ClickHouse's codes for files that cannot be read or written."""


_OF_THE_ENGINE = frozenset({"metadata", "status", "store"})
"""Names of which one at least is in the folder of a warehouse that holds anything."""
_OF_A_NEW_ENGINE = frozenset({"tmp"})
"""What is left of an engine in which no table was made."""


class NotStorable(PanelstreamError):
    """The engine refuses rows for what they hold: sending them again cannot help."""


def open_client(
    dsn: str, writing: bool, setting: str, cluster: str
) -> tuple[Client, Cluster | None]:
    """Connect to the engine at `dsn`; for `writing` a server must answer soon.

    Raises `Unreachable` naming what cannot be reached and why, and the `setting` that
    names it; `SettingError` where the server's configuration has no such cluster.
    """
    # The driver and its HTTP client would write lines of their own, whole statements
    # with them, to the log of the calling program.
    for name in ("clickhouse_connect", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if is_on_disk(dsn):
        refuse_path(embedded_path(dsn), setting)
    settings = {**CONNECTION_SETTINGS, **(clusters.CLUSTER_SETTINGS if cluster else {})}
    try:
        with silent_engine() if is_embedded(dsn) else nullcontext():
            client = clickhouse_connect.get_client(
                tz_mode="aware", settings=settings, **_place(dsn, writing)
            )
        return client, _find_cluster(client, cluster) if cluster else None
    except (Error, ClickHouseError, OSError, RuntimeError, ValueError) as error:
        raise Unreachable(_explain(dsn, setting, error)) from None


def _place(dsn: str, writing: bool) -> dict[str, Any]:
    """Where to connect to, in the words of the driver.

    The driver would read a path as a URL, and the scheme of a server not at all: it
    would speak plain HTTP with the password to any port but 443 and 8443.
    """
    if is_on_disk(dsn):
        return {"interface": "chdb", "path": str(embedded_path(dsn))}
    if is_embedded(dsn):
        return {"dsn": dsn}
    timeouts = {
        "send_receive_timeout": _WRITING_SECONDS,
        "connect_timeout": _CONNECTING_SECONDS,
    }
    scheme = dsn.partition("://")[0]
    options = timeouts if writing else {}
    return {"dsn": dsn, "interface": scheme, "secure": scheme == "https", **options}


def refuse_path(path: Path, setting: str) -> None:
    """Refuse a path that the engine would fail on, or fill beside other files.

    Raises `SettingError` for what is no warehouse, `Unreachable` for one that another
    process holds.
    """
    if path.exists() and not path.is_dir():
        raise SettingError(
            f"the warehouse {path} is a file, not a folder; name another in {setting}"
        )
    if path.is_dir() and not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise SettingError(
            f"the warehouse {path} cannot be written; allow it, or name another in "
            f"{setting}"
        )
    names = {entry.name for entry in path.iterdir()} if path.is_dir() else set()
    if names - _OF_A_NEW_ENGINE and names.isdisjoint(_OF_THE_ENGINE):
        raise SettingError(
            f"the folder {path} holds other files and no warehouse; name another in "
            f"{setting}"
        )
    holder = endpoint.lock_holder(path)
    if holder:
        raise Unreachable(
            f"the warehouse {path} cannot be opened (process {holder}); another "
            f"panelstream process may hold it: wait for it to end, or name another in "
            f"{setting}"
        )


@contextmanager
def silent_engine() -> Iterator[None]:
    """Keep from the terminal what the embedded engine writes there while it opens.

    It quotes whatever it could not read; what is wrong is said by our own error.
    """
    sys.stderr.flush()
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def server_time(client: Client) -> datetime:
    """What the clock of the server shows; the clocks of its clients may differ."""
    try:
        [row] = client.query_arrow(read_statement("queries/now")).to_pylist()
    except (ClickHouseError, OSError) as error:
        raise Unreachable(
            f"the warehouse does not answer ({describe_failure(error)}); is it running?"
        ) from None
    now: datetime = row["now"]
    return now.astimezone(UTC)


def select_read_only(client: Client, sql: str) -> pa.Table:
    """Run a statement that can change nothing.

    An embedded engine stays read-only from here on. Raises `UsageError` with the
    engine's message if the statement is wrong.
    """
    # A user who may only read may not set this either.
    is_reader = client.server_settings["readonly"].readonly
    settings = {} if is_reader else {"readonly": 1}
    try:
        return client.query_arrow(sql, settings=settings, use_strings=True)
    except ClickHouseError as error:
        raise UsageError(str(error).strip().splitlines()[0]) from None


def syntax_tree(client: Client, sql: str) -> str:
    """What the engine's parser makes of a statement; empty if it is wrong."""
    try:
        lines = client.query(f"EXPLAIN AST {sql}").result_rows
    except ClickHouseError:
        return ""
    return "\n".join(line for [line] in lines)


@contextmanager
def disk_errors() -> Iterator[None]:
    """Raise `Unreachable` for what is wrong with the files of the warehouse."""
    try:
        yield
    except ClickHouseError as error:
        if getattr(error, "code", None) not in _OF_THE_DISK:
            raise
        raise Unreachable(
            f"the warehouse cannot use its files ({describe_failure(error)}): make room, "
            f"or restore it from a backup"
        ) from None


def insert_rows(client: Client, table: str, rows: pa.Table) -> None:
    """Write rows; an error tells the engine's name for it, never what it quotes.

    Raises `NotStorable` for rows that the engine refuses for what they hold,
    `Unreachable` where it cannot write.
    """
    try:
        client.insert_arrow(table, rows)
    except (ClickHouseError, OSError) as error:
        if getattr(error, "code", None) in _REFUSES_DATA:
            raise NotStorable(
                f"{table}: the engine refuses rows ({describe_failure(error)})"
            ) from None
        raise Unreachable(
            f"the warehouse does not take rows of {table} ({describe_failure(error)}); is it "
            f"running, and is there room?"
        ) from None


def as_parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the driver binds them: instants as text in UTC."""
    return {
        name: _text(value) if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def _text(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"


def describe_failure(error: Exception) -> str:
    """The engine's name for an error, which quotes nothing."""
    return str(getattr(error, "name", None) or type(error).__name__)


def _find_cluster(client: Client, name: str) -> Cluster:
    [row] = client.query_arrow(
        read_statement("queries/shards"),
        parameters={"cluster": name},
        use_strings=True,
    ).to_pylist()
    if not row["shards"]:
        client.close()
        raise SettingError(
            f"PANELSTREAM_CLUSTER: the warehouse's server knows no cluster '{name}'"
        )
    migrations = (
        read_statement(f"migrations/{name}") for name in statement_names("migrations")
    )
    return Cluster(name, row["database"], clusters.sharding(migrations))


def _explain(dsn: str, setting: str, error: Exception) -> str:
    if is_embedded(dsn):
        return (
            f"the warehouse {embedded_path(dsn)} cannot be opened "
            f"({describe_failure(error)}); make room, or restore it from a backup, or "
            f"name another in {setting}"
        )
    where = server_of(dsn)
    if "AUTHENTICATION_FAILED" in str(error):
        return f"the warehouse {where} refuses user or password; check {setting}"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return (
            f"the certificate of the warehouse {where} is not trusted; name its authority "
            f"in {setting}: https://…?ca_cert=/path/of/ca.pem"
        )
    if "WRONG_VERSION_NUMBER" in str(error):
        return f"the warehouse {where} does not speak TLS; correct {setting}"
    return f"no warehouse answers at {where}; start it, or correct its address in {setting}"
