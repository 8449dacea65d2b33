"""Outcomes with few answers, most of them the lowest, and use that few people make.

Each seed is a study of its own. What is planted is the log odds of a higher answer, or
the log rate, for one day a week more.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.estimation.fit import Term
from panelstream.models.arrays import Matrix, Vector
from tests.lib.planted import OUTCOME, USE, specify

PERSONS, WAVES, SEEDS = 120, 5, 300
PLANTED = 0.35
MOST = binom.ppf(0.999, SEEDS, 0.05)
"""More rejections of nothing are no chance."""

COVERAGE = {"fe_ordered_logit": 0.95, "fe_poisson": 0.91}
"""What docs/explanation/estimation.md says. With the effect that is planted here heavy
users have most of the counts, so that fewer people carry its estimate than the
degrees of freedom say."""

CUTS = np.linspace(1.5, 6.0, 18)
"""Between the 19 values of a mean of three answers from 1 to 7."""


@dataclass(frozen=True)
class Found:
    """Over seeds: mean and Monte Carlo error of the estimates; how many were so."""

    mean: float
    error: float
    covered: int
    rejected: int


def draw_use(random: np.random.Generator) -> Matrix:
    """Days a week (persons, waves): rates of which the largest tenth has over half."""
    rates = np.exp(random.normal(-1.0, 1.4, PERSONS))[:, None]
    shocks = np.exp(random.normal(0, 0.6, (PERSONS, WAVES)))
    return np.minimum(random.poisson(4 * rates * shocks), 28) / 4


def answer(predictors: Matrix, random: np.random.Generator) -> Matrix:
    """Means of three answers: 1 in most rows, as the latent answer is below all cuts."""
    latent = predictors + random.logistic(size=predictors.shape)
    return 1 + np.searchsorted(CUTS, latent) / 3


def count(predictors: Matrix, random: np.random.Generator) -> Matrix:
    """Negative binomial counts: zero in most rows, and more spread than Poisson's."""
    gamma = random.gamma(2.0, 0.5, predictors.shape)
    return random.poisson(np.exp(predictors - 1.5) * gamma).astype(np.float64)


ANSWERS: dict[str, Callable[[Matrix, np.random.Generator], Matrix]] = {
    "fe_ordered_logit": answer,
    "fe_poisson": count,
}


def panel(estimator: str, effect: float, seed: int) -> pd.DataFrame:
    """Heavy users have other levels too, which no estimator here may mistake for an effect."""
    random = np.random.default_rng([seed, 6])
    use = draw_use(random)
    level: Vector = 0.3 * np.log1p(use.mean(axis=1)) + 0.8 * random.normal(size=PERSONS)
    predictors = level[:, None] + effect * use - 0.1 * np.arange(WAVES)
    persons, waves = np.indices(use.shape)
    return pd.DataFrame(
        {
            "participant_id": persons.ravel(),
            "wave": waves.ravel() + 1,
            USE: use.ravel(),
            OUTCOME: ANSWERS[estimator](predictors, random).ravel(),
        }
    )


def estimate(estimator: str, effect: float) -> Found:
    """The term of every seed."""
    specification = (
        specify("fe_poisson")
        if estimator == "fe_poisson"
        else specify("fe_ordered_logit")
    )
    terms: list[Term] = []
    for seed in range(SEEDS):
        terms.extend(fit(specification, panel(estimator, effect, seed)).terms)
    estimates = np.array([term.estimate for term in terms])
    assert np.isfinite(estimates).all()
    return Found(
        mean=float(estimates.mean()),
        error=float(estimates.std(ddof=1) / np.sqrt(SEEDS)),
        covered=sum(term.ci_low < effect < term.ci_high for term in terms),
        rejected=sum(term.p_value < 0.05 for term in terms),
    )


@pytest.mark.long
@pytest.mark.parametrize("estimator", ANSWERS)
def test_nothing_is_hardly_ever_significant(estimator: str) -> None:
    """Where use leads to nothing, p is below 5 % in at most 5 % of studies."""
    found = estimate(estimator, 0.0)
    assert 0 < found.rejected <= MOST, found
    assert abs(found.mean) <= 4 * found.error, found


@pytest.mark.long
@pytest.mark.parametrize("estimator", ANSWERS)
def test_what_is_planted_is_covered(estimator: str) -> None:
    """Intervals hold the truth as often as the docs say; the bias is small."""
    found = estimate(estimator, PLANTED)
    low, high = binom.ppf([0.001, 0.999], SEEDS, COVERAGE[estimator])
    assert low <= found.covered <= high, found
    assert found.rejected > SEEDS / 2, found
    assert abs(found.mean - PLANTED) <= 4 * found.error + 0.02, found


@pytest.mark.long
def test_most_answers_are_at_the_floor() -> None:
    """So that what holds here holds for floors."""
    for estimator in ANSWERS:
        outcome = panel(estimator, 0.0, 1)[OUTCOME]
        assert (outcome == outcome.min()).mean() > 0.7
