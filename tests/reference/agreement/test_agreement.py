"""Self-reported against measured use: psych's kappa and ICC, the jackknife in base R."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.panel.agreement import (
    AGREEMENT_STATISTICS,
    agreement_statistics,
)

HERE = Path(__file__).parent


@pytest.mark.parametrize("statistic", AGREEMENT_STATISTICS)
@pytest.mark.parametrize("column", ["", "_ci_low", "_ci_high"])
def test_statistics_and_limits_are_those_of_r(statistic: str, column: str) -> None:
    """In each of three waves and over all of them, with persons who miss waves."""
    result = agreement_statistics(pd.read_csv(HERE / "pairs.csv"), ["chat", "post"])
    expected = pd.read_csv(HERE / "expected.csv").query("statistic == @statistic")
    numbers = expected["value" if column == "" else column.removeprefix("_")]
    assert result["wave"].fillna(0).tolist() == [1, 2, 3, 0]
    assert result["n"].tolist() == expected["n"].tolist()
    assert result["people"].tolist() == expected["people"].tolist()
    np.testing.assert_allclose(result[statistic + column], numbers, rtol=1e-10)
