"""What a request asks for: credentials, statement, settings, parameters, data."""

import base64
import binascii
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import IO
from uuid import uuid4

from starlette.requests import Request

from panelstream.chdb_server import encodings, error_codes, statements
from panelstream.chdb_server.statements import Statement

HEAD = 1 << 18
"""Bytes in which the statement of an INSERT must end (the engine's max_query_size)."""
WHOLE = 1 << 24
"""Bytes of the longest statement without data."""
IN_MEMORY = 1 << 24
_TRANSPORT = frozenset(
    [
        "query",
        "database",
        "default_format",
        "user",
        "password",
        "quota_key",
        "query_id",
        "session_id",
        "session_timeout",
        "session_check",
        "compress",
        "decompress",
        "buffer_size",
        "wait_end_of_query",
        "stacktrace",
        "role",
        "client_protocol_version",
        "enable_http_compression",
        "send_progress_in_http_headers",
        "http_headers_progress_interval_ms",
        "cancel_http_readonly_queries_on_client_close",
        "add_http_cors_header",
        "http_zlib_compression_level",
    ]
)
"""Parameters for the interface itself; every other one is a setting."""


@dataclass(frozen=True)
class Credentials:
    """The user and password that a request gives."""

    user: str
    password: str


@dataclass(frozen=True)
class QueryRequest:
    """A request, read: its statement, and what the data of an INSERT is read from."""

    statement: Statement
    query_id: str
    settings: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    database: str = ""
    default_form: str = ""
    session: str = ""
    session_seconds: int = 60
    session_must_exist: bool = False
    reading_only: bool = False
    wait: bool = False
    encoding: str | None = None
    data: Iterable[bytes] = ()


def credentials(request: Request) -> Credentials:
    """From the Authorization header, ClickHouse's own headers, or the URL."""
    url_parameters, headers = request.query_params, request.headers
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        return _basic(token)
    user = headers.get("x-clickhouse-user") or url_parameters.get("user") or "default"
    password = headers.get("x-clickhouse-key") or url_parameters.get("password") or ""
    return Credentials(user, password)


async def spool(pieces: AsyncIterator[bytes], limit: int) -> IO[bytes]:
    """Keep a body as it was sent, in memory or a temporary file.

    An INSERT begins only when its data is here as a whole: a client that dies while
    sending leaves nothing behind. Raises code 229 beyond `limit` bytes.
    """
    body: IO[bytes] = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - outlives this
    async for piece in pieces:
        body.write(piece)
        if body.tell() > limit:
            body.close()
            raise error_codes.too_large(limit)
    body.seek(0)
    return body


def read_request(request: Request, body: IO[bytes], limit: int) -> QueryRequest:
    """Read a request whose body has arrived; works on bytes, so not in the event loop."""
    url_parameters = dict(request.query_params)
    encoding = request.headers.get("content-encoding", "").lower()
    sent = encodings.decoded(body, encoding, limit)
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        url_parameters, sent = (
            {**url_parameters, **_fields(kind, b"".join(sent))},
            iter(()),
        )
    _refuse_native_framing(url_parameters)
    statement, data = _statement(url_parameters.get("query", ""), sent)
    return QueryRequest(
        statement=statement,
        data=data,
        query_id=url_parameters.get("query_id") or str(uuid4()),
        settings=_settings(url_parameters),
        parameters=_parameters(url_parameters),
        database=url_parameters.get("database")
        or request.headers.get("x-clickhouse-database", ""),
        default_form=url_parameters.get("default_format")
        or request.headers.get("x-clickhouse-format", ""),
        session=url_parameters.get("session_id", ""),
        session_seconds=int(url_parameters.get("session_timeout", "60")),
        session_must_exist=url_parameters.get("session_check") == "1",
        reading_only=request.method in ("GET", "HEAD"),
        wait=url_parameters.get("wait_end_of_query") == "1",
        encoding=_reply_encoding(request, url_parameters),
    )


def _reply_encoding(request: Request, url_parameters: Mapping[str, str]) -> str | None:
    if url_parameters.get("enable_http_compression") != "1":
        return None
    return encodings.choose_encoding(request.headers.get("accept-encoding", ""))


def _basic(token: str) -> Credentials:
    try:
        text = base64.b64decode(token, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return Credentials("", "")
    user, _, password = text.partition(":")
    return Credentials(user, password)


def _statement(query: str, sent: Iterator[bytes]) -> tuple[Statement, Iterator[bytes]]:
    """The statement is the parameter `query`, a line break, and the body."""
    start = f"{query}\n".encode() if query else b""
    head, pieces = _fill(start, sent, HEAD)
    statement = statements.parse_statement(head)
    if statement.data_at is not None:
        return statement, _nonempty(chain((head[statement.data_at :],), pieces))
    whole, pieces = _fill(head, pieces, WHOLE)
    if next(pieces, b""):
        raise error_codes.refusal(error_codes.SYNTAX_ERROR, "Max query size exceeded")
    return (statement if whole == head else statements.parse_statement(whole)), iter(())


def _fill(
    start: bytes, pieces: Iterator[bytes], size: int
) -> tuple[bytes, Iterator[bytes]]:
    """Pieces joined until there are `size` bytes or no more, and the further pieces."""
    joined = bytearray(start)
    while len(joined) < size:
        piece = next(pieces, b"")
        if not piece:
            break
        joined += piece
    return bytes(joined), pieces


def _nonempty(pieces: Iterator[bytes]) -> Iterator[bytes]:
    return (piece for piece in pieces if piece)


def _settings(url_parameters: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in url_parameters.items()
        if name not in _TRANSPORT and not name.startswith("param_")
    }


def _parameters(url_parameters: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in url_parameters.items()
        if name.startswith("param_")
    }


def _refuse_native_framing(url_parameters: Mapping[str, str]) -> None:
    for name in ("compress", "decompress"):
        if url_parameters.get(name, "0") not in ("", "0"):
            raise error_codes.refusal(
                error_codes.NOT_IMPLEMENTED,
                f"{name}=1 (ClickHouse's own block framing) is not supported; "
                f"use Content-Encoding or Accept-Encoding",
            )


def _fields(kind: str, body: bytes) -> dict[str, str]:
    """The fields of a form. Files would be external tables, which are not supported."""
    form = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body
    )
    fields = {}
    for part in form.iter_parts():
        if part.get_filename():
            raise error_codes.refusal(
                error_codes.NOT_IMPLEMENTED,
                "External data is not supported; use a table",
            )
        name = str(part.get_param("name", "", header="content-disposition"))
        fields[name] = str(part.get_content())
    return fields
