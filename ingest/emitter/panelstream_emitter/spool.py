"""The folder where events wait: who owns which file, and what a dead process left.

A process has one `<owner>.owner`, locked as long as it lives, which holds its
counters, and segments `<owner>.<events before it>.ndjson`, of which it writes the
last. A lock that is free means that its owner is dead: the process that takes it
sends the owner's segments. `totals.json` keeps the counts of owners that are gone.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from panelstream_emitter.counts import Counters, total

_OWNER, _SEGMENT = ".owner", ".ndjson"
_sync_data = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class Owner:
    """A process's place in the spool, or a dead one's that we hold."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.name = path.name[: -len(_OWNER)]
        self.counters = Counters(descriptor)
        self._descriptor = descriptor

    def segments(self) -> list[Path]:
        """Its segments, oldest first."""
        return sorted(self.path.parent.glob(f"{self.name}.*{_SEGMENT}"))

    def lost(self) -> int:
        """Of a dead one: how many accepted events it had not written yet."""
        segments = self.segments()
        if not self.counters.at_risk or not segments:
            return 0
        counts, last = self.counters.read(), segments[-1]
        written = int(last.name.split(".")[-2]) + count_lines(last)
        return max(0, counts["accepted"] - counts["lost"] - written)

    def release(self) -> None:
        """Release the lock."""
        self.counters.close()
        os.close(self._descriptor)


class Segment:
    """A file of events, one a line, that one process writes."""

    def __init__(self, folder: Path, owner: str, before: int) -> None:
        self.path = folder / f"{owner}.{before:015d}{_SEGMENT}"
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND
        self.descriptor = os.open(self.path, flags, 0o600)
        self.size = 0
        self._synced = 0

    def write(self, lines: bytes) -> None:
        """Add whole lines: all of them, or none and `OSError`."""
        written = os.write(self.descriptor, lines)
        if written != len(lines):
            end = os.fstat(self.descriptor).st_size
            os.ftruncate(self.descriptor, end - written)
            raise OSError("the disk is full")
        self.size += written

    def sync(self) -> None:
        """Have the disk hold what was written, and the file's name."""
        if self._synced < self.size:
            self._synced = self.size
            _sync_data(self.descriptor)
            sync_folder(self.path.parent)

    def close(self) -> None:
        """No more is written."""
        os.close(self.descriptor)


class Spool:
    """A folder on a local disk; `limit` in bytes for all processes together."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self.aside = folder / "rejected"

    def make(self) -> None:
        """Make the folders, for us alone, and try to write. Raises `OSError`."""
        for entry in (self.folder, self.aside):
            entry.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked():
            pass

    def room(self) -> int:
        """Bytes that may still be written; what was moved aside counts too."""
        used = sum(_size(segment) for segment in self._all_segments())
        return self.limit - used

    def enter(self, at_risk: bool) -> Owner:
        """A place for this process. Raises `OSError`."""
        name = f"{time.time_ns():016x}-{os.getpid()}-{os.urandom(3).hex()}"
        path = self.folder / (name + _OWNER)
        hidden = path.with_suffix(".new")
        descriptor = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        # Locked before it has its name, so that nobody takes it for an orphan's.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            owner = Owner(path, descriptor)
        except OSError:
            os.close(descriptor)
            hidden.unlink()
            raise
        owner.counters.at_risk = at_risk
        hidden.rename(path)
        return owner

    def leave(self, owner: Owner) -> int:
        """Add the counts of a place to the totals, once; how many events it lost."""
        with self._locked():
            counts, gone = self._totals()
            if owner.name in gone:
                return 0
            lost = owner.lost()
            counts = total(counts, owner.counters.read(), {"lost": lost})
            still = [
                entry for entry in gone if (self.folder / (entry + _OWNER)).exists()
            ]
            self._write_totals(counts, [*still, owner.name])
        return lost

    def remove(self, owner: Owner) -> None:
        """End a place that was left and whose segments are sent."""
        owner.path.unlink()
        owner.release()

    @contextmanager
    def orphan(self) -> Iterator[Owner | None]:
        """A dead process's place, while we hold it; None where there is none."""
        owner = next(self._free(), None)
        try:
            yield owner
        finally:
            if owner is not None and owner.path.exists():
                owner.release()

    def has_orphans(self) -> bool:
        """Whether somebody who died left something."""
        with self.orphan() as owner:
            return owner is not None or any(self.strays())

    def strays(self) -> Iterator[Path]:
        """Segments that belong to nobody, such as those put back from `rejected`."""
        for path in sorted(self._waiting()):
            # Asked after the segment was seen: an owner is there before its segments.
            owner = path.name.split(".")[0] + _OWNER
            if not (self.folder / owner).exists():
                yield path

    def counts(self) -> dict[str, int]:
        """The counts of all processes that ever used the spool."""
        with self._locked():
            counts, gone = self._totals()
            for path in self.folder.glob(f"*{_OWNER}"):
                if path.name[: -len(_OWNER)] not in gone:
                    counts = total(counts, _read_counters(path))
        return {**counts, "waiting_bytes": sum(map(_size, self._waiting()))}

    def _free(self) -> Iterator[Owner]:
        for path in sorted(self.folder.glob(f"*{_OWNER}")):
            descriptor = lock(path)
            if descriptor is not None:
                yield Owner(path, descriptor)

    def _waiting(self) -> Iterator[Path]:
        return self.folder.glob(f"*{_SEGMENT}")

    def _all_segments(self) -> Iterator[Path]:
        yield from self._waiting()
        yield from self.aside.glob(f"*{_SEGMENT}")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        path = self.folder / "totals.lock"
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _totals(self) -> tuple[dict[str, int], list[str]]:
        try:
            kept = json.loads((self.folder / "totals.json").read_bytes())
        except FileNotFoundError:
            return total(), []
        return kept["counts"], kept["gone"]

    def _write_totals(self, counts: dict[str, int], gone: list[str]) -> None:
        fresh = self.folder / "totals.new"
        with fresh.open("w") as file:
            json.dump({"counts": counts, "gone": gone}, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.folder / "totals.json")


def lock(path: Path) -> int | None:
    """The descriptor of a file that nobody else has locked; None if somebody has."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except (FileNotFoundError, PermissionError):
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink:  # else somebody has just removed it
            return descriptor
    except BlockingIOError:
        pass
    os.close(descriptor)
    return None


def unlock(descriptor: int) -> None:
    """Release a file that `lock` gave."""
    os.close(descriptor)


def count_lines(path: Path) -> int:
    """How many whole lines a file has."""
    with path.open("rb") as file:
        return sum(part.count(b"\n") for part in iter(lambda: file.read(1 << 20), b""))


def sync_folder(folder: Path) -> None:
    """Have the disk hold the names in a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _read_counters(path: Path) -> dict[str, int]:
    descriptor = os.open(path, os.O_RDWR)
    try:
        counters = Counters(descriptor)
        counts = counters.read()
        counters.close()
    finally:
        os.close(descriptor)
    return counts
