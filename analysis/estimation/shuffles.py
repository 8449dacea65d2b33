"""Many regressions within persons, refitted with use that is shuffled between persons.

A person's whole history of use, in all functions, measures and windows, goes to another
person, so that all that holds within a history stays: who uses much uses much, and
waves that resemble each other do so still. Outcomes, covariates and weights stay where
they are. If use has nothing to do with the outcome, any assignment of histories to
persons was as likely as that of the data: the sharp null hypothesis of Simonsohn,
Simmons & Nelson (2020, Nature Human Behaviour 4, 1208-1214). Histories are exchanged
among persons whose outcome and use are known in the same waves, so that
every shuffle has the data's rows.

Only what use enters is computed again: everything else is taken out of the outcome and
of the exposures (Frisch, Waugh & Lovell). Errors are CR1 with t of persons - 1, in the
data and in the shuffles alike.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from panelstream.analysis.estimation.design import (
    Design,
    build_design,
    transform_exposure,
)
from panelstream.analysis.estimation.differences import adjacent, differences
from panelstream.analysis.estimation.estimators.fixed_effects import within
from panelstream.analysis.estimation.inference import (
    NEGLIGIBLE,
    deviations,
    identify,
    person_sums,
    root,
    small_sample,
)
from panelstream.analysis.plan.conventions import ALPHA
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Array, Codes, Mask, Matrix, Vector

CELLS = 4_000_000
"""Values of exposures that are held at a time."""

TIED = 1e-9
"""Statistics whose ratio differs by less from 1 are equal, but for rounding."""


@dataclass(frozen=True, eq=False)
class Histories:
    """Use as it enters a regression, of `persons` (G,) in `waves` (T,).

    `values` (G, T, k) are NaN where not known.
    """

    persons: "pd.Index[Any]"
    waves: "pd.Index[Any]"
    values: Array

    @property
    def known(self) -> Mask:
        """Where the use is known (G, T, k)."""
        return np.isfinite(self.values)


@dataclass(frozen=True, eq=False)
class Refit:
    """One regression, ready for other people's use.

    `of_person` and `of_wave` (n,) say whose use of which wave each analysed row has.
    `enter` brings columns (n, m) of these rows to those of the regression (r, m), whose
    persons are `persons` (r,). `nuisance` (r, q) are orthonormal columns of all else
    that enters, and `outcome` (r,) is free of them. `spread` is the standard deviation
    of the outcome within persons in the analysed rows, whose persons are `rows` (n,).
    """

    histories: Histories
    of_person: Codes
    of_wave: Codes
    rows: Codes
    enter: Callable[[Matrix], Matrix]
    nuisance: Matrix
    outcome: Vector
    persons: Codes
    absorbed: int
    spread: float
    basis: Mask
    estimable: Mask

    @property
    def scales(self) -> Vector:
        """What makes estimates (k,) those of one standard deviation of the exposure in
        standard deviations of the outcome, both within persons.
        """
        exposures = self._exposures(np.arange(len(self.histories.persons))[None])
        return np.asarray(within_spread(exposures, self.rows)[0] / self.spread)

    def solve(self, donors: Codes) -> "Effects":
        """The estimates (P, k) if persons have the histories of `donors` (P, G)."""
        exposures = self._exposures(donors)[:, :, self.basis]
        spreads = within_spread(exposures, self.rows)
        entered = self._enter(exposures)
        sizes = np.sqrt(np.square(entered).sum(axis=0))
        unit = entered / np.where(sizes > 0, sizes, 1.0)
        products = np.einsum("npi,npj->pij", unit, unit, optimize=True)
        inverse = _inverse(products)
        moments = np.einsum("npi,n->pi", unit, self.outcome, optimize=True)
        coefficients = np.einsum("pij,pj->pi", inverse, moments)
        residuals = self.outcome[:, None] - np.einsum("npi,pi->np", unit, coefficients)
        errors = self._errors(unit, residuals, inverse)
        estimates = coefficients / sizes
        return Effects(
            estimates=self._place(estimates),
            standardized=self._place(estimates * spreads / self.spread),
            statistics=self._place(coefficients / errors),
            df=float(self.persons[-1]),
        )

    def _place(self, values: Matrix) -> Matrix:
        """Values of the basis among those of all exposures (P, k)."""
        placed = np.full((len(values), len(self.basis)), np.nan)
        placed[:, self.basis] = values
        placed[:, ~self.estimable] = np.nan
        return placed

    def _exposures(self, donors: Codes) -> Array:
        """(n, P, k)."""
        values = self.histories.values
        return values[donors[:, self.of_person].T, self.of_wave[:, None]]

    def _enter(self, exposures: Array) -> Array:
        """(r, P, k), without all else that enters."""
        _, shuffles, count = exposures.shape
        entered = self.enter(exposures.reshape(len(exposures), -1))
        entered = entered - self.nuisance @ (self.nuisance.T @ entered)
        return entered.reshape(-1, shuffles, count)

    def _errors(self, unit: Array, residuals: Matrix, inverse: Array) -> Matrix:
        """CR1 (P, k) of coefficients of columns of length 1."""
        _, shuffles, count = unit.shape
        products = (unit * residuals[:, :, None]).reshape(len(unit), -1)
        scores = person_sums(products, self.persons).reshape(-1, shuffles, count)
        influences = np.einsum("gpi,pij->gpj", scores, inverse, optimize=True)
        coefficients = count + self.nuisance.shape[1] + self.absorbed
        factor = small_sample(len(unit), coefficients, len(scores))
        return np.asarray(np.sqrt(factor * np.square(influences).sum(axis=0)))


@dataclass(frozen=True, eq=False)
class Effects:
    """Of P shuffles and k exposures (P, k); NaN where there is no number."""

    estimates: Matrix
    standardized: Matrix
    statistics: Matrix
    df: float

    @property
    def p_values(self) -> Matrix:
        """Two-sided."""
        return np.asarray(2 * stats.t.sf(np.abs(self.statistics), self.df))

    @property
    def deviates(self) -> Matrix:
        """The t as normal deviates with the same p."""
        tails = stats.t.sf(np.abs(self.statistics), self.df)
        return np.asarray(np.sign(self.statistics) * stats.norm.isf(tails))


@dataclass(frozen=True, eq=False)
class CurveStatistics:
    """The three statistics of a curve (P, k), in the data or in shuffles.

    `medians` of the standardized estimates; `significant`, the share of specifications
    with p below `ALPHA` in whichever direction has more of them; `mean_z`, the deviates'
    sum over the root of their number (Stouffer).
    """

    medians: Matrix
    significant: Matrix
    mean_z: Matrix

    def of(self, name: str) -> Matrix:
        """The statistic of this name (P, k)."""
        return {
            "median": self.medians,
            "significant": self.significant,
            "mean_z": self.mean_z,
        }[name]


def prepare_refit(
    specification: Specification,
    panel: pd.DataFrame,
    histories: Histories,
    estimable: Mask,
) -> Refit:
    """A regression that is fitted within persons or on changes, ready for shuffles.

    `histories` are those of its exposures, of which the `estimable` (k,) have a number.
    Raises `NotEstimable` as its estimator does.
    """
    design = build_design(specification, panel)
    change = specification.estimator == "first_difference"
    regression = _changes(design) if change else _within(design)
    rows = panel.iloc[design.rows]
    scale = root(regression.weights)
    nuisance = _orthonormal(regression.nuisance * scale)
    outcome = regression.outcome * scale[:, 0]
    return Refit(
        histories=histories,
        of_person=histories.persons.get_indexer(pd.Index(rows["participant_id"])),
        of_wave=histories.waves.get_indexer(
            pd.Index(rows["wave"] + specification.shift)
        ),
        rows=design.persons,
        enter=lambda values: regression.enter(values) * scale,
        nuisance=nuisance,
        outcome=outcome - nuisance @ (nuisance.T @ outcome),
        persons=regression.persons,
        absorbed=regression.absorbed,
        spread=float(within_spread(design.outcome, design.persons)),
        basis=regression.basis,
        estimable=estimable,
    )


def arrange_histories(
    specification: Specification, panel: pd.DataFrame, persons: "pd.Index[Any]"
) -> Histories:
    """The use of `persons` (G,), among them all of the panel, as transformed."""
    columns = np.column_stack(
        [
            transform_exposure(specification, panel[name])
            for name in specification.columns
        ]
    )
    waves = pd.Index(np.unique(panel["wave"]))
    return Histories(persons, waves, arrange_by_wave(columns, panel, persons))


def arrange_by_wave(
    columns: Matrix, panel: pd.DataFrame, persons: "pd.Index[Any]"
) -> Array:
    """Columns (n, k) of a panel by person and wave (G, T, k), NaN without a row."""
    waves = pd.Index(np.unique(panel["wave"]))
    values = np.full((len(persons), len(waves), columns.shape[1]), np.nan)
    places = persons.get_indexer(pd.Index(panel["participant_id"]))
    values[places, waves.get_indexer(pd.Index(panel["wave"]))] = columns
    return values


def within_spread(values: Array, persons: Codes) -> Array:
    """Standard deviations (...) within persons, of values (n, ...)."""
    flat = values.reshape(len(values), -1)
    squares = np.square(deviations(flat, persons)).sum(axis=0) / (len(flat) - 1)
    return np.asarray(np.sqrt(squares).reshape(values.shape[1:]))


def exchangeable_groups(known: Sequence[Mask]) -> Codes:
    """Persons (G,) with the same values of all of these (G, ...) have the same code."""
    flat = np.column_stack([flags.reshape(len(flags), -1) for flags in known])
    return np.unique(flat, axis=0, return_inverse=True)[1].ravel()


def count_shuffled(groups: Codes) -> int:
    """Persons whose history can go to another person."""
    sizes = np.bincount(groups)
    return int(sizes[sizes > 1].sum())


def draw_donors(groups: Codes, count: int, seed: int) -> Codes:
    """Whose history each person has (count, G), at random within `groups` (G,)."""
    random = np.random.default_rng(seed)
    donors = np.tile(np.arange(len(groups)), (count, 1))
    for group in np.flatnonzero(np.bincount(groups) > 1):
        members = np.flatnonzero(groups == group)
        donors[:, members] = random.permuted(donors[:, members], axis=1)
    return donors


def refit_all(
    refits: Sequence[Refit],
    donors: Codes,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> CurveStatistics:
    """The curve's statistics for each row of `donors` (P, G).

    `progress` gets how many of the regressions are done.
    """
    standardized, deviates = [], []
    for done, refit in enumerate(refits, start=1):
        effects = [refit.solve(batch) for batch in _batches(refit, donors)]
        standardized.append(np.concatenate([entry.standardized for entry in effects]))
        deviates.append(np.concatenate([entry.deviates for entry in effects]))
        progress(done, len(refits))
    return curve_statistics(np.stack(standardized), np.stack(deviates))


def curve_statistics(standardized: Array, deviates: Array) -> CurveStatistics:
    """From the estimates and deviates (B, P, k) of B specifications."""
    valid = np.isfinite(deviates)
    counts = np.maximum(valid.sum(axis=0), 1)
    critical = stats.norm.isf(ALPHA / 2)
    upper, lower = (
        (np.where(valid, sign * deviates, 0.0) > critical).sum(axis=0)
        for sign in (1, -1)
    )
    with np.errstate(all="ignore"):
        medians = np.nanmedian(np.where(valid, standardized, np.nan), axis=0)
    return CurveStatistics(
        medians=medians,
        significant=np.maximum(upper, lower) / counts,
        mean_z=np.where(valid, deviates, 0.0).sum(axis=0) / np.sqrt(counts),
    )


def permutation_p(observed: float, shuffled: Vector) -> float:
    """How often shuffles (P,) give at least as much as the data, in size; NaN without data.

    The data are one of the assignments, hence 1 is added above and below (Phipson &
    Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9(1)).
    """
    if not np.isfinite(observed):
        return np.nan
    reached = (np.abs(shuffled) >= abs(observed) * (1 - TIED)).sum()
    return float((1 + reached) / (1 + len(shuffled)))


def monte_carlo_error(p_value: float, count: int) -> float:
    """The standard error of p from so many shuffles."""
    return float(np.sqrt(p_value * (1 - p_value) / count))


@dataclass(frozen=True, eq=False)
class _Regression:
    """Outcome (r,), what enters beside the exposures (r, q), which of these are independent
    in the data (k,), and how they enter.
    """

    outcome: Vector
    nuisance: Matrix
    persons: Codes
    weights: Vector
    absorbed: int
    basis: Mask
    enter: Callable[[Matrix], Matrix]


def _within(design: Design) -> _Regression:
    outcome, columns = within(design)
    return _Regression(
        outcome=outcome,
        nuisance=columns[:, len(design.exposures) :],
        persons=design.persons,
        weights=design.weights,
        absorbed=1,
        basis=identify(columns).basis[: len(design.exposures)],
        enter=partial(deviations, persons=design.persons, weights=design.weights),
    )


def _changes(design: Design) -> _Regression:
    changes, (earlier, later) = differences(design), adjacent(design)
    columns = changes.regressors[:, len(design.exposures) :]
    return _Regression(
        outcome=changes.outcome,
        nuisance=np.column_stack([np.ones(len(columns)), columns]),
        persons=changes.persons,
        weights=changes.weights,
        absorbed=0,
        basis=identify(changes.regressors).basis[: len(design.exposures)],
        enter=lambda values: values[later] - values[earlier],
    )


def _orthonormal(columns: Matrix) -> Matrix:
    """An orthonormal basis (r, q) of the columns (r, m)."""
    lengths = np.sqrt(np.square(columns).sum(axis=0))
    unit = columns[:, lengths > 0] / lengths[lengths > 0]
    vectors, sizes, _ = np.linalg.svd(unit, full_matrices=False)
    return np.asarray(vectors[:, sizes > NEGLIGIBLE * sizes.max(initial=0.0)])


def _inverse(products: Array) -> Array:
    """Of products (P, k, k) of columns of length 1; NaN where these are dependent."""
    smallest = np.linalg.eigvalsh(products)[:, :1, None]
    singular = smallest < NEGLIGIBLE
    regular = np.where(singular, np.eye(products.shape[1]), products)
    return np.where(singular, np.nan, np.linalg.inv(regular))


def _batches(refit: Refit, donors: Codes) -> Iterator[Codes]:
    columns = refit.histories.values.shape[2]
    parts = np.ceil(len(donors) * len(refit.rows) * columns / CELLS)
    yield from np.array_split(donors, int(parts))
