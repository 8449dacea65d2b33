"""Reliability: known truths, and what is said where there is no number."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.panel import reliability
from panelstream.analysis.panel.scoring import score_instrument
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.models.instruments.instrument import Instrument, find_instrument

ITEMS = ["mood_1", "mood_2", "mood_3"]
MOOD = """
instrument: mood
title: {en: Mood}
reference: made up for the tests
licence: none
items:
  - {code: mood_1, low: 0, high: 4}
  - {code: mood_2, low: 0, high: 4}
  - {code: mood_3, low: 0, high: 4, reversed: true}
scales:
  - {code: total, items: [mood_1, mood_2, mood_3]}
  - {code: pair, items: [mood_1, mood_2], method: mean}
  - {code: one, items: [mood_1], method: mean}
  - {code: high, items: [mood_1, mood_2], method: count, at_least: 3}
  - {code: any, items: [mood_1], method: any}
  - {code: told, delivered: true, low: 0, high: 10}
"""


@pytest.fixture
def mood(tmp_path: Path) -> Instrument:
    """Three items, the last reversed, and a scale of every kind."""
    (tmp_path / "mood.yaml").write_text(MOOD, encoding="utf-8")
    return find_instrument("mood.yaml", tmp_path).value


def measured(
    mood: Instrument, answers: pd.DataFrame, rounds: int | list[int] = 1
) -> pd.DataFrame:
    """The statistics of `answers`, which everybody in the panel gave."""
    panel = answers[["participant_id", "wave"]].assign(round=rounds)
    return reliability.reliability_statistics(
        [mood], panel.join(score_instrument(mood, answers)), answers
    )


def answers(*rows: tuple[int, str, int, int, int]) -> pd.DataFrame:
    """Wave, person and three answers a row; the delivered score is 10."""
    frame = pd.DataFrame(rows, columns=["wave", "participant_id", *ITEMS])
    return frame.assign(mood_told=10.0)


def one(found: pd.DataFrame, name: str, statistic: str, wave: int = 1) -> pd.Series:
    """The single row of a statistic."""
    rows = found[found["score"].eq(name) & found["statistic"].eq(statistic)]
    [row] = [row for _, row in rows[rows["wave"] == wave].iterrows()]
    return row


FOUR = answers(
    (1, "a", 0, 1, 4), (1, "b", 1, 0, 3), (1, "c", 2, 3, 2), (1, "d", 4, 4, 1)
)


def test_alpha_by_hand(mood: Instrument) -> None:
    """Mood 1 is 0 1 2 4 and mood 2 is 1 0 3 4: variances 35/12 and 40/12, sum 139/12.

    Twice (1 - 75/139) is 128/139. Their covariance is (139 - 75)/24, and the
    item-rest correlation of two items is their own.
    """
    result = measured(mood, FOUR)
    assert one(result, "mood_pair", "alpha")["value"] == pytest.approx(128 / 139)
    pair = result[
        (result["score"] == "mood_pair") & (result["statistic"] == "item_rest")
    ]
    expected = (64 / 24) / np.sqrt(35 / 12 * 10 / 3)
    assert pair["value"].tolist() == pytest.approx([expected, expected])


def test_limits_of_alpha_hold_it_and_narrow() -> None:
    """More people, narrower limits; alpha lies between them."""
    narrow = reliability.alpha_limits(0.8, 500, 9)
    wide = reliability.alpha_limits(0.8, 20, 9)
    assert wide[0] < narrow[0] < 0.8 < narrow[1] < wide[1]


def test_omega_of_a_known_factor() -> None:
    """Items that are exactly one factor: loadings .9 .6 .7 .5, unique variances 1 - l².

    Omega of the sum is 2.7² / (2.7² + .19 + .64 + .51 + .75) = 7.29 / 9.38.
    """
    loadings = np.array([0.9, 0.6, 0.7, 0.5])
    wanted = np.outer(loadings, loadings) + np.diag(1 - loadings**2)
    raw = np.random.default_rng(7).normal(size=(50, 4))
    raw -= raw.mean(axis=0)
    white = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw, rowvar=False))).T
    items = white @ np.linalg.cholesky(wanted).T
    assert reliability.omega(items) == pytest.approx(7.29 / 9.38, rel=1e-8)


def test_retest_by_hand() -> None:
    """Scores 1 2 3 and 2 2 5: ICC(A,1) from the mean squares.

    People's means 1.5 2 4: mean square 2 x 7/4 = 3.5; times 2 and 3: 3 x 1/2 = 1.5;
    differences 1 0 2: residual 1/2. (3.5 - .5) / (3.5 + .5 + 2/3 (1.5 - .5)) = 9/14.
    """
    result = reliability.retest(np.array([1.0, 2, 3]), np.array([2.0, 2, 5]))
    assert result.value == pytest.approx(9 / 14)
    low, high = result.limits(result.n)
    assert low < 9 / 14 < high


def test_ends_are_of_all_scores(mood: Instrument) -> None:
    """Of four people one has the lowest mood 1, one the highest; all the told one."""
    result = measured(mood, FOUR)
    ends = [one(result, "mood_one", end)["value"] for end in ("floor", "ceiling")]
    assert ends == [0.25, 0.25]
    assert one(result, "mood_told", "ceiling")["value"] == 1
    assert one(result, "mood_high", "ceiling")["value"] == 0.25


def test_what_no_alpha_belongs_to(mood: Instrument) -> None:
    """A single item and a count have none; a delivered score says why; any has nothing."""
    result = measured(mood, FOUR)
    statistics = result.groupby("score")["statistic"].unique().map(list).to_dict()
    assert statistics["mood_one"] == statistics["mood_high"] == ["floor", "ceiling"]
    assert one(result, "mood_told", "alpha")["note"] == "delivered without its items"
    assert "mood_any" not in statistics


def test_waves_are_compared_within_a_round(mood: Instrument) -> None:
    """The same people in the next wave of their round, and never across rounds."""
    later = FOUR.assign(wave=2, mood_1=[0, 2, 2, 3])
    other = FOUR.assign(wave=3)
    every = pd.concat([FOUR, later, other], ignore_index=True)
    result = measured(mood, every, [1] * 8 + [2] * 4)
    waves = result.loc[result["statistic"] == "test_retest", "wave"]
    assert set(waves) == {2}
    assert one(result, "mood_one", "test_retest", wave=2)["n"] == 4
    assert (
        one(result, "mood_told", "test_retest", 2)["note"] == "all scores changed alike"
    )


def test_incomplete_responses_count_for_no_item_statistic(mood: Instrument) -> None:
    """Two complete responses are too few, although four people answered something."""
    holes = FOUR.assign(mood_2=[np.nan, np.nan, 3, 4])
    row = one(measured(mood, holes), "mood_total", "alpha")
    assert (row["n"], row["note"]) == (2, "fewer than 3 complete responses")
    assert np.isnan(row["value"])


def test_items_that_never_vary(mood: Instrument) -> None:
    """No alpha where no score varies; no item-rest correlation of a constant."""
    same = FOUR.assign(mood_1=2, mood_2=3, mood_3=1)
    assert (
        one(measured(mood, same), "mood_pair", "alpha")["note"]
        == "the scores never vary"
    )
    result = measured(mood, FOUR.assign(mood_3=1))
    assert one(result, "mood_total", "omega")["note"] == "an item never varies"
    item = result[(result["item"] == "mood_3")].iloc[0]
    assert np.isnan(item["value"])
    assert item["note"]


@pytest.mark.parametrize(
    ("items", "problem"),
    [
        (np.eye(5)[:, :2], "fewer than 3 items"),
        (np.eye(3), "too few different responses"),
        (np.eye(6)[:, :3] @ np.array([[1, 1, 2], [1, 0, 1], [0, 1, 1.0]]), "too few"),
    ],
)
def test_why_there_is_no_omega(items: np.ndarray, problem: str) -> None:
    """Each reason is told."""
    with pytest.raises(NotEstimable, match=problem):
        reliability.omega(items)


def test_one_factor_may_not_fit() -> None:
    """Correlations .9 .9 .1 would need a negative unique variance."""
    wanted = np.array([[1, 0.9, 0.9], [0.9, 1, 0.7], [0.9, 0.7, 1]])
    raw = np.random.default_rng(1).normal(size=(40, 3))
    raw -= raw.mean(axis=0)
    white = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw, rowvar=False))).T
    with pytest.raises(NotEstimable, match="no proper solution"):
        reliability.omega(white @ np.linalg.cholesky(wanted).T)
