"""Changes of a design from each wave to the next, never over a gap."""

from dataclasses import replace

import numpy as np

from panelstream.analysis.estimation.design import Design
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.models.arrays import Codes, Matrix


def differences(design: Design) -> Design:
    """The design of changes: a row for each two adjacent waves of a person.

    Wave dummies become those of the later wave, and `waves` is that wave's
    position among all that take part. Rows without a neighbour are counted as singletons.
    Raises `NotEstimable` if fewer than two persons have a change.
    """
    earlier, later = adjacent(design)
    rows = np.union1d(earlier, later)
    persons = np.unique(design.persons[later], return_inverse=True)[1]
    if len(later) == 0 or persons[-1] == 0:
        raise NotEstimable("fewer than two persons have adjacent waves")
    waves = np.unique(design.waves[rows], return_inverse=True)[1]
    return replace(
        design,
        outcome=design.outcome[later] - design.outcome[earlier],
        regressors=_changes(design, earlier, later),
        persons=persons,
        waves=waves[np.searchsorted(rows, later)],
        wave_numbers=design.wave_numbers[later],
        weights=design.weights[later],
        rows=design.rows[later],
        singletons=design.singletons + design.n_obs - len(rows),
    )


def adjacent(design: Design) -> tuple[Codes, Codes]:
    """Positions (m,) of rows whose person has a row of the next wave number, and of those."""
    same_person = np.diff(design.persons) == 0
    next_wave = np.diff(design.wave_numbers) == 1
    earlier = np.flatnonzero(same_person & next_wave)
    return earlier, earlier + 1


def _changes(design: Design, earlier: Codes, later: Codes) -> Matrix:
    changes = design.regressors[later] - design.regressors[earlier]
    waves = [column.role == "wave" for column in design.columns]
    changes[:, waves] = design.regressors[np.ix_(later, np.flatnonzero(waves))]
    return changes
