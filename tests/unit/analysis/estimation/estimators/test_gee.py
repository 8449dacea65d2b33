"""GEE for binary and count outcomes: what it refuses, says and recovers."""

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.estimation.estimators.gee import LOGIT, POISSON, family_of
from panelstream.analysis.estimation.fit import Fit, Term
from panelstream.analysis.plan.conventions import NotEstimable
from tests.lib.planted import OUTCOME, USE, Truth, plant, reply, specify

WITHIN, BETWEEN = 0.6, -0.3


def panel(kind: str = "binary", seed: int = 1, persons: int = 800) -> pd.DataFrame:
    """Answers whose log odds, or log rate, have a within and a between effect."""
    made = plant(Truth(persons=persons, missed=0.1), seed)
    return reply(made, kind, WITHIN, BETWEEN, seed)


def terms(found: Fit) -> dict[str, Term]:
    """The terms by component."""
    return {term.component: term for term in found.terms}


@pytest.mark.parametrize("kind", ["binary", "count"])
def test_what_was_planted_is_recovered(kind: str) -> None:
    """Within and between, on the scale of the link."""
    result = terms(fit(specify("gee"), panel(kind)))
    assert result["within"].ci_low < WITHIN < result["within"].ci_high
    assert result["between"].ci_low < BETWEEN < result["between"].ci_high
    assert result["within"].ci_low > 0 > result["between"].ci_high


def test_the_note_says_the_family() -> None:
    """A reader must know whether odds or rates."""
    assert fit(specify("gee"), panel()).note.startswith(
        "logit of an outcome of zero and one"
    )
    assert fit(specify("gee"), panel("count")).note.startswith("log of a count")


def test_values_choose_the_family() -> None:
    """0 and 1, other whole numbers from 0 on, or neither."""
    assert family_of(np.array([0.0, 1, 1])) is LOGIT
    assert family_of(np.array([0.0, 1, 2])) is POISSON
    for values in ([0.0, 0.5], [-1.0, 1.0]):
        with pytest.raises(
            NotEstimable, match="outcomes of zero and one, and for counts"
        ):
            family_of(np.array(values))


def test_standardized_is_empty() -> None:
    """A log odds is not in standard deviations of the outcome."""
    assert all(
        np.isnan(term.standardized) for term in fit(specify("gee"), panel()).terms
    )


@pytest.mark.parametrize("whole", [True, False])
def test_separation_gives_no_number(whole: bool) -> None:
    """All who use more than usual said yes, or all in one wave said no."""
    frame = panel()
    if whole:
        mean = frame.groupby("participant_id")[USE].transform("mean")
        said = 1.0 * (frame[USE] > mean)
    else:
        said = frame[OUTCOME].where(frame["wave"] != 3, 0.0)
    result = fit(specify("gee"), frame.assign(pdd_total=said))
    assert np.isnan(result.terms[0].estimate)
    assert "separat" in result.note


def test_counts_of_nothing_in_a_wave_are_separation() -> None:
    """Its log rate has no value."""
    frame = panel("count")
    none = frame[OUTCOME].where(frame["wave"] != 2, 0.0)
    result = fit(specify("gee"), frame.assign(pdd_total=none))
    assert "separat" in result.note


def test_large_counts_converge() -> None:
    """Steps that overflow are halved, not followed."""
    frame = panel("count", persons=200)
    counts = np.round(np.exp(2 * (frame[USE] - frame[USE].mean())) * 50)
    result = fit(specify("gee"), frame.assign(pdd_total=counts))
    assert np.isfinite(result.terms[0].p_value)


def test_units_scale_the_coefficient() -> None:
    """Days a year: the coefficient shrinks, what is said stays."""
    frame = panel()
    once = terms(fit(specify("gee"), frame))["within"]
    other = terms(fit(specify("gee"), frame.assign(**{USE: frame[USE] * 365})))[
        "within"
    ]
    assert other.estimate * 365 == pytest.approx(once.estimate, rel=1e-8)
    assert other.p_value == pytest.approx(once.p_value, rel=1e-6)


def test_order_of_rows_means_nothing() -> None:
    """Shuffled rows give the same bits."""
    frame = panel()
    shuffled = frame.sample(frac=1, random_state=1)
    first, second = (
        pd.DataFrame([vars(term) for term in fit(specify("gee"), entry).terms])
        for entry in (frame, shuffled)
    )
    pd.testing.assert_frame_equal(first, second)


def test_an_exposure_nobody_changes_has_a_between_number_only() -> None:
    """As in the within-between regression."""
    frame = panel()
    first = frame.groupby("participant_id")[USE].transform("first")
    result = terms(fit(specify("gee"), frame.assign(**{USE: first})))
    assert result["within"].note == "not estimable: changes within no person"
    assert np.isfinite(result["between"].p_value)
