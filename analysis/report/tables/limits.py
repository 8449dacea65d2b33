"""Limits and p-values that are computed again at release, from numbers as released."""

import numpy as np
import numpy.typing as npt
from scipy import stats

from panelstream.analysis.plan.conventions import CONFIDENCE
from panelstream.models.arrays import Vector


def t_limits(
    centre: npt.ArrayLike, std_error: npt.ArrayLike, df: npt.ArrayLike
) -> tuple[Vector, Vector]:
    """Confidence limits from t; of no less than 1 df."""
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, np.maximum(df, 1))
    half = quantile * np.asarray(std_error)
    return np.asarray(centre - half), np.asarray(centre + half)


def t_p_values(statistic: npt.ArrayLike, df: npt.ArrayLike) -> Vector:
    """Two-sided p-values from t; of no less than 1 df."""
    return np.asarray(2 * stats.t.sf(np.abs(statistic), np.maximum(df, 1)))


def fisher_limits(r: Vector, n: Vector) -> tuple[Vector, Vector]:
    """Confidence limits of correlations by Fisher's z; those of +-1 have no width."""
    with np.errstate(divide="ignore"):
        z = np.arctanh(r)
    half = stats.norm.ppf((1 + CONFIDENCE) / 2) / np.sqrt(np.maximum(n - 3, 1))
    return np.tanh(z - half), np.tanh(z + half)
