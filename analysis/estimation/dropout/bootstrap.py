"""Errors from drawing persons anew, with weights that are estimated in every draw.

As many persons as there are, drawn with replacement, each with all their waves
(Cameron & Miller 2015, J. Hum. Resour. 50(2), section VI). The error is the standard
deviation over the draws, so it knows that the weights are uncertain too.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from panelstream.analysis.estimation.design import (
    Codes,
    Design,
    Mask,
    Matrix,
    NotEstimable,
    Vector,
)
from panelstream.analysis.estimation.dropout.waves import Waves
from panelstream.analysis.estimation.estimators.first_difference import (
    adjacent,
    differences,
)
from panelstream.analysis.estimation.estimators.within_between import (
    decompose,
    random_intercept,
)
from panelstream.analysis.estimation.inference import (
    deviations,
    identify,
    person_sizes,
    person_sums,
    with_intercept,
)
from panelstream.analysis.plan.specifications import Specification

DRAWS = 400
"""An error from 400 draws is itself uncertain by 3.5 %."""

SOLVED = 0.95
"""Share of the draws that must have a solution."""

STD_ERROR_TYPE = "person_bootstrap"

Weigh = Callable[[Vector], Matrix]
"""Weights (G, T) of persons' waves if each person (G,) counts so often."""

Solve = Callable[[Vector, Vector], Vector]
"""Coefficients of a fit's terms, in their order, by weights (n,) of a design's rows
whose persons count so often (n,); NaN where none is estimable."""

Progress = Callable[[int, int], None]


def ignore(done: int, total: int) -> None:
    """Take no notice of progress."""


def std_errors(
    specification: Specification,
    design: Design,
    waves: Waves,
    weigh: Weigh,
    progress: Progress = ignore,
) -> Vector:
    """Standard errors of the fit's terms, in their order; NaN where not estimable.

    Raises `NotEstimable` if too many draws have no solution.
    """
    solve, cells = SOLVERS[specification.estimator](design), waves.cells[design.rows]
    random = np.random.default_rng(specification.seed)
    persons, found = len(waves.rows), []
    for done in range(DRAWS):
        drawn = random.integers(0, persons, persons)
        times = np.bincount(drawn, minlength=persons).astype(np.float64)
        try:
            weights = weigh(times).ravel()[cells]
            found.append(solve(weights, times[cells // waves.rows.shape[1]]))
        except (NotEstimable, np.linalg.LinAlgError):
            pass
        progress(done + 1, DRAWS)
    if len(found) < SOLVED * DRAWS:
        raise NotEstimable(f"{DRAWS - len(found)} of {DRAWS} draws had no solution")
    return np.asarray(np.std(found, axis=0, ddof=1))


def _absorbing(design: Design) -> Solve:
    """Fixed effects: sums over rows less those of what persons' means explain."""
    columns = deviations(design.regressors, design.persons, design.weights)
    kept = identify(columns).kept
    outcome = deviations(design.outcome[:, None], design.persons)
    values, persons = np.column_stack([columns[:, kept], outcome]), design.persons

    def solve(weights: Vector, times: Vector) -> Vector:
        weighted = values * (weights * times)[:, None]
        sums = person_sums(weighted, persons)
        sizes = person_sums((weights * times)[:, None], persons)
        products = values.T @ weighted
        products -= sums.T @ (sums / np.where(sizes > 0, sizes, 1.0))
        return _exposures(design, kept, _solved(products))

    return solve


def _pooling(design: Design) -> Solve:
    """Least squares on all rows."""
    kept = identify(design.regressors).kept
    columns = with_intercept(design.regressors[:, kept])
    values = np.column_stack([columns, design.outcome])

    def solve(weights: Vector, times: Vector) -> Vector:
        products = values.T @ (values * (weights * times)[:, None])
        return _exposures(design, kept, _solved(products)[1:])

    return solve


def _differencing(design: Design) -> Solve:
    """Least squares on changes, by the weight of the later wave."""
    later, solve = adjacent(design)[1], _pooling(differences(design))
    return lambda weights, times: solve(weights[later], times[later])


def _mixing(design: Design) -> Solve:
    """Within and between: whoever is drawn twice is two people."""
    columns, offset = decompose(design)
    kept = identify(columns).kept
    sizes = person_sizes(design.persons).astype(np.intp)
    starts = np.cumsum(sizes) - sizes

    def solve(weights: Vector, times: Vector) -> Vector:
        rows, persons = _repeated(starts, sizes, times[starts].astype(np.intp))
        drawn = replace(
            design,
            outcome=design.outcome[rows],
            regressors=design.regressors[rows],
            persons=persons,
            weights=weights[rows],
        )
        fitted = random_intercept(
            drawn.outcome,
            with_intercept(decompose(drawn)[0][:, kept]),
            drawn.persons,
            drawn.weights,
        )
        found = np.full(len(kept), np.nan)
        found[kept] = fitted.coefficients[1:]
        exposures = np.arange(len(design.exposures))
        return np.column_stack([found[exposures], found[exposures + offset]]).ravel()

    return solve


SOLVERS: Mapping[str, Callable[[Design], Solve]] = {
    "fixed_effects": _absorbing,
    "first_difference": _differencing,
    "pooled": _pooling,
    "within_between": _mixing,
}


def _solved(products: Matrix) -> Vector:
    """The last column on the others, from cross products (k + 1, k + 1)."""
    solved = np.linalg.solve(products[:-1, :-1], products[:-1, -1])
    return np.asarray(solved, dtype=np.float64)


def _exposures(design: Design, kept: Mask, coefficients: Vector) -> Vector:
    found = np.full(len(kept), np.nan)
    found[kept] = coefficients
    return found[: len(design.exposures)]


def _repeated(starts: Codes, sizes: Codes, times: Codes) -> tuple[Codes, Codes]:
    """Rows of persons (G,) who count `times` (G,), and codes of the copies."""
    copies = np.repeat(np.arange(len(times)), times)
    persons = np.repeat(np.arange(len(copies)), sizes[copies])
    first = np.cumsum(sizes[copies]) - sizes[copies]
    within = np.arange(len(persons)) - first[persons]
    return starts[copies][persons] + within, persons
