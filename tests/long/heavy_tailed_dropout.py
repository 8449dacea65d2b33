"""Dropout where a few people do most of what is done, with and without remedy.

    python -m tests.long.heavy_tailed_dropout

prints the tables of docs/explanation/dropout.md. Use is on days of a window of four
weeks; the rate of a person is Pareto distributed, so that half of the use is that of a
tenth of the people. Everyone's outcome moves with use by `WITHIN` a day a week.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from panelstream.analysis.estimation.dropout import bootstrap, delta, imputation
from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.estimation.estimators import ESTIMATORS
from panelstream.analysis.estimation.fit import Term
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Mask, Matrix
from tests.lib.planted import OUTCOME, USE, specify

SEEDS = 120
DRAWS = 100
"""Fewer than in an analysis: hundreds of panels average what one cannot."""

PERSONS, WAVES, WITHIN = 350, 6, -0.5
LEAVING = 0.15
LOST_SLOPE = 0.5
"""How much more the outcome of people who left moves with use: it does not move at all."""

REMEDIES: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("fixed_effects", "complete cases"): {},
    ("fixed_effects", "imputation"): {"missing": "imputed"},
    ("first_difference", "complete cases"): {},
    ("first_difference", "weights"): {"weights": "attrition"},
}
ON = ("outcome", "use")
"""What the log odds of leaving rise with, by 1 for each standard deviation."""


@dataclass(frozen=True)
class Coverage:
    """Of intervals over many panels: bias, its simulation error, and the share covering."""

    bias: float
    error: float
    held: int
    seeds: int


def plant_heavy(seed: int, leaving_on: str, lost_slope: float = 0.0) -> pd.DataFrame:
    """One row a person and wave; the outcome is NaN after a person left.

    The slope of the outcomes that are not seen is `WITHIN` + `lost_slope`.
    """
    random = np.random.default_rng([seed, ON.index(leaving_on)])
    shape = (PERSONS, WAVES)
    rate = 0.3 * random.pareto(1.2, PERSONS)[:, None]
    chance = np.clip(rate * random.lognormal(0, 0.5, shape) / 7, 0, 1)
    use = random.binomial(28, chance) / 4
    level = random.normal(20, 3, (PERSONS, 1))
    outcome = level + WITHIN * use + random.normal(0, 3, shape)
    lost = _lost(use, outcome, leaving_on, random)
    changed = outcome + lost_slope * (use - use.mean(axis=1, keepdims=True))
    persons, waves = np.indices(shape)
    return pd.DataFrame(
        {
            "participant_id": [f"p{number:05d}" for number in persons.ravel()],
            "wave": waves.ravel() + 1,
            USE: use.ravel(),
            OUTCOME: np.where(lost, np.nan, outcome).ravel(),
            "everybody": np.where(lost, changed, outcome).ravel(),
        }
    )


def _lost(
    use: Matrix, outcome: Matrix, leaving_on: str, random: np.random.Generator
) -> Mask:
    """Who has left by which wave (persons, waves); everyone answers the first."""
    # Use in the window before the answer is known of people who then do not answer.
    cause = outcome[:, :-1] if leaving_on == "outcome" else np.log1p(use[:, 1:])
    scores = (cause - cause.mean(axis=0)) / cause.std(axis=0)
    leaves = random.random(scores.shape) < expit(logit(LEAVING) + scores)
    lost = np.zeros(use.shape, dtype=np.bool_)
    lost[:, 1:] = np.logical_or.accumulate(leaves, axis=1)
    return lost


def measure_remedy(
    estimator: str, how: Mapping[str, Any], leaving_on: str, seeds: int = SEEDS
) -> Coverage:
    """Of the within-person effect that everyone has."""
    bootstrap.DRAWS = DRAWS
    specification = specify(estimator, **how)
    return _cover(
        (
            fit(specification, plant_heavy(seed, leaving_on)).terms[0]
            for seed in range(seeds)
        ),
        np.full(seeds, WITHIN),
    )


def measure_lost_slope(adjusted: bool, seeds: int = SEEDS) -> Coverage:
    """Of what fixed effects of everyone's answers would be, the unseen ones included.

    Adjusted by the slope among the lost that was planted, or as imputed.
    """
    specification = specify("fixed_effects", missing="delta")
    terms, truths = [], []
    for seed in range(seeds):
        panel = plant_heavy(seed, "outcome", LOST_SLOPE)
        terms.append(_with_lost_slope(specification, panel, LOST_SLOPE * adjusted))
        everybody = replace(specification, missing="complete", outcome="everybody")
        truths.append(fit(everybody, panel).terms[0].estimate)
    return _cover(iter(terms), np.full(seeds, np.mean(truths)))


def _with_lost_slope(
    specification: Specification, panel: pd.DataFrame, points: float
) -> Term:
    """The pooled term if unseen outcomes move by so many points more with use."""
    fitter = ESTIMATORS[specification.estimator].fit
    imputed = imputation.impute(specification, panel)
    use = panel[USE] - panel.groupby("participant_id")[USE].transform("mean")
    direction = delta.Direction("", "", use.to_numpy(), 1.0, "", ())
    changed = delta.change_answers(imputed, direction, points)
    return imputation.pool_draws(specification, panel, fitter, changed).terms[0]


def _cover(terms: Iterator[Term], truths: np.ndarray) -> Coverage:
    intervals = [(t.estimate, t.ci_low, t.ci_high) for t in terms]
    estimates, low, high = np.array(intervals).T
    error = estimates.std(ddof=1) / np.sqrt(len(estimates))
    return Coverage(
        bias=float((estimates - truths).mean()),
        error=float(error),
        held=int(((low <= truths) & (truths <= high)).sum()),
        seeds=len(estimates),
    )


def table(seeds: int = SEEDS) -> str:
    """The rows as docs/explanation/dropout.md shows them."""
    rows = ["| leaving depends on | estimator | remedy | bias | coverage |"]
    rows.append("|---|---|---|---|---|")
    for leaving_on in ON:
        for (estimator, remedy), how in REMEDIES.items():
            result = measure_remedy(estimator, how, leaving_on, seeds)
            rows.append(
                f"| {leaving_on} | `{estimator}` | {remedy} | {_text(result)} |"
            )
    for adjusted in (False, True):
        words = "imputation" + (" with `delta_slope`" if adjusted else "")
        result = measure_lost_slope(adjusted, seeds)
        rows.append(f"| outcome | `fixed_effects` | {words} | {_text(result)} |")
    return "\n".join(rows)


def _text(result: Coverage) -> str:
    share = f"{result.held / result.seeds:.1%}".replace("%", " %")
    return f"{result.bias:+.3f} ± {result.error:.3f} | {share}"


if __name__ == "__main__":
    print(table())  # noqa: T201  # what it is for
