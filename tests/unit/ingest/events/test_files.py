"""Files of events: any compression, any size, damaged or not."""

import gzip
import io
import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import cast

import pytest
import zstandard

from panelstream.ingest.events import files
from panelstream.ingest.events.pipeline import Pipeline, RawEvents
from panelstream.ingest.events.strict_decoder import MAX_EVENT_BYTES
from panelstream.models.errors import FileError
from panelstream.models.events.catalogue import find_catalogue
from tests.lib import studies

U2PLUS = find_catalogue("u2plus", Path())
LINES = b"\n".join(b'{"n":%d}' % number for number in range(100)) + b"\n"


def payloads(text: bytes, size: int) -> list[tuple[int, bytes]]:
    """The batches that a stream is cut into, as (first line, payload)."""
    blocks = iter(partial(io.BytesIO(text).read, size), b"")
    cut = files.batches("f", blocks, size)
    return [(raw.first_line, raw.payload) for raw in cut]


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_batches_hold_every_line_once(size: int) -> None:
    """However a stream is cut, its lines come out whole and in order."""
    joined = b"\n".join(payload for _, payload in payloads(LINES, size))
    assert joined.splitlines() == LINES.splitlines()


@pytest.mark.parametrize("size", [1, 7, 64])
def test_batches_know_their_first_line(size: int) -> None:
    """The line number of a batch is that of its first line in the file."""
    lines = LINES.splitlines()
    for first, payload in payloads(LINES, size):
        assert payload.splitlines()[0] == lines[first - 1]


def test_last_line_needs_no_newline() -> None:
    """A file that ends without a newline loses nothing."""
    assert payloads(b"a\nb", 100) == [(1, b"a"), (2, b"b")]


def test_endless_line_does_not_fill_memory() -> None:
    """A line without end is replaced by a short one that is too large to accept.

    The lines after it are read, and then it is an error with the remedy.
    """
    text, seen = b"x" * 500_000 + b"\nnext\nlast", list[tuple[int, bytes]]()
    blocks = iter(partial(io.BytesIO(text).read, 100_000), b"")
    with pytest.raises(FileError, match="f:1: is longer than"):
        seen.extend(
            (raw.first_line, raw.payload) for raw in files.batches("f", blocks, 100_000)
        )
    [(first, payload), (last, end)] = seen
    assert (first, last, end) == (1, 3, b"last")
    assert len(payload) < 300_000
    [overlong, following] = payload.splitlines()
    assert len(overlong) > MAX_EVENT_BYTES
    assert following == b"next"


@pytest.mark.parametrize(
    "compress", [bytes, gzip.compress, zstandard.ZstdCompressor().compress]
)
def test_compression_is_known_by_content(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    """Plain, gzip and zstd files are read alike, whatever their name."""
    path = tmp_path / "events.ndjson"
    path.write_bytes(compress(LINES))
    seen: list[bytes] = []
    list(files.ingest_file(files.find_event_files([str(path)])[0], recorder(seen)))
    assert b"\n".join(seen) == LINES.rstrip(b"\n")


def test_members_of_one_gzip_file_are_all_read(tmp_path: Path) -> None:
    """Concatenated gzip files, as log rotation writes them, are one file."""
    path = tmp_path / "events.ndjson.gz"
    path.write_bytes(gzip.compress(b"a\n") + gzip.compress(b"b\n"))
    seen: list[bytes] = []
    list(files.ingest_file(files.find_event_files([str(path)])[0], recorder(seen)))
    assert b"\n".join(seen).split(b"\n") == [b"a", b"b"]


_LONG = b"".join(b'{"n":%d,"x":"%d"}\n' % (n, 7**n % 10**60) for n in range(3_000))
_PACKED = gzip.compress(_LONG)


@pytest.mark.parametrize(
    ("damaged", "lines"),
    [
        (_PACKED[:-8] + bytes(4) + _PACKED[-4:], 3_000),
        (_PACKED + b"garbage", 3_000),
        (_PACKED[: len(_PACKED) // 2], 1_400),
        (_PACKED + _PACKED[: len(_PACKED) // 2], 4_400),
    ],
    ids=["checksum", "bytes after it", "half", "half of a second member"],
)
def test_what_precedes_the_damage_of_gzip(
    tmp_path: Path, damaged: bytes, lines: int
) -> None:
    """All that can be unpacked is taken: of half a file nearly half of its lines."""
    path = tmp_path / "events.ndjson.gz"
    path.write_bytes(damaged)
    seen: list[bytes] = []
    with pytest.raises(FileError, match="damaged or ends early"):
        list(files.ingest_file(files.find_event_files([str(path)])[0], recorder(seen)))
    content = b"\n".join(seen)
    assert (_LONG + _LONG).startswith(content)
    assert lines <= content.count(b"\n") + 1 < lines + 200


def test_zeros_after_gzip(tmp_path: Path) -> None:
    """Tapes and disks fill up blocks with zeros: that is no damage."""
    path = tmp_path / "events.ndjson.gz"
    path.write_bytes(_PACKED + bytes(100_000))
    seen: list[bytes] = []
    list(files.ingest_file(files.find_event_files([str(path)])[0], recorder(seen)))
    assert b"\n".join(seen) == _LONG.rstrip(b"\n")


@pytest.mark.parametrize("frames", [(0, 1), (1, 0), (1, 0, 1, 0)])
def test_frames_to_skip(tmp_path: Path, frames: tuple[int, ...]) -> None:
    """Frames without content (RFC 8878, 3.1.2) may come before and after the others."""
    skipped = b"\x5a\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"notes"
    kinds = [skipped, zstandard.ZstdCompressor().compress(LINES)]
    path = tmp_path / "events.ndjson.zst"
    path.write_bytes(b"".join(kinds[frame] for frame in frames))
    seen: list[bytes] = []
    list(files.ingest_file(files.find_event_files([str(path)])[0], recorder(seen)))
    assert b"\n".join(seen) == (LINES * sum(frames)).rstrip(b"\n")


@pytest.mark.parametrize(
    "damaged",
    [
        gzip.compress(LINES)[:-20],
        gzip.compress(LINES)[:40] + b"\0" * 40,
        zstandard.ZstdCompressor().compress(LINES)[:20] + b"\xff" * 9,
    ],
    ids=["cut gzip", "spoilt gzip", "spoilt zstd"],
)
def test_damaged_file_is_said_to_be(tmp_path: Path, damaged: bytes) -> None:
    """A truncated or damaged archive is a mistake with a remedy, not a traceback."""
    path = tmp_path / "events.ndjson.gz"
    path.write_bytes(damaged)
    with pytest.raises(FileError, match="damaged or ends early"):
        list(files.ingest_file(files.find_event_files([str(path)])[0], recorder([])))


def test_folder_gives_its_event_files_by_name(tmp_path: Path) -> None:
    """Of a folder, the .ndjson files are read, in order; a missing path is said."""
    for name in ("b.ndjson.gz", "a.ndjson", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [s.name for s in files.find_event_files([str(tmp_path)])] == [
        "a.ndjson",
        "b.ndjson.gz",
    ]
    with pytest.raises(FileError, match="no such file"):
        files.find_event_files([str(tmp_path / "missing")])


def test_small_archive_of_much_content_comes_in_small_blocks() -> None:
    """A zstd file that expands ten-thousandfold is never held in memory at once."""
    packed = zstandard.ZstdCompressor().compress(b"x" * (256 << 20))
    blocks = files._zstd_frames(io.BytesIO(packed))
    sizes = [len(block) for block in blocks]
    assert sum(sizes) == 256 << 20
    assert max(sizes) < 64 << 20


class Recorder:
    """Takes the place of the pipeline where only the payloads matter."""

    def __init__(self, seen: list[bytes]) -> None:
        self.seen = seen

    def process_all(self, raws: Iterable[RawEvents]) -> list[object]:
        """Note the payloads."""
        self.seen.extend(raw.payload for raw in raws)
        return []


def recorder(seen: list[bytes]) -> Pipeline:
    """A pipeline that only notes payloads."""
    return cast(Pipeline, Recorder(seen))


def test_a_mark_before_a_line_is_passed_over(tmp_path: Path) -> None:
    """A byte order mark (RFC 8259, 8.1: a reader may ignore it) spoils no event."""
    line = json.dumps(studies.event("signed_in", "ann", studies.START)).encode()
    path = tmp_path / "e.ndjson"
    path.write_bytes(b"\xef\xbb\xbf" + line + b"\n" + b"\xef\xbb\xbf[" + line + b"]\n")
    [source] = files.find_event_files([str(path)])
    now = studies.START
    [decoded] = files.check_file(source, U2PLUS, now)
    assert (decoded.events.num_rows, decoded.rejections) == (2, [])


def test_what_precedes_the_damage_is_taken() -> None:
    """Whole lines before the damage are taken; the line that it cuts is not."""

    def blocks() -> Iterable[bytes]:
        yield b"a\nb\nc"
        raise FileError("f", "", "damaged")

    seen: list[bytes] = []
    with pytest.raises(FileError, match="damaged"):
        seen.extend(raw.payload for raw in files.batches("f", blocks(), 1_000))
    assert seen == [b"a\nb"]


def test_lines_of_nothing_come_in_parts() -> None:
    """A file that unpacks to millions of tiny lines is not decoded as one batch."""
    cut = list(files.batches("f", [b"1\n" * 700_000], 2_000_000))
    assert [raw.first_line for raw in cut] == [1, 300_001, 600_001]
    assert b"\n".join(raw.payload for raw in cut) == b"\n".join([b"1"] * 700_000)
