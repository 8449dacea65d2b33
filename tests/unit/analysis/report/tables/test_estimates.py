"""Estimates and tests: withheld whole, and no number of people follows from them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from panelstream.analysis.estimation.estimates import ESTIMATE_COLUMNS
from panelstream.analysis.report.input import ReportInput
from panelstream.analysis.report.release import REDACTED, release
from panelstream.analysis.report.tables import Builder, estimates
from tests.lib import panels
from tests.lib.panels import Inputs

MANY = 100.0


@pytest.fixture(scope="module")
def u2plus(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """A study whose smallest effect on stigma is 2 points."""
    return panels.u2plus(tmp_path_factory.mktemp("u2plus"))


@pytest.mark.parametrize("people", [1, 7])
def test_an_estimate_of_few_people_is_withheld(u2plus: Inputs, people: int) -> None:
    """Nothing of it remains: no coefficient, interval, p, verdict or count."""
    row = panels.estimate(n_participants=people, n_obs=3 * people, verdict="associated")
    released = _estimates(u2plus, [row]).iloc[0]
    for column in ("estimate", "ci_low", "p_value", "verdict", "n_participants"):
        assert released[column] == REDACTED


def test_counts_beside_estimates_are_rounded(u2plus: Inputs) -> None:
    """Rows, people and the degrees of freedom that count people, not the estimate."""
    row = panels.estimate(n_participants=238, n_obs=803, df=237, estimate=-1.23456)
    released = _estimates(u2plus, [row]).iloc[0]
    assert [released[c] for c in ("n_participants", "n_obs", "df", "estimate")] == [
        240.0,
        805.0,
        239.0,
        -1.23456,
    ]


@pytest.mark.parametrize("people", [0, 1, 7, np.nan])
def test_an_estimate_of_few_users_is_withheld(u2plus: Inputs, people: float) -> None:
    """However many people were analysed."""
    row = panels.estimate(verdict="associated")
    released = _estimates(u2plus, [row], people).iloc[0]
    for column in ("estimate", "std_error", "ci_high", "p_value", "verdict"):
        assert released[column] == REDACTED


def test_an_estimate_gives_no_degrees_of_freedom_away(u2plus: Inputs) -> None:
    """Solved for the people, its interval and each p give the released 55, not 57.

    p of the smaller margin of equivalence is one-sided; Holm's of a family of one
    is p itself.
    """
    exact = {"df": 56.0, "p_value": 0.1, "p_adjusted": 0.1, "equivalence_p": 0.1}
    row = panels.estimate(n_participants=57, n_obs=160, verdict="undecided", **exact)
    one = _estimates(u2plus, [row]).iloc[0]
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


def test_a_test_gives_no_degrees_of_freedom_away(u2plus: Inputs) -> None:
    """The p of F(5, people - 1) is that of the released people."""
    fitted = [panels.estimate(n_participants=57, n_obs=160)]
    rows = [("functions", "pdd_total", "mundlak", 2.2, 5.0, 0.07, "F(5, 56) for a")]
    one = _tests(u2plus, rows, fitted, denominator=56.0).iloc[0]
    assert one["note"] == "F(5, 54) for a"
    assert one["df_denominator"] == 54
    assert _solved(lambda n: float(stats.f.sf(2.2, 5, n - 1)), one["p_value"]) == 55


def test_degrees_of_freedom_of_imputation_are_rounded_too(u2plus: Inputs) -> None:
    """They are fewer than the people's, and not replaced by those."""
    row = panels.estimate(n_participants=200, n_obs=800, df=46.3, p_value=0.1)
    one = _estimates(u2plus, [row]).iloc[0]
    reach = float(stats.t.ppf(0.975, 44)) * one["std_error"]
    assert one["df"] == 44
    assert one["ci_high"] == pytest.approx(one["estimate"] + reach)


def test_few_degrees_of_freedom_are_given_to_two_digits(u2plus: Inputs) -> None:
    """6.123 are Satterthwaite's and of no number of people: 6.1, and p and limits by them."""
    row = panels.estimate(n_participants=200, n_obs=800, df=6.123, p_value=0.1)
    one = _estimates(u2plus, [row]).iloc[0]
    reach = float(stats.t.ppf(0.975, 6.1)) * one["std_error"]
    assert one["df"] == 6.1
    assert one["ci_high"] == pytest.approx(one["estimate"] + reach)
    rows = [("functions", "pdd_total", "mundlak", 2.2, 5.0, 0.07, "F(5, 6.1) for a")]
    test = _tests(u2plus, rows, [row], denominator=6.123).iloc[0]
    assert test["note"] == "F(5, 6.1) for a"
    assert test["p_value"] == pytest.approx(float(stats.f.sf(2.2, 5, 6.1)))


def test_what_one_person_carries_stays_inside(u2plus: Inputs) -> None:
    """The largest person's share is no column of a released table."""
    row = panels.estimate(largest_share=0.4, sole_person=True, n_changing=123)
    released = _estimates(u2plus, [row])
    assert not {"largest_share", "sole_person"} & set(released)
    assert released["n_changing"].iloc[0] == 125


def test_a_shifted_estimate_keeps_its_p(u2plus: Inputs) -> None:
    """It is not of its statistic over an error, so nothing can be solved from it."""
    fitted = [panels.estimate()]
    rows = [
        ("functions", "pdd_total", "delta", -1.2, np.nan, 0.03, "if delta is +0.25")
    ]
    one = _tests(u2plus, rows, fitted).iloc[0]
    assert (one["p_value"], one["note"]) == (0.03, "if delta is +0.25")


def test_a_description_has_no_p(u2plus: Inputs) -> None:
    """What is no test keeps its statistic and gets no p."""
    fitted = [panels.estimate()]
    rows = [("functions", "pdd_total", "vif_max", 1.2, np.nan, np.nan, "of a")]
    one = _tests(u2plus, rows, fitted).iloc[0]
    assert one["statistic"] == 1.2
    assert pd.isna(one["p_value"])


def test_what_one_person_does_stays_inside(u2plus: Inputs) -> None:
    """Rows of influence and of weights are not released, not even as withheld."""
    fitted = [panels.estimate()]
    names = ["vif_max", "influence_change", "influence_sign"]
    names += ["largest_weight", "effective_sample_size"]
    rows = [("functions", "pdd_total", n, 1.2, np.nan, np.nan, "a") for n in names]
    released = _tests(u2plus, rows, fitted)
    assert list(released["test"]) == ["vif_max"]


def test_tests_follow_their_estimates(u2plus: Inputs) -> None:
    """A test of a withheld fit is withheld; its neighbour's is not."""
    outcomes = {"pdd_total": 5, "ghsq_formal": 238}
    fitted = [
        panels.estimate(outcome=outcome, n_participants=people, n_obs=2 * people)
        for outcome, people in outcomes.items()
    ]
    rows = [
        ("functions", outcome, "mundlak", 7.2, 5.0, 0.2, "") for outcome in outcomes
    ]
    released = _tests(u2plus, rows, fitted)
    assert list(released["statistic"]) == [REDACTED, 7.2]
    assert list(released["df"]) == [REDACTED, 5.0]


def test_what_is_no_longer_planned_keeps_its_place_in_public_too(
    u2plus: Inputs,
) -> None:
    """One coefficient beside one that was locked and is gone: p is doubled."""
    row = panels.estimate(n_participants=240, df=239, p_adjusted=0.1)
    alone = _estimates(u2plus, [row]).iloc[0]
    beside = _estimates(u2plus, [row], removed=1).iloc[0]
    assert beside["p_adjusted"] == pytest.approx(2 * alone["p_adjusted"])


def _solved(of: Callable[[int], float], value: float) -> int:
    """The number of people, of those that are rounded to 55 and their
    neighbours, at which `of` comes closest to a released value.
    """
    return min(range(50, 61), key=lambda n: abs(of(n) - value))


def _estimates(
    u2plus: Inputs, rows: list[dict[str, Any]], people: float = MANY, removed: int = 0
) -> pd.DataFrame:
    """Confirmatory estimates that rest on the use of so many people, released."""
    manifest = {"plan": {"removed_after_lock": removed}}
    return _released(
        estimates.estimates_confirmatory,
        replace(u2plus, estimates=_frame(rows), manifest=manifest).data,
        people,
    )


def _tests(
    u2plus: Inputs,
    rows: list[tuple[Any, ...]],
    fitted: list[dict[str, Any]],
    denominator: float = np.nan,
) -> pd.DataFrame:
    """Tests of estimates that rest on the use of many people, released."""
    tests = panels.frame_tests(rows, denominator)
    inputs = replace(u2plus, estimates=_frame(fitted), tests=tests)
    return _released(estimates.tests, inputs.data, MANY)


def _released(build: Builder, data: ReportInput, people: float) -> pd.DataFrame:
    # A study with exactly so many users would say less than the number itself.
    data.__dict__["people_behind"] = np.full(len(data.estimates), people)
    [table] = release([build(data)], data.rule)
    return table.frame


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(ESTIMATE_COLUMNS))
