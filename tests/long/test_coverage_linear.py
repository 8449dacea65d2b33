"""Do intervals hold the planted truth, each estimator where its assumptions do?"""

import pytest

from tests.long.validity import HOLDS, SEEDS, limits, measure

PAIRS = [(trouble, name) for trouble, names in HOLDS.items() for name in names]


@pytest.mark.long
@pytest.mark.parametrize(("trouble", "name"), PAIRS)
def test_intervals_cover(trouble: str, name: str) -> None:
    """Over 200 seeds within binomial limits of 95 %, and without bias."""
    result = measure(trouble, name, range(SEEDS))
    low, high = limits(SEEDS)
    assert low <= result.held <= high
    assert abs(result.bias) < 0.02


@pytest.mark.parametrize(("trouble", "name"), PAIRS)
def test_intervals_cover_in_a_few(trouble: str, name: str) -> None:
    """The same over twelve seeds, where a gross mistake shows."""
    result = measure(trouble, name, range(12))
    assert result.held >= limits(12)[0]
    assert abs(result.bias) < 0.1


@pytest.mark.parametrize(
    ("trouble", "name"),
    [
        ("none", "pooled"),
        ("the outcome feeds back on use", "first_difference"),
        ("use is measured with error", "fixed_effects"),
    ],
)
def test_intervals_miss_where_assumptions_fail(trouble: str, name: str) -> None:
    """The troubles are troubles: without them the other tests would show nothing."""
    assert measure(trouble, name, range(12)).held < 6
