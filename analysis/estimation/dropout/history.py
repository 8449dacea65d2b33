"""What was seen of people before each wave that they could answer or not.

The chance of answering a wave is a logit of what is given anyway (waves, fixed
covariates) and of what was seen before: the outcome of the wave before, exposures,
and varying covariates. Those are of the wave itself, whose window ends before it is
answered, if nine in ten of those who did not answer have them too; else, for
everybody, of the wave before, as what only answerers have foretells nothing. Where a
value is not known the one before it stands in, else the wave's mean.
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
from panelstream.analysis.estimation.dropout.waves import Waves, earlier
from panelstream.analysis.estimation.inference import NEGLIGIBLE, centred
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Codes, Mask, Matrix, Vector

SHARED = 0.9
"""Share of those who did not answer of whom something must be known to be used."""

Named = tuple[str, Vector]


@dataclass(frozen=True, eq=False)
class History:
    """Person-waves at risk: n rows, sorted by person and wave.

    `answered` (n,); `columns` (n, k) with the intercept first, described by `names`
    (k,); the first `given` of them are given anyway, the others were seen. `persons`
    and `places` (n,) are rows and columns of `Waves`.
    """

    answered: Mask
    columns: Matrix
    names: tuple[str, ...]
    given: int
    persons: Codes
    places: Codes


def look_back(
    specification: Specification, panel: pd.DataFrame, waves: Waves
) -> History:
    """The rows at risk in waves that some of them answered and some did not.

    In other waves there is nothing to foretell. Raises `NotEstimable` if the outcome
    is known in one wave only.
    """
    if len(waves.numbers) < 2:
        raise NotEstimable("the outcome is known in one wave only")
    fixed = fixed_columns(specification, panel)
    known = np.asarray(np.isfinite(fixed.to_numpy()).all(axis=1))
    risk = waves.at_risk & known[:, None]
    risk = risk & _any(risk & waves.answered) & _any(risk & ~waves.answered)
    persons, places = np.nonzero(risk)
    given = [*_wave_columns(places, waves), *_fixed_of(fixed, persons)]
    seen = _seen(specification, panel, waves, risk) if len(persons) else ()
    named = [*given, *((name, cells[persons, places]) for name, cells in seen)]
    return _history(waves.answered[persons, places], named, len(given), persons, places)


def first_use(
    specification: Specification, panel: pd.DataFrame, waves: Waves
) -> History:
    """Each person once, with the use of the first window in which it is known.

    `answered` says whether they ever did. Who has no known use is not in the frame.
    """
    named = [
        (name, pd.DataFrame(cells).bfill(axis=1)[0].to_numpy())
        for name, cells in exposure_cells(specification, panel, waves)
    ]
    known = np.isfinite(np.column_stack([values for _, values in named])).all(axis=1)
    persons = np.flatnonzero(known)
    named = [(f"{name} (first window)", values[persons]) for name, values in named]
    ever = np.asarray(waves.answered.any(axis=1))
    return _history(ever[persons], named, 0, persons, np.zeros_like(persons))


def fixed_columns(specification: Specification, panel: pd.DataFrame) -> pd.DataFrame:
    """The fixed covariates of each person (G rows) as numbers.

    What is said in words becomes an indicator for each level but the first.
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
        yield term_name(same, column), waves.spread(values)


def _seen(
    specification: Specification, panel: pd.DataFrame, waves: Waves, risk: Mask
) -> Iterator[tuple[str, Matrix]]:
    outcome = waves.spread(to_floats(panel[specification.outcome]))
    yield f"{specification.outcome} (wave before)", earlier(outcome)
    varying = ((n, waves.spread(to_floats(panel[n]))) for n in specification.varying)
    lost = risk & ~waves.answered
    for name, cells in (*exposure_cells(specification, panel, waves), *varying):
        if np.isfinite(cells[lost]).mean() >= SHARED:
            yield name, _filled(cells, risk)
        else:
            yield f"{name} (wave before)", _filled(earlier(cells), risk)


def _filled(cells: Matrix, risk: Mask) -> Matrix:
    """Cells (G, T) with what is unknown carried on, else the mean of those at risk."""
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
    answered: Mask, named: list[Named], given: int, persons: Codes, places: Codes
) -> History:
    """With an intercept and without columns that earlier ones make superfluous."""
    columns = np.column_stack([np.ones(len(persons)), *(one for _, one in named)])
    names = ("intercept", *(name for name, _ in named))
    others = _independent(columns[:, 1:]) if len(persons) else np.array([], np.intp)
    kept = np.append(0, 1 + others)
    return History(
        answered=answered,
        columns=columns[:, kept],
        names=tuple(names[j] for j in kept),
        given=int((kept <= given).sum()),
        persons=persons,
        places=places,
    )


def _independent(columns: Matrix) -> Codes:
    """Positions of columns (n, k) that no intercept and earlier ones make up."""
    values = centred(columns)
    lengths = np.sqrt(np.einsum("ij,ij->j", values, values))
    unit = values / np.where(lengths > 0, lengths, 1.0)
    products, kept = unit.T @ unit, np.array([], dtype=np.intp)
    for j in np.flatnonzero(lengths):
        shared = products[kept, j]
        explained = shared @ np.linalg.solve(products[np.ix_(kept, kept)], shared)
        if 1 - explained > NEGLIGIBLE:
            kept = np.append(kept, j)
    return kept
