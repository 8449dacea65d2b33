"""The estimates of a specification curve, and those of its shuffles, against R's."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.estimation.shuffles import (
    arrange_histories,
    prepare_refit,
)
from panelstream.analysis.estimation.specification_curve import (
    exclude_rows,
    fit_curves,
)
from panelstream.analysis.plan.curves import Curve, expand_curves
from panelstream.models.study.study import PanelStudy

EXPECTED = Path(__file__).parent / "expected.csv"
CHOICES = ["transform", "estimator", "covariates", "exclude", "exposure"]
STUDY = {
    "study": "reference",
    "title": "Reference",
    "covariates": {"previous_wave": ["phq9_total"]},
    "plan": {
        "confirmatory": [
            {
                "specification": "main",
                "estimator": "fixed_effects",
                "outcomes": ["pdd_total"],
                "exposures": ["reaction", "story"],
            }
        ],
        "specification_curve": {
            "permutations": 99,
            "forks": {
                "transform": ["none", "log1p"],
                "estimator": ["fixed_effects", "first_difference"],
                "covariates": [[], ["previous_wave"]],
                "exclude": ["nobody", "first_wave"],
            },
        },
    },
}


@pytest.fixture
def curve() -> Curve:
    """The curve of the sixteen specifications."""
    [curve] = expand_curves(PanelStudy.model_validate(STUDY))
    return curve


def test_curve_equals_r(curve: Curve, panel: pd.DataFrame) -> None:
    """Each of the sixteen specifications of both exposures, in every number."""
    found = fit_curves([curve], {None: panel}).estimates.set_index(CHOICES)
    expected = pd.read_csv(EXPECTED).set_index(CHOICES)
    assert set(found.index) == set(expected.index)
    for name in ("estimate", "std_error", "df", "p_value", "standardized"):
        values = found.loc[expected.index, name].to_numpy(dtype=float)
        assert values == pytest.approx(expected[name].to_numpy(), rel=1e-8), name


def test_unshuffled_use_gives_r_s_estimates(curve: Curve, panel: pd.DataFrame) -> None:
    """The regressions that are refitted in shuffles, on the data as they are."""
    expected = pd.read_csv(EXPECTED).set_index(CHOICES[:-1])
    people = pd.Index(panel["participant_id"].unique())
    for branch in curve.branches:
        specification = branch.specification
        rows = exclude_rows(panel, "pdd_total", branch.exclude)
        histories = arrange_histories(specification, rows, people)
        refit = prepare_refit(specification, rows, histories, np.array([True, True]))
        effects = refit.solve(np.arange(len(people))[None])
        choices = (
            specification.transform,
            specification.estimator,
            " + ".join(branch.covariates) or "none",
            branch.exclude,
        )
        wanted = (
            expected.loc[[choices]].set_index("exposure").loc[["reaction", "story"]]
        )
        for name in ("estimates", "standardized"):
            column = wanted[name.replace("estimates", "estimate")].to_numpy()
            assert getattr(effects, name)[0] == pytest.approx(column, rel=1e-8), name
