"""What may leave: small counts never, and nothing from which they follow."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from panelstream.analysis.estimation.estimates import ESTIMATE_COLUMNS, TEST_COLUMNS
from panelstream.analysis.report import disclosure
from panelstream.analysis.report.disclosure import REDACTED
from panelstream.models.study.study import Disclosure, Study
from tests.lib import panels

RULE = Disclosure()
STUDY = Study.model_validate(
    {
        "study": "s",
        "title": "t",
        "timezone": "Asia/Tokyo",
        "waves": [{"wave": 1, "opens_on": "2027-01-11", "closes_on": "2027-01-31"}],
        "instruments": ["pdd"],
        "exposure": {"functions": ["reaction"]},
        "outcomes": ["pdd_total"],
        "smallest_effect": {"pdd_total": 2.0},
    }
)
MANY = np.array([100.0])
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
    released = disclosure.parts([part], [part + rest], RULE)
    small = 0 < part < 8 or 0 < rest < 8
    assert np.isnan(released.counts[0]) == small


def test_percentages_are_of_rounded_counts() -> None:
    """33 of 101 is 35 of 100: 35 %, and no whole gives no percentage."""
    released = disclosure.parts([33, 0], [101, 0], RULE)
    np.testing.assert_allclose(released.percent, [35.0, np.nan])


def test_statistics_need_people_behind_them() -> None:
    """A mean of 7 people is withheld; one of 8 keeps four significant digits."""
    released = disclosure.statistics([12.34567, 12.34567, 0.00123456], [7, 8, 8], RULE)
    np.testing.assert_allclose(released, [np.nan, 12.35, 0.001235], rtol=1e-12)


def test_statistics_of_few_users_are_withheld() -> None:
    """One to seven users are the whole of a mean; without any it is a plain 0."""
    released = disclosure.statistics([0.1, 0.1, 0.1, 0], 60, RULE, [1, 7, 8, 0])
    np.testing.assert_allclose(released, [np.nan, np.nan, 0.1, 0])


def test_withheld_is_told_from_absent() -> None:
    """`[REDACTED]` is for what exists; what does not exist stays missing."""
    column = disclosure.count_column([3, np.nan, 12], RULE)
    assert column[0] == REDACTED
    assert pd.isna(column[1])
    assert column[2] == 10.0


@pytest.mark.parametrize("people", [1, 7])
def test_an_estimate_of_few_people_is_withheld(people: int) -> None:
    """Nothing of it remains: no coefficient, interval, p, verdict or count."""
    row = panels.estimate(n_participants=people, n_obs=3 * people, verdict="associated")
    released = disclosure.estimates(_frame([row]), MANY, STUDY).iloc[0]
    for column in ("estimate", "ci_low", "p_value", "verdict", "n_participants"):
        assert released[column] == REDACTED


def test_counts_beside_estimates_are_rounded() -> None:
    """Rows, people and the degrees of freedom that count people, not the estimate."""
    row = panels.estimate(n_participants=238, n_obs=803, df=237, estimate=-1.23456)
    released = disclosure.estimates(_frame([row]), MANY, STUDY).iloc[0]
    assert [released[c] for c in ("n_participants", "n_obs", "df", "estimate")] == [
        240.0,
        805.0,
        239.0,
        -1.23456,
    ]


@pytest.mark.parametrize("people", [0, 1, 7, np.nan])
def test_an_estimate_of_few_users_is_withheld(people: float) -> None:
    """However many people were analysed."""
    row = panels.estimate(verdict="associated")
    released = disclosure.estimates(_frame([row]), np.array([people]), STUDY).iloc[0]
    for column in ("estimate", "std_error", "ci_high", "p_value", "verdict"):
        assert released[column] == REDACTED


def test_an_estimate_gives_no_degrees_of_freedom_away() -> None:
    """Solved for the people, its interval and each p give the released 55, not 57.

    p of the smaller margin of equivalence is one-sided; Holm's of a family of one
    is p itself.
    """
    exact = {"df": 56.0, "p_value": 0.1, "p_adjusted": 0.1, "equivalence_p": 0.1}
    row = panels.estimate(n_participants=57, n_obs=160, verdict="undecided", **exact)
    one = disclosure.estimates(_frame([row]), MANY, STUDY).iloc[0]
    centre, error = one["estimate"], one["std_error"]
    assert one["n_participants"] == 55

    def reach(n: int) -> float:
        return float(stats.t.ppf(0.975, n - 1) * error)

    def p(n: int) -> float:
        return float(2 * stats.t.sf(abs(centre / error), n - 1))

    def margin(n: int) -> float:
        return float(stats.t.sf((2.0 - abs(centre)) / error, n - 1))

    assert _solved(reach, one["ci_high"] - centre) == 55
    assert _solved(reach, centre - one["ci_low"]) == 55
    assert _solved(p, one["p_value"]) == 55
    assert _solved(p, one["p_adjusted"]) == 55
    assert _solved(margin, one["equivalence_p"]) == 55


def test_a_test_gives_no_degrees_of_freedom_away() -> None:
    """The p of F(5, people - 1) is that of the released people."""
    fitted = _frame([panels.estimate(n_participants=57, n_obs=160)])
    rows = [("functions", "pdd_total", "mundlak", 2.2, 5.0, 0.07, "F(5, 56) for a")]
    frame = pd.DataFrame(rows, columns=list(TEST_COLUMNS))
    one = disclosure.tests(frame, fitted, MANY, RULE).iloc[0]
    assert one["note"] == "F(5, 54) for a"
    assert _solved(lambda n: float(stats.f.sf(2.2, 5, n - 1)), one["p_value"]) == 55


def test_degrees_of_freedom_of_imputation_are_rounded_too() -> None:
    """They are fewer than the people's, and not replaced by those."""
    row = panels.estimate(n_participants=200, n_obs=800, df=46.3, p_value=0.1)
    one = disclosure.estimates(_frame([row]), MANY, STUDY).iloc[0]
    reach = float(stats.t.ppf(0.975, 44)) * one["std_error"]
    assert one["df"] == 44
    assert one["ci_high"] == pytest.approx(one["estimate"] + reach)


def test_a_shifted_estimate_keeps_its_p() -> None:
    """It is not of its statistic over an error, so nothing can be solved from it."""
    fitted = _frame([panels.estimate()])
    rows = [
        ("functions", "pdd_total", "delta", -1.2, np.nan, 0.03, "if delta is +0.25")
    ]
    frame = pd.DataFrame(rows, columns=list(TEST_COLUMNS))
    one = disclosure.tests(frame, fitted, MANY, RULE).iloc[0]
    assert (one["p_value"], one["note"]) == (0.03, "if delta is +0.25")


def test_a_description_has_no_p() -> None:
    """What is no test keeps its statistic and gets no p."""
    fitted = _frame([panels.estimate()])
    rows = [("functions", "pdd_total", "vif_max", 1.2, np.nan, np.nan, "of a")]
    frame = pd.DataFrame(rows, columns=list(TEST_COLUMNS))
    one = disclosure.tests(frame, fitted, MANY, RULE).iloc[0]
    assert one["statistic"] == 1.2
    assert pd.isna(one["p_value"])


def test_what_one_person_does_stays_inside() -> None:
    """Rows of influence and of weights are not released, not even as withheld."""
    fitted = _frame([panels.estimate()])
    names = ["vif_max", "influence_change", "influence_sign"]
    names += ["largest_weight", "effective_sample_size"]
    rows = [("functions", "pdd_total", n, 1.2, np.nan, np.nan, "a") for n in names]
    frame = pd.DataFrame(rows, columns=list(TEST_COLUMNS))
    released = disclosure.tests(frame, fitted, MANY, RULE)
    assert list(released["test"]) == ["vif_max"]


def test_tests_follow_their_estimates() -> None:
    """A test of a withheld fit is withheld; its neighbour's is not."""
    fitted = _frame(
        [
            panels.estimate(outcome="pdd_total", n_participants=5, n_obs=10),
            panels.estimate(outcome="ghsq_formal"),
        ]
    )
    rows = [("functions", o, "mundlak", 7.2, 5.0, 0.2, "") for o in fitted["outcome"]]
    tests = pd.DataFrame(rows, columns=list(TEST_COLUMNS))
    released = disclosure.tests(tests, fitted, np.array([100.0, 100.0]), RULE)
    assert list(released["statistic"]) == [REDACTED, 7.2]
    assert list(released["df"]) == [REDACTED, 5.0]


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


def _solved(of: Callable[[int], float], value: float) -> int:
    """The number of people, of those that are rounded to 55 and their
    neighbours, at which `of` comes closest to a released value.
    """
    return min(range(50, 61), key=lambda n: abs(of(n) - value))


def _frame(rows: list[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(ESTIMATE_COLUMNS))


def test_what_is_planned_no_more_keeps_its_place_in_public_too() -> None:
    """One coefficient beside one that was locked and is gone: p is doubled."""
    row = panels.estimate(n_participants=240, df=239, p_adjusted=0.1)
    alone = disclosure.estimates(_frame([row]), MANY, STUDY).iloc[0]
    beside = disclosure.estimates(_frame([row]), MANY, STUDY, absent=1).iloc[0]
    assert beside["p_adjusted"] == pytest.approx(2 * alone["p_adjusted"])
