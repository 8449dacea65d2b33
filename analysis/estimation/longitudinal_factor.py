"""One factor in each wave, measured by the same items: covariances and restrictions.

An item of a wave is intercept + loading x the wave's factor + residual. The factors are
correlated freely, and the residuals of the same item in different waves are. The first
item's loading is 1. Columns are the items of the first wave, then those of the next.

Models: `configural` has loadings and intercepts of each wave; `metric` has the same
loadings in all waves; `scalar` also the same intercepts, so that all of a change in
means is one of the factor (Widaman & Reise 1997, in Bryant, Windle & West, The Science
of Prevention; Meredith 1993, Psychometrika 58(4)).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import block_diag, csr_array, eye_array, hstack, vstack

from panelstream.models.arrays import Array, Codes, Matrix, Vector

COMMON = 0.5
"""The share of the factor in an item's variance to begin with, and the correlation of
factors."""


@dataclass(frozen=True, eq=False)
class LongitudinalFactor:
    """Covariances (k, k) of m `items` in T `waves`; k = T m.

    Parameters: loadings of all items but the first, wave by wave; variances and
    covariances of the factors; of each item's residuals.
    """

    waves: int
    items: int

    @property
    def loadings(self) -> int:
        """Free loadings: T (m - 1)."""
        return self.waves * (self.items - 1)

    @cached_property
    def size(self) -> int:
        """Parameters: q."""
        pairs = self.waves * (self.waves + 1) // 2
        return self.loadings + pairs * (1 + self.items)

    def covariance(self, parameters: Vector) -> Matrix:
        """The covariances (k, k) at parameters (q,)."""
        loadings, (factors, unique) = (
            self._loadings(parameters),
            self.variances(parameters),
        )
        return np.asarray(loadings @ factors @ loadings.T + unique)

    def slopes(self, parameters: Vector) -> Array:
        """Their derivatives (q, k, k)."""
        loadings, factors = self._loadings(parameters), self._factors(parameters)
        by_factor = loadings @ self._pairs @ loadings.T
        return np.concatenate(
            [self._by_loading(factors @ loadings.T), by_factor, self._residuals]
        )

    def curvature(self, parameters: Vector, slope: Matrix) -> Matrix:
        """Second derivatives (q, q), summed with `slope` (k, k)."""
        loadings, factors = self._loadings(parameters), self._factors(parameters)
        rows, waves = self._places
        second, free = np.zeros((self.size, self.size)), self.loadings
        second[:free, :free] = (
            2 * factors[np.ix_(waves, waves)] * slope[np.ix_(rows, rows)]
        )
        mixed = 2 * (self._pairs @ loadings.T @ slope)[:, waves, rows]
        second[free : free + len(mixed), :free] = mixed
        second[:free, free : free + len(mixed)] = mixed.T
        return second

    def variances(self, parameters: Vector) -> tuple[Matrix, Matrix]:
        """Covariances of the factors (T, T) and of the residuals (k, k)."""
        residuals = parameters[self.loadings + len(self._pairs) :]
        unique = np.tensordot(residuals, self._residuals, axes=1)
        return self._factors(parameters), np.asarray(unique)

    @cached_property
    def _places(self) -> tuple[Codes, Codes]:
        """Columns of the items with a free loading, and their waves."""
        columns = np.arange(self.waves * self.items)
        free = columns[columns % self.items > 0]
        return free, free // self.items

    @cached_property
    def _pairs(self) -> Array:
        """Symmetric matrices (p, T, T) with 1 at each pair of waves."""
        rows, columns = np.triu_indices(self.waves)
        pairs = np.zeros((len(rows), self.waves, self.waves))
        pairs[np.arange(len(rows)), rows, columns] = 1.0
        pairs[np.arange(len(rows)), columns, rows] = 1.0
        return pairs

    @cached_property
    def _residuals(self) -> Array:
        """Of each item, then each pair of waves (m p, k, k)."""
        single = np.eye(self.items)[:, :, None] * np.eye(self.items)[:, None, :]
        return np.stack(
            [np.kron(pair, item) for item in single for pair in self._pairs]
        )

    def _loadings(self, parameters: Vector) -> Matrix:
        """Of items on factors (k, T)."""
        values = np.ones((self.waves, self.items))
        values[:, 1:] = parameters[: self.loadings].reshape(self.waves, -1)
        columns = np.repeat(np.eye(self.waves), self.items, axis=0)
        return np.asarray(columns * values.reshape(-1, 1))

    def _factors(self, parameters: Vector) -> Matrix:
        """Variances and covariances of the factors (T, T)."""
        free = parameters[self.loadings : self.loadings + len(self._pairs)]
        return np.asarray(np.tensordot(free, self._pairs, axes=1))

    def _by_loading(self, shared: Matrix) -> Array:
        """From the covariances of factors with items (T, k), by loading (., k, k)."""
        rows, waves = self._places
        slopes = np.zeros((len(rows), shared.shape[1], shared.shape[1]))
        slopes[np.arange(len(rows)), rows] = shared[waves]
        return np.asarray(slopes + slopes.swapaxes(1, 2))


@dataclass(frozen=True, eq=False)
class EqualLoadings:
    """Metric: coefficients are the means (k,), an item's loadings, all other parameters."""

    model: LongitudinalFactor

    def expand(self, coefficients: Vector) -> Vector:
        """Means and parameters (k+q,)."""
        return np.asarray(self._slopes @ coefficients)

    def slopes(self, coefficients: Vector) -> csr_array:
        """Their derivatives (k+q, f)."""
        return self._slopes

    def curvature(self, coefficients: Vector, gradient: Vector) -> Matrix:
        """None."""
        return np.zeros((len(coefficients), len(coefficients)))

    @cached_property
    def _slopes(self) -> csr_array:
        means = eye_array(self.model.waves * self.model.items)
        return csr_array(block_diag([means, _equal_loadings(self.model)]))


@dataclass(frozen=True, eq=False)
class EqualIntercepts:
    """Scalar: coefficients are the items' intercepts (m,), the factor's means of waves
    after the first (T-1,), where it is 0, then those of `EqualLoadings`.
    """

    model: LongitudinalFactor

    def expand(self, coefficients: Vector) -> Vector:
        """Means and parameters (k+q,)."""
        intercepts, factor_means, loadings = self._parts(coefficients)
        means = intercepts + np.outer(np.append(0.0, factor_means), loadings)
        structure = coefficients[self._first_loading :]
        parameters = _equal_loadings(self.model) @ structure
        return np.concatenate([means.reshape(-1), parameters])

    def slopes(self, coefficients: Vector) -> csr_array:
        """Their derivatives (k+q, f)."""
        _, factor_means, loadings = self._parts(coefficients)
        waves, items = self.model.waves, self.model.items
        by_loading = np.kron(
            np.append(0.0, factor_means)[:, None], np.eye(items)[:, 1:]
        )
        by_mean = np.kron(np.eye(waves)[:, 1:], loadings[:, None])
        by_intercept = np.tile(np.eye(items), (waves, 1))
        means = np.zeros((waves * items, len(coefficients)))
        start = self._first_loading
        means[:, : start + items - 1] = np.hstack([by_intercept, by_mean, by_loading])
        structure = _equal_loadings(self.model)
        shift = csr_array((structure.shape[0], start))
        parameters = hstack([shift, structure])
        return csr_array(vstack([csr_array(means), parameters]))

    def curvature(self, coefficients: Vector, gradient: Vector) -> Matrix:
        """Second derivatives (f, f): of means by a factor's mean and a loading."""
        waves, items = self.model.waves, self.model.items
        by_mean = gradient[: waves * items].reshape(waves, items)[1:, 1:]
        second = np.zeros((len(coefficients), len(coefficients)))
        rows = slice(items, self._first_loading)
        columns = slice(self._first_loading, self._first_loading + items - 1)
        second[rows, columns] = by_mean
        second[columns, rows] = by_mean.T
        return second

    @property
    def _first_loading(self) -> int:
        return self.model.items + self.model.waves - 1

    def _parts(self, coefficients: Vector) -> tuple[Vector, Vector, Vector]:
        """Intercepts (m,), factor's means (T-1,), loadings (m,)."""
        items, start = self.model.items, self._first_loading
        loadings = np.append(1.0, coefficients[start : start + items - 1])
        return coefficients[:items], coefficients[items:start], loadings


def configural_start(means: Vector, model: LongitudinalFactor) -> Vector:
    """Means (k,) and parameters to begin with, for items of variance 1."""
    factors = COMMON * np.where(_same_wave(model), 1.0, COMMON)
    residuals = np.tile((1 - COMMON) * _same_wave(model), model.items)
    return np.concatenate([means, np.ones(model.loadings), factors, residuals])


def metric_start(configural: Vector, model: LongitudinalFactor) -> Vector:
    """Coefficients from means and parameters (k+q,): mean loadings."""
    size = model.waves * model.items
    loadings = configural[size : size + model.loadings].reshape(model.waves, -1)
    others = configural[size + model.loadings :]
    return np.concatenate([configural[:size], loadings.mean(axis=0), others])


def scalar_start(metric: Vector, model: LongitudinalFactor) -> Vector:
    """Coefficients from those of equal loadings: the first wave's means, and changes."""
    size = model.waves * model.items
    means = metric[:size].reshape(model.waves, model.items)
    changes = (means[1:] - means[0]).mean(axis=1)
    return np.concatenate([means[0], changes, metric[size:]])


def _same_wave(model: LongitudinalFactor) -> Vector:
    """1 for a variance, 0 for a covariance of two waves (p,)."""
    rows, columns = np.triu_indices(model.waves)
    return np.asarray(rows == columns, dtype=np.float64)


def _equal_loadings(model: LongitudinalFactor) -> csr_array:
    """Parameters (q,) from an item's loadings and all others."""
    loadings = np.tile(np.eye(model.items - 1), (model.waves, 1))
    others = eye_array(model.size - model.loadings)
    return csr_array(block_diag([loadings, others]))
