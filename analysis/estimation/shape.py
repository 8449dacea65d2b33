"""Whether an outcome goes with use in a straight line, and over which use that is known.

A few people do most of what is done. They decide a straight line, also where all that
matters is whether somebody used a function at all. So the regression is made again
with two more columns for each exposure, whether there was any use and log(1 + use),
and those of an exposure are tested jointly (Ramsey's idea of testing a form by adding
others: 1969, J. R. Stat. Soc. B 31(2)). Where they differ from 0, the slope of the line
is no answer to whether an effect is small.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.clustered import Clustered, cluster
from panelstream.analysis.estimation.design import Column, Design
from panelstream.analysis.estimation.fit import Diagnostic, f_test
from panelstream.analysis.estimation.inference import (
    Identification,
    LeastSquares,
    least_squares,
)
from panelstream.analysis.estimation.influence import Regression
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Mask, Matrix, Vector

CURVATURE = "curvature"
"""The test of a straight line."""

ZERO_SHARE = "zero_share"
"""The share of person-waves without use."""

MOVEMENT = ("movement_low", "movement_high")
"""The tests that say from where to where people move."""

FEWEST_MOVING = 10
"""Medians of fewer people would show what single people did."""

Regress = Callable[[Design], tuple[Regression, Identification]]
"""An estimator's regression of a design, on the columns of its basis."""


def zero_shares(specification: Specification, design: Design) -> Iterator[Diagnostic]:
    """The share of rows without any use, of each exposure: there the line is a guess."""
    if specification.shift:
        return
    for j, column in enumerate(design.exposures):
        share = float(np.mean(~_any_use(design.regressors[:, j])))
        yield Diagnostic(ZERO_SHARE, share, note=column.name)


def movements(specification: Specification, design: Design) -> Iterator[Diagnostic]:
    """From where to where people move, whose use changes: over which a line is known.

    The medians of their least and of their most use in a wave.
    """
    if specification.shift:
        return
    for j, column in enumerate(design.exposures):
        use = pd.Series(design.regressors[:, j]).groupby(design.persons)
        low, high = use.min(), use.max()
        moving = low < high
        if moving.sum() < FEWEST_MOVING:
            note = f"{column.name}: not estimable: fewer than {FEWEST_MOVING} people change"
            yield from (Diagnostic(test, note=note) for test in MOVEMENT)
            continue
        for test, ends in zip(MOVEMENT, (low, high), strict=True):
            yield Diagnostic(test, float(ends[moving].median()), note=column.name)


def curvature(
    specification: Specification, design: Design, regress: Regress
) -> Iterator[Diagnostic]:
    """A test for each exposure of a confirmatory regression on use as it is.

    An exposure of two values has no other shape, and no row.
    """
    if not specification.confirmatory or specification.transform != "none":
        return
    regression, identification = regress(_bend(design))
    try:
        clustered = cluster(_fit(regression), specification.errors)
    except NotEstimable as problem:
        yield Diagnostic(CURVATURE, note=f"not estimable: {problem}")
        return
    for column, contrasts in _shapes(design, identification, clustered):
        try:
            result = clustered.wald(contrasts)
        except NotEstimable as problem:
            yield Diagnostic(CURVATURE, note=f"{column.name}: not estimable: {problem}")
            continue
        yield f_test(
            CURVATURE, result, f"of a straight line for {column.name}", column.name
        )


def _fit(regression: Regression) -> LeastSquares:
    return least_squares(
        regression.outcome, regression.columns, regression.persons, regression.absorbed
    )


def _shapes(
    design: Design, identification: Identification, clustered: Clustered
) -> Iterator[tuple[Column, Matrix]]:
    """Each exposure with contrasts (1 or 2, k) of its further shapes that are identified.

    One that a single person's data identify is left out, such as any use where only one
    row is without use: the test would reject whatever that row is.
    """
    contrasts = np.eye(len(clustered.covariance))
    sole = clustered.carriers(contrasts).sole
    places, count = np.cumsum(identification.basis) - 1, len(design.exposures)
    first = len(places) - 2 * count
    for j, column in enumerate(design.exposures):
        shapes = [
            places[shape]
            for shape in (first + j, first + count + j)
            if identification.estimable[shape] and not sole[places[shape]]
        ]
        if shapes:
            yield column, contrasts[shapes]


def _bend(design: Design) -> Design:
    """The design with any use and the logarithm of use after all other columns."""
    exposures = design.exposures
    use = design.regressors[:, : len(exposures)]
    shapes = [*map(_any_use, use.T), *map(_logarithm, use.T)]
    names = [f"{shape}({e.name})" for shape in ("any", "log1p") for e in exposures]
    return replace(
        design,
        regressors=np.column_stack([design.regressors, *shapes]),
        columns=(*design.columns, *(Column(name, "varying") for name in names)),
    )


def _any_use(use: Vector) -> Mask:
    """Whether a value (n,) is above the smallest, which is none at all."""
    return np.asarray(use > use.min())


def _logarithm(use: Vector) -> Vector:
    return np.asarray(np.log1p(use - use.min()))
