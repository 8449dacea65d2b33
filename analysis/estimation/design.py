"""From a specification and a panel to the numbers that an estimator needs.

A lag or a lead is looked up by person and wave number, never by row: without a row of
that wave the value is missing. With a lead the exposure of the outcome's own wave
enters as a varying covariate: exposures are autocorrelated, and without it the lead
would pick up its effect (Wooldridge 2010, Econometric Analysis of Cross Section and
Panel Data, section 10.7.1).

Earlier values of the outcome may enter as covariates (analysis of covariance): the
person's value in the first wave, or that of the wave before. Rows without one, as those
of the first wave, are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Codes, Mask, Matrix, Vector
from panelstream.models.study.study import use_scale

Role = Literal["exposure", "varying", "fixed", "wave"]

LARGE_OFFSET = 100.0
"""A column whose mean is more of its standard deviations away from 0 is centred: its
squares would take digits from everything that rests on its changes."""

ROUNDING = 64 * float(np.finfo(np.float64).eps)
"""Differences below this, relative to the values, are rounding."""

WEIGHT = "weight"
"""The panel's column of weights, for a specification that asks for them."""


@dataclass(frozen=True)
class Column:
    """A regressor: its name, what it is, and the function it measures if any."""

    name: str
    role: Role
    exposure: str = ""


@dataclass(frozen=True, eq=False)
class Design:
    """The analysed rows, sorted by person and wave.

    `outcome` (n,); `regressors` (n, k), without an intercept, described by
    `columns` (k): exposures as transformed, varying and fixed covariates, wave
    dummies. `persons` and `waves` (n,) count from 0 without gaps; `persons`
    never decreases; `wave_numbers` (n,) are the panel's. `weights` (n,) are 1
    unless the specification asks for some. `rows` (n,) are positions in the panel.
    `incomplete` and `singletons` are numbers of rows left out.
    """

    outcome: Vector
    regressors: Matrix
    columns: tuple[Column, ...]
    persons: Codes
    waves: Codes
    wave_numbers: Vector
    weights: Vector
    rows: Codes
    incomplete: int
    singletons: int

    @property
    def exposures(self) -> tuple[Column, ...]:
        """The columns of the exposures, which stand before all others."""
        return tuple(column for column in self.columns if column.role == "exposure")

    @property
    def n_obs(self) -> int:
        """Analysed rows."""
        return len(self.outcome)

    @property
    def n_participants(self) -> int:
        """Persons with an analysed row."""
        return int(self.persons[-1]) + 1

    @property
    def n_waves(self) -> int:
        """Waves with an analysed row."""
        return int(self.waves.max()) + 1

    @property
    def note(self) -> str:
        """What was left out, in words; empty if nothing was."""
        parts = (
            ("rows with missing values left out", self.incomplete),
            ("singleton rows left out", self.singletons),
        )
        return "; ".join(f"{words}: {count}" for words, count in parts if count)


def build_design(specification: Specification, panel: pd.DataFrame) -> Design:
    """The design of complete cases; singletons go if persons are absorbed.

    Raises `NotEstimable` if a column is absent, if fewer than two persons
    remain, or if the outcome does not vary.
    """
    require_columns(specification, panel)
    persons, waves = _codes(panel["participant_id"]), _codes(panel["wave"])
    complete = np.flatnonzero(_complete(specification, panel))
    ordered = complete[np.lexsort((waves[complete], persons[complete]))]
    rows = _without_singletons(ordered, persons, waves, specification.effects)
    _require_persons(persons[rows])
    outcome = to_floats(panel[specification.outcome])[rows]
    if np.ptp(outcome) == 0:
        raise NotEstimable("the outcome has the same value in every row")
    regressors = list(_regressors(specification, panel, rows))
    analysed = _consecutive(persons[rows])
    return Design(
        outcome=outcome,
        regressors=np.column_stack(
            [without_offset(values, analysed) for _, values in regressors]
        ),
        columns=tuple(column for column, _ in regressors),
        persons=analysed,
        waves=_consecutive(waves[rows]),
        wave_numbers=to_floats(panel["wave"])[rows],
        weights=_weights(specification, panel)[rows],
        rows=rows,
        incomplete=len(panel) - len(complete),
        singletons=len(complete) - len(rows),
    )


def without_offset(values: Vector, persons: Codes) -> Vector:
    """A regressor (n,) without a large constant and without differences of rounding.

    Values of a person (codes (n,)) that differ by rounding alone become equal. The
    intercept takes what is subtracted, so that no slope changes.
    """
    noise = ROUNDING * float(np.abs(values).max(initial=0.0))
    mean = float(values.mean())
    deviations = values - mean
    if np.abs(deviations).max(initial=0.0) <= noise:
        return np.full(len(values), mean)
    centred = deviations if abs(mean) > LARGE_OFFSET * deviations.std() else values
    means = np.bincount(persons, centred) / np.maximum(np.bincount(persons), 1)
    constant = np.abs(centred - means[persons]).max() <= noise
    return np.asarray(means[persons]) if constant else centred


def term_name(specification: Specification, column: str) -> str:
    """The term of an exposure's panel column, such as `lag1(log1p(story_count))`."""
    name = use_scale(column, specification.transform)
    if not specification.shift:
        return name
    return f"{specification.timing.replace(' ', '')}({name})"


def shift_waves(values: Vector, panel: pd.DataFrame, waves: int) -> Vector:
    """The value (n,) of the same person `waves` later, NaN where there is none.

    `values` (n,) go with the rows of `panel`, one for each person and wave.
    """
    if not waves:
        return values
    rows = pd.MultiIndex.from_frame(panel[["participant_id", "wave"]])
    sources = pd.MultiIndex.from_arrays(
        [panel["participant_id"], panel["wave"] + waves], names=rows.names
    )
    positions = rows.get_indexer(sources)
    return np.where(positions >= 0, values[positions], np.nan)


def transform_exposure(
    specification: Specification, values: "pd.Series[Any]"
) -> Vector:
    """An exposure's column (n,) as it enters."""
    untransformed = to_floats(values)
    if specification.transform == "log1p":
        return np.log1p(untransformed)
    if specification.transform == "any":
        return np.where(np.isnan(untransformed), np.nan, untransformed > 0)
    return untransformed


def to_floats(values: "pd.Series[Any]") -> Vector:
    """A column of the panel (n,), NaN where it is null."""
    return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))


def require_columns(specification: Specification, panel: pd.DataFrame) -> None:
    """Raise `NotEstimable` if a column that the specification names is absent."""
    names = (
        specification.outcome,
        *specification.columns,
        *specification.varying,
        *specification.fixed,
    )
    for name in names:
        if name not in panel:
            raise NotEstimable(f"the panel has no column {name}")


def _require_persons(persons: Codes) -> None:
    if len(persons) == 0:
        raise NotEstimable("no rows to analyse")
    if persons[0] == persons[-1]:
        raise NotEstimable("rows of one person only")


def _complete(specification: Specification, panel: pd.DataFrame) -> Mask:
    """Rows in which everything that enters is finite (complete cases)."""
    complete = np.ones(len(panel), dtype=np.bool_)
    for name in specification.fixed:
        complete &= panel[name].notna().to_numpy()
    for name in (specification.outcome, *specification.varying):
        complete &= np.isfinite(to_floats(panel[name]))
    for _, values in exposure_columns(specification, panel):
        complete &= np.isfinite(values)
    for _, values in _outcome_history(specification, panel):
        complete &= np.isfinite(values)
    return complete & np.isfinite(_weights(specification, panel))


def _without_singletons(
    rows: Codes, persons: Codes, waves: Codes, effects: tuple[str, ...]
) -> Codes:
    """`rows` without persons, then waves, that have one row, until none is left."""
    if "participant" not in effects:
        return rows
    while True:
        remaining = rows[_repeated(persons[rows])]
        if "wave" in effects:
            remaining = remaining[_repeated(waves[remaining])]
        if len(remaining) == len(rows):
            return rows
        rows = remaining


def _repeated(codes: Codes) -> Mask:
    return np.asarray(np.bincount(codes)[codes] > 1)


def _regressors(
    specification: Specification, panel: pd.DataFrame, rows: Codes
) -> Iterator[tuple[Column, Vector]]:
    for column, values in exposure_columns(specification, panel):
        yield column, values[rows]
    analysed = panel.iloc[rows]
    for name in specification.varying:
        yield Column(name, "varying"), to_floats(analysed[name])
    for column, values in _outcome_history(specification, panel):
        yield column, values[rows]
    for name in specification.fixed:
        yield from _fixed(analysed[name])
    if "wave" in specification.effects:
        yield from _dummies(analysed["wave"], "wave")


def exposure_columns(
    specification: Specification, panel: pd.DataFrame
) -> Iterator[tuple[Column, Vector]]:
    """Every row's exposures; after leads, those of the outcome's own wave."""
    pairs = list(zip(specification.exposures, specification.columns, strict=True))
    for exposure, name in pairs:
        values = transform_exposure(specification, panel[name])
        column = Column(term_name(specification, name), "exposure", exposure)
        yield column, shift_waves(values, panel, specification.shift)
    if specification.shift > 0:
        same = replace(specification, timing="same")
        for _, name in pairs:
            yield (
                Column(term_name(same, name), "varying"),
                transform_exposure(same, panel[name]),
            )


def _outcome_history(
    specification: Specification, panel: pd.DataFrame
) -> Iterator[tuple[Column, Vector]]:
    """Every row's earlier values of the outcome, NaN where there is none."""
    outcome = to_floats(panel[specification.outcome])
    if "baseline" in specification.outcome_history:
        name = f"baseline({specification.outcome})"
        yield Column(name, "fixed"), _baseline(outcome, panel)
    if "previous_outcome" in specification.outcome_history:
        name = f"lag1({specification.outcome})"
        yield Column(name, "varying"), shift_waves(outcome, panel, -1)


def _baseline(outcome: Vector, panel: pd.DataFrame) -> Vector:
    """The person's outcome (n,) in the first wave of the round; NaN in that wave's rows.

    The first wave is the first one in which anyone's outcome is known.
    """
    wave, values = panel["wave"], pd.Series(outcome, panel.index)
    rounds = panel["round"] if "round" in panel else pd.Series(1, panel.index)
    first = wave.where(np.isfinite(outcome)).groupby(rounds).transform("min")
    persons = [panel["participant_id"], rounds]
    baseline = values.where(wave == first).groupby(persons).transform("first")
    return np.asarray(baseline.where(wave > first), dtype=np.float64)


def _weights(specification: Specification, panel: pd.DataFrame) -> Vector:
    if specification.weights == "none":
        return np.ones(len(panel))
    return to_floats(panel[WEIGHT])


def _fixed(values: "pd.Series[Any]") -> Iterator[tuple[Column, Vector]]:
    if is_numeric_dtype(values):
        yield Column(str(values.name), "fixed"), to_floats(values)
    else:
        yield from _dummies(values.astype(str), "fixed")


def _dummies(values: "pd.Series[Any]", role: Role) -> Iterator[tuple[Column, Vector]]:
    """One indicator a level; the first level in order is the reference."""
    for level in sorted(values.unique())[1:]:
        name = f"{values.name}[{level}]"
        yield Column(name, role), (values == level).to_numpy(dtype=np.float64)


def _codes(values: "pd.Series[Any]") -> Codes:
    return pd.factorize(values, sort=True)[0]


def _consecutive(codes: Codes) -> Codes:
    return np.unique(codes, return_inverse=True)[1]
