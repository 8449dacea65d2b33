"""What was observed of people before each wave that they could answer or not.

The logit of answering a wave has baseline columns (waves, fixed covariates) and columns
of what was observed before: the outcome of the wave before, exposures, and varying
covariates. Those are of the wave itself, whose window ends before it is answered, if
nine in ten of the people who did not answer have them too; else, for everyone, of the
wave before, as a column that only answerers have cannot predict. A missing value is
carried forward from the wave before, else it is the wave's mean.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from panelstream.analysis.estimation.design import (
    term_name,
    to_floats,
    transform_exposure,
)
from panelstream.analysis.estimation.dropout.waves import Waves, wave_before
from panelstream.analysis.estimation.inference import NEGLIGIBLE, centred
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Codes, Mask, Matrix, Vector

SHARED = 0.9
"""Share of the people who did not answer that must have a value for it to be used."""

Named = tuple[str, Vector]


@dataclass(frozen=True, eq=False)
class History:
    """Person-waves at risk: n rows, sorted by person and wave.

    `answered` (n,); `columns` (n, k) with the intercept first, described by `names`
    (k,); the first `baseline` of them do not change after the first answer but for the
    wave. `persons` and `places` (n,) are rows and columns of `Waves`.
    """

    answered: Mask
    columns: Matrix
    names: tuple[str, ...]
    baseline: int
    persons: Codes
    places: Codes


def look_back(
    specification: Specification, panel: pd.DataFrame, waves: Waves
) -> History:
    """The rows at risk in waves that some of them answered and some did not.

    In other waves there is nothing to predict. Raises `NotEstimable` if the outcome
    is known in one wave only.
    """
    if len(waves.numbers) < 2:
        raise NotEstimable("the outcome is known in one wave only")
    fixed = fixed_columns(specification, panel)
    complete = np.asarray(np.isfinite(fixed.to_numpy()).all(axis=1))
    risk = waves.at_risk & complete[:, None]
    risk = risk & _any(risk & waves.answered) & _any(risk & ~waves.answered)
    persons, places = np.nonzero(risk)
    columns = [*_wave_columns(places, waves), *_fixed_of(fixed, persons)]
    baseline = len(columns)
    if len(persons):
        observed = _observed(specification, panel, waves, risk)
        columns += [(name, cells[persons, places]) for name, cells in observed]
    return _history(waves.answered[persons, places], columns, baseline, persons, places)


def first_use(
    specification: Specification, panel: pd.DataFrame, waves: Waves
) -> History:
    """Each person once, with the use of the first window in which it is known.

    `answered` says whether they ever did. People without known use are not in the frame.
    """
    columns = [
        (name, pd.DataFrame(cells).bfill(axis=1)[0].to_numpy())
        for name, cells in exposure_cells(specification, panel, waves)
    ]
    use = np.column_stack([values for _, values in columns])
    persons = np.flatnonzero(np.isfinite(use).all(axis=1))
    columns = [(f"{name} (first window)", values[persons]) for name, values in columns]
    answered = np.asarray(waves.answered.any(axis=1))
    return _history(answered[persons], columns, 0, persons, np.zeros_like(persons))


def fixed_columns(specification: Specification, panel: pd.DataFrame) -> pd.DataFrame:
    """The fixed covariates of each person (G rows) as numbers.

    A text becomes an indicator for each level but the first.
    """
    people = panel.groupby("participant_id", sort=True)
    columns = {}
    for name in specification.fixed:
        values = people[name].first()
        if is_numeric_dtype(values):
            columns[name] = values.astype(float)
            continue
        for level in sorted(values.dropna().unique())[1:]:
            columns[f"{name}[{level}]"] = (values == level).where(values.notna())
    index = pd.Index(sorted(panel["participant_id"].unique()))
    return pd.DataFrame(columns, index=index, dtype=float)


def exposure_cells(
    specification: Specification, panel: pd.DataFrame, waves: Waves
) -> Iterator[tuple[str, Matrix]]:
    """Each exposure of a wave's own window, as it enters: its name and (G, T)."""
    same = replace(specification, timing="same")
    for column in specification.columns:
        values = transform_exposure(same, panel[column])
        yield term_name(same, column), waves.to_cells(values)


def _observed(
    specification: Specification, panel: pd.DataFrame, waves: Waves, risk: Mask
) -> Iterator[tuple[str, Matrix]]:
    outcome = waves.to_cells(to_floats(panel[specification.outcome]))
    yield f"{specification.outcome} (wave before)", wave_before(outcome)
    varying = ((n, waves.to_cells(to_floats(panel[n]))) for n in specification.varying)
    lost = risk & ~waves.answered
    for name, cells in (*exposure_cells(specification, panel, waves), *varying):
        if np.isfinite(cells[lost]).mean() >= SHARED:
            yield name, _filled(cells, risk)
        else:
            yield f"{name} (wave before)", _filled(wave_before(cells), risk)


def _filled(cells: Matrix, risk: Mask) -> Matrix:
    """Cells (G, T) with missing ones carried forward, else the mean of those at risk."""
    carried = pd.DataFrame(cells).ffill(axis=1)
    return carried.fillna(carried.where(risk).mean()).fillna(0.0).to_numpy()


def _wave_columns(places: Codes, waves: Waves) -> Iterator[Named]:
    for place in np.unique(places)[1:]:
        yield f"wave[{waves.numbers[place]}]", (places == place).astype(float)


def _fixed_of(fixed: pd.DataFrame, persons: Codes) -> Iterator[Named]:
    for name in fixed:
        yield str(name), fixed[name].to_numpy()[persons]


def _any(cells: Mask) -> Mask:
    """Whether a wave has one of the cells (T,)."""
    return np.asarray(cells.any(axis=0))


def _history(
    answered: Mask, named: list[Named], baseline: int, persons: Codes, places: Codes
) -> History:
    """With an intercept and without columns that earlier ones make superfluous."""
    columns = np.column_stack([np.ones(len(persons)), *(values for _, values in named)])
    names = ("intercept", *(name for name, _ in named))
    slopes = _independent(columns[:, 1:]) if len(persons) else np.array([], np.intp)
    basis = np.append(0, 1 + slopes)
    return History(
        answered=answered,
        columns=columns[:, basis],
        names=tuple(names[j] for j in basis),
        baseline=int((basis <= baseline).sum()),
        persons=persons,
        places=places,
    )


def _independent(columns: Matrix) -> Codes:
    """Positions of columns (n, k) that are independent of an intercept and earlier ones."""
    values = centred(columns)
    lengths = np.sqrt(np.einsum("ij,ij->j", values, values))
    unit = values / np.where(lengths > 0, lengths, 1.0)
    products, basis = unit.T @ unit, np.array([], dtype=np.intp)
    for j in np.flatnonzero(lengths):
        shared = products[basis, j]
        explained = shared @ np.linalg.solve(products[np.ix_(basis, basis)], shared)
        if 1 - explained > NEGLIGIBLE:
            basis = np.append(basis, j)
    return basis
