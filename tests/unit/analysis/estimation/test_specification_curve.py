"""Specification curves: which rows enter, what shuffles do, and what the test says."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from panelstream.analysis.estimation import estimates, specification_curve
from panelstream.analysis.estimation.shuffles import (
    Refit,
    arrange_histories,
    curve_statistics,
    draw_donors,
    exchangeable_groups,
    permutation_p,
    prepare_refit,
    refit_all,
)
from panelstream.analysis.plan.curves import Curve, expand_curves
from panelstream.models.study.study import PanelStudy

FORKS = {
    "transform": ["none", "log1p"],
    "estimator": ["fixed_effects", "first_difference"],
}


def curve_of(forks: Mapping[str, object], shuffles: int = 199) -> Curve:
    """The curve of a study of one outcome on one exposure."""
    study = {
        "study": "small",
        "title": "Small",
        "plan": {
            "confirmatory": [
                {
                    "specification": "main",
                    "estimator": "fixed_effects",
                    "outcomes": ["score"],
                    "exposures": ["use"],
                    "errors": "cr1",
                }
            ],
            "specification_curve": {"forks": forks, "permutations": shuffles},
        },
    }
    [curve] = expand_curves(PanelStudy.model_validate(study))
    return curve


def simulate(people: int, waves: int, effect: float, seed: int) -> pd.DataFrame:
    """Use of which a few people do most, and a score that depends on it by `effect`.

    People who use more also vary more in the score.
    """
    rng = np.random.default_rng(seed)
    rate = rng.lognormal(-1, 1.3, people)
    use = np.minimum(rng.poisson(rate[:, None], (people, waves)), 7).astype(float)
    noise = rng.normal(size=(people, waves)) * (1 + 0.2 * np.sqrt(rate))[:, None]
    score = rng.normal(size=(people, 1)) + effect * use + noise
    names = [f"p{person:03d}" for person in range(people)]
    return pd.DataFrame(
        {
            "participant_id": np.repeat(names, waves),
            "wave": np.tile(np.arange(1, waves + 1), people),
            "use_days_per_week": use.ravel(),
            "score": score.ravel(),
        }
    )


def refits_of(curve: Curve, panel: pd.DataFrame) -> list[Refit]:
    """Every branch of a curve of one exposure, ready for shuffles."""
    people = pd.Index(panel["participant_id"].unique())
    return [
        prepare_refit(
            branch.specification,
            panel,
            arrange_histories(branch.specification, panel, people),
            np.array([True]),
        )
        for branch in curve.branches
    ]


def exchange(panel: pd.DataFrame, donors: tuple[int, ...]) -> pd.DataFrame:
    """The panel in which each person has another one's use, by hand."""
    use = panel["use_days_per_week"].to_numpy().reshape(len(donors), -1)
    return panel.assign(use_days_per_week=use[list(donors)].ravel())


def within_sd(values: pd.Series, panel: pd.DataFrame) -> float:
    """The standard deviation of what is left of values without persons' means."""
    means = values.groupby(panel["participant_id"]).transform("mean")
    return float((values - means).std())


def test_every_shuffle_of_five_people_equals_a_fit_of_the_exchanged_panel() -> None:
    """All 120 assignments: estimates, t and the curve's statistics of naive refits."""
    curve, panel = curve_of(FORKS), simulate(5, 4, 0.5, 11)
    assignments = list(permutations(range(5)))
    refits = refits_of(curve, panel)
    solved = [refit.solve(np.array(assignments)) for refit in refits]
    medians, shares, means = [], [], []
    for place, donors in enumerate(assignments):
        exchanged = exchange(panel, donors)
        scores, deviates = [], []
        for branch, effects in zip(curve.branches, solved, strict=True):
            [term] = estimates.fit(branch.specification, exchanged).terms
            assert effects.estimates[place, 0] == pytest.approx(term.estimate, rel=1e-8)
            assert effects.statistics[place, 0] == pytest.approx(
                term.statistic, rel=1e-7
            )
            use = exchanged["use_days_per_week"]
            if branch.specification.transform == "log1p":
                use = np.log1p(use)
            ratio = within_sd(use, exchanged) / within_sd(exchanged["score"], exchanged)
            scores.append(term.estimate * ratio)
            deviates.append(np.sign(term.estimate) * stats.norm.isf(term.p_value / 2))
        medians.append(np.median(scores))
        significant = np.abs(deviates) > stats.norm.isf(0.025)
        signs = np.sign(deviates)
        shares.append(max((significant & (signs == sign)).mean() for sign in (1, -1)))
        means.append(sum(deviates) / np.sqrt(len(deviates)))
    statistics = refit_all(refits, np.array(assignments))
    assert statistics.medians[:, 0] == pytest.approx(medians, rel=1e-8)
    assert statistics.significant[:, 0] == pytest.approx(shares)
    assert statistics.mean_z[:, 0] == pytest.approx(means, rel=1e-7)
    # The identity is the first of them, so that p counts it among all 120.
    reached = sum(abs(value) >= abs(medians[0]) * (1 - 1e-9) for value in medians)
    p_value = permutation_p(medians[0], np.array(medians[1:]))
    assert p_value == pytest.approx(reached / 120)


def test_histories_stay_within_people_of_the_same_waves() -> None:
    """Each shuffle is a permutation within groups; whoever is alone stays."""
    known = np.array(
        [[1, 1, 1], [1, 1, 0], [1, 1, 1], [1, 1, 1], [0, 1, 1]], dtype=bool
    )
    groups = exchangeable_groups([known])
    donors = draw_donors(groups, 200, 1)
    assert (donors[:, [1, 4]] == [1, 4]).all()
    assert {tuple(row) for row in donors[:, [0, 2, 3]]} == set(permutations((0, 2, 3)))


def test_curves_without_a_number_say_so() -> None:
    """A specification without a number does not enter the statistics."""
    standardized = np.array([[[1.0]], [[np.nan]], [[3.0]]])
    deviates = np.array([[[2.5]], [[np.nan]], [[-1.0]]])
    statistics = curve_statistics(standardized, deviates)
    assert statistics.medians.item() == 2.0
    assert statistics.significant.item() == 0.5
    assert statistics.mean_z.item() == pytest.approx(1.5 / np.sqrt(2))


def test_p_is_uniform_where_use_has_no_effect() -> None:
    """60 panels of heavy-tailed use: p is at most a tenth, and a half, as often as it says.

    The bounds are three Monte Carlo errors, of 60 draws of a uniform p.
    """
    curve = curve_of(FORKS, 99)
    p_values = [
        specification_curve.fit_curves([curve], {None: simulate(40, 4, 0.0, seed)})
        .tests.iloc[0][["median_p", "significant_p", "mean_z_p"]]
        .astype(float)
        .to_numpy()
        for seed in range(60)
    ]
    for level in (0.1, 0.5):
        bound = 3 * np.sqrt(level * (1 - level) / len(p_values))
        shares = (np.array(p_values) <= level).mean(axis=0)
        assert shares[0] == pytest.approx(level, abs=bound)
        assert shares[2] == pytest.approx(level, abs=bound)
        # A share of four is discrete: its p is rarely small.
        assert shares[1] <= level + bound


def test_a_planted_effect_is_found() -> None:
    """All estimates have its sign, and hardly a shuffle comes near."""
    curve = curve_of(FORKS, 199)
    panel = simulate(80, 5, -0.5, 3)
    tests = specification_curve.fit_curves([curve], {None: panel}).tests.iloc[0]
    assert tests["sign"] == "negative"
    assert tests["share_sign"] == 1
    assert tests["median"] < -tests["median_chance"]
    assert tests["median_p"] == tests["mean_z_p"] == pytest.approx(1 / 200)
    # All four are significant in some shuffles too: few people carry the use.
    assert tests["significant_p"] < 0.05
    error = np.sqrt(1 / 200 * (1 - 1 / 200) / 199)
    assert tests["median_p_error"] == pytest.approx(error)


def test_the_same_seed_gives_the_same_p() -> None:
    """Two runs agree in every digit."""
    curve, panel = curve_of(FORKS, 99), simulate(30, 3, 0.2, 5)
    first, second = (
        specification_curve.fit_curves([curve], {None: panel}).tests for _ in range(2)
    )
    pd.testing.assert_frame_equal(first, second)


def test_estimates_are_sorted_and_the_planned_one_is_marked() -> None:
    """Upwards by size; the start is once among them."""
    found = specification_curve.fit_curves(
        [curve_of(FORKS)], {None: simulate(30, 3, 0.2, 5)}
    ).estimates
    assert found["standardized"].is_monotonic_increasing
    [planned] = found[found["planned"]].to_dict("records")
    assert (planned["transform"], planned["estimator"]) == ("none", "fixed_effects")


def test_excluded_answers_leave_and_their_use_stays() -> None:
    """The first wave, people who missed a wave, and answers with a sign."""
    panel = pd.DataFrame(
        {
            "participant_id": ["a", "a", "a", "b", "b", "b"],
            "wave": [1, 2, 3, 1, 2, 3],
            "score": [1.0, 2.0, 3.0, 4.0, np.nan, 6.0],
            "pdd_total_straightlined": pd.array([0, 1, 0, None, None, 0], "Int8"),
            "too_fast": [0, 0, 0, 0, 0, 1],
        }
    )
    expected = {
        "nobody": ([0, 1, 2, 3, 5], 0),
        "first_wave": ([1, 2, 5], 2),
        "incomplete": ([0, 1, 2], 1),
        "careless": ([0, 2, 3], 2),
    }
    for exclude, (rows, people) in expected.items():
        remaining = specification_curve.exclude_rows(panel, "score", exclude)  # type: ignore[arg-type]  # a key of the mapping above
        assert len(remaining) == len(panel)
        assert list(np.flatnonzero(remaining["score"].notna())) == rows
        count = specification_curve.count_excluded(panel, "score", exclude)  # type: ignore[arg-type]  # likewise
        assert count == people


def test_nobody_to_exchange_with_is_said() -> None:
    """Everybody is known in other waves: estimates, but no test."""
    panel = simulate(6, 6, 0.5, 2)
    missing = [(f"p00{person}", person + 1) for person in range(6)]
    for person, wave in missing:
        answer = (panel["participant_id"] == person) & (panel["wave"] == wave)
        panel.loc[answer, "score"] = np.nan
    curve = curve_of({"transform": ["none", "log1p"]}, 99)
    found = specification_curve.fit_curves([curve], {None: panel})
    assert found.estimates["estimate"].notna().all()
    [row] = found.tests.to_dict("records")
    assert row["note"] == "not tested: no two people are known in the same waves"
    assert np.isnan(row["median_p"])
    assert row["permutations"] == 0


def test_an_outcome_that_is_absent_is_a_note() -> None:
    """Nothing is estimable, and nothing fails."""
    panel = simulate(10, 3, 0.5, 2).drop(columns="score")
    found = specification_curve.fit_curves([curve_of(FORKS, 99)], {None: panel})
    assert found.estimates["estimate"].isna().all()
    assert found.tests["note"].tolist() == ["not tested: nothing is estimable"]


def test_a_lag_takes_the_donor_s_wave_before() -> None:
    """Use of an earlier wave, exchanged by hand."""
    [branch, *_] = curve_of(FORKS).branches
    specification = replace(branch.specification, timing="lag 1")
    panel, donors = simulate(5, 4, 0.5, 7), (1, 2, 3, 4, 0)
    people = pd.Index(panel["participant_id"].unique())
    histories = arrange_histories(specification, panel, people)
    refit = prepare_refit(specification, panel, histories, np.array([True]))
    [term] = estimates.fit(specification, exchange(panel, donors)).terms
    effects = refit.solve(np.array([donors]))
    assert effects.estimates.item() == pytest.approx(term.estimate, rel=1e-8)
