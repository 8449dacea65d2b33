"""Do intervals of GMM, cross-lagged models and GEE hold what was planted?

Where their assumptions hold: 95 % of the time, within binomial limits.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pandas as pd
import pytest
from scipy.stats import binom

from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.plan.specifications import Specification
from tests.lib.planted import Truth, plant, reply, specify

SEEDS = 200
LOW, HIGH = binom.ppf([0.0005, 0.9995], SEEDS, 0.95)

FEEDBACK = Truth(
    persons=500,
    waves=6,
    within=-0.5,
    persistence=0.3,
    feedback=-0.3,
    use_persistence=0.3,
    leaving=0.05,
    missed=0.05,
)
SEEN = replace(FEEDBACK, leaving=0.1, attrition=1.0)
LAG = FEEDBACK.within * FEEDBACK.use_persistence


def held(
    specification: Specification,
    panels: Iterable[pd.DataFrame],
    component: str,
    truth: float,
) -> int:
    """How often an interval holds the truth; there must be one each time."""
    count = 0
    for panel in panels:
        result = fit(specification, panel)
        (term,) = (entry for entry in result.terms if entry.component == component)
        assert term.ci_low < term.ci_high, result.note + term.note
        count += term.ci_low < truth < term.ci_high
    return count


def panels(truth: Truth) -> Iterator[pd.DataFrame]:
    """One for each seed."""
    return (plant(truth, seed) for seed in range(SEEDS))


@pytest.mark.long
@pytest.mark.parametrize("truth", [FEEDBACK, SEEN], ids=["feedback", "and attrition"])
@pytest.mark.parametrize(
    ("timing", "component", "planted"),
    [
        ("same", "within", FEEDBACK.within),
        ("same", "reverse", FEEDBACK.feedback),
        ("lag 1", "within", LAG),
        ("lag 1", "reverse", FEEDBACK.feedback),
    ],
)
def test_cross_lagged_models_cover(
    truth: Truth, timing: str, component: str, planted: float
) -> None:
    """Both directions, also where people leave after a high outcome that was seen."""
    specification = specify("ri_clpm", timing=timing)
    assert LOW <= held(specification, panels(truth), component, planted) <= HIGH


@pytest.mark.long
def test_gmm_covers() -> None:
    """Where use reacts to the outcome, which carries over."""
    count = held(specify("gmm"), panels(FEEDBACK), "within", FEEDBACK.within)
    assert LOW <= count <= HIGH


@pytest.mark.long
@pytest.mark.parametrize("kind", ["binary", "count"])
@pytest.mark.parametrize(("component", "planted"), [("within", 0.4), ("between", -0.3)])
def test_gee_covers(kind: str, component: str, planted: float) -> None:
    """Where a person's answers hang together beyond what use explains."""
    truth = Truth(persons=400, missed=0.1)
    made = (reply(plant(truth, seed), kind, 0.4, -0.3, seed) for seed in range(SEEDS))
    assert LOW <= held(specify("gee"), made, component, planted) <= HIGH


@pytest.mark.long
def test_three_waves_are_few() -> None:
    """What docs/reference/results.md says: some fits are improper, intervals a little narrow."""
    truth = Truth(
        waves=3,
        within=-0.5,
        persistence=0.3,
        feedback=-0.1,
        use_persistence=0.4,
        leaving=0.1,
        attrition=0.5,
        missed=0.1,
    )
    fits = [fit(specify("ri_clpm", timing="lag 1"), panel) for panel in panels(truth)]
    improper = sum("improper" in found.terms[0].note for found in fits)
    planted = (truth.within * truth.use_persistence, truth.feedback)
    for place, value in enumerate(planted):
        found = [entry.terms[place] for entry in fits]
        share = sum(entry.ci_low < value < entry.ci_high for entry in found) / SEEDS
        assert round(share, 2) in (0.92, 0.93)
    assert 0.15 < improper / SEEDS < 0.25
