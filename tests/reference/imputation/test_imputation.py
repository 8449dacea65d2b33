"""Pooling against R's mice::pool, fed with mice's own imputations."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from panelstream.analysis.estimation.dropout.pooling import pool_estimates
from panelstream.analysis.estimation.inference import infer

EACH = pd.read_csv(Path(__file__).with_name("each.csv"))


@pytest.mark.parametrize("model", ["residual", "small"])
def test_pooling_equals_mice(expected: Callable[..., pd.DataFrame], model: str) -> None:
    """Estimate, error, Barnard-Rubin df, t, p and the fraction of missing information."""
    for row in expected("imputation", model).itertuples():
        of_term = EACH[EACH["term"] == row.term]
        estimates, errors = of_term["estimate"], of_term["std_error"]
        result = pool_estimates(
            estimates.to_numpy(), errors.to_numpy(), float(str(row.complete_df))
        )
        said = infer(result.estimate, result.std_error, result.df)
        assert result.estimate == pytest.approx(row.estimate, rel=1e-12)
        assert result.std_error == pytest.approx(row.std_error, rel=1e-12)
        assert result.df == pytest.approx(row.df, rel=1e-10)
        assert result.fraction_missing == pytest.approx(row.fraction_missing, rel=1e-10)
        assert said.statistic == pytest.approx(row.statistic, rel=1e-12)
        assert said.p_value == pytest.approx(row.p_value, rel=1e-9)
