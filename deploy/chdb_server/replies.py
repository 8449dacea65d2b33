"""What goes back: status, headers, and the bytes of a result or of an exception."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import IO

from panelstream.chdb_server import encodings, error_codes
from panelstream.chdb_server.engine import PIECE, Answer, EngineError, Handle, Tally
from panelstream.chdb_server.requests import IN_MEMORY, Ask

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
class Engraved:
    """What every answer says of the engine: its version and time zone."""

    version: str
    timezone: str


@dataclass(frozen=True)
class Reply:
    """An answer on its way: its pieces, and what to do when it is over."""

    status: int
    headers: Mapping[str, str]
    pieces: Iterator[bytes]
    close: Callable[[], None] = lambda: None


class Broken(Exception):
    """The query failed after its answer had begun; the connection must end so too."""


def common(engraved: Engraved, ask_id: str) -> dict[str, str]:
    """The headers of every answer to a query."""
    return {
        "X-ClickHouse-Server-Display-Name": "panelstream",
        "X-ClickHouse-Query-Id": ask_id,
        "X-ClickHouse-Timezone": engraved.timezone,
        "Timezone": engraved.timezone,
    }


def failure(error: EngineError, engraved: Engraved, ask_id: str) -> Reply:
    """The engine's code and text, as a server sends them."""
    headers = {
        **common(engraved, ask_id),
        "X-ClickHouse-Exception-Code": str(error.code),
        "Content-Type": "text/plain; charset=UTF-8",
    }
    return Reply(
        error_codes.status(error.code), headers, iter((_text(error, engraved),))
    )


def result(
    handle: Handle, answer: Answer, form: str, ask: Ask, engraved: Engraved
) -> Reply:
    """A result in `form`; an empty form for a statement without one.

    Raises `EngineError` if the query fails before its first bytes, and with
    wait_end_of_query=1 if it fails at all; later failures end the answer with an
    exception block, as a server's do.
    """
    pieces = _begun(_spooled(answer.pieces) if ask.wait else answer.pieces)
    tag = secrets.token_hex(8)
    headers = {**common(engraved, ask.query_id), "X-ClickHouse-Exception-Tag": tag}
    if ask.wait or answer.tally != Tally():
        headers["X-ClickHouse-Summary"] = _summary(answer.tally)
    if form:
        headers["X-ClickHouse-Format"] = form
        headers["Content-Type"] = _TYPES.get(form, "text/plain; charset=UTF-8")
    told = _Told(pieces, tag, engraved)
    sent = iter(told)
    if ask.encoding and form:
        headers["Content-Encoding"] = ask.encoding
        sent = encodings.encoded(sent, ask.encoding)
    return Reply(200, headers, _ending(sent, told), handle.close)


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces, the first of them already there."""
    return chain((next(pieces, b""),), pieces)


def _spooled(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """All pieces fetched before the first is sent, so that a failure has a status."""
    kept: IO[bytes] = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - outlives this
    for piece in pieces:
        kept.write(piece)
    kept.seek(0)
    return iter(lambda: kept.read(PIECE), b"")


class _Told:
    """Pieces, and the block that a server appends if the query fails between them."""

    def __init__(self, pieces: Iterator[bytes], tag: str, engraved: Engraved) -> None:
        self._pieces, self._tag, self._engraved = pieces, tag.encode(), engraved
        self.failed = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from (piece for piece in self._pieces if piece)
        except EngineError as error:
            self.failed = True
            text = _text(error, self._engraved)
            tag = self._tag
            yield b"\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n" % (
                *(tag, text, len(text), tag),
            )


def _ending(sent: Iterator[bytes], told: _Told) -> Iterator[bytes]:
    """What is sent; a failed answer breaks off, so that nobody takes it for whole."""
    yield from (piece for piece in sent if piece)
    if told.failed:
        raise Broken


def _summary(tally: Tally) -> str:
    return json.dumps({name: str(value) for name, value in vars(tally).items()})


def _text(error: EngineError, engraved: Engraved) -> bytes:
    return f"{error.text} (version {engraved.version})\n".encode(
        "utf-8", "surrogateescape"
    )
