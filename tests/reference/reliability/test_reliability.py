"""Reliability against R's psych and lavaan, on answers as people give them."""

from pathlib import Path

import pandas as pd
import pytest

from panelstream.analysis.panel.reliability import reliability_statistics
from panelstream.analysis.panel.scoring import score_instrument
from panelstream.models.instruments.instrument import find_instrument

HERE = Path(__file__).parent
KEYS = ["score", "wave", "statistic", "item"]
INSTRUMENTS = [find_instrument(name, HERE).value for name in ("phq9", "pdd", "ghsq")]
NUMERICAL = {"omega": 1e-7}
"""Relative agreement of what is found by iteration: lavaan stops there."""


@pytest.fixture(scope="module")
def compared() -> pd.DataFrame:
    """Every number that R wrote beside ours (`_ours`)."""
    answers = pd.read_csv(HERE / "answers.csv")
    keys = answers[["participant_id", "wave"]].assign(round=1)
    scores = [score_instrument(instrument, answers) for instrument in INSTRUMENTS]
    panel = pd.concat([keys, *scores], axis=1)
    expected = pd.read_csv(HERE / "expected.csv").fillna({"item": ""})
    result = reliability_statistics(INSTRUMENTS, panel, answers)
    return expected.merge(result, on=KEYS, how="left", suffixes=("", "_ours"))


def test_every_statistic_is_compared(compared: pd.DataFrame) -> None:
    """Three scales in two waves; R finds something to see at both ends."""
    counts = compared["statistic"].value_counts()
    assert counts.drop("item_rest").to_dict() == {
        "alpha": 6,
        "omega": 6,
        "floor": 6,
        "ceiling": 6,
        "test_retest": 3,
    }
    assert compared.groupby("statistic")["value"].max().gt(0).all()


@pytest.mark.parametrize("column", ["value", "ci_low", "ci_high", "n"])
def test_numbers_equal_r(compared: pd.DataFrame, column: str) -> None:
    """All values and limits agree to rounding, omega to R's tolerance."""
    for row in compared.itertuples():
        exact = pytest.approx(
            getattr(row, column),
            rel=NUMERICAL.get(str(row.statistic), 1e-12),
            nan_ok=True,
        )
        place = row.score, row.wave, row.statistic, row.item
        assert getattr(row, f"{column}_ours") == exact, place
