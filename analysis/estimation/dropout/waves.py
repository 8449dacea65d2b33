"""Persons by waves: expected answers, answers, and who is at risk of dropout.

A wave counts for an outcome if at least one person's is known in it. A person is
expected in every wave of their round from their first row on, unless the wave is still
open; people without a row in it have withdrawn or were away, and did not answer.
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
    def monotone(self) -> Mask:
        """Answers (G, T) with none missing between them and the person's first."""
        return np.asarray(self.answered & self._complete)

    @property
    def at_risk(self) -> Mask:
        """Expected answers (G, T) after the first one, with none missing between."""
        followed = np.zeros_like(self.answered)
        followed[:, 1:] = (self._started & self._complete)[:, :-1]
        return np.asarray(followed & self.expected)

    @property
    def _started(self) -> Mask:
        return np.logical_or.accumulate(self.answered, axis=1)

    @property
    def _complete(self) -> Mask:
        without_gap = self.answered | ~self._started | ~self.expected
        return np.logical_and.accumulate(without_gap, axis=1)

    @property
    def cells(self) -> Codes:
        """Position in (G * T) of each row of the panel (n,); -1 in other waves."""
        present = self.rows.ravel() >= 0
        positions = np.full(self.rows.max(initial=-1) + 1, -1, dtype=np.intp)
        positions[self.rows.ravel()[present]] = np.flatnonzero(present)
        return positions

    def to_cells(self, values: Vector) -> Matrix:
        """Values (n,) of the panel's rows as (G, T), NaN without a row."""
        return np.where(self.rows >= 0, values[self.rows], np.nan)

    def to_rows(self, cells: Matrix, size: int) -> Vector:
        """Cells (G, T) as values of a panel of `size` rows, NaN in other waves."""
        values = np.full(size, np.nan)
        present = self.rows >= 0
        values[self.rows[present]] = cells[present]
        return values


def arrange_waves(panel: pd.DataFrame, outcome: str) -> Waves:
    """The panel's persons by the waves in which at least one `outcome` is known."""
    finite = np.isfinite(to_floats(panel[outcome]))
    wave = panel["wave"].to_numpy()
    numbers = np.unique(wave[finite])
    persons, people = pd.factorize(panel["participant_id"], sort=True)
    place = pd.Index(numbers).get_indexer(wave)
    positions = np.flatnonzero(place >= 0)
    rows = np.full((len(people), len(numbers)), -1, dtype=np.intp)
    rows[persons[positions], place[positions]] = positions
    answered = (rows >= 0) & finite[rows]
    return Waves(rows, answered, _expected(panel, persons, rows, answered), numbers)


def wave_before(cells: Matrix) -> Matrix:
    """The values of the wave before (G, T); NaN in the first."""
    return np.column_stack([np.full(len(cells), np.nan), cells[:, :-1]])


def _expected(panel: pd.DataFrame, persons: Codes, rows: Codes, answered: Mask) -> Mask:
    present = rows >= 0
    enrolled = np.logical_or.accumulate(present, axis=1)
    expected = enrolled & _in_round(panel, persons, rows)
    if "answered" in panel:
        still_open = present & panel["answered"].isna().to_numpy()[rows]
        expected &= ~(still_open | (~present & still_open.any(axis=0)))
    return np.asarray(expected | answered)


def _in_round(panel: pd.DataFrame, persons: Codes, rows: Codes) -> Mask:
    """Whether a wave is one of the person's round (G, T)."""
    if "round" not in panel:
        return np.ones(rows.shape, dtype=np.bool_)
    rounds = pd.factorize(panel["round"])[0]
    of_person = np.zeros(len(rows), dtype=np.intp)
    of_person[persons] = rounds
    of_wave = np.where(rows >= 0, rounds[rows], -1).max(axis=0, initial=-1)
    return np.asarray(of_person[:, None] == of_wave)
