"""Persons by waves: who could answer, who did, and what was known before.

A wave of an outcome is one in which somebody's is known. A person is expected in
every wave of their round from their first row on, unless the wave is still open;
who has no row in it has withdrawn or was away, and did not answer.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.design import to_floats
from panelstream.models.arrays import Codes, Mask, Matrix, Vector


@dataclass(frozen=True, eq=False)
class Waves:
    """A panel as persons by waves (G, T) of an outcome.

    `rows` are positions in the panel, -1 without a row; `answered` says where the
    outcome is known, `expected` where it could be. Persons and waves are in order,
    the latter with their `numbers` (T,).
    """

    rows: Codes
    answered: Mask
    expected: Mask
    numbers: Codes

    @property
    def unbroken(self) -> Mask:
        """Answers (G, T) before which none is missing since the person's first."""
        return np.asarray(self.answered & self._whole)

    @property
    def at_risk(self) -> Mask:
        """Expected answers (G, T) after the first one, with none missing between."""
        before = np.zeros_like(self.answered)
        before[:, 1:] = (self._begun & self._whole)[:, :-1]
        return np.asarray(before & self.expected)

    @property
    def _begun(self) -> Mask:
        return np.logical_or.accumulate(self.answered, axis=1)

    @property
    def _whole(self) -> Mask:
        kept = self.answered | ~self._begun | ~self.expected
        return np.logical_and.accumulate(kept, axis=1)

    @property
    def cells(self) -> Codes:
        """Where in (G * T) each row of the panel stands that has such a wave (n,)."""
        there = self.rows.ravel() >= 0
        places = np.full(self.rows.max(initial=-1) + 1, -1, dtype=np.intp)
        places[self.rows.ravel()[there]] = np.flatnonzero(there)
        return places

    def spread(self, values: Vector) -> Matrix:
        """Values (n,) of the panel's rows as (G, T), NaN without a row."""
        return np.where(self.rows >= 0, values[self.rows], np.nan)

    def gathered(self, cells: Matrix, size: int) -> Vector:
        """Cells (G, T) as values of a panel of `size` rows, NaN in other waves."""
        values = np.full(size, np.nan)
        there = self.rows >= 0
        values[self.rows[there]] = cells[there]
        return values


def arrange(panel: pd.DataFrame, outcome: str) -> Waves:
    """The panel's persons by the waves in which somebody's `outcome` is known."""
    known = np.isfinite(to_floats(panel[outcome]))
    wave = panel["wave"].to_numpy()
    named = np.unique(wave[known])
    persons, people = pd.factorize(panel["participant_id"], sort=True)
    place = pd.Index(named).get_indexer(wave)
    here = np.flatnonzero(place >= 0)
    rows = np.full((len(people), len(named)), -1, dtype=np.intp)
    rows[persons[here], place[here]] = here
    answered = (rows >= 0) & known[rows]
    return Waves(rows, answered, _expected(panel, persons, rows, answered), named)


def earlier(cells: Matrix) -> Matrix:
    """What stands one wave before (G, T); NaN in the first."""
    return np.column_stack([np.full(len(cells), np.nan), cells[:, :-1]])


def _expected(panel: pd.DataFrame, persons: Codes, rows: Codes, answered: Mask) -> Mask:
    there = rows >= 0
    arrived = np.logical_or.accumulate(there, axis=1)
    expected = arrived & _own_round(panel, persons, rows)
    if "answered" in panel:
        still_open = there & panel["answered"].isna().to_numpy()[rows]
        expected &= ~(still_open | (~there & still_open.any(axis=0)))
    return np.asarray(expected | answered)


def _own_round(panel: pd.DataFrame, persons: Codes, rows: Codes) -> Mask:
    """Whether a wave is one of the person's round (G, T)."""
    if "round" not in panel:
        return np.ones(rows.shape, dtype=np.bool_)
    rounds = pd.factorize(panel["round"])[0]
    of_person = np.zeros(len(rows), dtype=np.intp)
    of_person[persons] = rounds
    of_wave = np.where(rows >= 0, rounds[rows], -1).max(axis=0, initial=-1)
    return np.asarray(of_person[:, None] == of_wave)
