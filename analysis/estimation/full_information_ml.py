"""Maximum likelihood of a normal distribution when some values are missing.

Every person contributes the density of that person's observed values (full-information
maximum likelihood), which is valid if data are missing at random: missingness depends
on observed values only (Rubin 1976, Biometrika 63(3)). A structure says how the
covariances depend on parameters; means are free. A restriction makes means and
parameters follow from fewer coefficients. Persons with the same pattern of observed
values are one term of the likelihood, so that its cost does not grow with their number.

A matrix of a pattern has 0 in the rows and columns of what is not observed.
"""

from dataclasses import dataclass
from math import log, pi
from typing import Protocol

import numpy as np
from scipy import stats
from scipy.sparse import csr_array, eye_array

from panelstream.analysis.estimation.inference import positive_definite
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.models.arrays import Array, Codes, Matrix, Vector

ITERATIONS = 500
HALVINGS = 40
# A step is measured by the gain that a quadratic approximation predicts: the square of
# its length in standard errors. After a gain below this one Newton step remains, which
# doubles the digits.
GAIN = 1e-10
# A gain in the likelihood below this part of it is rounding.
ROUNDING = 1e-12
CHUNK = 4096
# Products with a matrix that has less of it filled are faster if the zeros are left out.
SPARSE = 0.05


class Structure(Protocol):
    """Covariances (k, k) as a function of parameters (q,)."""

    def covariance(self, parameters: Vector) -> Matrix:
        """The covariances (k, k)."""

    def slopes(self, parameters: Vector) -> Array:
        """Their derivatives (q, k, k)."""

    def curvature(self, parameters: Vector, slope: Matrix) -> Matrix:
        """Second derivatives (q, q) of the covariances, summed with `slope` (k, k)."""


@dataclass(frozen=True, eq=False)
class Linear:
    """Covariances that are sums of `basis` (q, k, k)."""

    basis: Array

    def covariance(self, parameters: Vector) -> Matrix:
        """The sum of the basis, each times its parameter."""
        return np.asarray(np.tensordot(parameters, self.basis, axes=1))

    def slopes(self, parameters: Vector) -> Array:
        """The basis."""
        return self.basis

    def curvature(self, parameters: Vector, slope: Matrix) -> Matrix:
        """None."""
        return np.zeros((len(self.basis), len(self.basis)))


class Restriction(Protocol):
    """Means and parameters (k+q,) as a function of coefficients (f,)."""

    def expand(self, coefficients: Vector) -> Vector:
        """The means (k,), then the parameters (q,)."""

    def slopes(self, coefficients: Vector) -> csr_array:
        """Their derivatives (k+q, f)."""

    def curvature(self, coefficients: Vector, gradient: Vector) -> Matrix:
        """Second derivatives (f, f), summed with `gradient` (k+q,)."""


@dataclass(frozen=True)
class Unrestricted:
    """The coefficients are the `size` means and parameters themselves."""

    size: int

    def expand(self, coefficients: Vector) -> Vector:
        """The same."""
        return coefficients

    def slopes(self, coefficients: Vector) -> csr_array:
        """The identity."""
        return csr_array(eye_array(len(coefficients)))

    def curvature(self, coefficients: Vector, gradient: Vector) -> Matrix:
        """None."""
        return np.zeros((self.size, self.size))


@dataclass(frozen=True, eq=False)
class Patterns:
    """Persons (n, k) by their pattern of observed values.

    `values` (n, k) are 0 where missing, `members` (n,) say which of P patterns.
    `observed` (P, k) is 1 or 0; `counts` (P,) persons have `means` (P, k) and
    mean products of deviations from them `scatters` (P, k, k).
    """

    values: Matrix
    members: Codes
    observed: Matrix
    counts: Vector
    means: Matrix
    scatters: Array

    @property
    def observed_pairs(self) -> Array:
        """1 where both of a pair are observed (P, k, k)."""
        return self.observed[:, :, None] * self.observed[:, None, :]


@dataclass(frozen=True, eq=False)
class Maximum:
    """Where the likelihood is largest: means (k,), then parameters (q,).

    `information` (f, f) of the coefficients is the observed one, `products` the sum
    over persons of the products of their scores. Without a restriction the
    coefficients are the means and parameters.
    """

    means: Vector
    parameters: Vector
    log_likelihood: float
    information: Matrix
    products: Matrix

    @property
    def covariance(self) -> Matrix:
        """Robust covariance of the parameters (q, q): the sandwich (White 1982).

        Of a maximum without a restriction.
        """
        inverse = np.linalg.inv(self.information)
        k = len(self.means)
        return np.asarray((inverse @ self.products @ inverse)[k:, k:])

    @property
    def inflation(self) -> float:
        """The trace of the products over the information; f if all is normal."""
        return float(np.trace(np.linalg.solve(self.information, self.products)))

    @property
    def coefficients(self) -> int:
        """How many were estimated: f."""
        return len(self.information)


@dataclass(frozen=True, eq=False)
class _Point:
    """The likelihood at some means and parameters, and what its derivatives need.

    `weights` (P, k, k) are inverse covariances, `distances` (P, k) means less the
    model's, `weighted_squares` (P, k, k) the mean squared distances between the weights.
    """

    means: Vector
    parameters: Vector
    slopes: Matrix | csr_array
    log_likelihood: float
    weights: Array
    distances: Matrix
    weighted_squares: Array


def group_by_pattern(values: Matrix) -> Patterns:
    """Group persons (n, k), NaN where missing; each must have an observed value."""
    observed, members = np.unique(np.isfinite(values), axis=0, return_inverse=True)
    members = members.reshape(-1)
    filled = np.nan_to_num(values, nan=0.0)
    order = np.argsort(members, kind="stable")
    starts = np.flatnonzero(np.diff(members[order], prepend=-1))
    counts = np.bincount(members).astype(np.float64)
    means = np.add.reduceat(filled[order], starts) / counts[:, None]
    scatters = np.stack(
        [_products(part) for part in np.split(filled[order], starts[1:])]
    )
    mask = observed.astype(np.float64)
    return Patterns(filled, members, mask, counts, means, scatters)


def maximise(
    patterns: Patterns, structure: Structure, means: Vector, parameters: Vector
) -> Maximum:
    """Newton's method from `means` (k,) and `parameters` (q,).

    Raises as `maximise_restricted`.
    """
    start = np.concatenate([means, parameters])
    return maximise_restricted(patterns, structure, Unrestricted(len(start)), start)


def maximise_restricted(
    patterns: Patterns,
    structure: Structure,
    restriction: Restriction,
    coefficients: Vector,
) -> Maximum:
    """Newton's method from `coefficients` (f,).

    Where the likelihood is not concave, Fisher scoring. Raises `NotEstimable` if no
    maximum is reached, or if it is flat there.
    """
    climb = _Climb(patterns, structure, restriction)
    point = climb.at(coefficients)
    if point is None:
        raise NotEstimable("the likelihood has no value to start from")
    for _ in range(ITERATIONS):
        gradient, observed = climb.derivatives(coefficients, point)
        concave = positive_definite(observed)
        metric = observed if concave else climb.expected(coefficients, point)
        if not concave and not positive_definite(metric):
            raise NotEstimable("the likelihood is flat: the model is not identified")
        step: Vector = np.asarray(np.linalg.solve(metric, gradient))
        if concave and gradient @ step < GAIN:
            return climb.finish(coefficients + step, coefficients)
        coefficients, point = climb.search(coefficients, point, step)
    raise NotEstimable("the likelihood has no maximum that could be reached")


def likelihood_ratio(free: Maximum, restricted: Maximum) -> tuple[float, int, float]:
    """Scaled chi-square of `restricted` within `free`, its df and p.

    Divided by how much the scores vary beyond normality (Yuan & Bentler 2000,
    Sociol. Methodol. 30, as in Mplus): inflations' difference over df.
    """
    df = free.coefficients - restricted.coefficients
    scale = (free.inflation - restricted.inflation) / df
    if scale <= 0:
        raise NotEstimable("the test of fit has no positive scale")
    statistic = 2 * (free.log_likelihood - restricted.log_likelihood) / scale
    return statistic, df, float(stats.chi2.sf(statistic, df))


@dataclass(frozen=True, eq=False)
class _Climb:
    """The likelihood of a model as a function of its coefficients (f,)."""

    patterns: Patterns
    structure: Structure
    restriction: Restriction

    def at(self, coefficients: Vector) -> _Point | None:
        """None where the covariances of some pattern are not positive definite."""
        size = self.patterns.observed.shape[1]
        values = self.restriction.expand(coefficients)
        return _point_at(self.patterns, self.structure, values[:size], values[size:])

    def derivatives(self, coefficients: Vector, point: _Point) -> tuple[Vector, Matrix]:
        """The gradient (f,), and the observed information (f, f)."""
        gradient = _gradient(self.patterns, point)
        information = self._project(
            coefficients, _observed_information(self.patterns, self.structure, point)
        )
        curvature = self.restriction.curvature(coefficients, gradient)
        slopes = self.restriction.slopes(coefficients)
        return np.asarray(slopes.T @ gradient), information - curvature

    def expected(self, coefficients: Vector, point: _Point) -> Matrix:
        """Fisher's information (f, f)."""
        return self._project(coefficients, _expected_information(self.patterns, point))

    def search(
        self, coefficients: Vector, point: _Point, step: Vector
    ) -> tuple[Vector, _Point]:
        """Take the step, halved until the likelihood does not decrease."""
        floor = point.log_likelihood - ROUNDING * abs(point.log_likelihood)
        for halving in range(HALVINGS):
            candidate = coefficients + step / 2**halving
            new = self.at(candidate)
            if new is not None and new.log_likelihood >= floor:
                return candidate, new
        raise NotEstimable("the likelihood has no maximum that could be reached")

    def finish(self, coefficients: Vector, previous: Vector) -> Maximum:
        """The maximum at `coefficients`, or at the `previous` ones if these are none."""
        final = self.at(coefficients)
        if final is None:
            return self.finish(previous, previous)
        return Maximum(
            means=final.means,
            parameters=final.parameters,
            log_likelihood=final.log_likelihood,
            information=self.derivatives(coefficients, final)[1],
            products=self._project(coefficients, _score_products(self.patterns, final)),
        )

    def _project(self, coefficients: Vector, matrix: Matrix) -> Matrix:
        """Of means and parameters (k+q, k+q) to coefficients (f, f)."""
        slopes = self.restriction.slopes(coefficients)
        return np.asarray(slopes.T @ matrix @ slopes)


def _products(rows: Matrix) -> Matrix:
    centred = rows - rows.mean(axis=0)
    return np.asarray(centred.T @ centred / len(rows))


def _point_at(
    patterns: Patterns, structure: Structure, means: Vector, parameters: Vector
) -> _Point | None:
    """None where the covariances of some pattern are not positive definite."""
    pairs, size = patterns.observed_pairs, len(means)
    padded = np.where(pairs > 0, structure.covariance(parameters), np.eye(size))
    try:
        triangles = np.linalg.cholesky(padded)
    except np.linalg.LinAlgError:
        return None
    diagonals = np.einsum("paa->pa", triangles)
    weights = np.linalg.inv(padded) * pairs
    distances = (patterns.means - means) * patterns.observed
    squares = patterns.scatters + distances[:, :, None] * distances[:, None, :]
    deviances = (
        patterns.observed.sum(axis=1) * log(2 * pi)
        + 2 * np.log(diagonals).sum(axis=1)
        + np.einsum("pab,pab->p", weights, squares)
    )
    return _Point(
        means=means,
        parameters=parameters,
        slopes=_compact(structure.slopes(parameters).reshape(len(parameters), -1)),
        log_likelihood=-float(patterns.counts @ deviances) / 2,
        weights=weights,
        distances=distances,
        weighted_squares=weights @ squares @ weights,
    )


def _compact(matrix: Matrix) -> Matrix | csr_array:
    filled = np.count_nonzero(matrix)
    return csr_array(matrix) if filled < SPARSE * matrix.size else matrix


def _gradient(patterns: Patterns, point: _Point) -> Vector:
    by_mean = np.einsum(
        "p,pab,pb->a", patterns.counts, point.weights, point.distances, optimize=True
    )
    by_covariance = _slope(patterns, point)
    return np.concatenate([by_mean, point.slopes @ by_covariance.reshape(-1)])


def _slope(patterns: Patterns, point: _Point) -> Matrix:
    """The derivative of the likelihood by the covariances (k, k)."""
    return np.asarray(
        np.tensordot(patterns.counts, point.weighted_squares - point.weights, axes=1)
        / 2
    )


def _observed_information(
    patterns: Patterns, structure: Structure, point: _Point
) -> Matrix:
    """Less the second derivatives of the likelihood (k+q, k+q)."""
    weighted = np.einsum("pab,pb->pa", point.weights, point.distances)
    products = np.einsum(
        "p,pab,pc->abc", patterns.counts, point.weights, weighted, optimize=True
    )
    mixed = products.reshape(len(point.means), -1) @ point.slopes.T
    curvature = structure.curvature(point.parameters, _slope(patterns, point))
    second = (
        _quadratic(patterns, point, 2 * point.weighted_squares - point.weights)
        - curvature
    )
    return _by_blocks(patterns, point, mixed, second)


def _expected_information(patterns: Patterns, point: _Point) -> Matrix:
    """Fisher's information (k+q, k+q): the observed one on average, if the model holds."""
    mixed = np.zeros((len(point.means), len(point.parameters)))
    return _by_blocks(
        patterns, point, mixed, _quadratic(patterns, point, point.weights)
    )


def _by_blocks(
    patterns: Patterns, point: _Point, mixed: Matrix, second: Matrix
) -> Matrix:
    first = np.tensordot(patterns.counts, point.weights, axes=1)
    return np.block([[first, mixed], [mixed.T, (second + second.T) / 2]])


def _quadratic(patterns: Patterns, point: _Point, weights: Array) -> Matrix:
    """Half the sums of tr(V S_r W S_s) over persons (q, q), for slopes S.

    V are `weights` (P, k, k), W those of the point.
    """
    count, size = len(weights), weights.shape[1]
    weighted = (weights * patterns.counts[:, None, None]).reshape(count, -1)
    products = weighted.T @ point.weights.reshape(count, -1)
    paired = products.reshape(size, size, size, size).transpose(1, 2, 3, 0)
    # tr(V S W S') = sum of V[a,b] S[b,c] W[c,d] S'[d,a]
    return np.asarray(
        point.slopes @ paired.reshape(size**2, size**2) @ point.slopes.T / 2
    )


def _score_products(patterns: Patterns, point: _Point) -> Matrix:
    """The sum over persons of the products of their scores (k+q, k+q)."""
    total = np.zeros((len(point.means) + len(point.parameters),) * 2)
    for start in range(0, len(patterns.members), CHUNK):
        scores = _scores(patterns, point, slice(start, start + CHUNK))
        total += scores.T @ scores
    return total


def _scores(patterns: Patterns, point: _Point, persons: slice) -> Matrix:
    """The derivatives of some persons' own likelihoods (m, k+q)."""
    members = patterns.members[persons]
    deviations = patterns.values[persons] - point.means
    by_mean = np.einsum("nab,nb->na", point.weights[members], deviations)
    squares = by_mean[:, :, None] * by_mean[:, None, :] - point.weights[members]
    by_covariance = squares.reshape(len(members), -1) @ point.slopes.T / 2
    return np.hstack([by_mean, by_covariance])
