"""The cross-lagged panel model: what it refuses, says and recovers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.estimation import full_information_ml
from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.estimation.estimators.ri_clpm_covariance import (
    starting_values,
    structure,
)
from panelstream.analysis.estimation.fit import Fit, Term
from panelstream.analysis.plan.specifications import Specification
from tests.lib.planted import OUTCOME, USE, Truth, plant, specify

TRUTH = Truth(
    persons=300,
    waves=5,
    within=-0.5,
    persistence=0.3,
    feedback=-0.3,
    use_persistence=0.4,
    leaving=0.05,
    attrition=0.5,
    missed=0.1,
)
PATHS = 4


def specification(**fields: Any) -> Specification:
    """The planted exposure one wave before, unless told otherwise."""
    return specify("ri_clpm", **{"timing": "lag 1", "confirmatory": False, **fields})


def components(found: Fit) -> dict[str, Term]:
    """The terms by component."""
    return {term.component: term for term in found.terms}


def first_term(panel: pd.DataFrame, **fields: Any) -> Term:
    """The cross-lag to the outcome."""
    return fit(specification(**fields), panel).terms[0]


@pytest.mark.parametrize("timing", ["lag 1", "same"])
def test_derivatives_are_those_of_the_likelihood(timing: str) -> None:
    """Gradient and information against differences, on awkward patterns."""
    random = np.random.default_rng(4)
    values = random.normal(size=(60, 8))
    values[random.random(values.shape) < 0.2] = np.nan
    patterns, model = full_information_ml.group_by_pattern(values), structure(4, timing)
    means, parameters = starting_values(values, model)
    parameters[:PATHS] = 0.3, 0.2, -0.1, 0.15
    where = np.concatenate([means + 0.1, parameters])

    def at(point: np.ndarray) -> Any:
        return full_information_ml._point_at(patterns, model, point[:8], point[8:])

    def differences(function: Callable[[Any], Any], step: float = 1e-5) -> np.ndarray:
        moves = np.eye(len(where)) * step
        return np.array(
            [
                (function(at(where + move)) - function(at(where - move))) / (2 * step)
                for move in moves
            ]
        )

    gradient = differences(lambda point: point.log_likelihood)
    bends = differences(lambda point: full_information_ml._gradient(patterns, point))
    here = at(where)
    np.testing.assert_allclose(
        full_information_ml._gradient(patterns, here), gradient, atol=1e-6
    )
    np.testing.assert_allclose(
        full_information_ml._observed_information(patterns, model, here),
        -bends,
        atol=1e-5,
    )
    scores = full_information_ml._scores(patterns, here, slice(None))
    np.testing.assert_allclose(scores.sum(axis=0), gradient, atol=1e-6)


def test_complete_data_have_the_normal_likelihood() -> None:
    """Without anything missing the free model is means and covariances."""
    values = np.random.default_rng(5).normal(size=(40, 3)) @ np.tri(3)
    rows, columns = np.triu_indices(3)
    basis = np.zeros((6, 3, 3))
    basis[np.arange(6), rows, columns] = basis[np.arange(6), columns, rows] = 1.0
    result = full_information_ml.maximise(
        full_information_ml.group_by_pattern(values),
        full_information_ml.Linear(basis),
        np.zeros(3),
        np.array([1.0, 0, 0, 1, 0, 1]),
    )
    assert result.means == pytest.approx(values.mean(axis=0), rel=1e-10)
    expected = np.cov(values.T, bias=True)[rows, columns]
    assert result.parameters == pytest.approx(expected, rel=1e-9)


def test_both_directions_are_recovered() -> None:
    """Use leads to the outcome, the outcome to use, and neither is mistaken."""
    result = components(fit(specification(timing="same"), plant(TRUTH, 3)))
    assert result["within"].ci_low < TRUTH.within < result["within"].ci_high < 0
    assert result["reverse"].ci_low < TRUTH.feedback < result["reverse"].ci_high < 0


def test_the_lag_is_the_whole_way() -> None:
    """One wave later: the effect of use times how far use carries over."""
    result = components(fit(specification(), plant(TRUTH, 3)))
    expected = TRUTH.within * TRUTH.use_persistence
    assert result["within"].ci_low < expected < result["within"].ci_high < 0
    assert result["reverse"].ci_low < TRUTH.feedback < result["reverse"].ci_high < 0


def test_units_scale_the_effects() -> None:
    """Days a year instead of a week: one direction shrinks, the other grows."""
    panel = plant(TRUTH, 1)
    once = components(fit(specification(), panel))
    other = components(fit(specification(), panel.assign(**{USE: panel[USE] * 365})))
    assert other["within"].estimate * 365 == pytest.approx(once["within"].estimate)
    assert other["reverse"].estimate / 365 == pytest.approx(once["reverse"].estimate)
    for component in ("within", "reverse"):
        p = once[component].p_value
        assert other[component].p_value == pytest.approx(p, rel=1e-6)


def test_it_says_what_it_took_for_granted() -> None:
    """What is predetermined, and that covariates are out."""
    result = fit(specification(fixed=("age",)), plant(TRUTH, 1))
    assert result.note == (
        "past exposure and outcome predetermined; covariates left out"
    )
    assert result.std_error_type == "robust_ml"
    assert result.n_participants == TRUTH.persons


def test_exposures_are_fitted_one_by_one() -> None:
    """One that cannot be fitted stops no other."""
    panel = plant(TRUTH, 1).assign(reaction_days_per_week=1.0)
    result = fit(specification(exposures=("reaction", "story")), panel)
    notes = {term.exposure: term.note for term in result.terms}
    why = "not estimable: the exposure has the same value for all in wave 1"
    assert notes == {"reaction": why, "story": ""}
    assert "exposures fitted one by one" in result.note


def test_waves_with_gaps_are_refused() -> None:
    """Unless the plan takes them as they come."""
    panel = plant(TRUTH, 1)
    panel = panel[panel["wave"] != 3]
    assert "wave numbers have gaps" in first_term(panel).note
    assert np.isfinite(first_term(panel, spacing="any").p_value)


def test_uneven_intervals_are_refused() -> None:
    """By when people answered; equal ones, and nearly equal ones, are not."""
    panel = plant(TRUTH, 1)
    day = pd.Timestamp("2027-01-11", tz="UTC")
    for days, even in (([0, 91, 182, 273, 364], True), ([0, 28, 59, 89, 120], True)):
        at = [day + pd.Timedelta(days=days[wave - 1]) for wave in panel["wave"]]
        assert np.isfinite(first_term(panel.assign(responded_at=at)).p_value) == even
    days = [0, 91, 182, 364, 455]
    at = [day + pd.Timedelta(days=days[wave - 1]) for wave in panel["wave"]]
    uneven = panel.assign(responded_at=at)
    assert "waves are 91 to 182 days apart" in first_term(uneven).note
    assert np.isfinite(first_term(uneven, spacing="any").p_value)


def test_two_waves_are_refused() -> None:
    """Persons' levels cannot be told from what carries over."""
    panel = plant(TRUTH, 1)
    term = first_term(panel[panel["wave"] < 3])
    assert "exposure and outcome are known in fewer than three waves" in term.note
    assert np.isnan(term.estimate)


def test_a_wave_without_exposure_does_not_count() -> None:
    """The first wave has no window before it where nothing says how long it is."""
    panel = plant(TRUTH, 1)
    panel.loc[panel["wave"] == 1, USE] = np.nan
    result = fit(specification(), panel)
    assert result.n_waves == 4
    assert np.isfinite(result.terms[0].p_value)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"timing": "lag 2"}, "ri_clpm knows the timings lag 1 and same"),
        ({"effects": ()}, "it needs the effect wave"),
        ({"outcome": "phq9_total"}, "the panel has no column phq9_total"),
    ],
)
def test_what_it_cannot_do_is_said(fields: dict[str, Any], why: str) -> None:
    """Without a number."""
    result = fit(specification(**fields), plant(TRUTH, 1))
    assert why in result.note + result.terms[0].note
    assert np.isnan(result.terms[0].estimate)


def test_what_nobody_changes_is_refused() -> None:
    """There are no deviations to follow from each other."""
    panel = plant(TRUTH, 1)
    for name, why in ((USE, "exposure"), (OUTCOME, "outcome")):
        first = panel.groupby("participant_id")[name].transform("first")
        term = first_term(panel.assign(**{name: first}))
        assert f"the {why} changes within no person" in term.note


def test_few_people_are_refused() -> None:
    """As many parameters as persons leave nothing to estimate errors from."""
    panel = plant(TRUTH, 1)
    few = panel[panel["participant_id"] < "p00025"]
    assert "25 persons are too few for 32 parameters" in first_term(few).note


def test_a_flat_likelihood_gives_no_number() -> None:
    """An exposure that is the outcome: the covariances cannot be inverted."""
    panel = plant(TRUTH, 1)
    term = first_term(panel.assign(**{USE: panel[OUTCOME] * 2}))
    assert np.isnan(term.estimate)
    assert term.note.startswith("not estimable: ")
