"""Who is in a regression and why others are not."""

from dataclasses import fields, replace

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.estimates import fit_all
from panelstream.analysis.estimation.sample import (
    Losses,
    count_losses,
    describe_specifications,
)
from panelstream.analysis.plan.specifications import Specification

LAGGED = Specification(
    specification="before",
    estimator="fixed_effects",
    outcome="score",
    exposures=("story",),
    measure="as_is",
    transform="none",
    effects=("participant",),
    fixed=(),
    varying=("mood",),
    window=None,
    confirmatory=True,
    timing="lag 1",
)


def _panel() -> pd.DataFrame:
    """Twelve people in four waves; three of the first one's cells are empty."""
    rng = np.random.default_rng(3)
    index = pd.MultiIndex.from_product(
        [[f"p{n:02d}" for n in range(12)], [1, 2, 3, 4]],
        names=["participant_id", "wave"],
    )
    panel = index.to_frame(index=False)
    for name in ("score", "story", "mood"):
        panel[name] = rng.normal(size=len(panel))
    panel.loc[0, "score"] = np.nan  # wave 1: has no wave before, and no outcome
    panel.loc[1, "story"] = np.nan  # lost to wave 3, whose use it is
    panel.loc[3, "mood"] = np.nan  # wave 4; wave 2 alone is then one row
    return panel


def test_each_row_is_lost_once() -> None:
    """One without outcome, the other eleven first waves, a use, a covariate, a single row."""
    assert count_losses(LAGGED, _panel()) == Losses(1, 11, 1, 1, 1)


def test_a_regression_is_described() -> None:
    """Rows lost and rows analysed are all rows; waves have their days where known."""
    panel = _panel()
    estimates = fit_all([LAGGED], {None: panel}).estimates
    days = {2: ("2027-01-01", "2027-01-07"), 4: ("2027-03-01", "2027-03-07")}
    [row] = describe_specifications([LAGGED], {None: panel}, estimates, days).to_dict(
        "records"
    )
    names = [column.name for column in fields(Losses)]
    assert sum(row[name] for name in names) + row["n_obs"] == len(panel)
    assert row["waves"] == "waves 2 to 4, 2027-01-01 to 2027-03-07"
    assert "use of the wave before" in row["title"]


def test_what_takes_incomplete_rows_has_no_losses() -> None:
    """Imputation uses what complete cases leave out."""
    panel, imputed = _panel(), replace(LAGGED, missing="imputed")
    estimates = fit_all([imputed], {None: panel}).estimates
    table = describe_specifications([imputed], {None: panel}, estimates, {})
    assert table[["waves", "outcome_unknown", "single_rows"]].isna().all().all()
