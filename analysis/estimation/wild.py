"""Restricted wild cluster bootstrap of one coefficient (Cameron, Gelbach & Miller 2008).

The null hypothesis is imposed, and every person's residuals are multiplied by one random
weight (Rev. Econ. Stat. 90(3)). No draw is fitted again: coefficient and clustered
error of a draw follow from k sums for each person (Roodman, MacKinnon, Nielsen & Webb
2019, Stata J. 19(1), section 5). It needs no degrees of freedom, and so is a check of
those of CR2.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from panelstream.analysis.estimation.inference import LeastSquares, person_sums
from panelstream.models.arrays import Matrix, Vector

DRAWS = 999

RADEMACHER = np.array([-1.0, 1.0])
WEBB = np.sqrt(np.array([0.5, 1.0, 1.5]))[:, None] * RADEMACHER
"""Points of equal probability (Webb 2023, Can. J. Econ. 56(3))."""

FEWEST_FOR_RADEMACHER = 12
"""With fewer persons, two points give too few different draws."""

CELLS = 2**21
"""Random weights that are drawn at the same time."""


@dataclass(frozen=True, eq=False)
class Restricted:
    """Sums over each person's rows under the null hypothesis of one coefficient.

    `numerators` (G,) add up to the coefficient; `scores` (G, k) are on orthonormal
    columns, and `loadings` (G, k) are what the coefficient takes of them. `observed`
    is t squared, by the same error.
    """

    numerators: Vector
    scores: Matrix
    loadings: Matrix
    observed: float

    @cached_property
    def columns(self) -> Matrix:
        """Of persons (G, 2k + 1), whose weighted sums a draw needs."""
        products = self.numerators[:, None] * self.loadings
        return np.column_stack([self.scores, products, self.numerators])


def wild_cluster_p(
    fitted: LeastSquares, places: Sequence[int], seed: int
) -> list[float]:
    """Two-sided p of each coefficient at `places`, from the same `DRAWS` draws.

    NaN where there is no error to divide by.
    """
    if not places:
        return []
    hypotheses = [restrict(fitted, place) for place in places]
    random = np.random.default_rng(seed)
    columns = np.hstack([restricted.columns for restricted in hypotheses])
    extreme = np.ones(len(places))
    for weights in _draw_weights(int(fitted.persons[-1]) + 1, random):
        # One product with all columns is several times as fast as one for each.
        sums = np.split(weights @ columns, len(places), axis=1)
        squared = np.square(weights)
        for number, restricted in enumerate(hypotheses):
            squares = t_squares(restricted, sums[number], squared)
            extreme[number] += (squares >= restricted.observed).sum()
    observed = np.array([restricted.observed for restricted in hypotheses])
    return list(np.where(np.isfinite(observed), extreme / (DRAWS + 1), np.nan))


def restrict(fitted: LeastSquares, place: int) -> Restricted:
    """The regression without the column at `place`, whose coefficient is 0."""
    orthonormal, persons = fitted.columns @ fitted.inverse, fitted.persons
    direction = fitted.inverse[place]
    partialled = orthonormal @ direction
    coefficient = fitted.coefficients[place]
    influences = person_sums((partialled * fitted.residuals)[:, None], persons)
    residuals = fitted.residuals + partialled * coefficient / (direction @ direction)
    numerators = person_sums((partialled * residuals)[:, None], persons)
    return Restricted(
        numerators=numerators[:, 0],
        scores=person_sums(orthonormal * residuals[:, None], persons),
        loadings=person_sums(orthonormal * partialled[:, None], persons),
        observed=float(_ratio(coefficient**2, np.square(influences).sum())),
    )


def t_squares(restricted: Restricted, sums: Matrix, squared: Matrix) -> Vector:
    """t squared of each draw (B,), from its weighted `sums` (B, 2k + 1) of the columns.

    A person's influence is v a - c'W, where v is the weight, whose square is in
    `squared` (B, G), a the numerator, c the loadings, and W the sum of weighted scores.
    """
    terms, loadings = restricted.scores.shape[1], restricted.loadings
    scores, products = sums[:, :terms], sums[:, terms:-1]
    squares = (
        squared @ np.square(restricted.numerators)
        - 2 * np.einsum("bk,bk->b", scores, products)
        + np.einsum("bk,bk->b", scores @ (loadings.T @ loadings), scores)
    )
    return _ratio(np.square(sums[:, -1]), squares)


def _ratio(numerators: Vector | float, squares: Vector | float) -> Vector:
    """Infinite where an error is 0."""
    return np.asarray(
        numerators / np.where(squares > 0, squares, 1.0)
        + np.where(squares > 0, 0.0, np.inf)
    )


def _draw_weights(persons: int, random: np.random.Generator) -> Iterator[Matrix]:
    """`DRAWS` rows of persons' weights (B, G), some at a time."""
    points = RADEMACHER if persons >= FEWEST_FOR_RADEMACHER else WEBB.ravel()
    parts = -(-DRAWS * persons // CELLS)
    for draws in np.array_split(np.arange(DRAWS), parts):
        codes = random.integers(len(points), size=(len(draws), persons), dtype=np.int8)
        yield points[codes]
