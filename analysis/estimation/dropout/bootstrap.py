"""Person bootstrap: standard errors with weights that are estimated in every draw.

As many persons as there are, drawn with replacement, each with all their waves
(Cameron & Miller 2015, J. Hum. Resour. 50(2), section VI). The standard error is
the standard deviation over the draws, so it includes the uncertainty of the weights.
"""

from collections.abc import Callable

import numpy as np

from panelstream.analysis.estimation.dropout.waves import Waves
from panelstream.analysis.estimation.registration import Solve
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.models.arrays import Codes, Matrix, Vector

DRAWS = 400
"""An error from 400 draws is itself uncertain by 3.5 %."""

SOLVED = 0.95
"""Share of the draws that must have a solution."""

STD_ERROR_TYPE = "larger_of_person_bootstrap_and_cluster"

Weigh = Callable[[Vector], Matrix]
"""Weights (G, T) of persons' waves if each person (G,) counts so often."""

Progress = Callable[[int, int], None]


def ignore(done: int, total: int) -> None:
    """Take no notice of progress."""


def bootstrap_errors(
    solve: Solve,
    rows: Codes,
    waves: Waves,
    weigh: Weigh,
    seed: int,
    progress: Progress = ignore,
) -> Vector:
    """Standard errors of a fit's terms, in their order; NaN where not estimable.

    `solve` gives the terms of a design whose `rows` (n,) are positions in the panel.
    Raises `NotEstimable` if too many draws have no solution.
    """
    random, cells = np.random.default_rng(seed), waves.cells[rows]
    (persons, count), solutions = waves.rows.shape, []
    for draw in range(DRAWS):
        sample = random.integers(0, persons, persons)
        times = np.bincount(sample, minlength=persons).astype(np.float64)
        try:
            weights = weigh(times).ravel()[cells]
            solutions.append(solve(weights, times[cells // count]))
        except (NotEstimable, np.linalg.LinAlgError):
            pass
        progress(draw + 1, DRAWS)
    if len(solutions) < SOLVED * DRAWS:
        failures = DRAWS - len(solutions)
        raise NotEstimable(f"{failures} of {DRAWS} draws had no solution")
    return np.asarray(np.std(solutions, axis=0, ddof=1))
