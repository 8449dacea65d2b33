"""How well a model of means and covariances fits: chi-square, CFI and RMSEA.

Against free means and covariances (saturated), and against free means and no
covariances (independent). The chi-squares are scaled for data that are not normal
(Yuan & Bentler 2000, Sociol. Methodol. 30), and CFI and RMSEA are computed from them,
as lavaan's `cfi.scaled` and `rmsea.scaled` with MLR.
"""

from dataclasses import dataclass

import numpy as np

from panelstream.analysis.estimation.full_information_ml import (
    Linear,
    Maximum,
    Patterns,
    likelihood_ratio,
    maximise,
)
from panelstream.models.arrays import Vector


@dataclass(frozen=True)
class FitMeasures:
    """Chi-square of a model against the saturated one, and what follows from it."""

    chi_square: float
    df: int
    p_value: float
    cfi: float
    rmsea: float


@dataclass(frozen=True, eq=False)
class Bounds:
    """The best and the worst model of the same data of `persons`."""

    saturated: Maximum
    independent: Maximum
    persons: int

    def measure(self, model: Maximum) -> FitMeasures:
        """Where between them `model` is. Raises `NotEstimable` if a scale is not positive."""
        square, df, p_value = likelihood_ratio(self.saturated, model)
        worst, worst_df, _ = likelihood_ratio(self.saturated, self.independent)
        noncentrality = max(square - df, 0.0)
        largest = max(noncentrality, worst - worst_df)
        return FitMeasures(
            chi_square=square,
            df=df,
            p_value=p_value,
            cfi=1 - noncentrality / largest if largest else 1.0,
            rmsea=float(np.sqrt(noncentrality / (df * self.persons))),
        )


def fit_bounds(patterns: Patterns, means: Vector) -> Bounds:
    """Fit both; the search for free means begins at `means` (k,)."""
    variances = _variances(patterns)
    return Bounds(
        saturated=_saturated(patterns, means, variances),
        independent=_independent(patterns, variances),
        persons=len(patterns.members),
    )


def _saturated(patterns: Patterns, means: Vector, variances: Vector) -> Maximum:
    """All means, variances and covariances free."""
    size = len(means)
    rows, columns = np.triu_indices(size)
    basis = np.zeros((len(rows), size, size))
    basis[np.arange(len(rows)), rows, columns] = 1.0
    basis[np.arange(len(rows)), columns, rows] = 1.0
    start = (rows == columns) * variances[rows]
    return maximise(patterns, Linear(basis), means, start)


def _independent(patterns: Patterns, variances: Vector) -> Maximum:
    """All covariances 0."""
    size = len(variances)
    basis = np.zeros((size, size, size))
    basis[(np.arange(size),) * 3] = 1.0
    means = (patterns.counts @ patterns.means) / (patterns.counts @ patterns.observed)
    return maximise(patterns, Linear(basis), means, variances)


def _variances(patterns: Patterns) -> Vector:
    """Of what is known of each column (k,)."""
    filled = np.where(patterns.observed[patterns.members] > 0, patterns.values, np.nan)
    return np.asarray(np.nanvar(filled, axis=0))
