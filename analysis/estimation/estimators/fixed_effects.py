"""Least squares on deviations from persons' means, clustered by person.

Person effects are absorbed: everything enters as its (weighted) deviation from the
person's mean over the analysed rows; wave effects enter as dummies (the within
estimator: Wooldridge 2010, Econometric Analysis of Cross Section and Panel Data,
section 10.5). Person effects count in no correction, as they are nested in the
clusters: counted they would make errors too large (by 14 % on five waves, by more
on fewer). The intercept counts in K.
"""

import pandas as pd

from panelstream.analysis.estimation.design import (
    Design,
    Matrix,
    NotEstimable,
    Vector,
    build,
)
from panelstream.analysis.estimation.fit import (
    Component,
    Fit,
    completed,
    exposure_names,
    summarise,
    worst_inflation,
)
from panelstream.analysis.estimation.inference import (
    LeastSquares,
    deviations,
    identify,
    least_squares,
    root,
)
from panelstream.analysis.plan.specifications import Specification


def fit(specification: Specification, panel: pd.DataFrame) -> Fit:
    """Regress within persons."""
    design = build(specification, panel)
    outcome, columns = within(design)
    found = identify(columns)
    fitted = absorbed(design, outcome, columns[:, found.kept])
    estimates, std_errors = completed(fitted.coefficients, fitted.covariance, found)
    component = Component("within", columns, estimates, std_errors)
    inflation = worst_inflation(exposure_names(design), found)
    return summarise(specification, design, [component], [inflation])


def within(design: Design) -> tuple[Vector, Matrix]:
    """Outcome (n,) and regressors (n, k) as deviations from persons' means.

    Raises `NotEstimable` if the outcome changes within no person.
    """
    outcome = deviations(design.outcome[:, None], design.persons, design.weights)[:, 0]
    if not outcome.any():
        raise NotEstimable("the outcome changes within no person")
    return outcome, deviations(design.regressors, design.persons, design.weights)


def absorbed(design: Design, outcome: Vector, columns: Matrix) -> LeastSquares:
    """Regress deviations (n,) on independent deviations (n, k) by design's weights."""
    scale = root(design.weights)
    return least_squares(
        outcome * scale[:, 0], columns * scale, design.persons, absorbed=1
    )
