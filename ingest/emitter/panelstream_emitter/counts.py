"""Counters in a file: what a process counted survives its death."""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping

NAMES = ("accepted", "sent", "rejected", "dropped", "lost")
"""accepted: `emit()` returned an id; sent: acknowledged, again if it was sent again;
rejected: the collector will not have it, moved aside; dropped: `emit()` returned None;
lost: accepted, and never written."""

_AT_RISK = len(NAMES)
"""Set while accepted events may be in memory alone."""
_SIZE = 8 * (len(NAMES) + 1)


class Counters:
    """One process's counters. The caller of `add` holds the process's lock."""

    def __init__(self, descriptor: int) -> None:
        """Over an open file, which is filled if it is new.

        Raises `OSError` where the disk has no room.
        """
        if os.fstat(descriptor).st_size < _SIZE:
            # Really written: a hole that the disk cannot fill later would be a SIGBUS.
            os.pwrite(descriptor, bytes(_SIZE), 0)
        self._map = mmap.mmap(descriptor, _SIZE)
        self._slots = memoryview(self._map).cast("Q")

    def add(self, name: str, count: int = 1) -> None:
        """Count `count` more of `name`."""
        self._slots[NAMES.index(name)] += count

    def accept(self) -> None:
        """`add("accepted")`, for the one place where time matters."""
        self._slots[0] += 1

    @property
    def at_risk(self) -> bool:
        """Whether accepted events may be in memory alone."""
        return bool(self._slots[_AT_RISK])

    @at_risk.setter
    def at_risk(self, value: bool) -> None:
        self._slots[_AT_RISK] = value

    def read(self) -> dict[str, int]:
        """All of them, by name."""
        return dict(zip(NAMES, self._slots))

    def close(self) -> None:
        """Let the file go, also its lock, which the mapping holds too."""
        self._slots.release()
        self._map.close()


def total(*counts: Mapping[str, int]) -> dict[str, int]:
    """The sum of counts, name by name."""
    return {name: sum(count.get(name, 0) for count in counts) for name in NAMES}
