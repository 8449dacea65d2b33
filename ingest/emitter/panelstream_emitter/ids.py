"""Ids that sort by time: UUIDv7 (RFC 9562, 5.7)."""

from __future__ import annotations

import os
import time

_RANDOM_BITS = 74


class Ids:
    """Gives ids, each above the one before, even where the clock is set back.

    Not for several threads at once. Below the millisecond the order comes from
    random increments (RFC 9562, 6.2, method 2). The system's randomness is used, so
    that a forked process does not go on with its parent's.
    """

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> str:
        """The next id, in the usual 36 characters."""
        chance = int.from_bytes(os.urandom(10), "big")
        now = (time.time_ns() // 1_000_000) << _RANDOM_BITS
        fresh = now | chance >> 6
        if fresh <= self._last:
            fresh = self._last + 1 + (chance & 0xFFFFFFFF)
        self._last = fresh
        return _written(fresh)


def _written(number: int) -> str:
    """48 bits of time and 74 of chance, with version and variant in their places."""
    high, low = number >> 62, number & ((1 << 62) - 1)
    stamped = (high >> 12) << 16 | 7 << 12 | high & 0xFFF
    text = f"{stamped:016x}{2 << 62 | low:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
