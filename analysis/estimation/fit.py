"""What an estimator returns, and the parts that estimators share."""

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
    """The estimate for one component of an exposure; NaN where there is no number.

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
    """One specification with its estimates and tests."""

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


def expand_estimates(
    coefficients: Vector, covariance: Matrix, identification: Identification
) -> tuple[Vector, Vector]:
    """Estimates and standard errors (k,) of all columns from those of the basis.

    A column of the basis that is not estimable has a coefficient which depends on the
    choice of columns: it is NaN too.
    """
    estimates = np.full(len(identification.basis), nan)
    std_errors = np.full(len(identification.basis), nan)
    estimates[identification.basis] = coefficients
    # A variance of 0, say of a dummy of one row, may round below it.
    std_errors[identification.basis] = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    estimates[~identification.estimable] = nan
    return estimates, std_errors


def exposure_coefficients(design: Design, basis: Mask, coefficients: Vector) -> Vector:
    """Those of the exposures, from those of the columns of the `basis` (k,); NaN where none."""
    values = np.full(len(basis), nan)
    values[basis] = coefficients
    return values[: len(design.exposures)]


def regress(
    outcome: Vector, columns: Matrix, clusters: Codes, scale: Matrix | float = 1.0
) -> tuple[Vector, Vector, Identification]:
    """Cluster-robust least squares on columns (n, k) and an intercept.

    `scale` (n, 1): the roots of the rows' weights. Estimates and standard errors (k,)
    are NaN where nothing can be estimated.
    """
    identification = identify(columns)
    fitted = least_squares(
        (outcome[:, None] * scale)[:, 0],
        with_intercept(columns[:, identification.basis]) * scale,
        clusters,
    )
    return *expand_estimates(
        fitted.coefficients[1:], fitted.covariance[1:, 1:], identification
    ), identification


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
        terms=tuple(
            _term(design, component, j) for j in exposures for component in components
        ),
        tests=tuple(tests),
        n_obs=design.n_obs,
        n_participants=design.n_participants,
        n_waves=design.n_waves,
        note=design.note,
    )


def worst_inflation(names: Sequence[str], identification: Identification) -> Diagnostic:
    """The largest variance inflation factor among the named of k columns.

    `names` (k) are empty for columns that do not count.
    """
    exposures = [
        j for j, name in enumerate(names) if name and identification.estimable[j]
    ]
    if not exposures:
        return Diagnostic("vif_max", note="not estimable: no exposure varies by itself")
    worst = max(exposures, key=lambda j: identification.inflation[j])
    return Diagnostic(
        "vif_max", float(identification.inflation[worst]), note=names[worst]
    )


def intraclass_correlation(share: float) -> Diagnostic:
    """The persons' share of the unexplained variance."""
    note = "" if share else "at the boundary: no variance between persons is left"
    return Diagnostic("intraclass_correlation", share, note=note)


def exposure_names(design: Design) -> list[str]:
    """The names of the design's exposure terms, empty for its other columns."""
    return [
        column.name if column.role == "exposure" else "" for column in design.columns
    ]


def _term(design: Design, component: Component, j: int) -> Term:
    labels = (design.columns[j].exposure, design.columns[j].name, component.name)
    spread = float(np.std(centred(component.entered[:, [j]]), ddof=1))
    estimate, std_error = component.estimates[j], component.std_errors[j]
    if np.isnan(estimate):
        reason = "collinear with other terms" if spread else UNVARYING[component.name]
        return Term(*labels, note=f"not estimable: {reason}")
    relative = spread / float(np.std(design.outcome, ddof=1))
    if std_error * relative <= NEGLIGIBLE:
        return Term(*labels, note="not estimable: too few persons for an error")
    inference = infer(float(estimate), float(std_error), design.n_participants)
    return Term(
        *labels, **asdict(inference), standardized=inference.estimate * relative
    )
