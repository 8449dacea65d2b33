"""Studies that `panelstream power` assumes err no more often than the plan says."""

from datetime import date
from pathlib import Path

import pytest
from scipy.stats import binom

from panelstream.flows.power import PowerRequest, analyse_power
from panelstream.models.study.template import study_text

STUDIES, HIGHEST = 200, 0.06


@pytest.mark.long
def test_a_plan_without_effects_is_seldom_called_associated(tmp_path: Path) -> None:
    """Of 80 people with heavy-tailed use: at most 6 %, by a binomial count (99.9 %)."""
    text = study_text("size", 4, date(2027, 1, 11))
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
    analysis = analyse_power(tmp_path, PowerRequest((80,), STUDIES, seed=20270111))
    (share,) = analysis.errors["false"]
    assert share * STUDIES <= binom.ppf(0.999, STUDIES, HIGHEST)
