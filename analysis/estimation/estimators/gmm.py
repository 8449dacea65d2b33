"""Dynamic panel regression by difference GMM (Arellano & Bond 1991).

The outcome follows from its own value one wave before, exposures and waves, and a
level of the person that differences remove (Rev. Econ. Stud. 58(2)):

    y[t] - y[t-1] = a (y[t-1] - y[t-2]) + within (x[t] - x[t-1]) + wave + error

Differences are between waves with consecutive numbers, never over a gap.
Exposures and varying covariates are predetermined: they may follow from earlier
outcomes, not from later ones. So instruments are the outcome two waves before and
earlier, and exposures and covariates one wave before and earlier; one column for
each distance (collapsed, Roodman 2009, Oxf. Bull. Econ. Stat. 71(1)), 0 where
unknown. Instruments that others add up to are left out.

Two steps, with the standard errors of Windmeijer (2005, J. Econom. 126(1)), which
account for the estimated weights of the second step. They carry no other
small-sample factor; t has persons - 1 degrees of freedom. Numbers are those of plm's `pgmm`.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import nan, sqrt

import numpy as np
import pandas as pd
from scipy import stats

from panelstream.analysis.estimation.design import (
    Design,
    build_design,
    shift_waves,
    term_name,
    to_floats,
    transform_exposure,
    without_offset,
)
from panelstream.analysis.estimation.fit import (
    UNVARYING,
    Diagnostic,
    Fit,
    Term,
    expand,
    spreads,
)
from panelstream.analysis.estimation.inference import (
    Identification,
    independent,
    infer,
    positive_definite,
)
from panelstream.analysis.estimation.registration import Registration
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Array, Codes, Mask, Matrix, Vector

STD_ERROR_TYPE = "windmeijer"
FEWEST_WAVES = 3
# Waves between the errors that a test relates.
SERIAL = {"ar1": 1, "ar2": 2}


@dataclass(frozen=True, eq=False)
class Equations:
    """Differenced equations of G persons at E waves, 0 where they cannot be formed.

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
    """Coefficients (k,) with some weights W (l, l) of the moments.

    `moments` (G, l) are each person's residuals times instruments Z; `zx` (l, k) is
    Z'X of terms X, `bread` (k, k) the inverse of X'Z W Z'X.
    """

    weights: Matrix
    zx: Matrix
    bread: Matrix
    coefficients: Vector
    moments: Matrix

    @property
    def influence(self) -> Matrix:
        """What a moment adds to the coefficients (k, l)."""
        return np.asarray(self.bread @ self.zx.T @ self.weights)

    @property
    def meat(self) -> Matrix:
        """The sum over persons of the moments' products (l, l)."""
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
    identification = _identify(equations.terms[equations.usable])
    terms = equations.terms[:, :, identification.basis]
    result = two_steps(equations, terms)
    estimates = expand(result.coefficients, identification)
    estimates[~identification.estimable] = nan
    errors = expand(
        np.sqrt(np.maximum(np.diag(result.covariance), 0.0)), identification
    )
    return Fit(
        specification=specification,
        terms=tuple(
            _terms(
                specification,
                equations,
                estimates,
                errors,
                _ratios(build_design(specification, panel)),
            )
        ),
        tests=(
            _lagged(estimates[0], errors[0]),
            _hansen(result.second),
            *(_serial(terms, result, test) for test in SERIAL),
        ),
        n_obs=int(equations.usable.sum()),
        n_participants=equations.persons,
        n_waves=equations.waves,
        note=_note(equations),
        std_error_type=STD_ERROR_TYPE,
    )


def differenced(specification: Specification, panel: pd.DataFrame) -> Equations:
    """The equations that can be formed; raises `NotEstimable` if there are too few."""
    outcome, regressors = _grid(specification, panel)
    change, lagged = np.diff(outcome)[:, 1:], np.diff(outcome)[:, :-1]
    changes = np.diff(regressors, axis=1)[:, 1:]
    terms = np.concatenate([lagged[:, :, None], changes], axis=2)
    usable = np.isfinite(change) & np.isfinite(terms).all(axis=2)
    if not usable.any():
        raise NotEstimable("nobody has three waves in a row")
    persons = usable.any(axis=1)
    if persons.sum() < 2:
        raise NotEstimable("only one person has three waves in a row")
    instruments = np.stack([*_lags(outcome, 2), *_regressor_lags(regressors)], axis=2)
    if "wave" in specification.effects:
        dummies = _dummies(usable)
        terms = np.concatenate([terms, dummies], axis=2)
        instruments = np.concatenate([instruments, dummies], axis=2)
    return Equations(
        outcome=_zero_unless(change[:, :, None], usable)[persons, :, 0],
        terms=_zero_unless(terms, usable)[persons],
        instruments=_zero_unless(instruments, usable)[persons],
        usable=usable[persons],
        waves=int(_waves_used(usable).sum()),
        unused=int(np.isfinite(outcome).sum() - usable.sum()),
    )


def two_steps(equations: Equations, terms: Array) -> TwoSteps:
    """Coefficients of independent `terms` (G, E, k); raises `NotEstimable`."""
    instruments = equations.instruments
    instruments = instruments[:, :, _identify(instruments[equations.usable]).basis]
    if instruments.shape[2] < terms.shape[2]:
        raise NotEstimable("fewer instruments than coefficients")
    # Weights undo the instruments' units; here they are brought to one size.
    instruments = instruments / np.sqrt(np.square(instruments).sum(axis=(0, 1)))
    products = np.einsum("gel,gek->gkl", instruments, terms, optimize=True)
    explained = np.einsum("gel,ge->gl", instruments, equations.outcome, optimize=True)
    first = _step(products, explained, _inverse(_differenced_errors(instruments)))
    if not positive_definite(first.meat):
        sizes = f"{len(explained)} persons, {explained.shape[1]} instruments"
        raise NotEstimable(f"the second step's weights are singular: {sizes}")
    second = _step(products, explained, _inverse(first.meat))
    return TwoSteps(
        second=second,
        coefficients=second.coefficients,
        covariance=_windmeijer(products, first, second),
        residuals=equations.outcome - np.tensordot(terms, second.coefficients, axes=1),
    )


def _step(products: Array, explained: Matrix, weights: Matrix) -> Step:
    """From terms (G, k, l) and outcome (G, l) times instruments, with weights (l, l)."""
    zx = products.sum(axis=0).T
    bread = _inverse(zx.T @ weights @ zx)
    coefficients = bread @ zx.T @ weights @ explained.sum(axis=0)
    moments = explained - np.tensordot(products, coefficients, axes=(1, 0))
    return Step(weights, zx, bread, coefficients, moments)


def _windmeijer(products: Array, first: Step, second: Step) -> Matrix:
    """V2 + D V2 + V2 D' + D V1 D', with covariances V1 and V2 of the two steps.

    D (k, k) are the derivatives of the second step's coefficients by the first one's,
    which its weights are estimated from (Windmeijer 2005).
    """
    weighted = second.weights @ second.moments.sum(axis=0)
    slopes = [
        term.T @ (first.moments @ weighted) + first.moments.T @ (term @ weighted)
        for term in products.swapaxes(0, 1)
    ]
    d = second.influence @ np.stack(slopes, axis=1)
    v1, v2 = first.influence @ first.meat @ first.influence.T, second.bread
    return np.asarray(v2 + d @ v2 + (d @ v2).T + d @ v1 @ d.T)


def _differenced_errors(instruments: Array) -> Matrix:
    """Sums of Z'HZ: errors that are independent give differences of this H."""
    hz = 2 * instruments
    hz[:, 1:] -= instruments[:, :-1]
    hz[:, :-1] -= instruments[:, 1:]
    z = instruments.reshape(-1, instruments.shape[2])
    return np.asarray(z.T @ hz.reshape(z.shape))


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
    persons, names = pd.factorize(panel["participant_id"], sort=True)
    waves = panel["wave"].to_numpy(dtype=np.int64)
    waves = waves - waves.min(initial=waves.max(initial=0))
    values = [to_floats(panel[specification.outcome])]
    for name in specification.columns:
        exposure = transform_exposure(specification, panel[name])
        values.append(shift_waves(exposure, panel, specification.shift))
    values += [to_floats(panel[name]) for name in specification.varying]
    values = [_centre(column, persons) for column in values]
    grid = np.full((len(names), waves.max(initial=-1) + 1, len(values)), nan)
    grid[persons, waves] = np.column_stack(values)
    grid[~np.isfinite(grid)] = nan
    return grid[:, :, 0], grid[:, :, 1:]


def _centre(values: Vector, persons: Codes) -> Vector:
    """A column (n,) without a large constant, which differences do not contain."""
    finite = np.isfinite(values)
    if not finite.any():
        return values
    centred = np.full(len(values), nan)
    centred[finite] = without_offset(values[finite], persons[finite])
    return centred


def _lags(values: Matrix, first: int) -> Iterator[Matrix]:
    """Lags from `first` on of values (G, T) at the equations (G, T-2), 0 where unknown."""
    waves = values.shape[1]
    filled = np.nan_to_num(values, nan=0.0)
    for lag in range(first, waves):
        lagged = np.zeros_like(filled)
        lagged[:, lag:] = filled[:, : waves - lag]
        yield lagged[:, 2:]


def _regressor_lags(regressors: Array) -> Iterator[Matrix]:
    for j in range(regressors.shape[2]):
        yield from _lags(regressors[:, :, j], 1)


def _dummies(usable: Mask) -> Array:
    """One for each wave that has an equation (G, E, waves)."""
    waves = np.eye(usable.shape[1])[:, usable.any(axis=0)]
    return np.broadcast_to(waves, (len(usable), *waves.shape))


def _waves_used(usable: Mask) -> Mask:
    """Whether a wave has an equation or is one of the two before it (E + 2,)."""
    return np.convolve(usable.any(axis=0), [1, 1, 1]) > 0


def _zero_unless(values: Array, usable: Mask) -> Array:
    return np.where(usable[:, :, None], values, 0.0)


def _identify(columns: Matrix) -> Identification:
    """Which of the columns (n, k) are identified, without an intercept."""
    lengths = np.sqrt(np.square(columns).sum(axis=0))
    varying = np.flatnonzero(lengths)
    unit = columns[:, varying] / lengths[varying]
    basis, estimable = np.zeros((2, len(lengths)), dtype=np.bool_)
    for mask, places in zip(
        (basis, estimable), independent(unit.T @ unit), strict=True
    ):
        mask[varying[places]] = True
    return Identification(basis, estimable, np.full(len(lengths), nan))


def _terms(
    specification: Specification,
    equations: Equations,
    estimates: Vector,
    errors: Vector,
    ratios: Vector,
) -> Iterator[Term]:
    names = zip(specification.exposures, specification.columns, strict=True)
    for j, (exposure, column) in enumerate(names, start=1):
        labels = (exposure, term_name(specification, column), "within")
        entered = equations.terms[:, :, j][equations.usable]
        if np.isnan(estimates[j]):
            reason = (
                "collinear with other terms" if entered.any() else UNVARYING["within"]
            )
            yield Term(*labels, note=f"not estimable: {reason}")
            continue
        inference = infer(
            float(estimates[j]), float(errors[j]), equations.persons - 1.0
        )
        standardized = float(inference.estimate * ratios[j - 1])
        yield Term(*labels, **asdict(inference), standardized=standardized)


def _ratios(design: Design) -> Vector:
    """The exposures' standard deviations within persons over the outcome's."""
    count = len(design.exposures)
    values = np.column_stack([design.regressors[:, :count], design.outcome])
    deviation = spreads(values, design.persons, "within")
    return np.asarray(deviation[:count] / deviation[count])


def _lagged(estimate: float, error: float) -> Diagnostic:
    if np.isnan(estimate):
        return Diagnostic("lagged_outcome", note="not estimable: collinear")
    return Diagnostic("lagged_outcome", float(estimate), note=f"std_error {error:.4g}")


def _hansen(step: Step) -> Diagnostic:
    """Test of overidentifying restrictions (Hansen 1982)."""
    df = len(step.weights) - len(step.coefficients)
    if df == 0:
        return Diagnostic("hansen", note="not estimable: no instrument to spare")
    total = step.moments.sum(axis=0)
    statistic = float(total @ step.weights @ total)
    return Diagnostic("hansen", statistic, df, float(stats.chi2.sf(statistic, df)))


def _serial(terms: Array, result: TwoSteps, test: str) -> Diagnostic:
    """No autocorrelation of differenced errors (Arellano & Bond 1991)."""
    order, residuals, step = SERIAL[test], result.residuals, result.second
    lagged = np.zeros_like(residuals)
    lagged[:, order:] = residuals[:, :-order]
    products = (lagged * residuals).sum(axis=1)
    slopes = np.einsum("ge,gek->k", lagged, terms, optimize=True)
    variance = (
        products @ products
        - 2 * slopes @ step.influence @ (step.moments.T @ products)
        + slopes @ result.covariance @ slopes
    )
    if not products.any() or variance <= 0:
        return Diagnostic(test, note="not estimable: too few waves in a row")
    statistic = float(products.sum() / sqrt(variance))
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
    decisive=None,
    diagnostics=None,
)
