"""Measurement invariance against R's lavaan, on answers of people who leave.

lavaan stops at its optimizer's tolerance, ours is at rounding.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.estimation.invariance import invariance_statistics
from panelstream.models.instruments.instrument import find_instrument

HERE = Path(__file__).parent
MODELS = ["configural", "metric", "scalar"]
NUMBERS = {
    "chi_square": "chisq.scaled",
    "df": "df.scaled",
    "p_value": "pvalue.scaled",
    "cfi": "cfi.scaled",
    "rmsea": "rmsea.scaled",
    "difference": "difference",
    "difference_df": "difference_df",
    "difference_p": "difference_p",
    "n": "n",
}


@pytest.fixture(scope="module")
def fitted() -> pd.DataFrame:
    """Our three models of the four items."""
    answers = pd.read_csv(HERE / "answers.csv")
    panel = answers[["participant_id", "wave"]].assign(round=1)
    mood = find_instrument("mood.yaml", HERE).value
    return invariance_statistics([mood], panel, answers).set_index("model")


@pytest.fixture(scope="module")
def lavaan() -> pd.DataFrame:
    """What lavaan says of them."""
    return pd.read_csv(HERE / "expected.csv").set_index("model")


@pytest.mark.parametrize("model", MODELS)
def test_fit_equals_lavaan(
    fitted: pd.DataFrame, lavaan: pd.DataFrame, model: str
) -> None:
    """Scaled chi-squares, CFI, RMSEA, and scaled differences of nested models."""
    for ours, theirs in NUMBERS.items():
        wanted = lavaan.loc[model, theirs]
        assert fitted.loc[model, ours] == pytest.approx(
            wanted, rel=1e-6, nan_ok=True
        ), ours


def test_changes_and_conclusions(fitted: pd.DataFrame, lavaan: pd.DataFrame) -> None:
    """The loading and the intercept that were made to change are noticed."""
    changes = lavaan["cfi.scaled"].diff()
    np.testing.assert_allclose(fitted["cfi_change"], changes, atol=1e-7)
    assert (changes[1:] < -0.01).all()
    assert fitted["conclusion"].to_list() == [
        "good fit",
        "equal loadings not supported",
        "equal intercepts not supported",
    ]
    assert (fitted["waves"] == 3).all()
