"""Content encodings of HTTP, by way of pyarrow's codecs."""

from collections.abc import Iterable, Iterator
from typing import IO

import pyarrow as pa

from panelstream.chdb_server import error_codes

CODECS = {"lz4": "lz4", "zstd": "zstd", "br": "brotli", "gzip": "gzip"}
"""Encodings answers are offered in, the cheapest first."""
_READ_ALSO = {"deflate": "gzip"}
_PIECE = 1 << 20


def choose_encoding(accepted: str) -> str | None:
    """The first of `CODECS` that an Accept-Encoding header names."""
    names = {part.split(";")[0].strip().lower() for part in accepted.split(",")}
    return next((name for name in CODECS if name in names), None)


def decoded(body: IO[bytes], encoding: str, limit: int) -> Iterator[bytes]:
    """The pieces of a body that was sent as `encoding`; never more than `limit` bytes."""
    total = 0
    for piece in _opened(body, encoding):
        total += len(piece)
        if total > limit:
            raise error_codes.too_large(limit)
        yield piece


def encoded(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """`pieces` as one stream of `encoding`, handed on as it grows."""
    sink = _Buffer()
    with pa.CompressedOutputStream(pa.PythonFile(sink, "w"), CODECS[encoding]) as out:
        for piece in pieces:
            out.write(piece)
            if sink.written:
                yield sink.take()
    yield sink.take()


def _opened(body: IO[bytes], encoding: str) -> Iterator[bytes]:
    if encoding in ("", "identity"):
        yield from iter(lambda: body.read(_PIECE), b"")
        return
    codec = {**CODECS, **_READ_ALSO}.get(encoding)
    if codec is None:
        raise error_codes.refusal(
            error_codes.NOT_IMPLEMENTED, f"Content-Encoding {encoding} is not supported"
        )
    try:
        with pa.CompressedInputStream(pa.PythonFile(body, "r"), codec) as source:
            yield from iter(lambda: source.read(_PIECE), b"")
    except OSError:
        raise error_codes.refusal(
            error_codes.INCORRECT_DATA, f"The body is not complete {encoding}"
        ) from None


class _Buffer:
    """A file for writing; `take` returns what was written since the last call."""

    closed = False

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self.written.append(bytes(piece))
        return len(piece)

    def take(self) -> bytes:
        joined, self.written = b"".join(self.written), []
        return joined

    def flush(self) -> None:
        """Nothing is buffered."""

    def close(self) -> None:
        """Nothing is open."""
