"""Within-between regression in which the slope of use differs between people.

The regression is that of `within_between`; beside the random intercept the slope of one
within component at a time is random and correlated with it, as `(1 + x | person)` of
R's lme4. The standard deviation of the slope says whether one slope for all describes
people (Bell, Fairbrother & Jones 2019, Qual. Quant. 53).

The relative covariance D of intercept and slope maximises the restricted likelihood,
profiled over everything else (Bates, Maechler, Bolker & Walker 2015, J. Stat. Softw.
67(1)). With V = I + ZDZ' of a person's rows, all of it follows from cross products of
two columns Z for each person (Woodbury).
"""

from dataclasses import dataclass, replace
from math import log, nan, pi

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import OptimizeResult, minimize

from panelstream.analysis.estimation.clustered import (
    Clustered,
    WorkingCovariance,
    cluster,
)
from panelstream.analysis.estimation.design import build_design
from panelstream.analysis.estimation.estimators.within_between import (
    component_names,
    decompose,
    random_intercept,
)
from panelstream.analysis.estimation.fit import (
    Component,
    Diagnostic,
    Estimates,
    Fit,
    estimate_contrasts,
    summarise,
    worst_inflation,
)
from panelstream.analysis.estimation.inference import (
    centred,
    deviations,
    identify,
    least_squares,
    person_sums,
    with_intercept,
)
from panelstream.analysis.estimation.registration import Registration
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Array, Codes, Matrix, Vector

STARTS = (0.1, 0.7)
"""Standard deviations of the slope over the residual's, by the regressor's own, from
which a maximum is looked for."""

SINGULAR = 1e-4
"""A standard deviation that is less, in the same units, is the boundary, as in lme4."""

LOWER = np.tril_indices(2)


@dataclass(frozen=True, eq=False)
class RandomSlope:
    """Generalized least squares with random intercepts and slopes of one column.

    `root` (2, 2) is the lower triangle whose square is the covariance of intercept and
    slope over the residual variance. `likelihood_ratio` is against a random intercept
    alone, of restricted likelihoods. `boundary` says what has no place inside, if it is so.
    """

    clustered: Clustered
    root: Matrix
    log_likelihood: float
    likelihood_ratio: float
    boundary: str

    @property
    def slope_sd(self) -> float:
        """The slope's standard deviation between people, in its own units."""
        residual = self.clustered.fitted.residual_variance
        return float(np.sqrt(residual) * np.linalg.norm(self.root[1]))

    @property
    def correlation(self) -> float:
        """Of slope and intercept; NaN where one of them does not vary."""
        lengths = np.linalg.norm(self.root, axis=1)
        if not lengths.all():
            return nan
        return float(self.root[0] @ self.root[1] / lengths.prod())

    @property
    def p_value(self) -> float:
        """That the slope does not vary: half chi-square(1), half chi-square(2).

        A variance is not negative, and a covariance goes with it (Stram & Lee 1994,
        Biometrics 50).
        """
        return float(stats.chi2.sf(self.likelihood_ratio, [1, 2]).mean())


@dataclass(frozen=True, eq=False)
class Products:
    """Cross products with the two columns Z of the random effects, of each person.

    `effects` (G, 2, 2) is Z'Z and `crossed` (2, G, k + 1) is Z'[X y]; `total` is
    [X y]'[X y] of all `rows`.
    """

    effects: Array
    crossed: Array
    total: Matrix
    rows: int

    @property
    def residual_df(self) -> int:
        """Rows less columns: N - K."""
        return self.rows - (len(self.total) - 1)

    def deviance(self, triangle: Vector) -> tuple[float, Vector]:
        """-2 log restricted likelihood and its derivative by the triangle's 3 numbers.

        With C = [X y]'V^-1[X y]: log|V| + log|X'V^-1X| + (N-K) (1 + log 2 pi s2), where
        s2 = |C| / |X'V^-1X| / (N-K).
        """
        root = lower_triangle(triangle)
        growth = np.eye(2) + root.T @ self.effects @ root
        weights = root @ np.linalg.inv(growth) @ root.T
        removed = _combine(weights, self.crossed)
        cross = self.total - sum(map(_product, self.crossed, removed))
        both, columns = _log_determinant(cross), _log_determinant(cross[:-1, :-1])
        df = self.residual_df
        variance = (both - columns) - log(df)
        value = (
            float(np.log(np.linalg.det(growth)).sum())
            + columns
            + df * (1 + log(2 * pi) + variance)
        )
        derivative = self._derivative(weights, removed, cross)
        return value, (2 * derivative @ root)[LOWER]

    def _derivative(self, weights: Array, removed: Array, cross: Matrix) -> Matrix:
        """Of the deviance by the covariance (2, 2) of the random effects.

        With B = Z'V^-1[X y] of a person: sums of Z'V^-1Z less those of B C^-1 B'.
        """
        change = (self.effects - self.effects @ weights @ self.effects).sum(axis=0)
        reduced = self.crossed - _combine(self.effects, removed)
        explained, with_outcome = np.empty((2, 2)), np.empty((2, 2))
        inverse = np.linalg.inv(cross)
        of_columns = np.linalg.inv(cross[:-1, :-1])
        for a, b in np.ndindex(2, 2):
            product = _product(reduced[a], reduced[b])
            explained[a, b] = np.vdot(of_columns, product[:-1, :-1])
            with_outcome[a, b] = np.vdot(inverse, product)
        change -= explained + self.residual_df * (with_outcome - explained)
        return np.asarray(change)


def fit_random_slopes(specification: Specification, panel: pd.DataFrame) -> Fit:
    """Fit the regression once for each exposure, with random slopes of it."""
    design = build_design(specification, panel)
    if not deviations(design.outcome[:, None], design.persons).any():
        raise NotEstimable("the outcome changes within no person")
    columns, offset = decompose(design)
    identification = identify(columns)
    outcome = centred(design.outcome[:, None])[:, 0]
    independent = with_intercept(columns[:, identification.basis])
    place = np.cumsum(identification.basis)
    names = component_names(design, offset, columns.shape[1])
    count = len(design.exposures)
    estimates, tests = _without_numbers(count), []
    for j in np.flatnonzero(identification.estimable[:count]):
        model = random_slope(
            outcome, independent, int(place[j]), design.persons, specification
        )
        contrast = np.eye(independent.shape[1])[[place[j]]]
        estimates = _add(
            estimates,
            estimate_contrasts(model.clustered, contrast, np.array([j]), count),
        )
        tests += describe_slope(names[j], model)
    component = Component("within", columns, estimates, design.persons)
    tests.append(worst_inflation(names[:count], identification))
    return summarise(specification, design, [component], tests)


def random_slope(
    outcome: Vector,
    columns: Matrix,
    place: int,
    persons: Codes,
    specification: Specification,
) -> RandomSlope:
    """Regress (n,) on independent columns (n, k), with random slopes of the one at `place`."""
    intercept = random_intercept(outcome, columns, persons, np.ones(len(outcome)))
    spread = float(np.sqrt(np.mean(np.square(columns[:, place]))))
    effects = with_intercept(columns[:, [place]] / spread)
    values = np.column_stack([columns, outcome])
    scale = np.sqrt(np.square(values).sum(axis=0))
    products = _products(effects, values / scale, persons)
    # The determinants are those of scaled columns; the outcome's scale is the variance's.
    units = 2 * float(np.log(scale[:-1]).sum())
    units += 2 * products.residual_df * log(scale[-1])
    start = float(np.sqrt(intercept.variance_ratio))
    triangle, deviance = minimise(products, start)
    plain = products.deviance(np.array([start, 0.0, 0.0]))[0]
    root = lower_triangle(triangle)
    clustered = _generalized(values, effects @ root, persons, specification)
    return RandomSlope(
        clustered=clustered,
        root=root / np.array([[1.0], [spread]]),
        log_likelihood=-(deviance + units) / 2,
        likelihood_ratio=max(plain - deviance, 0.0),
        boundary=_boundary(root),
    )


def minimise(products: Products, start: float) -> tuple[Vector, float]:
    """The triangle (3,) with the least deviance, and that; the intercept's begins at `start`."""
    rough = [
        _descend(products, np.array([start or slope, 0.0, slope]), 1e-9)
        for slope in STARTS
    ]
    best = min(rough, key=lambda result: float(result.fun))
    result = _descend(products, best.x, 1e-15)
    return np.asarray(result.x), float(result.fun)


def _descend(products: Products, start: Vector, tolerance: float) -> OptimizeResult:
    """Until the deviance changes by no more than a relative `tolerance`."""
    return minimize(
        products.deviance,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None), (None, None), (0.0, None)],
        options={"ftol": tolerance, "gtol": 1e-7, "maxiter": 500},
    )


def describe_slope(name: str, model: RandomSlope) -> list[Diagnostic]:
    """How far slopes differ between people, and the test that they do not."""
    remark = f": at the boundary, {model.boundary}" if model.boundary else ""
    p_value = model.p_value
    return [
        Diagnostic("slope_sd", model.slope_sd, note=name + remark),
        Diagnostic("slope_intercept_correlation", model.correlation, note=name),
        Diagnostic(
            "slope_variance",
            model.likelihood_ratio,
            2,
            p_value,
            f"{name}: one slope for all",
        ),
    ]


def lower_triangle(triangle: Vector) -> Matrix:
    """Three numbers as a lower triangle (2, 2), row by row."""
    root = np.zeros((2, 2))
    root[LOWER] = triangle
    return root


def _products(effects: Matrix, values: Matrix, persons: Codes) -> Products:
    """Of the random effects' columns (n, 2) and of regressors and outcome (n, k + 1)."""
    squares = _crossed(effects, effects, persons).transpose(1, 0, 2)
    crossed = _crossed(effects, values, persons)
    return Products(squares, crossed, _product(values, values), len(values))


def _crossed(effects: Matrix, values: Matrix, persons: Codes) -> Array:
    """Sums (2, G, k) over persons of both columns (n, 2) times values (n, k)."""
    return np.stack([person_sums(values * effects[:, [i]], persons) for i in range(2)])


def _combine(weights: Array, crossed: Array) -> Array:
    """Matrices (G, 2, 2) times those of persons (2, G, k); a batched product is slow."""
    first, second = crossed
    return np.stack(
        [weights[:, i, [0]] * first + weights[:, i, [1]] * second for i in range(2)]
    )


def _product(left: Matrix, right: Matrix) -> Matrix:
    return np.asarray(left.T @ right)


def _generalized(
    values: Matrix, loadings: Matrix, persons: Codes, specification: Specification
) -> Clustered:
    """Least squares on rows divided by the symmetric root of V = I + LL'."""
    products = _crossed(loadings, loadings, persons).transpose(1, 0, 2)
    eigenvalues, vectors = np.linalg.eigh(products)
    grown = np.sqrt(1 + np.maximum(eigenvalues, 0.0))
    # V^(-1/2) = I - L f(L'L) L' with f(g) = (1 - (1 + g)^(-1/2)) / g.
    factors = vectors / (grown * (grown + 1))[:, None, :] @ vectors.transpose(0, 2, 1)
    parts = _combine(factors, _crossed(loadings, values, persons))
    rows = values - sum(loadings[:, [i]] * parts[i][persons] for i in range(2))
    fitted = least_squares(rows[:, -1], rows[:, :-1], persons)
    working = WorkingCovariance(np.ones(len(values)), loadings)
    return cluster(fitted, specification.errors, working)


def _boundary(root: Matrix) -> str:
    """What of the covariance (2, 2) has its least or largest value."""
    if np.linalg.norm(root[1]) < SINGULAR:
        return "slopes do not differ"
    if root[1, 1] < SINGULAR:
        return "slope and intercept go together without exception"
    return ""


def _log_determinant(matrix: Matrix) -> float:
    return float(np.linalg.slogdet(matrix)[1])


def _without_numbers(size: int) -> Estimates:
    empty = np.full(size, nan)
    none = np.zeros(size, dtype=np.bool_)
    return Estimates(empty, empty, empty, empty, none, exact=False)


def _add(estimates: Estimates, further: Estimates) -> Estimates:
    """Both: `further` has the numbers of columns that `estimates` has none of."""

    def both(name: str) -> Vector:
        numbers = getattr(estimates, name)
        further_numbers = getattr(further, name)
        return np.asarray(np.where(np.isnan(numbers), further_numbers, numbers))

    return replace(
        further,
        estimates=both("estimates"),
        std_errors=both("std_errors"),
        df=both("df"),
        largest_share=both("largest_share"),
        sole_person=estimates.sole_person | further.sole_person,
    )


REGISTRATION = Registration(
    name="random_slopes",
    fit=fit_random_slopes,
    components=("within",),
    scale="points",
    fewest_waves=3,
    weighted_solver=None,
    decisive=None,
    diagnostics=None,
)
