"""Logistic regression by Newton's method: arrays in, coefficients out."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit

from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.models.arrays import Mask, Matrix, Vector

STEPS = 60
EXACT, ROUGH = 1e-20, 1e-10
"""The relative gain of deviance at which to stop; the error is of its root."""
SEPARATED = 18.0
"""A logit beyond this is a probability of one in 65 million, which no panel can show."""


@dataclass(frozen=True, eq=False)
class Logit:
    """Coefficients (k,) and the inverse of the information (k, k) at them."""

    coefficients: Vector
    covariance: Matrix


def fit_logit(
    outcome: Mask,
    columns: Matrix,
    times: Vector | None = None,
    start: Vector | None = None,
    gain: float = EXACT,
) -> Logit:
    """Maximum-likelihood coefficients of `columns` (n, k) for `outcome` (n,).

    Rows have frequencies `times` (n,); the search begins at `start` (k,) and ends when
    a step gains no more than `gain` of the deviance, or when a coefficient diverges
    because an outcome is certain in some group (separation), which `require_overlap`
    reports. Raises `NotEstimable` without convergence.
    """
    times = np.ones(len(outcome)) if times is None else times
    coefficients = np.zeros(columns.shape[1]) if start is None else start
    sign, previous, step = (
        np.where(outcome, 1.0, -1.0),
        np.inf,
        np.zeros(columns.shape[1]),
    )
    for _ in range(STEPS):
        logits = columns @ coefficients
        deviance = -2 * float(times @ log_expit(sign * logits))
        if deviance > previous * (1 + ROUGH):
            step = step / 2
            coefficients = coefficients - step
            continue
        information = _information(columns, times, expit(logits))
        score = columns.T @ (times * (outcome - expit(logits)))
        step = np.linalg.solve(information, score)
        coefficients, previous = coefficients + step, deviance
        diverges = np.abs(logits).max() > SEPARATED
        if diverges or score @ step <= gain * deviance:
            return Logit(coefficients, _inverse(information))
    raise NotEstimable("the model of dropout did not converge")


def require_overlap(logits: Vector, event: str) -> None:
    """Raise `NotEstimable` if a logit (n,) is practically certain (separation)."""
    if np.abs(logits).max(initial=0.0) > SEPARATED:
        raise NotEstimable(f"separation: {event} is certain for some")


def _inverse(matrix: Matrix) -> Matrix:
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def _information(columns: Matrix, times: Vector, probability: Vector) -> Matrix:
    """Cross products (k, k); 1 for a column that no row of a draw has."""
    information = columns.T @ (
        columns * (times * probability * (1 - probability))[:, None]
    )
    empty = np.flatnonzero(np.diag(information) == 0)
    information[empty, empty] = 1.0
    return np.asarray(information)
