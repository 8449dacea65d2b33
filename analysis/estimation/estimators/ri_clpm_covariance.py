"""The covariances of a random-intercept cross-lagged panel model."""

from dataclasses import dataclass

import numpy as np

from panelstream.models.arrays import Array, Matrix, Vector

# The starting value: half of the variance is persons', deviations halve a wave.
SHARE, CARRIED = 0.5, 0.5


@dataclass(frozen=True, eq=False)
class CrossLagged:
    """Covariances (k, k) of exposure and outcome in T waves, k = 2T, in turns.

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
        turned = spread @ self.paths @ within
        carried = spread @ self.residuals @ spread.T
        return np.concatenate([_symmetric(turned), self.intercepts, carried])

    def curvature(self, parameters: Vector, slope: Matrix) -> Matrix:
        """Second derivatives (7 + r, 7 + r), summed with `slope` (k, k)."""
        spread, within = self._within(parameters)
        moved = self.slopes(parameters)
        moved[4:7] = 0.0
        second = np.zeros((len(moved), len(moved)))
        for one, path in enumerate(self.paths):
            # d(spread path within): the first factor moves with paths only.
            changed = spread @ path @ moved
            changed[:4] += spread @ self.paths @ spread @ path @ within
            second[one] = 2 * np.tensordot(changed, slope, axes=2)
        second[4:, :4] = second[:4, 4:].T
        return second

    def _within(self, parameters: Vector) -> tuple[Matrix, Matrix]:
        """How residuals spread (k, k), and the deviations' covariances (k, k)."""
        size = self.paths.shape[1]
        led = np.tensordot(parameters[:4], self.paths, axes=1)
        spread: Matrix = np.asarray(np.linalg.inv(np.eye(size) - led))
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
    every = np.ones((waves, waves))
    sides = ([[1, 0], [0, 0]], [[0, 0], [0, 1]], [[0, 1], [1, 0]])
    return CrossLagged(
        paths=np.stack([_units(size, places) for places in paths]),
        intercepts=np.stack([np.kron(every, side) for side in sides]),
        residuals=np.stack([*variances, *covariances]),
    )


def start(scaled: Matrix, model: CrossLagged) -> tuple[Vector, Vector]:
    """Means and parameters from which to climb, for `scaled` values (n, 2T)."""
    variances = np.nanvar(scaled, axis=0)
    residuals = np.zeros(len(model.residuals))
    residuals[: len(variances)] = variances * SHARE
    residuals[2 : len(variances)] *= 1 - CARRIED**2
    sides = variances.reshape(-1, 2).mean(axis=0) * SHARE
    paths = [CARRIED, CARRIED, 0, 0]
    parameters = np.concatenate([paths, sides, [0], residuals])
    return np.nanmean(scaled, axis=0), parameters


def _units(size: int, places: list[tuple[int, int]]) -> Matrix:
    """A matrix with 1 at some places."""
    matrix = np.zeros((size, size))
    matrix[tuple(np.transpose(places))] = 1.0
    return matrix


def _symmetric(matrices: Array) -> Array:
    return np.asarray(matrices + matrices.swapaxes(-1, -2))
