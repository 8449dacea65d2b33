"""Logistic regression by Newton's method: arrays in, coefficients out."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit

from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.models.arrays import Mask, Matrix, Vector

STEPS = 60
EXACT, ROUGH = 1e-20, 1e-10
"""What a step may still gain at the end, of the deviance; errors are of its root."""
SEPARATED = 18.0
"""A logit beyond this is a chance of one in 65 million, which no panel can show."""


@dataclass(frozen=True, eq=False)
class Logit:
    """Coefficients (k,) and the inverse of the information (k, k) at them."""

    coefficients: Vector
    unscaled: Matrix


def fit(
    yes: Mask,
    columns: Matrix,
    times: Vector | None = None,
    start: Vector | None = None,
    gain: float = EXACT,
) -> Logit:
    """The most likely coefficients of `columns` (n, k) for the chance of `yes` (n,).

    A row counts `times` (n,) over; the search begins at `start` (k,) and ends when
    a step gains no more than `gain` of the deviance. It also does where a coefficient
    runs off because all of a group say yes, or none: `require_overlap` tells. Raises
    `NotEstimable` if it does not end.
    """
    times = np.ones(len(yes)) if times is None else times
    coefficients = np.zeros(columns.shape[1]) if start is None else start
    sign, last, step = np.where(yes, 1.0, -1.0), np.inf, np.zeros(columns.shape[1])
    for _ in range(STEPS):
        logits = columns @ coefficients
        deviance = -2 * float(times @ log_expit(sign * logits))
        if deviance > last * (1 + ROUGH):
            step = step / 2
            coefficients = coefficients - step
            continue
        information = _information(columns, times, expit(logits))
        score = columns.T @ (times * (yes - expit(logits)))
        step = np.linalg.solve(information, score)
        coefficients, last = coefficients + step, deviance
        runs_off = np.abs(logits).max() > SEPARATED
        if runs_off or score @ step <= gain * deviance:
            return Logit(coefficients, _inverse(information))
    raise NotEstimable("the model of dropout did not converge")


def require_overlap(logits: Vector, what: str) -> None:
    """Raise `NotEstimable` if some logit (n,) is as good as certain."""
    if np.abs(logits).max(initial=0.0) > SEPARATED:
        raise NotEstimable(f"separation: {what} is certain for some")


def _inverse(matrix: Matrix) -> Matrix:
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def _information(columns: Matrix, times: Vector, chance: Vector) -> Matrix:
    """Cross products (k, k); 1 for a column that no row of a draw has."""
    information = columns.T @ (columns * (times * chance * (1 - chance))[:, None])
    empty = np.flatnonzero(np.diag(information) == 0)
    information[empty, empty] = 1.0
    return np.asarray(information)
