"""Leave-one-person-out estimates of a regression: exact, without fitting it again.

Leaving out all rows of a person changes the coefficients by
-(X'X - X_g'X_g)^-1 X_g'e_g (Preisser & Qaqish 1996, Biometrika 83(3), for identity
links), also where persons are absorbed: no mean of a person changes when another leaves. The
clustered covariance without the person follows from sums over all persons of
products of scores and cross products, so that nothing is done for each pair.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from panelstream.analysis.estimation.clustered import SOLE, batches
from panelstream.analysis.estimation.inference import (
    person_sizes,
    person_sums,
    small_sample,
)
from panelstream.models.arrays import Array, Codes, Matrix, Vector


@dataclass(frozen=True, eq=False)
class Regression:
    """Independent `columns` (n, k), on which `outcome` (n,) is regressed.

    `absorbed` coefficients count in K beside those of the columns.
    """

    outcome: Vector
    columns: Matrix
    persons: Codes
    absorbed: int


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """One coefficient and its standard error without each person in turn (G,).

    NaN where only that person identifies it, or too few rows remain.
    """

    estimates: Vector
    std_errors: Vector


@dataclass(frozen=True, eq=False)
class Parts:
    """Persons' scores (G, k) and cross products (G, k, k) on orthonormal columns.

    `changes` (G, k) of the coefficients and `inverses` (G, k, k) of what remains of
    the cross product, when each person leaves; `without` (G, k) are the scores by the
    residuals of the regression without the person. With the products' upper triangles
    packed, the others are sums over persons of squares of scores, of scores times packed,
    and of squares of packed.
    """

    scores: Matrix
    products: Array
    changes: Matrix
    without: Matrix
    inverses: Array
    scores_scores: Matrix
    scores_packed: Matrix
    packed_packed: Matrix


def leave_one_out(regression: Regression, count: int) -> list[LeaveOneOut]:
    """The first `count` coefficients, without each person in turn."""
    triangle = np.linalg.qr(regression.columns, mode="r")
    inverse = solve_triangular(triangle, np.eye(len(triangle)))
    orthonormal = regression.columns @ inverse
    coefficients = orthonormal.T @ regression.outcome
    residuals = regression.outcome - orthonormal @ coefficients
    parts = _parts(orthonormal, residuals, regression.persons)
    factors = _factors(regression)
    return [
        _without(parts, inverse[j], float(inverse[j] @ coefficients), factors)
        for j in range(count)
    ]


def _parts(orthonormal: Matrix, residuals: Vector, persons: Codes) -> Parts:
    scores = person_sums(orthonormal * residuals[:, None], persons)
    terms = orthonormal.shape[1]
    products = np.empty((len(scores), terms, terms))
    for batch, rows in batches(persons):
        columns = orthonormal[rows]
        products[batch] = np.swapaxes(columns, 1, 2) @ columns
    inverses = _inverses(products)
    changes = -_times(inverses, scores)
    a, b = np.triu_indices(terms)
    packed = products[:, a, b]
    return Parts(
        scores=scores,
        products=products,
        changes=changes,
        without=scores - _times(products, changes),
        inverses=inverses,
        scores_scores=scores.T @ scores,
        scores_packed=scores.T @ packed,
        packed_packed=packed.T @ packed,
    )


def _times(matrices: Array, vectors: Matrix) -> Matrix:
    """Each matrix (G, k, k) times its vector (G, k)."""
    return np.asarray((matrices @ vectors[:, :, None])[:, :, 0])


def _inverses(products: Array) -> Array:
    """Of the identity less each person's `products`; generalized where singular."""
    remaining = np.eye(products.shape[1]) - products
    # The trace bounds the largest share of information from above.
    risky = np.flatnonzero(np.trace(products, axis1=1, axis2=2) >= SOLE)
    pseudo = np.linalg.pinv(remaining[risky], rcond=1 - SOLE, hermitian=True)
    remaining[risky] = np.eye(products.shape[1])
    inverses = np.asarray(np.linalg.inv(remaining), dtype=np.float64)
    inverses[risky] = pseudo
    return inverses


def _without(
    parts: Parts, direction: Vector, estimate: float, factors: Vector
) -> LeaveOneOut:
    """The coefficient that is `direction` (k,) times the orthonormal ones."""
    leverage = parts.inverses @ direction
    explained = _times(parts.products, leverage)
    error = np.abs(leverage - explained - direction).max(axis=1)
    estimates = estimate + parts.changes @ direction
    estimates[error > np.sqrt(1 - SOLE) * np.abs(direction).max()] = np.nan
    variances = _variances(parts, leverage) * factors
    return LeaveOneOut(
        estimates, np.sqrt(np.where(np.isnan(estimates), np.nan, variances))
    )


def _variances(parts: Parts, leverage: Matrix) -> Vector:
    """Sums of squared influences over all persons but one, for each who leaves (G,).

    With z a row of `leverage` and d one of the changes, the influence of person h
    without g is z's_h - z'A_h d: its square is summed over all h at once, less that
    of g itself.
    """
    pairs = _pairs(leverage, parts.changes)
    summed = (
        _rowwise(leverage @ parts.scores_scores, leverage)
        - 2 * _rowwise(leverage @ parts.scores_packed, pairs)
        + _rowwise(pairs @ parts.packed_packed, pairs)
    )
    influences = _rowwise(leverage, parts.without)
    return np.asarray(np.maximum(summed - np.square(influences), 0.0))


def _pairs(a: Matrix, b: Matrix) -> Matrix:
    """Factors (G, p) of packed symmetric matrices S in a'S b, for rows of (G, k)."""
    i, j = np.triu_indices(a.shape[1])
    # Rows of persons are side by side in memory, so that products are of whole rows.
    a_rows, b_rows = np.ascontiguousarray(a.T), np.ascontiguousarray(b.T)
    pairs = np.empty((len(i), len(a)))
    for place, (first, second) in enumerate(zip(i, j, strict=True)):
        np.multiply(a_rows[first], b_rows[second], out=pairs[place])
        if first != second:
            pairs[place] += a_rows[second] * b_rows[first]
    return pairs.T


def _rowwise(a: Matrix, b: Matrix) -> Vector:
    return np.asarray(np.einsum("ga,ga->g", a, b))


def _factors(regression: Regression) -> Vector:
    """The small-sample factor without each person (G,); NaN where too few rows remain."""
    sizes, place = np.unique(person_sizes(regression.persons), return_inverse=True)
    (rows, terms), persons = regression.columns.shape, int(regression.persons[-1]) + 1
    df_model = terms + regression.absorbed
    factors = [
        small_sample(rows - int(size), df_model, persons - 1)
        if persons > 2 and rows - size > df_model
        else np.nan
        for size in sizes
    ]
    return np.array(factors)[place]
