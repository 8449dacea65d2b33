"""Do intervals hold the truth where people leave after a high outcome?"""

import pytest
from scipy.stats import binom

from panelstream.analysis.estimation.dropout import bootstrap
from tests.long.dropout_table import SEEDS, measure

REPAIRED = {
    ("pooled", "weights"),
    ("pooled", "imputation"),
    ("fixed_effects", "imputation"),
    ("first_difference", "weights"),
    ("first_difference", "imputation"),
    ("within_between", "imputation"),
}


@pytest.mark.long
def test_remedies_cover_where_their_assumptions_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Within binomial limits of 95 %; complete cases fall short of them."""
    monkeypatch.setattr(bootstrap, "DRAWS", bootstrap.DRAWS)
    result = measure().set_index(["estimator", "remedy"])
    low, high = binom.ppf([0.0005, 0.9995], SEEDS, 0.95)
    held = result["held"]
    assert {one: held[one] for one in REPAIRED if not low <= held[one] <= high} == {}
    assert all(abs(result["bias"][one]) < 4 * result["error"][one] for one in REPAIRED)
    for one in ("pooled", "within_between"):
        assert (
            abs(result["bias"][one, "complete cases"])
            > 6 * result["error"][one, "complete cases"]
        )
    assert held["within_between", "complete cases"] < SEEDS / 2
