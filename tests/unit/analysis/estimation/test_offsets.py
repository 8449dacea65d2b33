"""A constant in a column takes no digit from a slope, and rounding is no change."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.estimation.estimators import ESTIMATORS
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.study.estimators import ESTIMATOR_RULES

LINEAR = [name for name, value in ESTIMATORS.items() if value.scale == "points"]
WITHIN = [name for name in LINEAR if "within" in ESTIMATORS[name].components]

Change = Callable[[pd.DataFrame], pd.DataFrame]

OFFSETS: dict[str, Change] = {
    "exposure 1e6": lambda rows: rows.assign(x=rows["x"] + 1e6),
    "exposure 2e7": lambda rows: rows.assign(x=rows["x"] + 2e7),
    "outcome 1e6": lambda rows: rows.assign(y=rows["y"] + 1e6),
    "outcome 1e9": lambda rows: rows.assign(y=rows["y"] + 1e9),
    "covariate 1e8": lambda rows: rows.assign(z=rows["z"] + 1e8),
}


def panel() -> pd.DataFrame:
    """Sixty people in five waves, of whom some miss a wave; values in 64ths.

    Each sum with a large whole number is then exact, and all digits are the same.
    """
    random = np.random.default_rng(2)
    frame = pd.DataFrame(
        {
            "participant_id": np.repeat(np.arange(60), 5),
            "wave": np.tile(np.arange(1, 6), 60),
        }
    )
    level = random.normal(0, 1, 60)[frame["participant_id"]]
    x = level + random.normal(0, 1, 300)
    z = level + random.normal(0, 1, 300)
    y = 2 * level - x + z / 2 + random.normal(0, 1, 300)
    values = {"x": x, "y": y, "z": z}
    frame = frame.assign(**{name: np.round(v * 64) / 64 for name, v in values.items()})
    return frame.drop(index=[7, 44, 123]).reset_index(drop=True)


def numbers(estimator: str, rows: pd.DataFrame) -> np.ndarray:
    """Estimate and error of each term.

    Random effects without those of waves: with them, linearmodels decides by rounding
    how many of the dummies' means are independent, with any column of the size of one.
    """
    rules = ESTIMATOR_RULES[estimator]
    specification = Specification(
        specification="main",
        estimator=estimator,
        outcome="y",
        exposures=("x",),
        measure="as_is",
        transform="none",
        effects=() if estimator == "random_effects" else rules.effects,
        fixed=(),
        varying=() if estimator == "ri_clpm" else ("z",),
        window=None,
        confirmatory=False,
        timing=rules.timing,
    )
    terms = fit(specification, rows).terms
    return np.array([(term.estimate, term.std_error) for term in terms])


@pytest.mark.parametrize("change", OFFSETS.values(), ids=OFFSETS)
@pytest.mark.parametrize("estimator", LINEAR)
def test_an_offset_changes_no_number(estimator: str, change: Change) -> None:
    """Serial numbers and times in seconds are exposures as good as others."""
    expected = numbers(estimator, panel())
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(numbers(estimator, change(panel())), expected, rtol=1e-6)


@pytest.mark.parametrize("estimator", WITHIN)
def test_rounding_is_no_change(estimator: str) -> None:
    """A person's value that differs in its last bit from wave to wave is the same."""
    rows = panel()
    constant = 1e6 + rows["participant_id"] * 0.1
    odd = rows["wave"] % 2 == 1
    rows["x"] = np.where(odd, np.nextafter(constant, np.inf), constant)
    estimates = numbers(estimator, rows)
    assert np.isnan(estimates[0]).all()
