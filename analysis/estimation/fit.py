"""What an estimator returns, and how it says it the same way as the others."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import nan

import numpy as np

from panelstream.analysis.estimation.design import Design
from panelstream.analysis.estimation.inference import (
    NEGLIGIBLE,
    STD_ERROR_TYPE,
    Identification,
    centred,
    identify,
    infer,
    least_squares,
    with_intercept,
)
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Codes, Mask, Matrix, Vector

UNVARYING = {
    "pooled": "the same in every row",
    "within": "changes within no person",
    "between": "the same for every person",
}


@dataclass(frozen=True)
class Term:
    """What came out for one exposure; numbers are NaN where there is none.

    `standardized` is `estimate` times the standard deviation of the term as it
    entered (a within component: of the deviations from the person's mean) over
    the outcome's, both in the analysed rows.
    """

    exposure: str
    term: str
    component: str
    estimate: float = nan
    std_error: float = nan
    statistic: float = nan
    df: float = nan
    p_value: float = nan
    ci_low: float = nan
    ci_high: float = nan
    standardized: float = nan
    note: str = ""


@dataclass(frozen=True)
class Diagnostic:
    """A test or a description of one fit: a row of the tests."""

    test: str
    statistic: float = nan
    df: float = nan
    p_value: float = nan
    note: str = ""


@dataclass(frozen=True)
class Fit:
    """One specification with all that came out of it."""

    specification: Specification
    terms: tuple[Term, ...]
    tests: tuple[Diagnostic, ...] = ()
    n_obs: int = 0
    n_participants: int = 0
    n_waves: int = 0
    note: str = ""
    std_error_type: str = STD_ERROR_TYPE


@dataclass(frozen=True, eq=False)
class Component:
    """A part of a regression: columns (n, k) as they entered, exposures first.

    `estimates` and `std_errors` (k,) are NaN where nothing can be estimated.
    """

    name: str
    entered: Matrix
    estimates: Vector
    std_errors: Vector


def completed(
    coefficients: Vector, covariance: Matrix, found: Identification
) -> tuple[Vector, Vector]:
    """Estimates and standard errors (k,) of all columns from the kept ones'.

    A kept column that is not estimable has a coefficient which depends on the
    choice of columns: it is NaN too.
    """
    estimates = np.full(len(found.kept), nan)
    std_errors = np.full(len(found.kept), nan)
    estimates[found.kept] = coefficients
    # A variance of 0, say of a dummy of one row, may round below it.
    std_errors[found.kept] = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    estimates[~found.estimable] = nan
    return estimates, std_errors


def exposure_coefficients(design: Design, kept: Mask, coefficients: Vector) -> Vector:
    """Those of the exposures, from those of the `kept` columns (k,); NaN where none."""
    values = np.full(len(kept), nan)
    values[kept] = coefficients
    return values[: len(design.exposures)]


def regress(
    outcome: Vector, columns: Matrix, clusters: Codes, scale: Matrix | float = 1.0
) -> tuple[Vector, Vector, Identification]:
    """Least squares on columns (n, k) and an intercept, clustered: what came of each column.

    `scale` (n, 1): the roots of the rows' weights. Estimates and standard errors (k,)
    are NaN where nothing can be estimated.
    """
    found = identify(columns)
    fitted = least_squares(
        (outcome[:, None] * scale)[:, 0],
        with_intercept(columns[:, found.kept]) * scale,
        clusters,
    )
    return *completed(fitted.coefficients[1:], fitted.covariance[1:, 1:], found), found


def summarise(
    specification: Specification,
    design: Design,
    components: Sequence[Component],
    tests: Sequence[Diagnostic],
) -> Fit:
    """A fit with the exposures' terms, each exposure's components together."""
    exposures = range(len(design.exposures))
    return Fit(
        specification=specification,
        terms=tuple(_term(design, one, j) for j in exposures for one in components),
        tests=tuple(tests),
        n_obs=design.n_obs,
        n_participants=design.n_participants,
        n_waves=design.n_waves,
        note=design.note,
    )


def worst_inflation(names: Sequence[str], found: Identification) -> Diagnostic:
    """The largest variance inflation factor among the named of k columns.

    `names` (k) are empty for columns that are not asked about.
    """
    asked = [j for j, name in enumerate(names) if name and found.estimable[j]]
    if not asked:
        return Diagnostic("vif_max", note="not estimable: no exposure varies by itself")
    worst = max(asked, key=lambda j: found.inflation[j])
    return Diagnostic("vif_max", float(found.inflation[worst]), note=names[worst])


def intraclass_correlation(share: float) -> Diagnostic:
    """The persons' share of the unexplained variance."""
    note = "" if share else "at the boundary: no variance between persons is left"
    return Diagnostic("intraclass_correlation", share, note=note)


def exposure_names(design: Design) -> list[str]:
    """The names of the design's exposure terms, empty for its other columns."""
    return [one.name if one.role == "exposure" else "" for one in design.columns]


def _term(design: Design, component: Component, j: int) -> Term:
    where = (design.columns[j].exposure, design.columns[j].name, component.name)
    spread = float(np.std(centred(component.entered[:, [j]]), ddof=1))
    estimate, std_error = component.estimates[j], component.std_errors[j]
    if np.isnan(estimate):
        why = "collinear with other terms" if spread else UNVARYING[component.name]
        return Term(*where, note=f"not estimable: {why}")
    relative = spread / float(np.std(design.outcome, ddof=1))
    if std_error * relative <= NEGLIGIBLE:
        return Term(*where, note="not estimable: too few persons for an error")
    numbers = infer(float(estimate), float(std_error), design.n_participants)
    return Term(*where, **asdict(numbers), standardized=numbers.estimate * relative)
