"""How often the judgement errs where the truth is planted: never more than it says.

Each seed is a study of its own: a panel is drawn, the plan is fitted, the estimates
are judged. A family of five coefficients, some or all at the edge of a hypothesis.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from panelstream.analysis.estimation.estimates import fit_all
from panelstream.analysis.verdicts.verdicts import FEEDBACK, judge
from panelstream.models.study.study import Planned, Window
from tests.lib import planted
from tests.lib.planted import Truth

SEEDS = 1200
PERSONS, WAVES = 150, 4
FUNCTIONS = ("reaction", "story", "cycle", "funcan", "column")
SMALLEST = 0.25
STUDY = Planned.model_validate(
    {"study": "s", "title": "t", "smallest_effect": {"pdd_total": SMALLEST}}
)
LIMIT = binom.ppf(0.999, SEEDS, 0.05)
"""More errors than this, and the rate is above 5 %."""


def draw(effects: Sequence[float], seed: int) -> pd.DataFrame:
    """A panel with such effects of five functions, whose use hangs together."""
    random = np.random.default_rng(seed)
    rows = PERSONS * WAVES
    use = random.normal(size=(rows, 1)) + random.normal(size=(rows, len(effects)))
    level = np.repeat(random.normal(size=PERSONS), WAVES)
    outcome = level + use @ np.asarray(effects) + random.normal(size=rows)
    return pd.DataFrame(
        {
            "participant_id": np.repeat(np.arange(PERSONS), WAVES),
            "wave": np.tile(np.arange(WAVES) + 1, PERSONS),
            "pdd_total": outcome,
            **{
                f"{name}_days_per_week": use[:, at] for at, name in enumerate(FUNCTIONS)
            },
        }
    )


def verdicts(effects: Sequence[float], seed: int) -> list[str]:
    """What is said of the five."""
    one = planted.specify("fixed_effects", exposures=FUNCTIONS)
    window = Window(kind="between_waves")
    result = fit_all([one], {window: draw(effects, seed)})
    return list(judge(result, STUDY).estimates["verdict"])


@pytest.mark.long
@pytest.mark.parametrize("effects", [(0, 0, 0, 0, 0), (0, 0, 0, 0.5, 0.5)])
def test_hardly_ever_is_nothing_called_an_association(
    effects: tuple[float, ...],
) -> None:
    """In at most 5 % of studies, whether something else is there or not."""
    nothing = effects.count(0)
    wrong = sum(
        any("associated" in verdict for verdict in verdicts(effects, seed)[:nothing])
        for seed in range(SEEDS)
    )
    assert 0 < wrong <= LIMIT, wrong / SEEDS


@pytest.mark.long
@pytest.mark.parametrize(
    "effects", [(SMALLEST,) * 5, (-SMALLEST, SMALLEST, SMALLEST, 0, 0)]
)
def test_hardly_ever_is_what_matters_called_negligible(
    effects: tuple[float, ...],
) -> None:
    """In at most 5 % of studies, of associations just as large as the smallest."""
    large = len(effects) - effects.count(0)
    wrong = sum(
        any("negligible" in verdict for verdict in verdicts(effects, seed)[:large])
        for seed in range(SEEDS)
    )
    assert 0 < wrong <= LIMIT, wrong / SEEDS


def doubted(truth: Truth) -> int:
    """How many studies of one function doubt their own specification."""
    main = planted.specify("fixed_effects", specification="main")
    lead = planted.specify(
        "fixed_effects",
        specification="main.lead",
        timing="lead 1",
        confirmatory=False,
    )
    window, said = Window(kind="between_waves"), Counter[bool]()
    for seed in range(SEEDS):
        panel = planted.plant(truth, seed)
        result = fit_all([main, lead], {window: panel})
        said[FEEDBACK in set(judge(result, STUDY).estimates["verdict"])] += 1
    return said[True]


@pytest.mark.long
def test_hardly_ever_is_feedback_seen_where_there_is_none() -> None:
    """A habit of use, and use that lasts from wave to wave, are no feedback."""
    wrong = doubted(Truth(persons=PERSONS, waves=6, use_persistence=0.5))
    assert 0 < wrong <= LIMIT, wrong / SEEDS


@pytest.mark.long
def test_feedback_is_seen() -> None:
    """Where the outcome moves the next wave's use, nearly every study says so."""
    seen = doubted(Truth(persons=PERSONS, waves=6, feedback=0.3))
    assert seen >= 0.95 * SEEDS, seen / SEEDS
