"""Least squares on changes from one wave to the next, clustered by person.

A change is that between two waves whose numbers follow each other, never over a
gap. Whatever does not change within a person vanishes (Wooldridge 2010, Econometric
Analysis of Cross Section and Panel Data, section 10.6). Wave effects enter as an
intercept and a dummy for each further later wave; without them the intercept stays,
a drift that is the same for all. N counts changes. On two waves the coefficients are
those of fixed effects. A change has the weight of its later wave.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.design import (
    Codes,
    Design,
    Matrix,
    NotEstimable,
    build,
)
from panelstream.analysis.estimation.fit import (
    Component,
    Fit,
    exposure_names,
    regress,
    summarise,
    worst_inflation,
)
from panelstream.analysis.estimation.inference import root
from panelstream.analysis.plan.specifications import Specification


def fit(specification: Specification, panel: pd.DataFrame) -> Fit:
    """Regress the outcome's changes on those of the design's columns."""
    changes = differences(build(specification, panel))
    if not changes.outcome.any():
        raise NotEstimable("the outcome changes between no adjacent waves")
    columns = changes.regressors
    estimates, std_errors, found = regress(
        changes.outcome, columns, changes.persons, root(changes.weights)
    )
    component = Component("within", columns, estimates, std_errors)
    inflation = worst_inflation(exposure_names(changes), found)
    return summarise(specification, changes, [component], [inflation])


def differences(design: Design) -> Design:
    """The design of changes: a row for each two adjacent waves of a person.

    Wave dummies become those of the later wave, and `waves` is that wave's place
    among all that take part. Rows without a neighbour are counted as singletons.
    Raises `NotEstimable` if fewer than two persons have a change.
    """
    earlier, later = adjacent(design)
    together = np.union1d(earlier, later)
    persons = np.unique(design.persons[later], return_inverse=True)[1]
    if len(later) == 0 or persons[-1] == 0:
        raise NotEstimable("fewer than two persons have adjacent waves")
    waves = np.unique(design.waves[together], return_inverse=True)[1]
    return replace(
        design,
        outcome=design.outcome[later] - design.outcome[earlier],
        regressors=_changes(design, earlier, later),
        persons=persons,
        waves=waves[np.searchsorted(together, later)],
        wave_numbers=design.wave_numbers[later],
        weights=design.weights[later],
        rows=design.rows[later],
        singletons=design.singletons + design.n_obs - len(together),
    )


def adjacent(design: Design) -> tuple[Codes, Codes]:
    """Places (m,) of rows whose person's next wave number is there, and of those."""
    same_person = np.diff(design.persons) == 0
    next_wave = np.diff(design.wave_numbers) == 1
    earlier = np.flatnonzero(same_person & next_wave)
    return earlier, earlier + 1


def _changes(design: Design, earlier: Codes, later: Codes) -> Matrix:
    changes = design.regressors[later] - design.regressors[earlier]
    waves = [one.role == "wave" for one in design.columns]
    changes[:, waves] = design.regressors[np.ix_(later, np.flatnonzero(waves))]
    return changes
