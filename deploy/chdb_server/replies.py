"""What goes back: status, headers, and the bytes of a result or of an exception."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import IO

from panelstream.chdb_server import encodings, error_codes
from panelstream.chdb_server.engine import (
    PIECE,
    EngineError,
    EngineResult,
    Handle,
    Tally,
)
from panelstream.chdb_server.requests import IN_MEMORY, QueryRequest

_TYPES = {
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "Native": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "Parquet": "application/octet-stream",
    "Arrow": "application/octet-stream",
    "ArrowStream": "application/octet-stream",
    "XML": "application/xml; charset=UTF-8",
}


@dataclass(frozen=True)
class EngineInfo:
    """What every reply says of the engine: its version and time zone."""

    version: str
    timezone: str


@dataclass(frozen=True)
class Reply:
    """A reply: its pieces, and what to do at its end."""

    status: int
    headers: Mapping[str, str]
    pieces: Iterator[bytes]
    close: Callable[[], None] = lambda: None


class Broken(Exception):
    """The query failed after its answer had begun; the connection must end so too."""


def common_headers(engine_info: EngineInfo, query_id: str) -> dict[str, str]:
    """The headers of every answer to a query."""
    return {
        "X-ClickHouse-Server-Display-Name": "panelstream",
        "X-ClickHouse-Query-Id": query_id,
        "X-ClickHouse-Timezone": engine_info.timezone,
        "Timezone": engine_info.timezone,
    }


def error_reply(error: EngineError, engine_info: EngineInfo, query_id: str) -> Reply:
    """The engine's code and text, as a server sends them."""
    headers = {
        **common_headers(engine_info, query_id),
        "X-ClickHouse-Exception-Code": str(error.code),
        "Content-Type": "text/plain; charset=UTF-8",
    }
    return Reply(
        error_codes.status(error.code), headers, iter((_text(error, engine_info),))
    )


def result_reply(
    handle: Handle,
    answer: EngineResult,
    form: str,
    query: QueryRequest,
    engine_info: EngineInfo,
) -> Reply:
    """A result in `form`; an empty form for a statement without one.

    Raises `EngineError` if the query fails before its first bytes, and with
    wait_end_of_query=1 if it fails at all; later failures end the answer with an
    exception block, as a server's do.
    """
    pieces = _prefetch(_spool(answer.pieces) if query.wait else answer.pieces)
    tag = secrets.token_hex(8)
    headers = {
        **common_headers(engine_info, query.query_id),
        "X-ClickHouse-Exception-Tag": tag,
    }
    if query.wait or answer.tally != Tally():
        headers["X-ClickHouse-Summary"] = _summary(answer.tally)
    if form:
        headers["X-ClickHouse-Format"] = form
        headers["Content-Type"] = _TYPES.get(form, "text/plain; charset=UTF-8")
    body = _Body(pieces, tag, engine_info)
    stream = iter(body)
    if query.encoding and form:
        headers["Content-Encoding"] = query.encoding
        stream = encodings.encoded(stream, query.encoding)
    return Reply(200, headers, _break_off(stream, body), handle.close)


def _prefetch(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces, the first of them already fetched."""
    return chain((next(pieces, b""),), pieces)


def _spool(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """All pieces fetched before the first is sent, so that a failure has a status."""
    buffer: IO[bytes] = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - outlives this
    for piece in pieces:
        buffer.write(piece)
    buffer.seek(0)
    return iter(lambda: buffer.read(PIECE), b"")


class _Body:
    """Pieces, and the block that a server appends if the query fails between them."""

    def __init__(
        self, pieces: Iterator[bytes], tag: str, engine_info: EngineInfo
    ) -> None:
        self._pieces, self._tag, self._engine_info = pieces, tag.encode(), engine_info
        self.failed = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from (piece for piece in self._pieces if piece)
        except EngineError as error:
            self.failed = True
            text = _text(error, self._engine_info)
            tag = self._tag
            yield b"\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n" % (
                *(tag, text, len(text), tag),
            )


def _break_off(stream: Iterator[bytes], body: _Body) -> Iterator[bytes]:
    """What is sent; a failed reply breaks off, so that nobody takes it for complete."""
    yield from (piece for piece in stream if piece)
    if body.failed:
        raise Broken


def _summary(tally: Tally) -> str:
    return json.dumps({name: str(value) for name, value in vars(tally).items()})


def _text(error: EngineError, engine_info: EngineInfo) -> bytes:
    return f"{error.text} (version {engine_info.version})\n".encode(
        "utf-8", "surrogateescape"
    )
