"""The covariances of a random-intercept cross-lagged panel model."""

from dataclasses import dataclass

import numpy as np

from panelstream.models.arrays import Array, Matrix, Vector

# Starting values: half of the variance is between persons, and half of a deviation is
# still there in the next wave.
BETWEEN_SHARE, AUTOREGRESSION = 0.5, 0.5


@dataclass(frozen=True, eq=False)
class CrossLagged:
    """Covariances (k, k) of exposure and outcome in T waves, alternating; k = 2T.

    Deviations are (I - sum of coefficients times `paths` (4, k, k)) to the power -1
    times residuals, whose covariances are a sum of `residuals` (r, k, k); those of
    the random intercepts, of `intercepts` (3, k, k). Parameters are the paths',
    the intercepts' and the residuals'.
    """

    paths: Array
    intercepts: Array
    residuals: Array

    def covariance(self, parameters: Vector) -> Matrix:
        """The covariances (k, k) at parameters (7 + r,)."""
        between = np.tensordot(parameters[4:7], self.intercepts, axes=1)
        return np.asarray(between + self._within(parameters)[1])

    def slopes(self, parameters: Vector) -> Array:
        """Their derivatives (7 + r, k, k)."""
        spread, within = self._within(parameters)
        by_path = _with_transpose(spread @ self.paths @ within)
        by_residual = spread @ self.residuals @ spread.T
        return np.concatenate([by_path, self.intercepts, by_residual])

    def curvature(self, parameters: Vector, slope: Matrix) -> Matrix:
        """Second derivatives (7 + r, 7 + r), summed with `slope` (k, k)."""
        spread, within = self._within(parameters)
        slopes = self.slopes(parameters)
        slopes[4:7] = 0.0
        second = np.zeros((len(slopes), len(slopes)))
        for j, path in enumerate(self.paths):
            # d(spread path within): the first factor depends on paths only.
            product = spread @ path @ slopes
            product[:4] += spread @ self.paths @ spread @ path @ within
            second[j] = 2 * np.tensordot(product, slope, axes=2)
        second[4:, :4] = second[:4, 4:].T
        return second

    def _within(self, parameters: Vector) -> tuple[Matrix, Matrix]:
        """How residuals spread (k, k), and the deviations' covariances (k, k)."""
        size = self.paths.shape[1]
        paths = np.tensordot(parameters[:4], self.paths, axes=1)
        spread: Matrix = np.asarray(np.linalg.inv(np.eye(size) - paths))
        residual = np.tensordot(parameters[7:], self.residuals, axes=1)
        return spread, np.asarray(spread @ residual @ spread.T)


def structure(waves: int, timing: str) -> CrossLagged:
    """The model of so many waves; exposure and outcome of wave t at 2t and 2t + 1."""
    size = 2 * waves
    later = range(2, size, 2)
    source = 0 if timing == "same" else -2
    paths = (
        [(t, t - 2) for t in later],
        [(t + 1, t - 1) for t in later],
        [(t + 1, t + source) for t in later],
        [(t, t - 1) for t in later],
    )
    correlated = range(0, 2 if timing == "same" else size, 2)
    variances = [_units(size, [(j, j)]) for j in range(size)]
    covariances = [_units(size, [(t, t + 1), (t + 1, t)]) for t in correlated]
    all_waves = np.ones((waves, waves))
    sides = ([[1, 0], [0, 0]], [[0, 0], [0, 1]], [[0, 1], [1, 0]])
    return CrossLagged(
        paths=np.stack([_units(size, places) for places in paths]),
        intercepts=np.stack([np.kron(all_waves, side) for side in sides]),
        residuals=np.stack([*variances, *covariances]),
    )


def starting_values(scaled: Matrix, model: CrossLagged) -> tuple[Vector, Vector]:
    """Means and parameters to begin the search with, for `scaled` values (n, 2T)."""
    variances = np.nanvar(scaled, axis=0)
    residuals = np.zeros(len(model.residuals))
    residuals[: len(variances)] = variances * BETWEEN_SHARE
    residuals[2 : len(variances)] *= 1 - AUTOREGRESSION**2
    sides = variances.reshape(-1, 2).mean(axis=0) * BETWEEN_SHARE
    paths = [AUTOREGRESSION, AUTOREGRESSION, 0, 0]
    parameters = np.concatenate([paths, sides, [0], residuals])
    return np.nanmean(scaled, axis=0), parameters


def _units(size: int, places: list[tuple[int, int]]) -> Matrix:
    """A matrix with 1 at some places."""
    matrix = np.zeros((size, size))
    matrix[tuple(np.transpose(places))] = 1.0
    return matrix


def _with_transpose(matrices: Array) -> Array:
    return np.asarray(matrices + matrices.swapaxes(-1, -2))
