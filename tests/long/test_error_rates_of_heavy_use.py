"""Verdicts hold their error rates where a few people do most of what is done.

A rate of at most 6 % is held if no more studies err than binomial counts of 6 % reach in
all but one case of a thousand. Seeds are fixed, so that a result is the same every time.
"""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from tests.lib.heavy_use import World, draw_panel
from tests.long.error_rates import (
    PERSONS,
    TRUTHS,
    USE,
    WAVES,
    Cell,
    count,
    plan_study,
    run_study,
    solve_study,
)
from tests.long.special_cases import (
    Count,
    count_feedback,
    count_few,
    count_leaving,
    count_verdict,
)

SEEDS = 100
FEW_SEEDS = 40
HIGHEST = 0.06
KINDS = [(use, persons) for use in USE for persons in PERSONS]


def most(seeds: int, rate: float = HIGHEST) -> int:
    """More events than this come by chance in one case of a thousand."""
    return int(binom.ppf(0.999, seeds, rate))


def fewest(seeds: int, rate: float) -> int:
    """Fewer events than this come by chance in one case of a thousand."""
    return int(binom.ppf(0.001, seeds, rate))


def studies(cell: Cell, seeds: int) -> pd.DataFrame:
    """What `count` says of each study of a cell."""
    return pd.DataFrame([count(cell, seed) for seed in range(seeds)])


def share(count_case: Count, what: str, seeds: int) -> float:
    """Of studies, in which something is the case."""
    return float(np.mean([count_case(seed)[what] for seed in range(seeds)]))


@pytest.mark.long
@pytest.mark.parametrize(("use", "persons"), KINDS)
@pytest.mark.parametrize("waves", sorted(WAVES))
def test_any_false_associated_is_rare(use: str, persons: int, waves: int) -> None:
    """Without any effect; nor is any feedback seen in more than so many studies."""
    world = World(use, persons, waves)  # type: ignore[arg-type]
    counts = studies(Cell(world, "zero"), SEEDS)
    assert (counts["associated"] > 0).sum() <= most(SEEDS)
    assert (counts["feedback"] > 0).sum() <= most(SEEDS)


@pytest.mark.long
@pytest.mark.parametrize(("use", "persons"), KINDS)
@pytest.mark.parametrize("waves", sorted(WAVES))
def test_any_false_negligible_or_larger_is_rare(
    use: str, persons: int, waves: int
) -> None:
    """Where all 18 effects are exactly the smallest effect."""
    world = World(use, persons, waves, effects=TRUTHS["edge"])  # type: ignore[arg-type]
    counts = studies(Cell(world, "edge", leads=False), SEEDS)
    assert (counts["negligible"] > 0).sum() <= most(SEEDS)
    assert (counts["larger"] > 0).sum() <= most(SEEDS)
    assert counts["covered"].sum() >= 0.93 * counts["estimated"].sum()


@pytest.mark.long
@pytest.mark.parametrize("users", [1, 2, 4])
def test_few_users_have_no_verdict(users: int) -> None:
    """One to four users have fewer than four degrees of freedom, in every study."""
    assert share(partial(count_few, users, 0.0), "few", SEEDS) == 1.0


@pytest.mark.long
@pytest.mark.parametrize("users", [8, 12, 20, 40])
def test_what_is_said_of_few_users_holds(users: int) -> None:
    """Neither an effect of none nor *negligible* of the smallest in more than 6 %."""
    limit = most(SEEDS) / SEEDS
    assert share(partial(count_few, users, 0.0), "associated", SEEDS) <= limit
    assert share(partial(count_few, users, 2.0), "negligible", SEEDS) <= limit


@pytest.mark.long
def test_feedback_is_seen_and_not_elsewhere() -> None:
    """Feedback of .12 on heavy use, 350 people, six waves: in nine studies of ten."""
    world = World("heavy", 350, 6, feedback=0.12)
    seen = partial(count_feedback, world)
    assert share(seen, "seen_jointly", SEEDS) >= fewest(SEEDS, 0.9) / SEEDS
    assert share(seen, "false_alarm", SEEDS) <= most(SEEDS) / SEEDS


@pytest.mark.long
@pytest.mark.parametrize("shape", [{"any_use": -4.0}, {"logarithm": -4.0}])
def test_an_effect_that_is_no_line_is_not_negligible(shape: dict[str, float]) -> None:
    """Four points for any use, or for each unit of log(1 + days): twice what matters."""
    world = World("heavy", 350, 6, **shape)  # type: ignore[arg-type]
    negligible = share(partial(count_verdict, world), "negligible", SEEDS)
    assert negligible <= most(SEEDS) / SEEDS


@pytest.mark.long
@pytest.mark.parametrize(
    "how", [{"attrition": 1.0}, {"attrition_unseen": 1.0}, {"attrition_use": -1.0}]
)
def test_dropout_breaks_between_estimates(how: dict[str, float]) -> None:
    """What the report warns of: their intervals hold the truth in less than half."""
    covered = share(partial(count_leaving, "within_between", how), "covered", SEEDS)
    assert covered < 0.5


@pytest.mark.parametrize(
    ("cell", "leads"),
    [
        (World("heavy", 80, 6), True),
        (World("gaussian", 80, 2, effects=TRUTHS["edge"]), True),
        (World("volatile", 80, 3), False),
    ],
)
def test_the_fast_path_is_the_path_of_the_command(cell: World, leads: bool) -> None:
    """The same numbers, verdicts, and tests that verdicts rest on."""
    study, panel = plan_study(leads), draw_panel(cell, 1)
    slow, fast = run_study(study, panel), solve_study(study, panel)
    rows = slow.estimates[slow.estimates["component"] == "within"]
    columns = ["estimate", "std_error", "df", "p_adjusted", "equivalence_adjusted"]
    np.testing.assert_allclose(
        rows[columns].to_numpy(float), fast.estimates[columns].to_numpy(float), 1e-8
    )
    for name in ("verdict", "reservations"):
        assert rows[name].tolist() == fast.estimates[name].tolist()
    decisive = slow.tests[slow.tests["test"].isin(["leads", "curvature"])]
    np.testing.assert_allclose(
        np.sort(decisive["p_value"].dropna().to_numpy(float)),
        np.sort(fast.tests["p_value"].dropna().to_numpy(float)),
        1e-6,
        1e-12,
    )


@pytest.mark.parametrize(("errors", "holds"), [("cr2", True), ("cr1", False)])
def test_a_few_studies_of_two_waves(errors: str, holds: bool) -> None:
    """80 people, volatile heavy users: CR2 holds 6 %; CR1 shows that it is hard."""
    cell = Cell(World("volatile", 80, 2), "zero", leads=False, errors=errors)
    wrong = (studies(cell, FEW_SEEDS)["associated"] > 0).sum()
    assert (wrong <= most(FEW_SEEDS)) == holds


def test_a_single_user_has_no_verdict() -> None:
    """Nor have two, whatever the effect is."""
    assert share(partial(count_few, 1, 0.0), "few", 10) == 1.0
    assert share(partial(count_few, 2, 2.0), "few", 10) == 1.0
