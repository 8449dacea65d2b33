"""Difference GMM: what it refuses, says and recovers."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.estimation.estimators import gmm
from panelstream.analysis.estimation.fit import Diagnostic, Fit
from panelstream.analysis.plan.specifications import Specification
from tests.lib.planted import OUTCOME, USE, Truth, plant, specify

TRUTH = Truth(
    persons=1500,
    waves=6,
    within=-0.5,
    persistence=0.4,
    feedback=-0.3,
    use_persistence=0.3,
    leaving=0.05,
    missed=0.05,
)


def specification(**fields: Any) -> Specification:
    """The planted exposure of the same wave, unless told otherwise."""
    return specify("gmm", **{"confirmatory": False, **fields})


def by_name(found: Fit) -> dict[str, Diagnostic]:
    """The tests by name."""
    return {test.test: test for test in found.tests}


def test_what_was_planted_is_recovered() -> None:
    """The effect of use, and how far the outcome carries over."""
    panel = plant(TRUTH, 1)
    result = fit(specification(), panel)
    (term,) = result.terms
    assert term.ci_low < TRUTH.within < term.ci_high < 0
    lagged = by_name(result)["lagged_outcome"]
    error = float(lagged.note.removeprefix("std_error "))
    assert abs(lagged.statistic - TRUTH.persistence) < 3 * error
    assert by_name(result)["ar1"].p_value < 0.001
    assert by_name(result)["ar2"].p_value > 0.01


def test_it_is_right_where_fixed_effects_are_not() -> None:
    """In few waves, where the outcome carries over and use reacts to it."""
    truth = replace(TRUTH, persons=3000, waves=4, feedback=-0.6)
    panel = plant(truth, 3)
    term = fit(specification(), panel).terms[0]
    fixed = fit(specify("fixed_effects"), panel).terms[0]
    assert term.ci_low < truth.within < term.ci_high < 0
    assert truth.within < fixed.ci_low or fixed.ci_high < truth.within


def test_errors_that_last_are_found() -> None:
    """The second serial correlation speaks against instruments two waves back."""
    panel = plant(TRUTH, 2)
    random = np.random.default_rng(2)
    shocks = random.normal(size=(TRUTH.persons, TRUTH.waves + 2))
    lasting = shocks[:, 2:] + shocks[:, 1:-1] + shocks[:, :-2]
    result = fit(
        specification(), panel.assign(pdd_total=panel[OUTCOME] + lasting.ravel())
    )
    assert by_name(result)["ar2"].p_value < 0.001


def test_equations_are_made_by_wave_number() -> None:
    """By hand: a change needs two waves before it, and no gap."""
    panel = plant(Truth(persons=3, waves=4), 1)
    first, second, third = (panel["participant_id"] == f"p0000{j}" for j in range(3))
    panel.loc[second & (panel["wave"] == 3), OUTCOME] = np.nan
    panel.loc[third & (panel["wave"] == 1), USE] = np.nan
    equations = gmm.differenced(specification(), panel)
    assert equations.usable.tolist() == [[True, True], [True, True]]
    y = panel[OUTCOME].to_numpy().reshape(3, 4)
    x = panel[USE].to_numpy().reshape(3, 4)
    for row, person in enumerate([0, 2]):
        assert equations.outcome[row] == pytest.approx(np.diff(y[person])[1:])
        assert equations.terms[row, :, 0] == pytest.approx(np.diff(y[person])[:-1])
        assert equations.terms[row, :, 1] == pytest.approx(np.diff(x[person])[1:])
        known = np.nan_to_num(x[person])
        assert equations.instruments[row, :, 0] == pytest.approx(y[person, :2])
        assert equations.instruments[row, :, 1] == pytest.approx([0, y[person, 0]])
        assert equations.instruments[row, :, 2] == pytest.approx(known[1:3])
        assert equations.instruments[row, :, 3] == pytest.approx(known[:2])
    assert equations.unused == 11 - 4
    assert first.sum() == equations.waves == 4


def test_units_scale_the_coefficient() -> None:
    """Of exposure and outcome; what is said does not change."""
    panel = plant(TRUTH, 1)
    scaled = panel.assign(**{USE: panel[USE] * 365, OUTCOME: panel[OUTCOME] / 100})
    (once,), (other,) = (fit(specification(), entry).terms for entry in (panel, scaled))
    assert other.estimate * 36500 == pytest.approx(once.estimate, rel=1e-8)
    assert other.std_error * 36500 == pytest.approx(once.std_error, rel=1e-8)
    assert other.p_value == pytest.approx(once.p_value, rel=1e-6)


def test_order_and_names_mean_nothing() -> None:
    """Shuffled rows, other names, waves counted from elsewhere."""
    panel = plant(TRUTH, 1)
    other = panel.assign(
        participant_id=panel["participant_id"].str[::-1], wave=panel["wave"] + 7
    ).sample(frac=1, random_state=1)
    (once,), (again,) = (fit(specification(), entry).terms for entry in (panel, other))
    assert again.estimate == pytest.approx(once.estimate, rel=1e-8)
    assert again.std_error == pytest.approx(once.std_error, rel=1e-8)


def test_it_says_what_it_took_for_granted() -> None:
    """What is predetermined, what was left out, and how errors were made."""
    result = fit(specification(fixed=("age",)), plant(Truth(waves=4), 1))
    assert result.note == (
        "past outcome, exposures and covariates predetermined; "
        "answers without two waves before left out: 800"
    )
    assert result.std_error_type == "windmeijer"
    assert (result.n_obs, result.n_participants, result.n_waves) == (800, 400, 4)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"timing": "lead 1"}, "gmm takes exposures for predetermined; leads are not"),
        ({"outcome": "phq9_total"}, "the panel has no column phq9_total"),
        ({"exposures": ("cycle",)}, "the panel has no column cycle_days_per_week"),
    ],
)
def test_what_it_cannot_do_is_said(fields: dict[str, Any], why: str) -> None:
    """Without a number."""
    result = fit(specification(**fields), plant(Truth(), 1))
    assert result.note == f"not fitted: {why}"


def test_two_waves_in_a_row_are_too_few() -> None:
    """A gap is no step."""
    panel = plant(Truth(waves=5), 1)
    gap = fit(specification(), panel[panel["wave"] != 3])
    assert gap.note == "not fitted: nobody has three waves in a row"
    two = fit(specification(), panel[panel["wave"] < 3])
    assert "gmm needs 3 waves" in two.note


def test_few_people_are_too_few_for_the_weights() -> None:
    """The second step's weights would be singular."""
    panel = plant(Truth(waves=5), 1)
    few = panel[panel["participant_id"] < "p00008"]
    result = fit(specification(), few)
    why = "the second step's weights are singular: 8 persons, 10 instruments"
    assert result.note == f"not fitted: {why}"


def test_serial_correlation_needs_more_waves() -> None:
    """Three waves make one change to explain: nothing to relate it to."""
    result = by_name(fit(specification(), plant(Truth(waves=3), 1)))
    why = "not estimable: too few waves in a row"
    assert [result[name].note for name in ("ar1", "ar2")] == [why, why]
    assert np.isnan(result["ar1"].p_value)


def test_collinear_exposures_have_no_number() -> None:
    """Neither gets the other's coefficient; what nobody changes has none."""
    panel = plant(TRUTH, 1)
    panel = panel.assign(
        reaction_days_per_week=panel[USE] * 2 + 1, cycle_days_per_week=3.0
    )
    result = fit(specification(exposures=("story", "reaction", "cycle")), panel)
    notes = {term.exposure: term.note for term in result.terms}
    assert notes == {
        "story": "not estimable: collinear with other terms",
        "reaction": "not estimable: collinear with other terms",
        "cycle": "not estimable: changes within no person",
    }


def test_a_lagged_exposure_is_the_one_before() -> None:
    """Like a column that holds the exposure of the wave before."""
    panel = plant(TRUTH, 1)
    before = panel.groupby("participant_id")[USE].shift(1)
    moved = panel.assign(reaction_days_per_week=before)
    lagged = fit(specification(timing="lag 1"), panel).terms[0]
    column = fit(specification(exposures=("reaction",)), moved).terms[0]
    assert lagged.term == f"lag1({USE})"
    assert lagged.estimate == pytest.approx(column.estimate, rel=1e-10)
