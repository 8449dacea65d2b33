"""Sets of half-open time intervals, and how much of many windows they cover."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from panelstream.models.arrays import Integers, Vector
from panelstream.models.timestamps import END_DAY, FIRST_DAY

Instants = npt.NDArray[np.datetime64]
"""UTC instants as `datetime64[us]`."""

_ALWAYS = (np.datetime64(FIRST_DAY, "us"), np.datetime64(END_DAY, "us"))
_DAY = np.timedelta64(1, "D") / np.timedelta64(1, "us")


@dataclass(frozen=True)
class Intervals:
    """Disjoint half-open intervals in order; `starts` and `ends` have one shape (n,)."""

    starts: Instants
    ends: Instants

    @classmethod
    def merge(cls, pairs: Iterable[tuple[datetime, datetime]]) -> "Intervals":
        """Merge intervals that touch or overlap."""
        bounds = list(pairs)
        return cls.union(
            utc_instants(start for start, _ in bounds),
            utc_instants(end for _, end in bounds),
        )

    @classmethod
    def union(cls, starts: Instants, ends: Instants) -> "Intervals":
        """Merge intervals [start, end), in any order; those without length are left out."""
        has_length = starts < ends
        order = np.argsort(starts[has_length], kind="stable")
        starts, ends = starts[has_length][order], ends[has_length][order]
        reach = np.maximum.accumulate(ends.astype(np.int64)).astype(ends.dtype)
        apart = starts[1:] > reach[:-1]
        first = np.concatenate([[True], apart])[: len(starts)]
        last = np.concatenate([apart, [True]])[: len(starts)]
        return cls(starts[first], reach[last])

    @classmethod
    def always(cls) -> "Intervals":
        """All the time a study can lie in."""
        return cls(_array([_ALWAYS[0]]), _array([_ALWAYS[1]]))

    @classmethod
    def past(cls, now: datetime) -> "Intervals":
        """All the time before an instant."""
        return cls.always().common(cls(_array([_ALWAYS[0]]), utc_instants([now])))

    @property
    def bounds(self) -> tuple[np.datetime64, np.datetime64] | None:
        """The first and the last instant; None where there is no interval."""
        return (self.starts[0], self.ends[-1]) if len(self.starts) else None

    @property
    def days(self) -> float:
        """Their length in days of 24 hours."""
        return float((self.ends - self.starts).sum() / np.timedelta64(1, "D"))

    def complement(self) -> "Intervals":
        """The gaps between the intervals."""
        bounds = np.concatenate(
            [[_ALWAYS[0]], np.ravel([self.starts, self.ends], "F"), [_ALWAYS[1]]]
        )
        starts, ends = bounds[::2], bounds[1::2]
        return Intervals(starts[starts < ends], ends[starts < ends])

    def minus(self, intervals: "Intervals") -> "Intervals":
        """The times that are in these intervals and not in the others."""
        return self.complement().plus(intervals).complement()

    def plus(self, intervals: "Intervals") -> "Intervals":
        """The times that are in either."""
        return Intervals.union(
            np.concatenate([self.starts, intervals.starts]),
            np.concatenate([self.ends, intervals.ends]),
        )

    def common(self, intervals: "Intervals") -> "Intervals":
        """The times that are in both."""
        return self.minus(intervals.complement())

    def days_within(self, starts: Instants, ends: Instants) -> Vector:
        """Days of each window [start, end) that the intervals cover; NaT gives NaN."""
        return (self._covered_until(ends) - self._covered_until(starts)) / _DAY

    def _covered_until(self, instants: Instants) -> Vector:
        """Microseconds covered before each instant: piecewise linear in time."""
        knots = (
            np.ravel([self.starts, self.ends], "F")
            .astype("datetime64[us]")
            .astype(np.int64)
        )
        lengths = (self.ends - self.starts).astype("timedelta64[us]").astype(np.int64)
        heights = np.repeat(np.concatenate([[0], np.cumsum(lengths)]), 2)[1:-1]
        is_instant = ~np.isnat(instants)
        covered = np.full(len(instants), np.nan)
        at = instants[is_instant].astype("datetime64[us]").astype(np.int64)
        covered[is_instant] = _interpolate(at, knots, heights)
        return covered


def utc_instants(instants: Iterable[datetime]) -> Instants:
    """Aware datetimes as an array (n,)."""
    return _array(map(_utc, instants))


def _interpolate(
    at: Integers,
    knots: Integers,
    heights: Integers,
) -> Vector:
    """Exact in integers, where `numpy.interp` would round microseconds away."""
    if not len(knots):
        return np.zeros(len(at))
    place = np.searchsorted(knots, at, side="right")
    knot = np.maximum(place - 1, 0)
    inside = place % 2 == 1
    return np.where(place == 0, 0, heights[knot] + inside * (at - knots[knot])).astype(
        float
    )


def _utc(instant: datetime) -> np.datetime64:
    naive = instant.replace(tzinfo=None) - (instant.utcoffset() or instant - instant)
    return np.datetime64(naive, "us")


def _array(instants: Iterable[np.datetime64]) -> Instants:
    return np.array(list(instants), dtype="datetime64[us]")
