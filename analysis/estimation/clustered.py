"""Covariances of least squares clustered by person, and tests by them.

They are valid with heteroskedasticity, and with autocorrelation within persons.

CR2 (Bell & McCaffrey 2002, Surv. Methodol. 28(2)) multiplies a person's residuals by a
matrix A that makes the covariance unbiased if the working model is true. t has
Satterthwaite's degrees of freedom, and a joint test is the approximate Hotelling T2
test, AHT or HTZ (Pustejovsky & Tipton 2018, J. Bus. Econ. Stat. 36(4), equations 7,
12 and 16), which equals R's clubSandwich. Person effects may be absorbed before:
deviations from persons' means have the same A as the regression with a dummy for
each person (theorem 2 there, for a working covariance that is the identity). Degrees
of freedom are those of how the information is spread over people: few if a few people
carry most of it, whatever the number of persons.

CR1 has the factor G/(G-1) * (N-1)/(N-K), where G counts persons, N rows and K
coefficients with the intercept, absorbed person effects not among them, as persons
are nested in their own clusters (Cameron & Miller 2015, J. Hum. Resour. 50(2),
sections II.B and III.B). t has G-1 degrees of freedom. It is too small where few
people carry the information.

No matrix has a row and a column for each person: with orthonormal columns Q, and S_g
the adjusted scores of a contrast, covariances between persons are
P_gh = S_g'S_g [g = h] - (Q_g'S_g)'(Q_h'S_h), so that sums of their squares follow
from k cross products.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats

from panelstream.analysis.estimation.inference import (
    NEGLIGIBLE,
    LeastSquares,
    least_squares,
    person_sizes,
    person_sums,
    root,
    small_sample,
)
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.models.arrays import Array, Codes, Mask, Matrix, Vector
from panelstream.models.study.estimators import ErrorType

STD_ERROR_TYPES: Mapping[ErrorType, str] = {
    "cr2": "cluster_person_cr2",
    "cr1": "cluster_person_cr1",
}
"""What `std_error_type` says of each."""

SOLE = 1 - 1e-8
"""With a larger share of the information in some direction, a person is the only one
whose data identify it."""

LIGHT = 2.0**-9
"""People with less of the information than this, in all directions together, are
adjusted by a power series, which is several times as fast as their eigenvalues."""

SERIES = np.cumprod([1, 1 / 2, 3 / 4, 5 / 6, 7 / 8, 9 / 10])
"""Of (1 - x)^(-1/2); for `LIGHT` the next term is below the rounding of 1."""

CELLS = 2**22
"""Numbers in the matrices of persons that are computed at the same time."""


@dataclass(frozen=True, eq=False)
class WorkingCovariance:
    """Of a person's rows: diagonal `variances` (n,) plus the outer product of `loadings`.

    These are (n,), or (n, r) for a sum of r outer products.

    The rows of a regression were divided by its symmetric root. The identity needs none.
    `absorbed` (n,) are persons' effects that were partialled out of the rows: vectors of
    length 1 for each person.
    """

    variances: Vector
    loadings: Vector | Matrix
    absorbed: Vector | None = None

    def of(self, rows: Codes) -> Array:
        """Matrices (m, s, s) of m persons with s rows each, at positions (m, s)."""
        loadings = self.loadings[rows].reshape(*rows.shape, -1)
        matrices = np.asarray(loadings @ _transposed(loadings))
        diagonal = np.arange(rows.shape[1])
        matrices[:, diagonal, diagonal] += self.variances[rows]
        return matrices

    def absorbing(self, rows: Codes) -> Array:
        """The effects of m persons as columns (m, s, 1), or none (m, s, 0)."""
        if self.absorbed is None:
            return np.zeros((*rows.shape, 0))
        return self.absorbed[rows][:, :, None]


@dataclass(frozen=True)
class Wald:
    """F of `count` restrictions, with `count` and `df` degrees of freedom."""

    statistic: float
    count: int
    df: float
    p_value: float


@dataclass(frozen=True, eq=False)
class Carriers:
    """How far single persons carry each of q contrasts.

    `largest_share` (q,) is the largest person's share of the sum of squares of the
    regressor after the others are partialled out. `sole` (q,): some person is the only
    one whose data identify it, so that it cannot be estimated without that person.
    """

    largest_share: Vector
    sole: Mask


@dataclass(frozen=True, eq=False)
class Clustered:
    """The covariance (k, k) of a fit's coefficients, clustered by person.

    `orthonormal` (n, k) are the columns times the fit's inverse; `adjusted` (n, k) are
    the same after A, which multiplied by residuals and summed by person are scores.
    """

    error_type: ErrorType
    fitted: LeastSquares
    orthonormal: Matrix
    adjusted: Matrix
    covariance: Matrix

    @cached_property
    def persons(self) -> int:
        """Persons: G."""
        return int(self.fitted.persons[-1]) + 1

    def degrees_of_freedom(self, contrasts: Matrix) -> Vector:
        """Those of t (q,) for each of `contrasts` (q, k) of the coefficients.

        NaN where no variance is left to estimate an error from.
        """
        if self.error_type == "cr1":
            return np.full(len(contrasts), self.persons - 1.0)
        adjusted_scores, shared = self._projections(contrasts)
        norms = np.square(shared).sum(axis=2)
        variances = person_sums(np.square(adjusted_scores), self.fitted.persons) - norms
        by_contrast = np.swapaxes(shared, 0, 1)
        gram = _transposed(by_contrast) @ by_contrast
        squares = _squares(variances) - _squares(norms) + _squares(gram)
        return np.asarray(
            variances.sum(axis=0) ** 2 / np.where(squares > 0, squares, np.nan)
        )

    def wald(self, contrasts: Matrix, null: Vector | float = 0.0) -> Wald:
        """Test that the `contrasts` (q, k) of the coefficients equal `null` (q,).

        Raises `NotEstimable` if there are too few persons for q.
        """
        differences = contrasts @ self.fitted.coefficients - null
        chi_square = quadratic_form(
            differences, contrasts @ self.covariance @ contrasts.T
        )
        count = len(contrasts)
        if self.error_type == "cr1":
            return _f_test(chi_square / count, count, self.persons - 1.0)
        freedom = self._hotelling(contrasts)
        df = freedom - count + 1
        if df <= 0:
            raise NotEstimable("too few persons to test the terms jointly")
        return _f_test(df / freedom * chi_square / count, count, df)

    def carriers(self, contrasts: Matrix) -> Carriers:
        """How far single persons carry each of the `contrasts` (q, k)."""
        directions = contrasts @ self.fitted.inverse
        information = person_sums(
            np.square(self.orthonormal @ directions.T), self.fitted.persons
        )
        shares = information / np.square(directions).sum(axis=1)
        return Carriers(shares.max(axis=0), self._sole(directions))

    def _sole(self, directions: Matrix) -> Mask:
        """Which (q,) have a part in a direction that one person's rows alone span."""
        leverage = person_sums(np.square(self.orthonormal), self.fitted.persons)
        sole = np.zeros(len(directions), dtype=np.bool_)
        limit = np.sqrt(1 - SOLE) * np.abs(directions).max(axis=1, initial=0.0)
        # The trace bounds the largest share of information from above.
        for person in np.flatnonzero(leverage.sum(axis=1) >= SOLE):
            rows = self.orthonormal[self.fitted.persons == person]
            values, vectors = np.linalg.eigh(rows.T @ rows)
            parts = np.abs(directions @ vectors[:, values >= SOLE])
            sole |= parts.max(axis=1, initial=0.0) > limit
        return sole

    def _projections(self, contrasts: Matrix) -> tuple[Matrix, Array]:
        """Adjusted scores S (n, q) of contrasts, and Q'S of each person (G, q, k)."""
        adjusted_scores = self.adjusted @ (contrasts @ self.fitted.inverse).T
        shared = np.empty((self.persons, len(contrasts), self.orthonormal.shape[1]))
        for persons, rows in batches(self.fitted.persons):
            shared[persons] = (
                _transposed(adjusted_scores[rows]) @ self.orthonormal[rows]
            )
        return adjusted_scores, shared

    def _hotelling(self, contrasts: Matrix) -> float:
        """Degrees of freedom of the Wishart distribution that CR2 comes nearest to.

        They are q(q+1) over the variances of all elements of the covariance of
        contrasts that are scaled to have the identity as its expectation; for q = 1
        those of t.
        """
        adjusted_scores, shared = self._projections(contrasts)
        expected = adjusted_scores.T @ adjusted_scores - np.einsum(
            "gsi,gti->st", shared, shared, optimize=True
        )
        scale = _inverse_root(expected)
        adjusted_scores, shared = (
            adjusted_scores @ scale,
            np.einsum("gsi,st->gti", shared, scale),
        )
        count, terms = shared.shape[1:]
        flat = shared.reshape(-1, count * terms)
        gram = (flat.T @ flat).reshape(count, terms, count, terms)
        between = shared @ _transposed(shared)
        products = (adjusted_scores[:, :, None] * adjusted_scores[:, None, :]).reshape(
            len(adjusted_scores), -1
        )
        within = person_sums(products, self.fitted.persons).reshape(between.shape)
        total = (
            _own_variances(within - between)
            - _own_variances(between)
            + float(np.square(gram).sum())
            + float(np.einsum("tisj,tjsi->", gram, gram))
        )
        return float(count * (count + 1) / total) if total > 0 else 0.0


def cluster(
    fitted: LeastSquares,
    error_type: ErrorType,
    working: WorkingCovariance | None = None,
) -> Clustered:
    """The covariance of the coefficients of rows that `working` was taken out of."""
    orthonormal = fitted.columns @ fitted.inverse
    adjusted, factor = orthonormal, 1.0
    if error_type == "cr2":
        adjusted = _adjust(orthonormal, fitted.persons, working)
    scores = person_sums(adjusted * fitted.residuals[:, None], fitted.persons)
    if error_type == "cr1":
        factor = small_sample(len(orthonormal), fitted.df_model, len(scores))
    influences = scores @ fitted.inverse.T
    covariance = factor * influences.T @ influences
    return Clustered(error_type, fitted, orthonormal, adjusted, covariance)


@dataclass(frozen=True, eq=False)
class Solution:
    """Of a regression with a canonical link: the outcome's, and what fits it (n,).

    `predictors` are linear in the columns; `means` and `variances` are the outcome's.
    """

    outcome: Vector
    predictors: Vector
    means: Vector
    variances: Vector


def working_regression(
    solution: Solution, columns: Matrix, persons: Codes
) -> tuple[LeastSquares, WorkingCovariance]:
    """The weighted least squares on `columns` (n, k) in which the solution ends.

    The working response is the predictor plus the error of the outcome over its
    variance, which is the slope of the link. The working covariance is that of the
    outcome itself.
    """
    scale, errors = root(solution.variances), solution.outcome - solution.means
    response = solution.predictors + errors / solution.variances
    fitted = least_squares(response * scale[:, 0], columns * scale, persons)
    zeros = np.zeros(len(solution.variances))
    return fitted, WorkingCovariance(solution.variances, zeros)


def quadratic_form(differences: Vector, covariance: Matrix) -> float:
    """Chi-square that `differences` (q,) are 0, given their covariance (q, q).

    Raises `NotEstimable` if the covariance is singular (too few persons for q).
    """
    errors = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale = 1 / np.where(errors > 0, errors, 1.0)
    unit, ratios = covariance * np.outer(scale, scale), differences * scale
    if np.linalg.matrix_rank(unit, tol=NEGLIGIBLE, hermitian=True) < len(ratios):
        raise NotEstimable("too few persons to test the terms jointly")
    return float(ratios @ np.linalg.solve(unit, ratios))


def batches(persons: Codes) -> Iterator[tuple[Codes, Codes]]:
    """Persons (m,) with the same number s of rows, and positions (m, s) of these."""
    sizes = person_sizes(persons).astype(np.intp)
    starts = np.cumsum(sizes) - sizes
    for size in np.unique(sizes):
        alike = np.flatnonzero(sizes == size)
        parts = np.ceil(len(alike) * size**2 / CELLS)
        for batch in np.array_split(alike, int(parts)):
            yield batch, starts[batch, None] + np.arange(size)


def _adjust(
    orthonormal: Matrix, persons: Codes, working: WorkingCovariance | None
) -> Matrix:
    """Rows (n, k) by which a person's residuals are multiplied to give scores.

    With K the working covariance, and rows divided by its root, they are
    K (K (I - QQ') K)^(-1/2) Q for each person. The root is a pseudo-inverse in
    directions in which the residuals of a person are always 0.
    """
    adjusted = np.empty_like(orthonormal)
    for _, rows in batches(persons):
        columns = orthonormal[rows]
        if working is None:
            adjusted[rows] = _adjust_independent(columns)
            continue
        covariance, absorbed = working.of(rows), working.absorbing(rows)
        unabsorbed = np.eye(rows.shape[1]) - absorbed @ _transposed(absorbed)
        remaining = unabsorbed - columns @ _transposed(columns)
        adjustment = _inverse_root(covariance @ remaining @ covariance)
        # Residuals have no part in what was absorbed.
        adjusted[rows] = unabsorbed @ covariance @ (adjustment @ columns)
    return adjusted


def _adjust_independent(columns: Array) -> Array:
    """(I - QQ')^(-1/2) Q for persons (m, s, k), by the smaller of both cross products."""
    size, terms = columns.shape[1:]
    if terms < size:
        roots = _complement_root(_transposed(columns) @ columns)
        return np.asarray(columns @ roots)
    return np.asarray(_complement_root(columns @ _transposed(columns)) @ columns)


def _complement_root(products: Array) -> Array:
    """(I - P)^(-1/2) of cross products P (m, s, s) of orthonormal columns."""
    identity = np.eye(products.shape[-1])
    light = np.trace(products, axis1=1, axis2=2) < LIGHT
    roots = np.empty_like(products)
    roots[light] = _power_series(products[light])
    roots[~light] = _inverse_root(identity - products[~light])
    return roots


def _power_series(products: Array) -> Array:
    """(I - P)^(-1/2) of small P (m, s, s), by Horner's method."""
    identity = np.eye(products.shape[-1])
    roots = SERIES[-2] * identity + SERIES[-1] * products
    for coefficient in SERIES[-3::-1]:
        roots = roots @ products
        roots += coefficient * identity
    return np.asarray(roots)


def _inverse_root(matrices: Array) -> Array:
    """The symmetric (pseudo-)inverse root of symmetric matrices (..., s, s)."""
    values, vectors = np.linalg.eigh(matrices)
    largest = np.abs(values).max(axis=-1, keepdims=True, initial=0.0)
    singular = values <= NEGLIGIBLE * np.maximum(largest, NEGLIGIBLE)
    roots = np.where(singular, 0.0, 1 / np.sqrt(np.where(singular, 1.0, values)))
    return np.asarray((vectors * roots[..., None, :]) @ _transposed(vectors))


def _transposed(matrices: Array) -> Array:
    return np.swapaxes(matrices, -1, -2)


def _squares(values: Array) -> Vector:
    """Sums of squares (q,): of columns (G, q), or of matrices (q, k, k)."""
    axes = 0 if values.ndim == 2 else (1, 2)
    return np.asarray(np.square(values).sum(axis=axes))


def _own_variances(products: Array) -> float:
    """Sum over persons (G, q, q) of squared traces and of squares."""
    traces = np.trace(products, axis1=1, axis2=2)
    return float(traces @ traces + np.square(products).sum())


def _f_test(statistic: float, count: int, df: float) -> Wald:
    return Wald(statistic, count, df, float(stats.f.sf(statistic, count, df)))
