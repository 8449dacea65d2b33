"""Analysis of covariance against R: `lm` on later answers, with clubSandwich's CR2."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.plan.specifications import Specification

PANEL = Path(__file__).parents[1] / "clubsandwich" / "panel.csv"
MODELS = {
    "baseline": ("pooled", "baseline"),
    "previous_outcome": ("pooled", "previous_outcome"),
    "between": ("between", "baseline"),
}


@pytest.mark.parametrize("model", MODELS)
def test_later_answers_are_regressed_on_earlier_ones(
    model: str,
    specify: Callable[..., Specification],
    expected: Callable[..., pd.DataFrame],
) -> None:
    """Estimates, errors, degrees of freedom, p and rows are R's.

    A third of the answers is missing, so many people have no first or previous answer.
    """
    estimator, kind = MODELS[model]
    specification = specify(
        estimator=estimator,
        outcome="score",
        exposures=tuple(f"f{j}" for j in range(1, 6)),
        fixed=("age",),
        varying=(),
        errors="cr2",
        outcome_history=(kind,),
    )
    result = fit(specification, pd.read_csv(PANEL))
    reference = expected("ancova", model).set_index("term")
    assert [term.term for term in result.terms] == list(reference.index)
    for term in result.terms:
        for number in ("estimate", "std_error", "df", "p_value"):
            assert getattr(term, number) == pytest.approx(
                reference.loc[term.term, number], rel=1e-8
            ), (term.term, number)
    if estimator == "pooled":
        assert result.n_obs == reference["n_obs"].iloc[0]
    else:
        assert result.n_participants == reference["n_obs"].iloc[0]
