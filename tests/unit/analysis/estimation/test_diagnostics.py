"""What is told of the data and of single persons beside a linear fit."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.estimation.design import build_design
from panelstream.analysis.estimation.diagnostics import (
    serial_correlation,
    variance_shares,
)
from panelstream.analysis.estimation.estimates import diagnose, fit
from panelstream.analysis.estimation.estimators import ESTIMATORS
from panelstream.analysis.estimation.fit import Diagnostic, Fit, Term
from panelstream.analysis.estimation.influence import Regression, leave_one_out
from panelstream.analysis.plan.specifications import Specification
from tests.lib.planted import OUTCOME, USE, Truth, plant, specify

WITHIN = [
    name
    for name, one in ESTIMATORS.items()
    if one.diagnostics not in (None, variance_shares)
]
SMALL = Truth(persons=25, waves=4, missed=0.2, leaving=0.1)


def told(specification: Specification, panel: pd.DataFrame) -> dict[str, Diagnostic]:
    """The diagnostics of a fit by test, those of the first term."""
    rows = diagnose(fit(specification, panel), panel)
    return {row.test: row for row in reversed(rows)}


def within_term(found: Fit) -> Term:
    """The one term within persons."""
    (term,) = (entry for entry in found.terms if entry.component == "within")
    return term


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("estimator", WITHIN)
def test_influence_is_that_of_fitting_without_each_person(
    estimator: str, seed: int
) -> None:
    """Changes, signs and significance are those of leaving everybody out in turn.

    With CR1 errors: those of CR2 are not computed again without each person.
    """
    panel = plant(Truth(**{**vars(SMALL), "within": -0.25}), seed)
    specification = specify(estimator, errors="cr1")
    whole = within_term(fit(specification, panel))
    terms = [
        within_term(fit(specification, panel[panel["participant_id"] != person]))
        for person in panel["participant_id"].unique()
    ]
    result = told(specification, panel)
    changes = [abs(term.estimate - whole.estimate) for term in terms]
    signs = sum(np.sign(term.estimate) != np.sign(whole.estimate) for term in terms)
    turned = sum((term.p_value < 0.05) != (whole.p_value < 0.05) for term in terms)
    assert result["influence_change"].statistic == pytest.approx(max(changes), rel=1e-8)
    assert result["influence_sign"].statistic == signs
    assert result["influence_significance"].statistic == turned
    assert result["influence_change"].note == USE


def test_one_person_can_turn_a_result() -> None:
    """Where a single heavy user carries the estimate, the rows say one."""
    panel = plant(Truth(persons=40, waves=3, within=0.0, habit=0.0), 4)
    first = panel["participant_id"] == "p00000"
    panel.loc[first, USE] = [0.0, 30.0, 60.0]
    panel.loc[first, OUTCOME] = [0.0, 40.0, 80.0]
    result = told(specify("fixed_effects", errors="cr1"), panel)
    assert result["influence_change"].statistic > 0.5
    assert result["influence_significance"].statistic >= 1


def test_persons_who_alone_tell_have_no_error_without_them() -> None:
    """Nor does what only they tell of have a coefficient; the rest has both."""
    persons = np.array([0, 0, 1, 1, 2, 2])
    columns = np.array([[1.0, 1], [-1, -1], [0, 2], [0, -2], [0, 1], [0, -1]])
    outcome = np.array([2.0, -2, 3, -3.5, 1, -1])
    alone, shared = leave_one_out(Regression(outcome, columns, persons, 1), 2)
    assert np.isnan(alone.estimates).tolist() == [True, False, False]
    assert np.isnan(alone.std_errors).tolist() == [True, False, False]
    # Without the second person: 1 from the third alone.
    assert shared.estimates.tolist() == pytest.approx([1.5, 1.0, 1.625])


@pytest.mark.parametrize("estimator", ["fixed_effects", "within_between"])
def test_serial_correlation_is_found_and_not_invented(estimator: str) -> None:
    """Errors that last are seen; independent ones are not."""
    quiet = told(specify(estimator), plant(Truth(persons=800), 6))
    assert quiet["serial_correlation"].p_value > 0.05
    lasting = Truth(persons=800, persistence=0.5, within=0.0)
    loud = told(specify(estimator), plant(lasting, 6))
    assert loud["serial_correlation"].p_value < 1e-6


def test_changes_of_a_random_walk_are_not_correlated() -> None:
    """First differences ask it of the changes: lasting errors suit them better."""
    panel = plant(Truth(persons=800, within=0.0), 7)
    shocks = np.random.default_rng(7).normal(size=len(panel))
    steps = panel.assign(shock=shocks).groupby("participant_id")["shock"].cumsum()
    walking = panel.assign(**{OUTCOME: steps})
    differenced = told(specify("first_difference"), walking)
    assert differenced["serial_correlation"].p_value > 0.05
    fixed = told(specify("fixed_effects"), walking)
    assert fixed["serial_correlation"].p_value < 1e-6


def test_two_waves_cannot_tell_of_serial_correlation() -> None:
    """It takes three adjacent ones."""
    design = build_design(specify("fixed_effects"), plant(Truth(waves=2), 1))
    result = serial_correlation(design, -0.5, "cr2")
    assert np.isnan(result.statistic)
    assert result.note == (
        "not estimable: fewer than two persons have three adjacent waves"
    )


def test_shares_of_variance_are_told_in_words() -> None:
    """What nobody changes, and what everybody has alike, is called so."""
    panel = plant(Truth(persons=300, habit=1.0), 8)
    means = panel.groupby("participant_id")[USE].transform("mean")
    still = told(specify("pooled"), panel.assign(**{USE: means + panel[USE] / 1e3}))
    assert still["within_share"].statistic < 0.05
    assert still["within_share"].note == f"{USE}: hardly anybody changes"
    alike = told(specify("pooled"), panel.assign(**{USE: panel[USE] - means}))
    assert alike["between_share"].statistic == pytest.approx(0, abs=1e-12)
    assert alike["between_share"].note == f"{USE}: people hardly differ"
    rows = diagnose(fit(specify("pooled"), panel), panel)
    shares = {(row.test, row.note): row.statistic for row in rows}
    assert shares["within_share", OUTCOME] + shares[
        "between_share", OUTCOME
    ] == pytest.approx(1)


@pytest.mark.parametrize("estimator", WITHIN)
def test_the_person_who_alone_uses_a_function_is_not_skipped(estimator: str) -> None:
    """Without that person nothing is estimable: the row says so and counts nobody."""
    panel = plant(Truth(persons=30, waves=4), 3)
    alone = panel.assign(**{USE: panel[USE] * (panel["participant_id"] == "p00000")})
    result = fit(specify(estimator), alone)
    rows = [row for row in diagnose(result, alone) if row.test.startswith("influence")]
    notes = [row.note for row in rows]
    assert notes == [f"{USE}: not estimable without one of the people"]
    assert np.isnan(result.terms[0].estimate)
    assert result.terms[0].sole_person


@pytest.mark.parametrize("estimator", WITHIN)
@pytest.mark.parametrize("persons", [2, 3, 4])
def test_few_persons_are_no_accident(estimator: str, persons: int) -> None:
    """Every row of two to four persons has a number or says why not."""
    for waves, seed in product((2, 3, 6), range(3)):
        panel = plant(Truth(persons=persons, waves=waves, missed=0.2), seed)
        first = panel["participant_id"] == "p00000"
        plain = specify(estimator)
        without_waves = replace(plain, effects=plain.effects[:-1])
        uses: list[Any] = [panel[USE], panel[USE] * first, 1.0]
        for asked, use in product((plain, without_waves), uses):
            changed = panel.assign(**{USE: use})
            for row in diagnose(fit(asked, changed), changed):
                said = ("not estimable", "the same in every row")
                assert np.isfinite(row.statistic) or any(w in row.note for w in said)


def test_an_exact_fit_has_estimates_and_no_errors() -> None:
    """Two people change: use by 0.2 and 1, the outcome by -1 and 1; 2 / 0.8 is 2.5."""
    panel = pd.DataFrame(
        {
            "participant_id": ["a", "a", "b", "b"],
            "wave": [1, 2, 1, 2],
            USE: [0.3, 0.5, 1.0, 2.0],
            OUTCOME: [4.0, 3.0, 1.0, 2.0],
        }
    )
    result = fit(specify("fixed_effects"), panel)
    (term,) = result.terms
    assert term.estimate == pytest.approx(2.5)
    assert np.isnan([term.std_error, term.p_value, term.ci_low]).all()
    assert term.note == "no error: the terms explain the outcome without residuals"
    assert diagnose(result, panel) == ()


def test_fits_without_numbers_have_no_diagnostics() -> None:
    """Nor have fits in a layer, whose rows are not those of the panel."""
    panel = plant(SMALL, 9)
    nothing = fit(specify("fixed_effects", outcome="absent"), panel)
    assert diagnose(nothing, panel) == ()
    weighted = fit(specify("pooled"), panel)
    layered = specify("pooled", missing="imputed")
    assert diagnose(weighted, panel)
    assert not diagnose(type(weighted)(layered, weighted.terms, n_obs=9), panel)
