"""Fixed-effects ordered logit: its likelihood, what it refuses, says and recovers."""

from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
import pytest
from statsmodels.discrete.discrete_model import Logit

from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.estimation.estimators.fe_ordered_logit import (
    MOST_VALUES,
    condition_on_count,
    symmetric_sums,
)
from tests.lib.planted import OUTCOME, USE, Truth, plant, reply, specify

EFFECT = 0.6
CUTS = (0.5, 1.5, 2.5, 4.0)


def ordinal(seed: int = 1, persons: int = 600, waves: int = 5) -> pd.DataFrame:
    """Five answers, mostly the lowest, with log odds that use moves within persons."""
    made = plant(Truth(persons=persons, waves=waves, missed=0.1), seed)
    random = np.random.default_rng([seed, 2])
    person = made["participant_id"].factorize()[0]
    level = random.normal(size=person.max() + 1)[person]
    latent = level + EFFECT * (made[USE] - 3) + random.logistic(size=len(made))
    answers = np.searchsorted(CUTS, latent).astype(float)
    return made.assign(**{OUTCOME: np.where(made[OUTCOME].notna(), answers, np.nan)})


@pytest.mark.parametrize("size", [2, 3, 5, 7])
def test_moments_equal_those_of_all_placements(size: int) -> None:
    """Norm, probabilities and covariances, by going through each way to place them."""
    random = np.random.default_rng(size)
    predictors = random.normal(size=(1, size)) * 2 + 5
    for count in range(1, size):
        moments = condition_on_count(predictors, np.array([count]))
        placements = list(combinations(range(size), count))
        chosen = np.array([[t in place for t in range(size)] for place in placements])
        weights = np.exp(chosen @ predictors[0])
        shares = weights / weights.sum()
        means = shares @ chosen
        covariance = (chosen - means).T @ ((chosen - means) * shares[:, None])
        assert moments.log_norms[0] == pytest.approx(np.log(weights.sum()), rel=1e-12)
        assert moments.probabilities[0] == pytest.approx(means, rel=1e-11)
        assert moments.covariances[0] == pytest.approx(covariance, abs=1e-13)


def test_twelve_equal_waves() -> None:
    """Of twelve equal odds each answer is high as often: counts by the binomial formula."""
    predictors = np.full((1, 12), 300.0)
    moments = condition_on_count(predictors, np.array([5]))
    assert moments.log_norms[0] == pytest.approx(np.log(comb(12, 5)) + 5 * 300)
    assert moments.probabilities[0] == pytest.approx(np.full(12, 5 / 12))
    assert moments.covariances[0, 0, 1] == pytest.approx(5 * 4 / (12 * 11) - 25 / 144)


def test_symmetric_sums_are_coefficients_of_a_polynomial() -> None:
    """(1 + x)(1 + 2x)(1 + 3x) = 1 + 6x + 11x^2 + 6x^3."""
    assert symmetric_sums(np.array([[1.0, 2.0, 3.0]])).tolist() == [[1, 6, 11, 6]]


def test_two_answers_in_two_waves_are_a_logit_of_changes() -> None:
    """Who went from no to yes, regressed on changes of use, with a constant for time."""
    panel = reply(plant(Truth(persons=300, waves=2), 1), "binary", 0.6, -0.3, 1)
    (term,) = fit(specify("fe_ordered_logit"), panel).terms
    wide = panel.pivot(index="participant_id", columns="wave")
    changed = wide[wide[OUTCOME][1] != wide[OUTCOME][2]]
    columns = np.column_stack(
        [changed[USE][2] - changed[USE][1], np.ones(len(changed))]
    )
    logit = Logit(changed[OUTCOME][2].to_numpy(), columns).fit(disp=0, tol=1e-12)
    assert term.estimate == pytest.approx(logit.params[0], rel=1e-7)


def test_what_was_planted_is_recovered() -> None:
    """The log odds of a higher answer, though most answers are the lowest."""
    (term,) = fit(specify("fe_ordered_logit"), ordinal()).terms
    assert term.ci_low < EFFECT < term.ci_high
    assert term.ci_low > EFFECT / 2


def test_only_the_order_of_answers_counts() -> None:
    """Other distances between the values change no digit."""
    panel = ordinal(persons=150)
    stretched = panel.assign(**{OUTCOME: np.exp(panel[OUTCOME]) / 3})
    first, second = (
        fit(specify("fe_ordered_logit"), entry).terms for entry in (panel, stretched)
    )
    assert np.isfinite(first[0].p_value)
    assert str(first) == str(second)


def test_who_never_changes_is_left_out_and_counted() -> None:
    """People with one answer in all waves say nothing; the note counts them."""
    panel = ordinal(persons=150)
    answers = panel.dropna().groupby("participant_id")[OUTCOME]
    repeated = answers.size() > 1
    constant = int(((answers.nunique() == 1) & repeated).sum())
    assert constant > 10
    result = fit(specify("fe_ordered_logit"), panel)
    assert f"people left out, whose outcome never changes: {constant}" in result.note
    assert result.n_participants == int(repeated.sum()) - constant
    assert result.note.startswith("log odds of higher answers, of 5 values")
    assert np.isnan(result.terms[0].standardized)


def test_too_many_values_are_no_answers() -> None:
    """A continuous outcome has no number, and the note says how many values it had."""
    panel = plant(Truth(persons=40), 1)
    values = panel[OUTCOME].nunique()
    assert values > MOST_VALUES
    result = fit(specify("fe_ordered_logit"), panel)
    assert result.note == (
        f"not fitted: the outcome has {values} values; fe_ordered_logit is for at most 50"
    )


def test_separation_gives_no_number() -> None:
    """All answer higher when they use more than usual."""
    panel = ordinal(persons=150)
    usual = panel.groupby("participant_id")[USE].transform("mean")
    separated = panel.assign(**{OUTCOME: 1.0 * (panel[USE] > usual)})
    result = fit(specify("fe_ordered_logit"), separated)
    assert np.isnan(result.terms[0].estimate)
    assert "separat" in result.note


def test_a_term_that_never_changes_within_persons_has_no_number() -> None:
    """There is nothing to condition on."""
    panel = ordinal(persons=150)
    first = panel.groupby("participant_id")[USE].transform("first")
    (term,) = fit(specify("fe_ordered_logit"), panel.assign(**{USE: first})).terms
    assert term.note == "not estimable: changes within no person"


def test_use_of_the_next_wave_is_tested() -> None:
    """A lead has a joint test, as in linear regressions."""
    result = fit(specify("fe_ordered_logit", timing="lead 1"), ordinal())
    (test,) = (entry for entry in result.tests if entry.test == "leads")
    (term,) = result.terms
    assert test.statistic == pytest.approx(term.statistic**2)
    assert test.p_value == pytest.approx(term.p_value)
