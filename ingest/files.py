"""NDJSON files and standard input, plain, gzip or zstd, in bounded memory."""

import gzip
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

import zstandard

from ingest.decode import MAX_EVENT_BYTES
from ingest.pipeline import Pipeline, RawEvents
from models.errors import FileError
from models.events import Counts

BATCH_BYTES = 32 << 20
"""About 150,000 events: large enough for the engine, small enough for memory."""

STDIN = "-"
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_OVERLONG = b'"' + b" " * MAX_EVENT_BYTES
"""Stands in for a line beyond all bounds, so that it is rejected as too large."""

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Source:
    """A file of events and its size in bytes as it lies there (0: not known)."""

    path: str
    name: str
    size: int


def find(paths: list[str]) -> list[Source]:
    """The files to read, folders searched for event files, in order of name.

    Raises `FileError` for a path that does not exist.
    """
    return [source for path in paths for source in _sources(path)]


def ingest(
    source: Source, pipeline: Pipeline, progress: Progress = lambda _: None
) -> Counts:
    """Send one file through the pipeline; `progress` is told the bytes read so far.

    Raises `FileError` where the file cannot be read or ends early; what stood
    before that place is stored, and reading it again is harmless.
    """
    counts = Counts()
    with closing(_open(source)) as file:
        reader = _decompressed(file)
        for arrived in pipeline.process_all(batches(source.name, reader, BATCH_BYTES)):
            counts += arrived
            progress(file.tell() if source.size else 0)
    return counts


def batches(name: str, file: IO[bytes], size: int) -> Iterator[RawEvents]:
    """Cut a stream into batches of whole lines of about `size` bytes."""
    line, rest = 1, b""
    for block in _blocks(name, file, size):
        whole, newline, rest = _cut(rest + block)
        if newline:
            yield RawEvents(name, line, whole)
            line += whole.count(b"\n") + 1
        elif len(rest) > size:
            rest = _OVERLONG
    if rest:
        yield RawEvents(name, line, rest)


def _cut(text: bytes) -> tuple[bytes, bytes, bytes]:
    return text.rpartition(b"\n") if b"\n" in text else (b"", b"", text)


def _blocks(name: str, file: IO[bytes], size: int) -> Iterator[bytes]:
    try:
        while block := file.read(size):
            yield block
    except (EOFError, gzip.BadGzipFile, zstandard.ZstdError, OSError) as error:
        problem = (
            "the compressed file is damaged or ends early; copy it again and repeat"
        )
        if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
            problem = f"cannot be read: {error.strerror}"
        raise FileError(name, "", problem) from None


def _sources(path: str) -> list[Source]:
    if path == STDIN:
        return [Source(STDIN, "stdin", 0)]
    place = Path(path)
    if place.is_dir():
        return [
            _source(one) for one in sorted(place.iterdir()) if _looks_like_events(one)
        ]
    if not place.exists():
        raise FileError(path, "", "no such file")
    return [_source(place)]


def _source(path: Path) -> Source:
    return Source(str(path), path.name, path.stat().st_size)


def _looks_like_events(path: Path) -> bool:
    return path.is_file() and ".ndjson" in path.suffixes


def _open(source: Source) -> BinaryIO:
    if source.path == STDIN:
        return sys.stdin.buffer
    try:
        return Path(source.path).open("rb")
    except OSError as error:
        raise FileError(source.path, "", f"cannot be read: {error.strerror}") from None


def _decompressed(file: BinaryIO) -> IO[bytes]:
    """By content, not by name: exports are renamed more often than recompressed."""
    start = cast(bytes, file.peek(4)[:4])  # type: ignore[attr-defined]  # both are buffered readers
    if start.startswith(_GZIP):
        return cast(IO[bytes], gzip.GzipFile(fileobj=file))
    if start == _ZSTD:
        return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
    return file
