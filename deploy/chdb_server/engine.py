"""The embedded engine, for the one process that serves it to others.

The only file that imports chdb. An `Engine` owns a path; every piece of work takes
a `Handle` of its own, which costs under a millisecond: settings and `USE` belong to
a handle and end with it, handles run at the same time, and a statement on a handle
whose stream is open would silently answer nothing, so handles are never shared.
"""

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import chdb
from chdb.state.sqlitelike import Connection

PIECE = 1 << 20
"""Bytes of an answer that are handed on at a time."""
_CODES = re.compile(r"(?:Code: \d+\. DB::Exception: )*(Code: (\d+)\. DB::Exception: )")


class EngineError(Exception):
    """The engine's error: its code and its text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@dataclass
class Tally:
    """What a statement read or wrote; complete once its answer has been drained."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0


@dataclass(frozen=True)
class EngineResult:
    """The bytes of a result, in pieces, with their tally."""

    pieces: Iterator[bytes]
    tally: Tally = field(default_factory=Tally)


class Handle:
    """One piece of work on the engine; used by one caller at a time."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._open: Any = None

    def apply(self, settings: Mapping[str, str]) -> None:
        """Set settings for what this handle does from now on."""
        if settings:
            pairs = ", ".join(f"{name} = {_quote(settings[name])}" for name in settings)
            self.run(f"SET {pairs}")

    def use(self, database: str) -> None:
        """Make `database` the one that names without a database mean."""
        self.run(f"USE `{database.replace('`', '``')}`")

    def run(self, sql: str, form: str = "TabSeparated") -> EngineResult:
        """Run a statement to its end; the result is held by the engine as a whole."""
        with _engine_errors():
            result = self._connection.query(sql, form)
        read = Tally(read_rows=result.rows_read(), read_bytes=result.bytes_read())
        return EngineResult(_pieces(result), read)

    def stream(self, sql: str, form: str) -> EngineResult:
        """Run a SELECT block by block.

        Only for formats whose blocks can simply be joined. An error can come with
        any piece, the first included.
        """
        with _engine_errors():
            self._open = self._connection.send_query(sql, form)
        tally = Tally()
        return EngineResult(_blocks(self._open, tally), tally)

    def insert(
        self, into: str, clauses: str, form: str, data: Iterable[bytes]
    ) -> EngineResult:
        """Insert rows encoded as `form`.

        `into` names table and columns; `clauses` is what follows up to the FORMAT. By way
        of a file: the engine's streaming insert reports as written what its table did
        not take (a violated constraint, too many parts).
        """
        with tempfile.NamedTemporaryFile(prefix="panelstream-") as file:
            for piece in data:
                file.write(piece)
            file.flush()
            sql = f"{into} FROM INFILE {_quote(file.name)} {clauses} FORMAT {form}"
            with _engine_errors():
                done = self._connection.query(sql, form)
        # Such an insert reads the rows that it writes, and nothing else.
        written = Tally(written_rows=done.rows_read(), written_bytes=done.bytes_read())
        return EngineResult(iter(()), written)

    def close(self) -> None:
        """Give the handle back; a stream that is still open is cancelled.

        In this order: cancelling a stream of a closed connection never returns.
        """
        if self._open is not None:
            self._open.close()
        self._connection.close()

    def __enter__(self) -> "Handle":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Engine:
    """The engine on one path, which belongs to this process until it is closed."""

    def __init__(self, path: Path) -> None:
        """Open `path`. Raises `EngineError` where the engine cannot."""
        self._path = str(path)
        with _engine_errors():
            self._root = Connection(self._path)

    def handle(self) -> Handle:
        """A handle of its own for one piece of work."""
        return Handle(Connection(self._path))

    def query_rows(self, sql: str) -> list[list[str]]:
        """The rows of a small result, as text."""
        with self.handle() as handle:
            text = b"".join(handle.run(sql).pieces).decode()
        return [line.split("\t") for line in text.splitlines()]

    def stop_queries(self) -> None:
        """End every query that runs."""
        self.query_rows("KILL QUERY WHERE 1 SYNC")

    def close(self) -> None:
        """Release the path."""
        self._root.close()


@contextmanager
def _engine_errors() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, chdb.ChdbError) as error:
        raise _explain(str(error)) from None


def _explain(message: str) -> EngineError:
    """The innermost code and text of an engine's message, without its wrappings.

    The embedded engine repeats code and version around an error that passed through
    several hands; a server does not.
    """
    match = _CODES.search(message)
    if match is None:
        return EngineError(1002, f"Code: 1002. DB::Exception: {message}")
    body = message[match.end() :].split(" (version ")[0].rstrip(" .\n")
    return EngineError(int(match[2]), f"{match[1]}{body}")


def _pieces(result: Any) -> Iterator[bytes]:
    """The bytes of a held result, copied a piece at a time."""
    if not result.size():
        return
    view = result.get_memview().view()
    for start in range(0, len(view), PIECE):
        yield bytes(view[start : start + PIECE])


def _blocks(blocks: Any, tally: Tally) -> Iterator[bytes]:
    while True:
        with _engine_errors():
            block = blocks.fetch()
        if block is None:
            return
        tally.result_rows += block.rows_read()
        yield block.bytes()


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
