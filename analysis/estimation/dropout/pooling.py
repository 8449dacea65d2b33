"""Rubin's rules: one estimate from the estimates of several imputations.

Rubin (1987, Multiple Imputation for Nonresponse in Surveys, section 3.3); degrees of
freedom by Barnard & Rubin (1999, Biometrika 86(4)); the fraction of missing
information with its small-sample term (Rubin 1987, equation 3.1.10).
"""

from dataclasses import dataclass

import numpy as np

from panelstream.models.arrays import Vector


@dataclass(frozen=True)
class Pooled:
    """A pooled estimate; `fraction_missing` is the fraction of missing information."""

    estimate: float
    std_error: float
    df: float
    fraction_missing: float


def pool_estimates(estimates: Vector, std_errors: Vector, complete_df: float) -> Pooled:
    """Pool m estimates (m,) whose t would have `complete_df` without missing data."""
    count = len(estimates)
    within = float(np.mean(np.square(std_errors)))
    between = float(np.var(estimates, ddof=1)) * (1 + 1 / count)
    total = within + between
    share = between / total
    observed = (complete_df + 1) / (complete_df + 3) * complete_df * (1 - share)
    # The reciprocal of (m - 1) / share^2, which is infinite where nothing differs.
    df = 1 / (share**2 / (count - 1) + 1 / observed)
    increase = between / within
    return Pooled(
        estimate=float(np.mean(estimates)),
        std_error=float(np.sqrt(total)),
        df=df,
        fraction_missing=(increase + 2 / (df + 3)) / (increase + 1),
    )
