"""What may leave: small counts never, and nothing from which they follow."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panelstream.analysis.report import disclosure
from panelstream.analysis.report.disclosure import REDACTED
from panelstream.models.study.study import Disclosure

RULE = Disclosure()
rules = st.builds(
    Disclosure,
    suppress_below=st.integers(1, 30),
    round_to=st.integers(1, 30),
)
cells = st.lists(st.integers(0, 60), min_size=2, max_size=7)


def test_counts_by_hand() -> None:
    """0 stays, 1 to 7 go, 8 and more go to the nearest 5."""
    released = disclosure.counts([0, 1, 7, 8, 12, 13, 350], RULE)
    np.testing.assert_array_equal(released, [0, np.nan, np.nan, 10, 10, 15, 350])


@given(st.lists(st.integers(0, 10_000), min_size=1), rules)
def test_no_small_count_survives(exact: list[int], rule: Disclosure) -> None:
    """Whatever the rule, nothing from 1 to under the threshold is ever shown."""
    released = disclosure.counts(exact, rule)
    shown = released[~np.isnan(released)]
    assert not ((shown > 0) & (shown < rule.suppress_below)).any()


@given(st.integers(0, 10_000), rules)
def test_zero_means_zero(exact: int, rule: Disclosure) -> None:
    """A released 0 is a true 0, also where rounding is coarse."""
    assert (disclosure.counts(exact, rule) == 0) == (exact == 0)


@given(cells, rules)
def test_a_withheld_cell_is_never_alone(exact: list[int], rule: Disclosure) -> None:
    """A row shows all of its cells, withholds two not zero, or its total."""
    row = disclosure.row(exact, rule)
    withheld = np.isnan(row.cells)
    assert all(value > 0 for value in np.array(exact)[withheld])
    assert withheld.sum() != 1 or np.isnan(row.total)


def test_a_zero_protects_nothing() -> None:
    """Beside 0, 3 and 9 the 9 goes with the 3; beside zeros alone the total does."""
    row = disclosure.row([0, 3, 9, 20], RULE)
    np.testing.assert_array_equal(row.cells, [0, np.nan, np.nan, 20])
    assert row.total == 20
    alone = disclosure.row([0, 3, 0], RULE)
    np.testing.assert_array_equal(alone.cells, [0, np.nan, 0])
    assert np.isnan(alone.total)


@given(cells, rules)
def test_a_total_is_of_what_is_shown(exact: list[int], rule: Disclosure) -> None:
    """The total adds nothing to the cells that stand beside it."""
    row = disclosure.row(exact, rule)
    shown = sum(value for value in row.cells if value == value)
    withheld = bool(np.isnan(row.cells).any()) and shown == 0
    np.testing.assert_equal(row.total, np.nan if withheld else shown)


def test_no_withheld_cell_follows_from_the_row() -> None:
    """Every withheld cell could be several numbers, given all that is published.

    Over every row of three cells of up to 12: rows are gathered by what is
    published of them.
    """
    alike: dict[tuple[str, str], list[tuple[int, ...]]] = {}
    for exact in product(range(13), repeat=3):
        row = disclosure.row(exact, RULE)
        alike.setdefault((str(row.cells), str(row.total)), []).append(exact)
    for rows in alike.values():
        withheld = np.isnan(disclosure.row(rows[0], RULE).cells)
        for position in np.flatnonzero(withheld):
            assert len({row[position] for row in rows}) > 1


@given(st.integers(0, 300), st.integers(0, 300))
def test_neither_a_part_nor_its_rest_survives(part: int, rest: int) -> None:
    """Where a part or what is left of the whole is small, the part is withheld."""
    released = disclosure.shares([part], [part + rest], RULE)
    small = 0 < part < 8 or 0 < rest < 8
    assert np.isnan(released.counts[0]) == small


def test_percentages_are_of_rounded_counts() -> None:
    """33 of 101 is 35 of 100: 35 %, and no whole gives no percentage."""
    released = disclosure.shares([33, 0], [101, 0], RULE)
    np.testing.assert_allclose(released.percent, [35.0, np.nan])


def test_statistics_need_people_behind_them() -> None:
    """Of 7 people, and of an unknown number, is too few; of 8 is not."""
    few = disclosure.too_few([7, 8, np.nan], RULE)
    assert few.tolist() == [True, False, True]


def test_statistics_keep_four_significant_digits() -> None:
    """Before or after the point; all of them where asked for."""
    values = [12.34567, 0.00123456, 123456.0, 0.0]
    rounded = disclosure.significant(values)
    np.testing.assert_allclose(rounded, [12.35, 0.001235, 123500, 0], rtol=1e-12)
    np.testing.assert_array_equal(disclosure.significant(values, None), values)


def test_statistics_of_few_users_are_withheld() -> None:
    """One to seven users are the whole of a mean; without any it is a plain 0."""
    few = disclosure.too_few([60] * 4, RULE, [1, 7, 8, 0])
    assert few.tolist() == [True, True, False, False]


def test_withheld_is_told_from_absent() -> None:
    """`[REDACTED]` is for what exists; what does not exist stays missing."""
    released = disclosure.counts([3, np.nan, 12], RULE)
    column = disclosure.as_text(released, [True, False, True])
    assert column[0] == REDACTED
    assert pd.isna(column[1])
    assert column[2] == 10.0


@pytest.mark.parametrize(
    ("note", "released"),
    [
        ("dropped 3 singletons", "dropped [REDACTED] singletons"),
        ("1,234 rows of 41 persons", "1235 rows of 40 persons"),
        ("wave 2 of PHQ-9, log1p, 2027-03-01", "wave 2 of PHQ-9, log1p, 2027-03-01"),
        ("F(5, 237) for a, b", "F(5, 239) for a, b"),
        ("share 0.31", "share 0.31"),
    ],
)
def test_notes_hold_no_counts(note: str, released: str) -> None:
    """Whole numbers in notes are counts, unless they name a wave or a day."""
    assert disclosure.note(note, RULE) == released
