"""Least squares, identification of its columns, and t: arrays in, small values out.

Person codes are sorted and count from 0, as in a `Design`. Weights multiply squared
residuals; weighted least squares is least squares on rows times `root(weights)`.
Covariances clustered by person are in `clustered`.
"""

from dataclasses import dataclass
from math import nan

import numpy as np
from scipy import stats
from scipy.linalg import qr, solve_triangular
from scipy.sparse import csr_array

from panelstream.analysis.plan.conventions import CONFIDENCE, NotEstimable
from panelstream.models.arrays import Codes, Mask, Matrix, Vector

# Relative to the size of what it is computed from, a spread, a residual or an
# eigenvalue below this is rounding noise.
NEGLIGIBLE = 1e-10


@dataclass(frozen=True, eq=False)
class Identification:
    """Which columns (k,) are identified, and how well.

    `basis` marks a largest independent set of columns. `estimable` marks those
    that are in every such set: no combination of other columns equals them.
    `inflation` is 1/(1-R2) of a column of the basis on an intercept and the other
    ones, NaN for all others.
    """

    basis: Mask
    estimable: Mask
    inflation: Vector


@dataclass(frozen=True, eq=False)
class LeastSquares:
    """A regression on `columns` (n, k) of rows whose working covariance is the identity.

    `coefficients` (k,) and `residuals` (n,) are those of these rows, and `inverse`
    (k, k) is that of the triangle R in columns = QR. `absorbed` coefficients were
    estimated before, and are no columns.
    """

    coefficients: Vector
    columns: Matrix
    inverse: Matrix
    residuals: Vector
    persons: Codes
    absorbed: int

    @property
    def bread(self) -> Matrix:
        """The inverse cross product of the columns (k, k)."""
        return self.inverse @ self.inverse.T

    @property
    def df_model(self) -> int:
        """Coefficients: K."""
        return int(self.columns.shape[1]) + self.absorbed

    @property
    def residual_variance(self) -> float:
        """Squared residuals over N-K; times `bread` the classical covariance."""
        squares = float(self.residuals @ self.residuals)
        return squares / (len(self.residuals) - self.df_model)


@dataclass(frozen=True)
class Inference:
    """Tests and confidence limits of one coefficient; `df` are those of t."""

    estimate: float
    std_error: float
    statistic: float
    df: float
    p_value: float
    ci_low: float
    ci_high: float


def person_sizes(persons: Codes) -> Vector:
    """Rows of each person (G,), for codes (n,)."""
    return np.bincount(persons).astype(np.float64)


def person_sums(values: Matrix, persons: Codes) -> Matrix:
    """Sums over each person's rows: (n, k) and codes (n,) to (G, k)."""
    n = len(persons)
    bounds = np.append(np.flatnonzero(np.diff(persons, prepend=-1)), n)
    # A sparse product adds a person's rows several times as fast as reduceat.
    return np.asarray(csr_array((np.ones(n), np.arange(n), bounds)) @ values)


def person_means(
    values: Matrix, persons: Codes, weights: Vector | None = None
) -> Matrix:
    """Means over each person's rows: (n, k), codes and weights (n,) to (G, k)."""
    if weights is None:
        return person_sums(values, persons) / person_sizes(persons)[:, None]
    sizes = person_sums(weights[:, None], persons)
    return person_sums(values * weights[:, None], persons) / sizes


def deviations(values: Matrix, persons: Codes, weights: Vector | None = None) -> Matrix:
    """Each value (n, k) less its person's mean; exactly 0 where nobody changes."""
    means = person_means(values, persons, weights)[persons]
    return _without_noise(values - means, values)


def root(weights: Vector) -> Matrix:
    """What weighted rows are multiplied by: (n,) to (n, 1)."""
    return np.sqrt(weights)[:, None]


def centred(values: Matrix) -> Matrix:
    """Each value (n, k) less its column's mean; exactly 0 for a constant column."""
    return _without_noise(values - values.mean(axis=0), values)


def with_intercept(columns: Matrix) -> Matrix:
    """Columns (n, k) after a column of ones: (n, k + 1)."""
    return np.column_stack([np.ones(len(columns)), columns])


def identify(columns: Matrix) -> Identification:
    """Which of the columns (n, k) are identified beside an intercept."""
    values = centred(columns)
    lengths = np.sqrt(_squares(values))
    varying = np.flatnonzero(lengths)
    scale = np.outer(lengths[varying], lengths[varying])
    products = values.T @ values
    correlations = products[np.ix_(varying, varying)] / scale
    basis, estimable = independent(correlations)
    inverse = np.linalg.inv(correlations[np.ix_(basis, basis)])
    identification = Identification(
        basis=np.zeros(len(lengths), dtype=np.bool_),
        estimable=np.zeros(len(lengths), dtype=np.bool_),
        inflation=np.full(len(lengths), nan),
    )
    identification.basis[varying[basis]] = True
    identification.estimable[varying[estimable]] = True
    identification.inflation[varying[basis]] = np.diag(inverse)
    return identification


def least_squares(
    outcome: Vector,
    columns: Matrix,
    persons: Codes,
    absorbed: int = 0,
    exact: bool = False,
) -> LeastSquares:
    """Regress (n,) on independent columns (n, k) of rows of persons (n,).

    Raises `NotEstimable` if no rows are left over, or nothing remains unexplained
    where no `exact` fit will do.
    """
    rows, terms = columns.shape
    require_more_rows(rows, terms + absorbed)
    values = np.column_stack([columns, outcome])
    triangle = np.asarray(np.linalg.qr(values, mode="r"))
    inverse = solve_triangular(triangle[:terms, :terms], np.eye(terms))
    coefficients = inverse @ triangle[:terms, terms]
    residuals = outcome - columns @ coefficients
    if is_exact(residuals, outcome):
        if not exact:
            require_residuals(residuals, outcome)
        residuals = np.zeros(rows)
    return LeastSquares(coefficients, columns, inverse, residuals, persons, absorbed)


def solve_products(products: Matrix) -> Vector:
    """The last column regressed on the others, from cross products (k + 1, k + 1)."""
    solved = np.linalg.solve(products[:-1, :-1], products[:-1, -1])
    return np.asarray(solved, dtype=np.float64)


def small_sample(rows: int, terms: int, persons: int) -> float:
    """The factor G/(G-1) * (N-1)/(N-K) of a clustered covariance."""
    return persons / (persons - 1) * (rows - 1) / (rows - terms)


def require_more_rows(rows: int, terms: int) -> None:
    """Raise `NotEstimable` unless residual degrees of freedom are left."""
    if rows <= terms:
        raise NotEstimable(f"{rows} rows are too few for {terms} coefficients")


def is_exact(residuals: Vector, outcome: Vector) -> bool:
    """Whether the outcome (n,) is explained but for rounding."""
    return bool(np.linalg.norm(residuals) <= NEGLIGIBLE * np.linalg.norm(outcome))


def require_residuals(residuals: Vector, outcome: Vector) -> None:
    """Raise `NotEstimable` if the outcome (n,) is explained without residuals."""
    if is_exact(residuals, outcome):
        raise NotEstimable("the terms explain the outcome without residuals")


def infer(estimate: float, std_error: float, df: float) -> Inference:
    """Two-sided p-value and 95 % limits from t with `df` degrees of freedom."""
    statistic = estimate / std_error
    margin = float(stats.t.ppf((1 + CONFIDENCE) / 2, df)) * std_error
    return Inference(
        estimate=estimate,
        std_error=std_error,
        statistic=statistic,
        df=df,
        p_value=float(2 * stats.t.sf(abs(statistic), df)),
        ci_low=estimate - margin,
        ci_high=estimate + margin,
    )


def within_share(columns: Matrix, persons: Codes) -> Vector:
    """The share (k,) of each column's variance within persons; NaN if constant."""
    within, total = _squares(deviations(columns, persons)), _squares(centred(columns))
    return np.asarray(within / np.where(total > 0, total, nan))


def positive_definite(matrix: Matrix) -> bool:
    """Whether a symmetric matrix (k, k) is, whatever the units of its rows."""
    diagonal = np.diag(matrix)
    if not np.isfinite(matrix).all() or diagonal.min(initial=1.0) <= 0:
        return False
    scale = 1 / np.sqrt(diagonal)
    unit = matrix * np.outer(scale, scale)
    try:
        # A triangle is found in a tenth of the time of eigenvalues.
        np.linalg.cholesky(unit - NEGLIGIBLE * np.eye(len(unit)))
    except np.linalg.LinAlgError:
        return False
    return True


def independent(correlations: Matrix) -> tuple[Codes, Codes]:
    """Positions of a basis and of estimable columns, from correlations (k, k)."""
    values, vectors = np.linalg.eigh(correlations)
    null = vectors[:, values <= NEGLIGIBLE]
    order = qr(correlations, mode="r", pivoting=True)[1]
    basis = np.sort(order[: len(values) - null.shape[1]])
    # A null vector's rounding error is of the order of an eigenvalue's root.
    involved = np.abs(null).max(axis=1, initial=0.0) >= np.sqrt(NEGLIGIBLE)
    return basis, basis[~involved[basis]]


def _without_noise(differences: Matrix, values: Matrix) -> Matrix:
    """`differences`, changed to 0 in columns that are only rounding errors."""
    noise = _squares(differences) <= NEGLIGIBLE**2 * _squares(values)
    differences[:, noise] = 0.0
    return differences


def _squares(values: Matrix) -> Vector:
    """Sums of squares (k,) of columns (n, k), without a copy of them."""
    return np.asarray(np.einsum("ij,ij->j", values, values))
