"""Panels whose truth is known: effects are planted, then looked for.

A person's use and outcome are a level that lasts (the habit) and a movement about
it. Movements follow each other from wave to wave:

    use(t)     = use_persistence * use(t-1) + feedback * outcome(t-1) + shock
    outcome(t) = persistence * outcome(t-1) + within * use(t) + lagged * use(t-1) + shock

Shocks are standard normal, and waves before the first let the movements settle. The
level of the outcome is `between` times the habit, and more. Both drift over the
waves, for everybody alike.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit, logit

from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Mask, Matrix
from panelstream.models.study.estimators import ESTIMATOR_RULES
from panelstream.models.study.study import Window

USE, OUTCOME = "story_days_per_week", "pdd_total"
SETTLING = 30


@dataclass(frozen=True)
class Truth:
    """What is planted; the plain one has no dynamics, no dropout, no error.

    `within`, `lagged` and `between` are in points of outcome for one of use;
    `habit` is the standard deviation of habits. `error` is the standard deviation
    of what is measured about the use. After each wave a person leaves for good with
    probability `leaving`, whose log odds move by `attrition` for each standard
    deviation of the outcome just seen, by `attrition_unseen` for each of the next one,
    which the leaver never reports, and by `attrition_use` for each of the use just seen. `missed` is the probability that an
    answer is missing in between.
    """

    persons: int = 400
    waves: int = 5
    within: float = -1.0
    between: float = 1.0
    lagged: float = 0.0
    feedback: float = 0.0
    persistence: float = 0.0
    use_persistence: float = 0.0
    habit: float = 1.0
    error: float = 0.0
    leaving: float = 0.0
    attrition: float = 0.0
    attrition_unseen: float = 0.0
    attrition_use: float = 0.0
    missed: float = 0.0

    @property
    def of_means(self) -> float:
        """What the mean of a person's waves tells of the outcome's mean.

        The mean measures the habit with the movements' mean as error, whose effect
        is `within`: a balanced panel without dynamics.
        """
        reliability = self.habit**2 / (self.habit**2 + 1 / self.waves)
        return reliability * self.between + (1 - reliability) * self.within


def plant(truth: Truth, seed: int) -> pd.DataFrame:
    """One row a person and wave (from 1); the outcome is NaN where nobody answered."""
    random = np.random.default_rng(seed)
    use, outcome = _values(truth, random)
    answered = _answered(truth, use, outcome, random)
    measured = use + truth.error * random.normal(size=use.shape)
    persons, waves = np.indices(use.shape)
    return pd.DataFrame(
        {
            "participant_id": [f"p{number:05d}" for number in persons.ravel()],
            "wave": waves.ravel() + 1,
            USE: measured.ravel(),
            OUTCOME: np.where(answered, outcome, np.nan).ravel(),
            "age": np.repeat(random.integers(20, 65, truth.persons) * 1.0, truth.waves),
        }
    )


def reply(
    panel: pd.DataFrame, kind: str, within: float, between: float, seed: int
) -> pd.DataFrame:
    """The panel with a `binary` or `count` outcome where it had any.

    Its log odds, or log rate, have effects of use about the person's mean over the
    answered rows and of that mean. What a person answers hangs together from wave to
    wave beyond that, but not in the average over people.
    """
    # Not the numbers that the panel was planted with.
    random = np.random.default_rng([seed, 1])
    answered = panel[OUTCOME].notna()
    use = panel[USE].where(answered)
    mean = use.groupby(panel["participant_id"]).transform("mean")
    centre = float(np.nanmean(mean))
    predictor = -0.5 + within * (use - mean) + between * (mean - centre)
    persons = panel["participant_id"].factorize()[0]
    lasting = random.normal(size=persons.max() + 1)[persons]
    level = stats.norm.cdf((lasting + random.normal(size=len(panel))) / np.sqrt(2))
    if kind == "binary":
        value = (level < expit(predictor)).to_numpy(dtype=float)
    else:
        value = stats.poisson.ppf(level, np.exp(predictor))
    return panel.assign(**{OUTCOME: np.where(answered, value, np.nan)})


def specify(estimator: str, **fields: object) -> Specification:
    """The planted exposure on the planted outcome, waves as dummies."""
    plain = Specification(
        specification="planted",
        estimator=estimator,
        outcome=OUTCOME,
        exposures=("story",),
        measure="days_per_week",
        transform="none",
        effects=ESTIMATOR_RULES[estimator].effects,
        fixed=(),
        varying=(),
        window=Window(kind="between_waves"),
        confirmatory=True,
    )
    return replace(plain, **fields)  # type: ignore[arg-type]


def _values(truth: Truth, random: np.random.Generator) -> tuple[Matrix, Matrix]:
    """True use and outcome (persons, waves)."""
    habit = truth.habit * random.normal(size=truth.persons)
    level = truth.between * habit + random.normal(size=truth.persons)
    use, outcome = _movements(truth, random)
    drift = 0.3 * np.arange(truth.waves)
    return 3 + habit[:, None] + use + drift, 40 + level[:, None] + outcome - drift


def _movements(truth: Truth, random: np.random.Generator) -> tuple[Matrix, Matrix]:
    """Use and outcome about their levels, (persons, waves) each."""
    use, outcome = np.zeros(truth.persons), np.zeros(truth.persons)
    seen = []
    for _ in range(SETTLING + truth.waves):
        before, shocks = use, random.normal(size=(2, truth.persons))
        use = truth.use_persistence * use + truth.feedback * outcome + shocks[0]
        outcome = (
            truth.persistence * outcome
            + truth.within * use
            + truth.lagged * before
            + shocks[1]
        )
        seen.append((use, outcome))
    movements = np.array(seen[SETTLING:])
    return movements[:, 0].T, movements[:, 1].T


def _answered(
    truth: Truth, use: Matrix, outcome: Matrix, random: np.random.Generator
) -> Mask:
    """Who answers when (persons, waves); everybody answers first."""
    scores, days = _standardise(outcome), _standardise(use)
    chance = expit(
        logit(truth.leaving)
        + truth.attrition * scores[:, :-1]
        + truth.attrition_unseen * scores[:, 1:]
        + truth.attrition_use * days[:, :-1]
    )
    stays = random.random(chance.shape) >= chance
    there = np.column_stack([np.ones(truth.persons), np.cumprod(stays, axis=1)]) > 0
    there[:, 1:-1] &= random.random(there[:, 1:-1].shape) >= truth.missed
    return there


def _standardise(values: Matrix) -> Matrix:
    """In standard deviations of each wave."""
    return np.asarray((values - values.mean(axis=0)) / values.std(axis=0))
