"""Dynamic panel regression by difference GMM (Arellano & Bond 1991).

The outcome follows from its own value one wave before, exposures and waves, and a
level of the person that differences remove (Rev. Econ. Stud. 58(2)):

    y[t] - y[t-1] = a (y[t-1] - y[t-2]) + within (x[t] - x[t-1]) + wave + error

Differences are between waves whose numbers follow each other, never over a gap.
Exposures and varying covariates are predetermined: they may follow from earlier
outcomes, not from later ones. So instruments are the outcome two waves before and
earlier, and exposures and covariates one wave before and earlier; one column for
each distance (collapsed, Roodman 2009, Oxf. Bull. Econ. Stat. 71(1)), 0 where
unknown. Instruments that others add up to are left out.

Two steps, with the errors of Windmeijer (2005, J. Econom. 126(1)), which know that
the second step's weights are estimated. They carry no other small-sample factor; t
has persons - 1 degrees of freedom. Numbers are those of plm's `pgmm`.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import nan, sqrt

import numpy as np
import pandas as pd
from scipy import stats

from panelstream.analysis.estimation.design import (
    NotEstimable,
    numbers,
    shifted,
    term_name,
    transformed,
)
from panelstream.analysis.estimation.fit import (
    UNVARYING,
    Diagnostic,
    Fit,
    Term,
    completed,
)
from panelstream.analysis.estimation.inference import (
    Identification,
    independent,
    infer,
    positive_definite,
)
from panelstream.analysis.estimation.registration import Registration
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Array, Mask, Matrix, Vector

STD_ERROR_TYPE = "windmeijer"
FEWEST_WAVES = 3
# Waves between the errors that a test relates.
SERIAL = {"ar1": 1, "ar2": 2}


@dataclass(frozen=True, eq=False)
class Equations:
    """Differenced equations of G persons at E waves, 0 where they cannot be made.

    `outcome` (G, E); `terms` (G, E, k): the lagged outcome, exposures and varying
    covariates, wave dummies; `instruments` (G, E, l); `usable` (G, E). `waves` are
    those that take part, `unused` counts answers that no equation explains.
    """

    outcome: Matrix
    terms: Array
    instruments: Array
    usable: Mask
    waves: int
    unused: int

    @property
    def persons(self) -> int:
        """Persons with an equation."""
        return len(self.outcome)


@dataclass(frozen=True, eq=False)
class Step:
    """Coefficients (k,) with some weights (l, l) of the moments.

    `moments` (G, l) are each person's residuals times instruments, `crossed` (l, k)
    terms times instruments, `unscaled` (k, k) the inverse of crossed' weights crossed.
    """

    weights: Matrix
    crossed: Matrix
    unscaled: Matrix
    coefficients: Vector
    moments: Matrix

    @property
    def influence(self) -> Matrix:
        """What a moment adds to the coefficients (k, l)."""
        return np.asarray(self.unscaled @ self.crossed.T @ self.weights)

    @property
    def spread(self) -> Matrix:
        """The moments' sum of products (l, l)."""
        return np.asarray(self.moments.T @ self.moments)


@dataclass(frozen=True, eq=False)
class TwoSteps:
    """Coefficients (k,) of the second step and their Windmeijer covariance (k, k).

    `residuals` (G, E) are those of the equations.
    """

    second: Step
    coefficients: Vector
    covariance: Matrix
    residuals: Matrix


def fit_gmm(specification: Specification, panel: pd.DataFrame) -> Fit:
    """Estimate in two steps; the lagged outcome's coefficient is among the tests."""
    if specification.shift > 0:
        raise NotEstimable("gmm takes exposures for predetermined; leads are not")
    equations = differenced(specification, panel)
    told = _told_apart(equations.terms[equations.usable])
    terms = equations.terms[:, :, told.kept]
    found = two_steps(equations, terms)
    estimates, errors = completed(found.coefficients, found.covariance, told)
    return Fit(
        specification=specification,
        terms=tuple(_terms(specification, equations, estimates, errors)),
        tests=(
            _lagged(estimates[0], errors[0]),
            _hansen(found.second),
            *(_serial(terms, found, test) for test in SERIAL),
        ),
        n_obs=int(equations.usable.sum()),
        n_participants=equations.persons,
        n_waves=equations.waves,
        note=_note(equations),
        std_error_type=STD_ERROR_TYPE,
    )


def differenced(specification: Specification, panel: pd.DataFrame) -> Equations:
    """The equations that can be made; raises `NotEstimable` if there are too few."""
    outcome, regressors = _grid(specification, panel)
    change, led = np.diff(outcome)[:, 1:], np.diff(outcome)[:, :-1]
    moves = np.diff(regressors, axis=1)[:, 1:]
    terms = np.concatenate([led[:, :, None], moves], axis=2)
    usable = np.isfinite(change) & np.isfinite(terms).all(axis=2)
    if not usable.any():
        raise NotEstimable("nobody has three waves in a row")
    persons = usable.any(axis=1)
    if persons.sum() < 2:
        raise NotEstimable("only one person has three waves in a row")
    instruments = np.stack([*_distances(outcome, 2), *_all(regressors)], axis=2)
    if "wave" in specification.effects:
        dummies = _dummies(usable)
        terms = np.concatenate([terms, dummies], axis=2)
        instruments = np.concatenate([instruments, dummies], axis=2)
    used = usable.any(axis=0)
    return Equations(
        outcome=_cleared(change[:, :, None], usable)[persons, :, 0],
        terms=_cleared(terms, usable)[persons],
        instruments=_cleared(instruments, usable)[persons],
        usable=usable[persons],
        waves=int(_spread(used).sum()),
        unused=int(np.isfinite(outcome).sum() - usable.sum()),
    )


def two_steps(equations: Equations, terms: Array) -> TwoSteps:
    """Coefficients of independent `terms` (G, E, k); raises `NotEstimable`."""
    instruments = equations.instruments
    instruments = instruments[:, :, _told_apart(instruments[equations.usable]).kept]
    if instruments.shape[2] < terms.shape[2]:
        raise NotEstimable("fewer instruments than coefficients")
    # Weights undo the instruments' units; here they are brought to one size.
    instruments = instruments / np.sqrt(np.square(instruments).sum(axis=(0, 1)))
    products = np.einsum("gel,gek->gkl", instruments, terms, optimize=True)
    explained = np.einsum("gel,ge->gl", instruments, equations.outcome, optimize=True)
    first = _step(products, explained, _inverse(_differenced_errors(instruments)))
    if not positive_definite(first.spread):
        sizes = f"{len(explained)} persons, {explained.shape[1]} instruments"
        raise NotEstimable(f"the second step's weights are singular: {sizes}")
    second = _step(products, explained, _inverse(first.spread))
    return TwoSteps(
        second=second,
        coefficients=second.coefficients,
        covariance=_windmeijer(products, first, second),
        residuals=equations.outcome - np.tensordot(terms, second.coefficients, axes=1),
    )


def _step(products: Array, explained: Matrix, weights: Matrix) -> Step:
    """From terms (G, k, l) and outcome (G, l) times instruments."""
    crossed = products.sum(axis=0).T
    unscaled = _inverse(crossed.T @ weights @ crossed)
    coefficients = unscaled @ crossed.T @ weights @ explained.sum(axis=0)
    moments = explained - np.tensordot(products, coefficients, axes=(1, 0))
    return Step(weights, crossed, unscaled, coefficients, moments)


def _windmeijer(products: Array, first: Step, second: Step) -> Matrix:
    """The second step's covariance with what the first one's errors add."""
    pull = second.weights @ second.moments.sum(axis=0)
    drifts = [
        one.T @ (first.moments @ pull) + first.moments.T @ (one @ pull)
        for one in products.swapaxes(0, 1)
    ]
    moved = second.influence @ np.stack(drifts, axis=1)
    unsure = first.influence @ first.spread @ first.influence.T
    drift = moved @ second.unscaled
    return np.asarray(second.unscaled + drift + drift.T + moved @ unsure @ moved.T)


def _differenced_errors(instruments: Array) -> Matrix:
    """Sums of Z'HZ: errors that are independent give differences of this H."""
    beside = 2 * instruments
    beside[:, 1:] -= instruments[:, :-1]
    beside[:, :-1] -= instruments[:, 1:]
    flat = instruments.reshape(-1, instruments.shape[2])
    return np.asarray(flat.T @ beside.reshape(flat.shape))


def _inverse(matrix: Matrix) -> Matrix:
    if not positive_definite(matrix):
        raise NotEstimable("the instruments do not tell the coefficients apart")
    return np.asarray(np.linalg.inv(matrix))


def _grid(specification: Specification, panel: pd.DataFrame) -> tuple[Matrix, Array]:
    """Outcome (G, T) and regressors (G, T, k) by person and wave number."""
    columns = (*specification.columns, *specification.varying)
    for name in (specification.outcome, *columns):
        if name not in panel:
            raise NotEstimable(f"the panel has no column {name}")
    persons, who = pd.factorize(panel["participant_id"], sort=True)
    waves = panel["wave"].to_numpy(dtype=np.int64)
    waves = waves - waves.min(initial=waves.max(initial=0))
    values = [numbers(panel[specification.outcome])]
    for name in specification.columns:
        used = transformed(specification, panel[name])
        values.append(shifted(used, panel, specification.shift))
    values += [numbers(panel[name]) for name in specification.varying]
    grid = np.full((len(who), waves.max(initial=-1) + 1, len(values)), nan)
    grid[persons, waves] = np.column_stack(values)
    grid[~np.isfinite(grid)] = nan
    return grid[:, :, 0], grid[:, :, 1:]


def _distances(values: Matrix, nearest: int) -> Iterator[Matrix]:
    """Values (G, T) so many waves before the equations, 0 where unknown (G, T-2)."""
    waves = values.shape[1]
    known = np.nan_to_num(values, nan=0.0)
    for distance in range(nearest, waves):
        moved = np.zeros_like(known)
        moved[:, distance:] = known[:, : waves - distance]
        yield moved[:, 2:]


def _all(regressors: Array) -> Iterator[Matrix]:
    for j in range(regressors.shape[2]):
        yield from _distances(regressors[:, :, j], 1)


def _dummies(usable: Mask) -> Array:
    """One for each wave that has an equation (G, E, waves)."""
    waves = np.eye(usable.shape[1])[:, usable.any(axis=0)]
    return np.broadcast_to(waves, (len(usable), *waves.shape))


def _spread(used: Mask) -> Mask:
    """Waves of equations (E,) and the two before each (E + 2,)."""
    return np.convolve(used, [1, 1, 1]) > 0


def _cleared(values: Array, usable: Mask) -> Array:
    return np.where(usable[:, :, None], values, 0.0)


def _told_apart(columns: Matrix) -> Identification:
    """Which of the columns (n, k), without an intercept, can be told apart."""
    lengths = np.sqrt(np.square(columns).sum(axis=0))
    varying = np.flatnonzero(lengths)
    unit = columns[:, varying] / lengths[varying]
    kept, estimable = np.zeros((2, len(lengths)), dtype=np.bool_)
    for mask, places in zip((kept, estimable), independent(unit.T @ unit), strict=True):
        mask[varying[places]] = True
    return Identification(kept, estimable, np.full(len(lengths), nan))


def _terms(
    specification: Specification,
    equations: Equations,
    estimates: Vector,
    errors: Vector,
) -> Iterator[Term]:
    changes = equations.outcome[equations.usable]
    names = zip(specification.exposures, specification.columns, strict=True)
    for j, (exposure, column) in enumerate(names, start=1):
        where = (exposure, term_name(specification, column), "within")
        entered = equations.terms[:, :, j][equations.usable]
        if np.isnan(estimates[j]):
            why = "collinear with other terms" if entered.any() else UNVARYING["within"]
            yield Term(*where, note=f"not estimable: {why}")
            continue
        said = infer(float(estimates[j]), float(errors[j]), equations.persons)
        relative = float(np.std(entered, ddof=1) / np.std(changes, ddof=1))
        yield Term(*where, **asdict(said), standardized=said.estimate * relative)


def _lagged(estimate: float, error: float) -> Diagnostic:
    if np.isnan(estimate):
        return Diagnostic("lagged_outcome", note="not estimable: collinear")
    return Diagnostic("lagged_outcome", float(estimate), note=f"std_error {error:.4g}")


def _hansen(step: Step) -> Diagnostic:
    """That instruments beyond those needed say the same (Hansen 1982)."""
    df = len(step.weights) - len(step.coefficients)
    if df == 0:
        return Diagnostic("hansen", note="not estimable: no instrument to spare")
    total = step.moments.sum(axis=0)
    statistic = float(total @ step.weights @ total)
    return Diagnostic("hansen", statistic, df, float(stats.chi2.sf(statistic, df)))


def _serial(terms: Array, found: TwoSteps, test: str) -> Diagnostic:
    """That differenced errors so many waves apart are unrelated."""
    order, residuals, step = SERIAL[test], found.residuals, found.second
    before = np.zeros_like(residuals)
    before[:, order:] = residuals[:, :-order]
    each = (before * residuals).sum(axis=1)
    moved = np.einsum("ge,gek->k", before, terms, optimize=True)
    variance = (
        each @ each
        - 2 * moved @ step.influence @ (step.moments.T @ each)
        + moved @ found.covariance @ moved
    )
    if not each.any() or variance <= 0:
        return Diagnostic(test, note="not estimable: too few waves in a row")
    statistic = float(each.sum() / sqrt(variance))
    return Diagnostic(test, statistic, nan, float(2 * stats.norm.sf(abs(statistic))))


def _note(equations: Equations) -> str:
    parts = ["past outcome, exposures and covariates predetermined"]
    if equations.unused:
        parts.append(f"answers without two waves before left out: {equations.unused}")
    return "; ".join(parts)


REGISTRATION = Registration(
    name="gmm",
    fit=fit_gmm,
    components=("within",),
    scale="points",
    fewest_waves=FEWEST_WAVES,
    weighted_solver=None,
    diagnostics=None,
)
