"""Agreement of self-reported and measured use, by hand and where there is no number."""

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.panel.agreement import (
    AGREEMENT_STATISTICS,
    agreement,
    agreement_of_sums,
    agreement_statistics,
)
from panelstream.models.arrays import Array

PEOPLE = np.arange(12)
CODES = np.tile([0.0, 1, 2, 5], 3)


def test_statistics_by_hand() -> None:
    """Of 0, 1, 2, 5 against 0, 2, 2, 3: differences 0, -1, 0, 2, means 0, 1.5, 2, 4.

    Kappa 1 - (5/4) / (76/16); the slope of the differences on the means is
    4.625 / 8.1875; SD of the differences sqrt(4.75 / 3).
    """
    a, b = np.array([0.0, 1, 2, 5]), np.array([0.0, 2, 2, 3])
    sums = np.array([4, a.sum(), b.sum(), a @ a, b @ b, a @ b])
    value = dict(zip(AGREEMENT_STATISTICS, agreement_of_sums(sums), strict=True))
    assert value["kappa"] == pytest.approx(1 - (5 / 4) / (76 / 16))
    assert value["mean_difference"] == 0.25
    assert value["slope"] == pytest.approx(4.625 / 8.1875)
    reach = 1.959963984540054 * np.sqrt(4.75 / 3)
    assert value["limit_low"] == pytest.approx(0.25 - reach)
    assert value["limit_high"] == pytest.approx(0.25 + reach)


def test_interval_of_a_mean_is_students() -> None:
    """Without repetition the jackknife of a mean is s / sqrt(n), t with n - 1."""
    measured = np.array([0.0, 2, 2, 3, 1, 1, 4, 5, 3, 0, 2, 4])
    difference = CODES - measured
    fit = agreement(CODES, measured, PEOPLE)
    reach = 2.2009851600829 * difference.std(ddof=1) / np.sqrt(12)
    at = AGREEMENT_STATISTICS.index("mean_difference")
    assert fit.low[at] == pytest.approx(difference.mean() - reach)
    assert fit.high[at] == pytest.approx(difference.mean() + reach)


def test_a_repeated_answer_is_no_new_person() -> None:
    """Every wave given twice changes neither values nor limits of the mean."""
    measured = np.roll(CODES, 1)
    single = agreement(CODES, measured, PEOPLE)
    double = agreement(*(np.tile(x, 2) for x in (CODES, measured, PEOPLE)))
    at = AGREEMENT_STATISTICS.index("mean_difference")
    limits = (double.values[at], double.low[at], double.high[at])
    expected = (single.values[at], single.low[at], single.high[at])
    np.testing.assert_allclose(limits, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("reported", "measured", "note"),
    [
        (CODES[:9], CODES[:9], "too few people"),
        (np.full(12, 3.0), CODES, "self-reported use never varies"),
        (CODES + 1, CODES, "self-reported use is not in the six frequencies"),
        (CODES, np.zeros(12), "measured use never varies"),
    ],
)
def test_without_people_or_variation_there_is_a_note(
    reported: Array, measured: Array, note: str
) -> None:
    """And no number."""
    fit = agreement(reported, measured, PEOPLE[: len(reported)])
    assert fit.note == note
    assert np.isnan([fit.values, fit.low, fit.high]).all()


def test_perfect_agreement_has_no_interval() -> None:
    """Kappa and ICC are 1, and a note says why there are no limits."""
    fit = agreement(CODES, CODES, PEOPLE)
    assert fit.values[:3].tolist() == pytest.approx([1, 1, 0])
    assert np.isnan([fit.low, fit.high]).all()
    assert fit.note == "the difference never varies: no intervals"


def test_one_person_alone_carries_no_interval() -> None:
    """If the answers of a single person vary, leaving that person out leaves nothing."""
    lone = (PEOPLE == 0).astype(float)
    fit = agreement(3 * lone, 2 * lone, PEOPLE)
    assert np.isfinite(fit.values).all()
    assert np.isnan([fit.low, fit.high]).all()
    assert fit.note == "without one person nothing varies: no intervals"


def test_rows_of_waves_and_of_all() -> None:
    """Unknown use is left out; the row of all waves counts people once."""
    panel = _panel()
    frame = agreement_statistics(panel, ["chat", "post"])
    assert frame["function"].eq("chat").all()
    assert frame["wave"].fillna(0).tolist() == [1, 2, 0]
    assert frame["n"].tolist() == [12, 11, 23]
    assert frame["people"].tolist() == [12, 11, 12]


def test_the_row_of_all_waves_is_withheld_with_one_of_them() -> None:
    """Its smallest group is that of the wave with the smallest: 2 people, not 11."""
    panel = _panel()
    second = panel["wave"] == 2
    panel.loc[second, "chat_self_report"] = panel.loc[second, "chat_frequency"]
    panel.loc[second & (panel["participant_id"] < 2), "chat_self_report"] = 4
    groups = agreement_statistics(panel, ["chat"])["smallest_group"].tolist()
    assert groups[1:] == [2, 2]


def test_a_study_that_asks_nothing_has_no_rows() -> None:
    """Columns are there, for whoever reads them."""
    assert agreement_statistics(_panel(), ["post"]).empty


def _panel() -> pd.DataFrame:
    """Two waves of 12 people; use of one of them is unknown in the second."""
    panel = pd.DataFrame(
        {
            "participant_id": np.tile(PEOPLE, 2),
            "round": 1,
            "wave": np.repeat([1, 2], 12),
            "chat_self_report": np.tile(CODES, 2),
            "chat_frequency": np.tile(np.roll(CODES, 1), 2),
            "post_frequency": 1.0,
        }
    )
    panel.loc[23, "chat_frequency"] = np.nan
    return panel
