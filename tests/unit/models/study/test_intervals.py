"""Sets of intervals: merging, taking away, and how much of a window they cover."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panelstream.models.study.intervals import Intervals

Pairs = list[tuple[int, int]]
DAY0 = datetime(2027, 1, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    """An instant so many days after the beginning."""
    return DAY0 + timedelta(days=number)


def of(*pairs: tuple[float, float]) -> Intervals:
    """Intervals from day to day."""
    return Intervals.merge((day(start), day(end)) for start, end in pairs)


def shown(intervals: Intervals) -> list[tuple[float, float]]:
    """Intervals as days."""
    zero, length = (
        np.datetime64(DAY0.replace(tzinfo=None), "us"),
        np.timedelta64(1, "D"),
    )
    bounds = zip(intervals.starts, intervals.ends, strict=True)
    return [((a - zero) / length, (b - zero) / length) for a, b in bounds]


def instants(*numbers: float | None) -> np.ndarray:
    """Days as the instants of windows; None is NaT."""
    naive = [None if n is None else day(n).replace(tzinfo=None) for n in numbers]
    return np.array(naive, dtype="datetime64[us]")


@pytest.mark.parametrize(
    ("given_pairs", "merged"),
    [
        ([(1, 2), (3, 4)], [(1, 2), (3, 4)]),
        ([(3, 4), (1, 2)], [(1, 2), (3, 4)]),
        ([(1, 2), (2, 3)], [(1, 3)]),
        ([(1, 3), (2, 4)], [(1, 4)]),
        ([(1, 9), (2, 3)], [(1, 9)]),
        ([(1, 2), (1, 2)], [(1, 2)]),
        ([(2, 2), (4, 3)], []),
        ([(1, 5), (4, 2)], [(1, 5)]),
        ([], []),
    ],
)
def test_merging(given_pairs: Pairs, merged: Pairs) -> None:
    """What touches or overlaps becomes one; what is empty or reversed is nothing."""
    assert shown(of(*given_pairs)) == merged


@pytest.mark.parametrize(
    ("left", "right", "rest"),
    [
        ([(1, 9)], [(3, 4)], [(1, 3), (4, 9)]),
        ([(1, 9)], [(0, 2), (8, 10)], [(2, 8)]),
        ([(1, 3), (5, 7)], [(2, 6)], [(1, 2), (6, 7)]),
        ([(1, 3)], [(1, 3)], []),
        ([(1, 3)], [], [(1, 3)]),
        ([], [(1, 3)], []),
    ],
)
def test_taking_away(left: Pairs, right: Pairs, rest: Pairs) -> None:
    """What remains is in the first and not in the second."""
    assert shown(of(*left).minus(of(*right))) == rest


def test_instants_are_compared_in_utc() -> None:
    """A bound means the instant, whatever offset it is written with."""
    tokyo = timezone(timedelta(hours=9))
    there = Intervals.merge([(day(1).astimezone(tokyo), day(2).astimezone(tokyo))])
    assert shown(there) == [(1, 2)]


def test_covered_days() -> None:
    """Of each window, the days covered; none, a part, all, and over several."""
    result = of((1, 2), (3, 5)).days_within(
        instants(0, 1.5, 1, 3, 0, 6), instants(1, 4, 2, 5, 9, 7)
    )
    assert result.tolist() == [0, 1.5, 1, 2, 3, 0]


def test_no_window_is_not_a_number() -> None:
    """A window without a bound has no length that could be covered."""
    result = of((1, 2)).days_within(instants(None, 1, None), instants(2, None, None))
    assert np.isnan(result).all()


def test_nothing_and_always() -> None:
    """Nothing covers no part of a window, `always` the whole of it."""
    bounds = instants(0, 1), instants(30, 1)
    assert of().days_within(*bounds).tolist() == [0, 0]
    assert Intervals.always().days_within(*bounds).tolist() == [30, 0]
    assert shown(Intervals.always().complement()) == []


def test_microseconds_are_kept() -> None:
    """A gap of one microsecond in two centuries is seen."""
    tick = timedelta(microseconds=1)
    covered = Intervals.always().minus(Intervals.merge([(DAY0, DAY0 + tick)]))
    [result] = covered.days_within(instants(0), instants(1))
    assert result == 1 - tick / timedelta(days=1)


pairs = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=5)


@settings(deadline=None, derandomize=True, database=None)
@given(
    left=pairs, right=pairs, window=st.tuples(st.integers(0, 12), st.integers(0, 12))
)
def test_as_sets_of_days(left: Pairs, right: Pairs, window: tuple[int, int]) -> None:
    """Merging, taking away and covering are those of the sets of whole days."""
    start, end = sorted(window)
    days = {entry for a, b in left for entry in range(a, b)}
    others = {entry for a, b in right for entry in range(a, b)}
    bounds = instants(start), instants(end)
    expected = {
        len(days & set(range(start, end))): of(*left),
        len((days | others) & set(range(start, end))): of(*left).plus(of(*right)),
        len((days - others) & set(range(start, end))): of(*left).minus(of(*right)),
    }
    for number, intervals in expected.items():
        assert intervals.days_within(*bounds).tolist() == [number]
