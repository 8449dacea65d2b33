"""NDJSON files and standard input, plain, gzip or zstd, in bounded memory."""

import hashlib
import os
import re
import sys
import uuid
import zlib
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from panelstream.ingest.events.pipeline import (
    Decoded,
    Pipeline,
    RawEvents,
    decode_batch,
)
from panelstream.ingest.events.splitting import MAX_EVENTS, is_utf8
from panelstream.ingest.events.strict_decoder import MAX_EVENT_BYTES
from panelstream.models.errors import FileError, join_file_errors, printable
from panelstream.models.events.catalogue import Catalogue
from panelstream.models.events.event import Counts

BATCH_BYTES = 32 << 20
"""About 150,000 events: large enough for the engine, small enough for memory."""

STDIN = "-"
_BLOCK_BYTES = 4 << 20
_ZSTD_BYTES = 1 << 10
"""Compressed bytes taken at once: a few of them may stand for 128 KB of content."""
_GZIP = b"\x1f\x8b"
_GZIP_WITH_CHECKSUM = 31
"""zlib's number for the format of gzip."""
_PACKED_BYTES = 64 << 10
_ZSTD = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")
"""A frame of content, or one to skip (RFC 8878, 3.1)."""
_OVERLONG = b'"' + b" " * MAX_EVENT_BYTES
"""Stands in for a line beyond all bounds, so that it is rejected as too large."""

ByteProgress = Callable[[int], None]


@dataclass(frozen=True)
class Source:
    """A file of events and its size in bytes as it lies there (0: not known).

    `name` is printable, whatever the file is called.
    """

    path: str
    name: str
    size: int

    @property
    def place(self) -> str:
        """Where the file can be found again, whatever the current folder; or `-`."""
        return self.path if self.path == STDIN else str(Path(self.path).resolve())


def find_event_files(paths: list[str]) -> list[Source]:
    """The files to read, folders searched for event files, in order of name.

    Raises `FileError` for a path that does not exist.
    """
    return [source for path in paths for source in _sources(path)]


def ingest_file(
    source: Source, pipeline: Pipeline, progress: ByteProgress = lambda _: None
) -> Iterator[Counts]:
    """Send one file through the pipeline; what became of each part of it.

    `progress` is told the bytes read so far. Raises `FileError` where the file cannot
    be read or ends early, after all whole lines before that are stored; reading the
    file again is harmless.
    """
    identity = identify_content(source)
    with closing(_open(source)) as file:
        cut = batches(source.name, _blocks(source.name, file), BATCH_BYTES)
        raws = (replace(raw, path=source.place, origin_id=identity) for raw in cut)
        for arrived in pipeline.process_all(raws):
            yield arrived
            progress(file.tell() if source.size else 0)


def identify_content(source: Source) -> str:
    """SHA-256 of a file's bytes in hex, whatever it is called and wherever it lies.

    Standard input is read once: a UUID. Raises `FileError` if it cannot be read.
    """
    if source.path == STDIN:
        return str(uuid.uuid4())
    with closing(_open(source)) as file:
        return hashlib.file_digest(cast(BufferedReader, file), "sha256").hexdigest()


def check_file(
    source: Source,
    catalogue: Catalogue,
    received_at: datetime,
    progress: ByteProgress = lambda _: None,
) -> Iterator[Decoded]:
    """What would be taken of one file, and what rejected, chunk by chunk.

    Raises `FileError` where the file cannot be read or ends early.
    """
    with closing(_open(source)) as file:
        for raw in batches(source.name, _blocks(source.name, file), BATCH_BYTES):
            yield decode_batch(raw, catalogue, received_at)
            progress(file.tell() if source.size else 0)


def batches(name: str, blocks: Iterable[bytes], size: int) -> Iterator[RawEvents]:
    """Cut a stream of bytes into batches of whole lines of about `size` bytes.

    Raises the `FileError` that the stream ends with, after the whole lines before it;
    or one that names the lines longer than a batch, after all lines.
    """
    number, partial, damage = 1, b"", list[FileError]()
    overlong = dict[int, FileError]()
    for gathered in _gathered(_until_damage(blocks, damage), size):
        lines, newline, partial = _cut([partial, *gathered])
        if newline:
            for piece in _pieces(lines):
                yield RawEvents(name, number, piece)
                number += piece.count(b"\n") + 1
        elif len(partial) > size + MAX_EVENT_BYTES:
            partial = _OVERLONG
            overlong[number] = _overlong(name, number, size)
    if partial and not damage:
        yield RawEvents(name, number, partial)
    if errors := [*damage, *overlong.values()]:
        raise join_file_errors(errors)


def read_lines(
    source: Source, numbers: Container[int] | None = None
) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their 1-based number, or only those in `numbers`.

    Raises `FileError` where the file cannot be read or ends early.
    """
    with closing(_open(source)) as file:
        for raw in batches(source.name, _blocks(source.name, file), BATCH_BYTES):
            for number, line in enumerate(raw.payload.split(b"\n"), raw.first_line):
                if numbers is None or number in numbers:
                    yield number, line


def _overlong(name: str, line: int, size: int) -> FileError:
    problem = (
        f"is longer than {size >> 20} MiB, so that none of its events is stored; write "
        f"an event a line (jq -c . FILE; of an array: jq -c '.[]' FILE) and import that "
        f"with --replaces {name}"
    )
    return FileError(name, str(line), problem)


def _until_damage(blocks: Iterable[bytes], damage: list[FileError]) -> Iterator[bytes]:
    """The blocks up to an error, which is put into `damage`."""
    try:
        yield from blocks
    except FileError as error:
        damage.append(error)


def _pieces(lines: bytes) -> Iterator[bytes]:
    """Lines in parts of at most `MAX_EVENTS`: the shortest lines are no events."""
    while lines.count(b"\n") >= MAX_EVENTS:
        end = 0
        for _ in range(MAX_EVENTS):
            end = lines.index(b"\n", end) + 1
        yield lines[: end - 1]
        lines = lines[end:]
    yield lines


def _gathered(blocks: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    """Blocks until they hold at least `size` bytes together; the last may hold less."""
    gathered: list[bytes] = []
    for block in blocks:
        gathered.append(block)
        if sum(map(len, gathered)) >= size:
            yield gathered
            gathered = []
    yield gathered


def _cut(pieces: Sequence[bytes]) -> tuple[bytes, bytes, bytes]:
    """The complete lines, the last line's end, and what follows it; copied once."""
    *earlier, last = pieces
    complete, newline, partial = last.rpartition(b"\n")
    if newline:
        return b"".join([*earlier, complete]), newline, partial
    return b"".join(pieces).rpartition(b"\n")


def _blocks(name: str, file: BinaryIO) -> Iterator[bytes]:
    """The content, decompressed by what it is: exports are often renamed."""
    start = cast(BufferedReader, file).peek(4)[:4]
    try:
        if start.startswith(_GZIP):
            yield from _gzip_members(file)
        elif _ZSTD.match(start):
            yield from _zstd_frames(file)
        else:
            yield from _read(file)
    except (EOFError, zlib.error, zstandard.ZstdError):
        problem = "the compressed file is damaged or ends early; copy it again"
        raise FileError(name, "", problem) from None
    except OSError as error:
        raise FileError(name, "", f"cannot be read: {error.strerror}") from None


def _read(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(_BLOCK_BYTES):
        yield block


def _gzip_members(file: BinaryIO) -> Iterator[bytes]:
    """Member by member (RFC 1952), up to the damage; zeros may fill up the end."""
    member, packed = None, b""
    while packed := packed or file.read(_PACKED_BYTES):
        if member is None and not (packed := packed.lstrip(b"\0")):
            continue
        member = member or zlib.decompressobj(_GZIP_WITH_CHECKSUM)
        yield from _unpacked(member, packed)
        packed = member.unused_data
        member = None if member.eof else member
    if member is not None:
        raise EOFError


def _unpacked(member: "zlib._Decompress", packed: bytes) -> Iterator[bytes]:
    """The content of a piece of a member in blocks; before an error, byte by byte."""
    while packed:
        start = member.copy()
        try:
            yield member.decompress(packed, _BLOCK_BYTES)
        except zlib.error:
            for byte in packed:
                yield start.decompress(bytes([byte]))
            raise
        packed = member.unconsumed_tail


def _zstd_frames(file: BinaryIO) -> Iterator[bytes]:
    """Frame by frame: the library's reader takes a truncated file for a whole one."""
    frame, block = None, b""
    while block := block or file.read(_ZSTD_BYTES):
        frame = frame or zstandard.ZstdDecompressor().decompressobj()
        yield frame.decompress(block)
        block = frame.unused_data
        frame = None if frame.eof else frame
    if frame is not None:
        raise EOFError


def _sources(path: str) -> list[Source]:
    if path == STDIN:
        return [Source(STDIN, "stdin", 0)]
    place = Path(path)
    if place.is_dir():
        return [_source(file) for file in _event_files(place)]
    if not place.exists():
        raise FileError(path, "", "no such file")
    return [_source(place)]


def _source(path: Path) -> Source:
    try:
        size = path.stat().st_size
    except OSError:  # a link to nothing, or removed since: to open it will tell
        size = 0
    return Source(str(path), printable(path.name), size)


def _event_files(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if ".ndjson" in file.suffixes)
    if not files:
        raise FileError(folder, "", "holds no .ndjson, .ndjson.gz or .ndjson.zst file")
    return files


def _open(source: Source) -> BinaryIO:
    if source.path == STDIN:
        return sys.stdin.buffer
    if not is_utf8(os.fsencode(source.path)):
        raise FileError(source.path, "", "its name is not UTF-8; rename it")
    try:
        return Path(source.path).open("rb")
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        raise FileError(source.path, "", problem) from None
