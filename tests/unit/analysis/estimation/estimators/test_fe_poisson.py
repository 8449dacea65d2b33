"""Fixed-effects Poisson: what it refuses, says and recovers."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.discrete.discrete_model import Logit

from panelstream.analysis.estimation.estimates import fit
from tests.lib.planted import OUTCOME, USE, Truth, plant, reply, specify

EFFECT = 0.4


def counts(seed: int = 1, persons: int = 500, waves: int = 5) -> pd.DataFrame:
    """Counts whose log rate use moves within persons."""
    made = plant(Truth(persons=persons, waves=waves, missed=0.1), seed)
    return reply(made, "count", EFFECT, -0.3, seed)


def test_what_was_planted_is_recovered() -> None:
    """The log rate, though counts of a person hang together beyond it."""
    result = fit(specify("fe_poisson"), counts())
    (term,) = result.terms
    assert term.ci_low < EFFECT < term.ci_high
    assert term.ci_low > EFFECT / 2
    assert result.note.startswith("log of the mean")
    assert np.isnan(term.standardized)


def test_two_waves_of_single_events_are_a_logit_of_changes() -> None:
    """One event in two waves: when it was is conditional logit."""
    panel = reply(plant(Truth(persons=300, waves=2), 1), "binary", 0.6, -0.3, 1)
    single = panel[panel.groupby("participant_id")[OUTCOME].transform("sum") == 1]
    (term,) = fit(specify("fe_poisson"), single).terms
    wide = single.pivot(index="participant_id", columns="wave")
    columns = np.column_stack([wide[USE][2] - wide[USE][1], np.ones(len(wide))])
    logit = Logit(wide[OUTCOME][2].to_numpy(), columns).fit(disp=0, tol=1e-12)
    assert term.estimate == pytest.approx(logit.params[0], rel=1e-7)


def test_units_of_the_outcome_change_nothing() -> None:
    """Thirds of points, or points: a rate has no unit, and need not be whole."""
    panel = counts(persons=150)
    (whole,) = fit(specify("fe_poisson"), panel).terms
    (third,) = fit(
        specify("fe_poisson"), panel.assign(**{OUTCOME: panel[OUTCOME] / 3})
    ).terms
    assert third.estimate == pytest.approx(whole.estimate, rel=1e-9)
    assert third.std_error == pytest.approx(whole.std_error, rel=1e-9)
    assert third.df == pytest.approx(whole.df, rel=1e-9)


def test_who_has_only_zeros_is_left_out_and_counted() -> None:
    """They say nothing of change; the note counts them."""
    panel = counts(persons=150)
    answers = panel.dropna().groupby("participant_id")[OUTCOME]
    repeated = answers.size() > 1
    zeros = int(((answers.sum() == 0) & repeated).sum())
    assert zeros > 3
    result = fit(specify("fe_poisson"), panel)
    assert f"people left out, whose outcome is always 0: {zeros}" in result.note
    assert result.n_participants == int(repeated.sum()) - zeros


def test_negative_values_are_refused() -> None:
    """They have no logarithm of a mean."""
    panel = counts(persons=50)
    result = fit(specify("fe_poisson"), panel.assign(**{OUTCOME: panel[OUTCOME] - 1}))
    assert result.note == "not fitted: fe_poisson is for outcomes from 0 on"


def test_nothing_in_a_whole_wave_is_separation() -> None:
    """Its log rate has no value."""
    panel = counts(persons=150)
    none = panel[OUTCOME].where((panel["wave"] != 2) | panel[OUTCOME].isna(), 0.0)
    result = fit(specify("fe_poisson"), panel.assign(**{OUTCOME: none}))
    assert np.isnan(result.terms[0].estimate)
    assert "separat" in result.note


def test_large_counts_converge() -> None:
    """Steps that overflow are halved, not followed."""
    panel = counts(persons=100)
    centred = panel[USE] - panel[USE].mean()
    rates = np.round(np.exp(2 * centred) * 50)
    (term,) = fit(specify("fe_poisson"), panel.assign(**{OUTCOME: rates})).terms
    assert term.estimate == pytest.approx(2, abs=0.05)


def test_use_of_the_next_wave_is_tested() -> None:
    """A lead has a joint test, as in linear regressions."""
    result = fit(specify("fe_poisson", timing="lead 1"), counts())
    (test,) = (entry for entry in result.tests if entry.test == "leads")
    assert test.p_value == pytest.approx(result.terms[0].p_value)
