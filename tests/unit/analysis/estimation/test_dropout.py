"""Weights, imputation and delta: what they mend, what they refuse, what they say."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.estimation.design import build_design
from panelstream.analysis.estimation.dropout import bootstrap, delta, imputation, logit
from panelstream.analysis.estimation.dropout.history import look_back
from panelstream.analysis.estimation.dropout.pooling import pool_estimates
from panelstream.analysis.estimation.dropout.waves import arrange_waves
from panelstream.analysis.estimation.dropout.weights import attrition_weights
from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.estimation.estimators import ESTIMATORS
from panelstream.analysis.estimation.fit import Diagnostic, Fit, Term
from tests.lib.planted import OUTCOME, USE, Truth, plant, specify

LEAVING = Truth(persons=1500, waves=4, leaving=0.2, attrition=2.0)
"""Who has just reported a high outcome leaves: seen, so it can be mended."""

SMALL = replace(LEAVING, persons=300)


@pytest.fixture
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough draws to see that there is an error, not to know it well."""
    monkeypatch.setattr(bootstrap, "DRAWS", 30)


def frame(rows: list[tuple[str, int, float]]) -> pd.DataFrame:
    """A panel from (person, wave, outcome) rows, with some use."""
    panel = pd.DataFrame(rows, columns=["participant_id", "wave", OUTCOME])
    return panel.assign(**{USE: np.arange(len(panel)) % 3 + 0.5})


def rows_named(found: Fit, name: str) -> list[Diagnostic]:
    """The rows of tests.csv with this name."""
    return [test for test in found.tests if test.test == name]


def test_who_is_expected_and_whose_answers_count() -> None:
    """From the first answer on, until one is missing; a late beginner begins late."""
    nan = np.nan
    rows = [
        *[("gap", wave, y) for wave, y in ((1, 5.0), (2, nan), (3, 4.0))],
        *[("late", wave, y) for wave, y in ((1, nan), (2, 6.0), (3, 7.0))],
        *[("left", wave, y) for wave, y in ((1, 2.0), (2, nan), (3, nan))],
        ("withdrawn", 1, 3.0),
        *[("joined", wave, y) for wave, y in ((2, 8.0), (3, 9.0))],
    ]
    waves = arrange_waves(frame(rows), OUTCOME)
    people = ["gap", "joined", "late", "left", "withdrawn"]
    unbroken = dict(zip(people, waves.monotone.tolist(), strict=True))
    assert unbroken == {
        "gap": [True, False, False],
        "joined": [False, True, True],
        "late": [False, True, True],
        "left": [True, False, False],
        "withdrawn": [True, False, False],
    }
    at_risk = dict(zip(people, waves.at_risk.tolist(), strict=True))
    assert at_risk == {
        "gap": [False, True, False],
        "joined": [False, False, True],
        "late": [False, False, True],
        "left": [False, True, False],
        "withdrawn": [False, True, False],
    }


def test_an_open_wave_and_another_round_are_nobodys_failure() -> None:
    """What is not over, or never theirs, was not left unanswered."""
    rows = [("a", 1, 5.0), ("a", 2, np.nan), ("b", 1, 4.0), ("b", 2, 3.0)]
    rows += [("c", 3, 6.0), ("d", 3, 7.0)]
    panel = frame(rows).assign(
        round=[1, 1, 1, 1, 2, 2],
        answered=pd.array([1, None, 1, 1, 1, 1], dtype="Int8"),
    )
    waves = arrange_waves(panel, OUTCOME)
    assert waves.expected.tolist() == [
        [True, False, False],
        [True, True, False],
        [False, False, True],
        [False, False, True],
    ]


def test_weights_are_inverse_chances() -> None:
    """With one thing seen that has two values, chances are shares: by hand."""
    # Of 10 with a low first score 8 answer again, of 10 with a high one 4.
    people = [(f"low{n}", 10.0 + n % 2, n < 8) for n in range(10)]
    people += [(f"top{n}", 10.0 + n % 2, n < 4) for n in range(10)]
    rows = [
        (name, wave, score if wave == 1 or stays else np.nan)
        for name, score, stays in people
        for wave in (1, 2)
    ]
    panel = frame(rows)
    panel[USE] = panel["participant_id"].str.startswith("top") * 1.0
    waves = arrange_waves(panel, OUTCOME)
    weigh, note = attrition_weights(specify("pooled"), panel, waves)
    weights = weigh(np.ones(20))
    assert weights[:, 0].tolist() == [1.0] * 20
    assert note == ""
    # The score of the wave before varies evenly in both groups and foretells nothing.
    assert np.nanmean(weights[:10, 1]) == pytest.approx(0.6 / 0.8, rel=0.02)
    assert np.nanmean(weights[10:, 1]) == pytest.approx(0.6 / 0.4, rel=0.02)
    assert np.nansum(weights[:, 1]) == pytest.approx(12, rel=1e-3)


def test_use_that_only_answerers_have_is_not_looked_at() -> None:
    """Else its absence would foretell dropout; the use of the wave before is."""
    panel = plant(SMALL, 1)
    unknown = panel.assign(**{USE: panel[USE].where(panel[OUTCOME].notna())})
    names = [
        look_back(specify("pooled"), entry, arrange_waves(entry, OUTCOME)).names[-1]
        for entry in (panel, unknown)
    ]
    assert names == [USE, f"{USE} (wave before)"]


def mean_bias(estimator: str, **how: Any) -> np.ndarray:
    """Of complete cases, and of a remedy, against what everybody's answers say."""
    biases = []
    for seed in range(6):
        panel = plant(LEAVING, seed)
        everybody = plant(replace(LEAVING, leaving=1e-12, attrition=0.0), seed)
        plain = specify(estimator)
        [truth], [left], [mended] = (
            fit(plain, everybody).terms,
            fit(plain, panel).terms,
            fit(replace(plain, **how), panel).terms,
        )
        biases.append(
            [left.estimate - truth.estimate, mended.estimate - truth.estimate]
        )
    return np.asarray(np.mean(biases, axis=0))


@pytest.mark.parametrize(
    ("estimator", "how"),
    [
        ("pooled", {"weights": "attrition"}),
        ("first_difference", {"weights": "attrition"}),
        ("pooled", {"missing": "imputed"}),
        ("fixed_effects", {"missing": "imputed"}),
    ],
)
def test_estimates_are_mended(
    few_draws: None, estimator: str, how: dict[str, Any]
) -> None:
    """Complete cases are off, and a remedy takes most of it away."""
    left, mended = mean_bias(estimator, **how)
    assert abs(left) > 0.015
    assert abs(mended) < abs(left) / 2


SOLVERS = {
    name: one.weighted_solver for name, one in ESTIMATORS.items() if one.weighted_solver
}


@pytest.mark.parametrize("estimator", sorted(SOLVERS))
def test_the_bootstrap_solves_what_the_estimator_does(estimator: str) -> None:
    """With everybody drawn once, its coefficients are the estimates."""
    panel = plant(SMALL, 2)
    weights = np.random.default_rng(1).uniform(0.5, 2, len(panel))
    specification = specify(estimator, weights="attrition")
    weighted = panel.assign(weight=weights)
    design = build_design(specification, weighted)
    solve = SOLVERS[estimator](design)
    result = solve(design.weights, np.ones(design.n_obs))
    terms = ESTIMATORS[estimator].fit(specification, weighted).terms
    assert result.tolist() == pytest.approx([term.estimate for term in terms], rel=1e-8)


def test_who_is_drawn_twice_counts_twice() -> None:
    """As a panel in which that person stands under two names."""
    panel = plant(replace(SMALL, persons=60), 2).assign(weight=1.0)
    times = np.bincount(np.random.default_rng(3).integers(0, 60, 60), minlength=60)
    people = panel["participant_id"].unique()
    copies = [
        panel[panel["participant_id"] == name].assign(participant_id=f"{name}/{copy}")
        for name, count in zip(people, times, strict=True)
        for copy in range(count)
    ]
    drawn = pd.concat(copies)
    for estimator in SOLVERS:
        specification = specify(estimator, weights="attrition")
        design = build_design(specification, panel)
        codes = pd.Index(people).get_indexer(panel["participant_id"])[design.rows]
        result = SOLVERS[estimator](design)(design.weights, times[codes] * 1.0)
        terms = ESTIMATORS[estimator].fit(specification, drawn).terms
        assert result.tolist() == pytest.approx([t.estimate for t in terms], rel=1e-7)


def test_bootstrap_errors_are_near_clustered_ones() -> None:
    """Where leaving is by chance, weights are nearly 1 and both errors say the same."""
    panel = plant(replace(SMALL, persons=600, attrition=0.0), 4)
    fixed = specify("fixed_effects")
    [plain] = fit(fixed, panel).terms
    result = fit(replace(fixed, weights="attrition"), panel)
    assert result.terms[0].std_error == pytest.approx(plain.std_error, rel=0.12)
    assert result.std_error_type == "larger_of_person_bootstrap_and_cluster"
    assert result.terms[0].df == pytest.approx(plain.df, rel=0.01)


def test_the_same_seed_gives_the_same_numbers(few_draws: None) -> None:
    """Another specification draws otherwise."""
    panel = plant(SMALL, 6)
    for how in ({"weights": "attrition"}, {"missing": "imputed"}, {"missing": "delta"}):
        one = specify("fixed_effects", **how)
        first, again = fit(one, panel), fit(one, panel.sample(frac=1, random_state=1))
        other = fit(replace(one, specification="other"), panel)
        assert repr(first) == repr(again)  # by text: a NaN is not itself
        assert first.terms[0].std_error != other.terms[0].std_error


def test_where_nobody_drops_out_weights_are_one(few_draws: None) -> None:
    """And the note says so."""
    panel = plant(replace(SMALL, leaving=1e-12, attrition=0.0), 7)
    one = specify("fixed_effects")
    result = fit(replace(one, weights="attrition"), panel)
    assert "nobody drops out: weights are 1" in result.note
    assert rows_named(result, "largest_weight")[0].statistic == 1
    assert result.terms[0].estimate == fit(one, panel).terms[0].estimate


def test_answers_after_a_gap_are_left_out_and_counted(few_draws: None) -> None:
    """The rule knows no coming back."""
    panel = plant(replace(SMALL, missed=0.2), 7)
    waves = arrange_waves(panel, OUTCOME)
    result = fit(specify("pooled", weights="attrition"), panel)
    assert result.n_obs == waves.monotone.sum()
    returned = waves.answered.sum() - result.n_obs
    assert f"answers after a missed wave left out: {returned}" in result.note


def test_weights_stand_in_the_tests(few_draws: None) -> None:
    """The largest and how many rows without weights would say as much."""
    panel = plant(SMALL, 8)
    found = fit(specify("fixed_effects", weights="attrition"), panel)
    [largest], [size] = (
        rows_named(found, name) for name in ("largest_weight", "effective_sample_size")
    )
    assert largest.statistic > 1
    assert 0 < size.statistic < found.n_obs
    assert size.note == f"of {found.n_obs} rows analysed"


def test_certain_dropout_is_refused() -> None:
    """Separation: everybody whose use is high leaves."""
    panel = plant(replace(SMALL, leaving=0.01, attrition=0.0), 9)
    high = panel["participant_id"].map(panel.groupby("participant_id")[USE].max()) > 4.5
    panel[USE] = np.where(high, 9.0, 1.0) + panel["wave"] / 10
    panel.loc[high & (panel["wave"] > 1), OUTCOME] = np.nan
    result = fit(specify("pooled", weights="attrition"), panel)
    assert result.note == "not fitted: separation: answering is certain for some"
    assert np.isnan(result.terms[0].estimate)


def test_one_wave_is_refused() -> None:
    """Nobody can drop out of it, and nothing says what its missing answers are."""
    panel = plant(SMALL, 9)
    once = panel.assign(**{OUTCOME: panel[OUTCOME].where(panel["wave"] == 1)})
    result = fit(specify("pooled", weights="attrition"), once)
    assert result.note == "not fitted: the outcome is known in one wave only"


@pytest.mark.parametrize("how", [{"weights": "attrition"}, {"missing": "imputed"}])
@pytest.mark.parametrize("column", [OUTCOME, USE])
def test_a_missing_column_is_named(how: dict[str, Any], column: str) -> None:
    """As without a layer."""
    result = fit(specify("pooled", **how), plant(SMALL, 9).drop(columns=column))
    assert result.note == f"not fitted: the panel has no column {column}"


def test_an_outcome_without_variance_is_refused() -> None:
    """There is nothing to draw from."""
    panel = plant(SMALL, 9)
    same = panel.assign(**{OUTCOME: panel[OUTCOME].where(panel[OUTCOME].isna(), 7.0)})
    result = fit(specify("pooled", missing="imputed"), same)
    assert result.note == "not fitted: the outcome has the same value in every row"


def test_too_few_answers_to_impute_from_are_refused() -> None:
    """Ten people and a wave with three answers."""
    panel = plant(replace(SMALL, persons=10), 9)
    result = fit(specify("fixed_effects", missing="imputed"), panel)
    assert result.note.startswith("not fitted: a wave has ")
    assert result.note.endswith(f"too few to impute from {8} columns")


def test_estimators_without_weights_say_so() -> None:
    """Rather than ignore them."""
    result = fit(specify("between", weights="attrition"), plant(SMALL, 9))
    assert result.note == "not fitted: between takes no weights"


def test_imputation_fills_rows_that_are_there_and_over() -> None:
    """Not those of a wave that is open, nor of somebody who never answered."""
    panel = plant(SMALL, 10)
    panel["answered"] = panel[OUTCOME].notna().astype("Int8")
    first, second = panel["participant_id"].unique()[:2]
    panel.loc[panel["participant_id"] == first, [OUTCOME, "answered"]] = [np.nan, 0]
    is_open = (panel["participant_id"] == second) & (panel["wave"] == 4)
    panel.loc[is_open, [OUTCOME, "answered"]] = [np.nan, None]
    [imputed] = imputation.impute(specify("pooled"), panel)
    [full] = list(imputation.complete_panels(panel, [imputed]))[:1]
    missing = full[full[OUTCOME].isna()]
    assert set(missing["participant_id"]) == {first, second}
    assert len(missing) == 5
    assert full[OUTCOME][panel[OUTCOME].notna()].equals(panel[OUTCOME].dropna())


def test_draws_follow_what_is_known() -> None:
    """Imputed values have the planted regression's slope and spread, not the mean."""
    truth = Truth(persons=2000, waves=2, within=-2.0, between=0.0, leaving=0.3)
    panel = plant(truth, 11)
    [imputed] = imputation.impute(specify("pooled"), panel)
    rows = panel.iloc[imputed.rows]
    slopes = [np.polyfit(rows[USE], draw, 1)[0] for draw in imputed.draws]
    spread = imputed.draws.std(axis=0, ddof=1).mean()
    complete = plant(replace(truth, leaving=1e-12), 11)
    told = complete[complete["wave"] == 2]
    assert np.mean(slopes) == pytest.approx(
        np.polyfit(told[USE], told[OUTCOME], 1)[0], abs=0.1
    )
    assert spread == pytest.approx(residual_spread(complete), rel=0.05)


def residual_spread(panel: pd.DataFrame) -> float:
    """What is left of wave 2 after wave 1 and the use of both, in standard deviations."""
    wide = panel.pivot(index="participant_id", columns="wave", values=[OUTCOME, USE])
    seen = np.column_stack([wide[OUTCOME][1], wide[USE], np.ones(len(wide))])
    left = np.linalg.lstsq(seen, wide[OUTCOME][2], rcond=None)[1]
    return float(np.sqrt(left[0] / (len(wide) - seen.shape[1])))


def test_pooling_by_hand() -> None:
    """Two imputations: within 1, between 2, total 1 + 1.5 * 2 = 4."""
    result = pool_estimates(np.array([1.0, 3.0]), np.array([1.0, 1.0]), 1e12)
    assert (result.estimate, result.std_error) == (2.0, 2.0)
    assert result.df == pytest.approx(1 / 0.75**2)
    same = pool_estimates(np.array([1.0, 1.0]), np.array([2.0, 2.0]), 9.0)
    assert (same.std_error, same.df) == (2.0, 7.5)


def test_delta_moves_what_was_imputed() -> None:
    """A shift of all missing answers moves a mean by the share that is missing."""
    panel = plant(SMALL, 12)
    result = fit(specify("pooled", missing="delta"), panel)
    plain = fit(specify("pooled", missing="imputed"), panel)
    moved = rows_named(result, "delta")
    assert len(moved) == len(delta.DELTAS) - 1
    # Least squares is linear in the outcome, so estimates lie on a line through 0's.
    estimates = [entry.statistic for entry in moved]
    steps = np.diff([*estimates[:2], result.terms[0].estimate, *estimates[2:]])
    assert steps == pytest.approx([steps[0]] * 4, rel=1e-6)
    assert result.terms == plain.terms
    assert repr(result.tests[0]) == repr(plain.tests[0])


LARGE = 1e9
"""Degrees of freedom with which the critical value is that of the normal: 1.959964."""


@pytest.mark.parametrize(
    ("estimate", "slope", "tips"),
    [
        # Significant at 3; not so any more from 1.959964 on.
        (3.0, 2.0, (1.959964 - 3) / 2),
        # Not significant at 1; significant from 1.959964 on, nearer than -1.959964.
        (1.0, 4.0, 0.959964 / 4),
        # The sign changes between two deltas: significant at both, and not in between.
        (-3.0, 40.0, (3 - 1.959964) / 40),
        (5.0, 1.0, None),
    ],
)
def test_the_tipping_point(estimate: float, slope: float, tips: float | None) -> None:
    """Where a straight line of estimates with error 1 crosses the critical value."""
    terms = {
        step: Term(
            "", "", "", estimate=estimate + slope * step, std_error=1.0, df=LARGE
        )
        for step in delta.SLOPES
    }
    result = delta.tipping_point(terms)
    assert result == (None if tips is None else pytest.approx(tips, abs=1e-6))


@pytest.mark.parametrize("estimator", ["pooled", "fixed_effects", "first_difference"])
def test_a_slope_among_the_lost_tips_a_slope(estimator: str) -> None:
    """Fitted again with the slope that the tipping point names, p is 5 %, nearly.

    The shift of all imputed answers, as large as it may be, moves a within slope little.
    """
    panel = plant(replace(SMALL, within=-0.3), 3)
    specification = specify(estimator, missing="delta")
    result = fit(specification, panel)
    [term] = result.terms
    assert term.p_value < 0.05
    [tips] = rows_named(result, "tipping_slope")
    imputed = imputation.impute(specification, panel)
    fitter = ESTIMATORS[estimator].fit
    [_, (direction, _)] = delta._directions(specification, panel, result)
    change = delta.change_answers(imputed, direction, tips.statistic)
    again = imputation.pool_draws(specification, panel, fitter, change)
    assert again.terms[0].p_value == pytest.approx(0.05, abs=5e-4)
    use = panel[USE] - panel.groupby("participant_id")[USE].transform("mean")
    if estimator == "pooled":
        use = panel[USE] - panel[USE].mean()
    points = abs(tips.statistic) * panel[OUTCOME].std() / use.std()
    more = "more" if tips.statistic > 0 else "less"
    assert (
        f"would have had {points:.3g} points {more} for each unit of {USE}" in tips.note
    )


def test_no_tipping_point_is_said(few_draws: None) -> None:
    """A strong effect and few lost answers: nothing in the range changes it."""
    panel = plant(replace(SMALL, within=-3.0, leaving=0.01, attrition=0.0), 3)
    result = fit(specify("fixed_effects", missing="delta"), panel)
    for name in ("tipping_point", "tipping_slope"):
        [row] = rows_named(result, name)
        assert np.isnan(row.statistic)
        assert (
            "significant; no difference of people who did not answer from" in row.note
        )
        assert row.note.endswith("changes that")


@pytest.mark.parametrize("missing", ["imputed", "delta"])
def test_nothing_missing_is_no_imputation(missing: str) -> None:
    """The error is the estimator's own, and the note says that nothing was imputed."""
    panel = plant(replace(SMALL, leaving=1e-12, attrition=0.0), 7)
    plain = specify("fixed_effects")
    result = fit(replace(plain, missing=missing), panel)  # type: ignore[arg-type]
    assert result.std_error_type == "cluster_person_cr2"
    assert result.note == "no answer was missing, so nothing was imputed"
    assert result.terms == fit(plain, panel).terms


@pytest.mark.parametrize("missing", ["imputed", "delta"])
def test_answered_rows_only_are_refused(missing: str) -> None:
    """A file without rows of people who left has nothing that could be imputed."""
    panel = plant(SMALL, 7)
    answered = panel[panel[OUTCOME].notna()]
    lost = len(panel) - len(answered)
    result = fit(specify("fixed_effects", missing=missing, window=None), answered)
    assert np.isnan(result.terms[0].estimate)
    assert result.note == (
        f"not fitted: the file holds only answered rows, {lost} are absent, so nothing "
        "can be imputed; give a row for every person and wave, with its exposures and "
        "an empty outcome"
    )


def test_rows_without_use_are_refused() -> None:
    """A grid of persons and waves with nothing in it helps no more than no rows."""
    panel = plant(SMALL, 7)
    lost = panel[OUTCOME].isna()
    empty = panel.assign(**{USE: panel[USE].where(~lost)})
    result = fit(specify("fixed_effects", missing="imputed"), empty)
    assert result.note == (
        f"not fitted: none of the {lost.sum()} missing answers has known exposures, from "
        "which it could be imputed; fill in the exposures of the rows without an answer"
    )


def test_absent_rows_beside_imputed_ones_are_counted() -> None:
    """What has no row stays missing, and the note says of how many that is true."""
    panel = plant(SMALL, 7)
    lost = np.flatnonzero(panel[OUTCOME].isna())
    result = fit(
        specify("pooled", missing="imputed"), panel.drop(index=lost[:9].tolist())
    )
    assert "missing answers without a row, not imputed: 9; " in result.note
    assert f"answers imputed: {len(lost) - 9}, 20 times" in result.note


def test_what_tips_is_named() -> None:
    """Here the pooled estimate becomes significant if leavers were better off."""
    panel = plant(replace(SMALL, attrition=1.0, leaving=0.12, persons=400, waves=5), 1)
    result = fit(specify("pooled", missing="delta"), panel)
    assert result.terms[0].p_value > 0.05
    [tips] = rows_named(result, "tipping_point")
    by_delta = [entry.p_value for entry in rows_named(result, "delta")]
    assert by_delta[1] < 0.05 < by_delta[2]
    assert -0.5 < tips.statistic < 0
    points = -tips.statistic * panel[OUTCOME].std()
    assert tips.note.endswith(
        ": not significant; the conclusion changes if people who did not answer would "
        f"have had {points:.3g} points less than others with the same observed values "
        f"({tips.statistic:+.2f} SD)"
    )


def test_a_certain_answer_ends_the_search() -> None:
    """A group that always says yes has no finite coefficient, and the search ends."""
    yes = np.array([True, False, True, False, True, True])
    columns = np.column_stack([np.ones(6), [0, 0, 0, 0, 1, 1]])
    result = logit.fit_logit(yes, columns)
    assert result.coefficients[0] == pytest.approx(0, abs=1e-9)
    assert result.coefficients[1] > 15
