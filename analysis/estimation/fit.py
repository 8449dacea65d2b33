"""What an estimator returns, and the parts that estimators share."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import nan

import numpy as np

from panelstream.analysis.estimation.clustered import (
    STD_ERROR_TYPES,
    Clustered,
    Wald,
    cluster,
)
from panelstream.analysis.estimation.design import Design
from panelstream.analysis.estimation.inference import (
    NEGLIGIBLE,
    Identification,
    centred,
    deviations,
    identify,
    infer,
    least_squares,
    person_means,
    person_sums,
    with_intercept,
)
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Array, Codes, Mask, Matrix, Vector

NO_RESIDUALS = "no error: the terms explain the outcome without residuals"

UNVARYING = {
    "pooled": "the same in every row",
    "within": "changes within no person",
    "between": "the same for every person",
    "contextual": "the same for every person",
}


@dataclass(frozen=True)
class Term:
    """The estimate for one component of an exposure; NaN where there is no number.

    `standardized` is `estimate` times the standard deviation of the exposure over the
    outcome's, both of the component's level (see `spreads`). `df` are those of t: with CR2 the number
    of people that carry the estimate, less one, if all carried as much. `n_changing`
    are people whose values of the term differ from 0: who used the function, and for
    a within component changed. `largest_share` is the largest person's share of the
    information (see `Carriers`). A term with a `sole_person`, without whom it cannot be
    estimated, has no number: no error is left to be seen. An exact fit has an estimate
    alone.
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
    n_changing: float = nan
    largest_share: float = nan
    sole_person: bool = False
    note: str = ""


@dataclass(frozen=True)
class Diagnostic:
    """A test or a description of one fit: a row of the tests.

    `df` counts restrictions; an F has `df_denominator` too. `term` names the one that it
    is about, where a verdict depends on it.
    """

    test: str
    statistic: float = nan
    df: float = nan
    p_value: float = nan
    note: str = ""
    df_denominator: float = nan
    term: str = ""


@dataclass(frozen=True)
class Fit:
    """One specification with its estimates and tests.

    `floor_share` and `ceiling_share` are shares of rows with the lowest and the highest
    value of the outcome; NaN before they are described.
    """

    specification: Specification
    terms: tuple[Term, ...]
    tests: tuple[Diagnostic, ...] = ()
    n_obs: int = 0
    n_participants: int = 0
    n_waves: int = 0
    note: str = ""
    std_error_type: str = ""
    floor_share: float = nan
    ceiling_share: float = nan


@dataclass(frozen=True, eq=False)
class Estimates:
    """Of the columns (k,) of a regression; NaN where there is no number.

    `df`, `largest_share` and `sole_person` are computed for exposures only. An `exact`
    fit explains the outcome without residuals, so that no error can be estimated.
    """

    estimates: Vector
    std_errors: Vector
    df: Vector
    largest_share: Vector
    sole_person: Mask
    exact: bool


@dataclass(frozen=True, eq=False)
class Component:
    """A part of a regression: columns (n, k) as they entered, exposures first.

    The exposure at j has the number `start` + j among the `estimates`. `persons` (n,)
    are those of the rows.
    """

    name: str
    entered: Matrix
    estimates: Estimates
    persons: Codes
    start: int = 0


def expand(
    coefficients: Vector, identification: Identification, empty: float = nan
) -> Vector:
    """Numbers of all columns (k,), from those of the basis."""
    values = np.full(len(identification.basis), empty)
    values[identification.basis] = coefficients
    return values


def expand_estimates(
    clustered: Clustered, identification: Identification, exposures: Codes
) -> Estimates:
    """Estimates of all columns (k,), whose regression is on those of the basis.

    Before these it may have an intercept. `exposures` are places among the k columns.
    A column of the basis that is not estimable has a coefficient which depends on the
    choice of columns: it has no number.
    """
    count = int(identification.basis.sum())
    coefficients, covariance = clustered.fitted.coefficients, clustered.covariance
    leading = len(coefficients) - count
    places = np.cumsum(identification.basis) - 1 + leading
    estimable = exposures[identification.estimable[exposures]]
    contrasts = np.eye(len(coefficients))[places[estimable]]
    carriers = clustered.carriers(contrasts)
    # A variance of 0, say of a dummy of one row, may round below it.
    variances = np.maximum(np.diag(covariance)[leading:], 0.0)
    estimates = expand(coefficients[leading:], identification)
    estimates[~identification.estimable] = nan
    return Estimates(
        estimates=estimates,
        std_errors=expand(np.sqrt(variances), identification),
        df=_place(clustered.degrees_of_freedom(contrasts), estimable, len(places)),
        largest_share=_place(carriers.largest_share, estimable, len(places)),
        sole_person=_place(carriers.sole.astype(np.float64), estimable, len(places))
        == 1.0,
        exact=not clustered.fitted.residuals.any(),
    )


def estimate_contrasts(
    clustered: Clustered, contrasts: Matrix, places: Codes, size: int
) -> Estimates:
    """Estimates of combinations (m, k) of coefficients, at `places` (m,) of `size`."""
    covariance = clustered.covariance
    variances = np.einsum("ij,jk,ik->i", contrasts, covariance, contrasts)
    carriers = clustered.carriers(contrasts)
    spread = partial(_place, places=places, size=size)
    return Estimates(
        estimates=spread(contrasts @ clustered.fitted.coefficients),
        std_errors=spread(np.sqrt(np.maximum(variances, 0.0))),
        df=spread(clustered.degrees_of_freedom(contrasts)),
        largest_share=spread(carriers.largest_share),
        sole_person=spread(carriers.sole.astype(np.float64)) == 1.0,
        exact=not clustered.fitted.residuals.any(),
    )


def _place(values: Array, places: Codes, size: int) -> Vector:
    """Values (m,) at their `places` (m,) among `size`, NaN elsewhere."""
    placed = np.full(size, nan)
    placed[places] = values
    return placed


def exposure_coefficients(design: Design, basis: Mask, coefficients: Vector) -> Vector:
    """Those of the exposures, from those of the columns of the `basis` (k,); NaN where none."""
    values = np.full(len(basis), nan)
    values[basis] = coefficients
    return values[: len(design.exposures)]


def regress(
    specification: Specification,
    design: Design,
    outcome: Vector,
    columns: Matrix,
    persons: Codes,
    scale: Matrix | float = 1.0,
) -> tuple[Estimates, Identification]:
    """Least squares clustered by person on columns (n, k) and an intercept.

    `scale` (n, 1): the roots of the rows' weights. The exposures of the `design` are
    the first columns.
    """
    identification = identify(columns)
    fitted = least_squares(
        (outcome[:, None] * scale)[:, 0],
        with_intercept(columns[:, identification.basis]) * scale,
        persons,
        exact=True,
    )
    clustered = cluster(fitted, specification.errors)
    exposures = np.arange(len(design.exposures))
    return expand_estimates(clustered, identification, exposures), identification


def summarise(
    specification: Specification,
    design: Design,
    components: Sequence[Component],
    tests: Sequence[Diagnostic],
    levels: Design | None = None,
) -> Fit:
    """A fit with the exposures' terms, each exposure's components together.

    `levels` is the design whose values are levels, if those of `design` are changes.
    """
    exposures = range(len(design.exposures))
    return Fit(
        specification=specification,
        terms=tuple(
            _standardized(_term(design, component, j), levels or design, j)
            for j in exposures
            for component in components
        ),
        tests=tuple(tests),
        n_obs=design.n_obs,
        n_participants=design.n_participants,
        n_waves=design.n_waves,
        note=design.note,
        std_error_type=STD_ERROR_TYPES[specification.errors],
    )


def spreads(values: Matrix, persons: Codes, component: str) -> Vector:
    """Standard deviations (k,) of columns (n, k) on the level of a component.

    Within: of deviations from persons' means, over all persons; N − G in the
    denominator. Between: of persons' means. Pooled: of all rows. A coefficient within
    persons is in the units of how much a person varies, not of how much people differ
    (Schuurman, Ferrer, de Boer-Sonnenschein & Hamaker 2016, Psychol. Methods 21(2)).
    """
    if component == "within":
        squares = np.square(deviations(values, persons)).sum(axis=0)
        return np.asarray(np.sqrt(squares / max(len(persons) - persons[-1] - 1, 1)))
    if component in ("between", "contextual"):
        return np.asarray(np.std(person_means(values, persons), axis=0, ddof=1))
    return np.asarray(np.std(values, axis=0, ddof=1))


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


def f_test(test: str, result: Wald, of: str, term: str = "") -> Diagnostic:
    """A row of the tests; `of` says what is tested."""
    return Diagnostic(
        test,
        statistic=result.statistic,
        df=result.count,
        df_denominator=result.df,
        p_value=result.p_value,
        note=f"F({result.count}, {_in_words(result.df)}) {of}",
        term=term,
    )


def _in_words(df: float) -> str:
    """Whole where they are persons less one."""
    return f"{df:.0f}" if df.is_integer() else f"{df:.1f}"


def intraclass_correlation(share: float) -> Diagnostic:
    """The persons' share of the unexplained variance."""
    note = "" if share else "at the boundary: no variance between persons is left"
    return Diagnostic("intraclass_correlation", share, note=note)


def exposure_names(design: Design) -> list[str]:
    """The names of the design's exposure terms, empty for its other columns."""
    return [
        column.name if column.role == "exposure" else "" for column in design.columns
    ]


def _count_changing(entered: Matrix, persons: Codes) -> float:
    """Persons with a value of a column (n, 1) that is not 0, but for rounding."""
    sizes = person_sums(np.abs(entered), persons)
    return float((sizes > NEGLIGIBLE * sizes.max()).sum())


def _term(design: Design, component: Component, j: int) -> Term:
    labels = (design.columns[j].exposure, design.columns[j].name, component.name)
    entered, of = component.entered[:, [j]], component.estimates
    place, spread = component.start + j, float(np.std(centred(entered), ddof=1))
    term = Term(*labels, n_changing=_count_changing(entered, component.persons))
    estimate, std_error = of.estimates[place], of.std_errors[place]
    if np.isnan(estimate):
        reason = "collinear with other terms" if spread else UNVARYING[component.name]
        return replace(term, note=f"not estimable: {reason}")
    share, sole = float(of.largest_share[place]), bool(of.sole_person[place])
    term = replace(term, largest_share=share, sole_person=sole)
    if of.exact:
        return replace(term, estimate=float(estimate), note=NO_RESIDUALS)
    if sole:
        return replace(term, note="not estimable: only one person's data identify it")
    relative = spread / float(np.std(design.outcome, ddof=1))
    if std_error * relative <= NEGLIGIBLE or np.isnan(of.df[place]):
        return replace(term, note="not estimable: too few persons for an error")
    inference = infer(float(estimate), float(std_error), float(of.df[place]))
    return replace(term, **asdict(inference))


def _standardized(term: Term, levels: Design, j: int) -> Term:
    values = np.column_stack([levels.regressors[:, j], levels.outcome])
    exposure, outcome = spreads(values, levels.persons, term.component)
    relative = exposure / outcome if outcome > 0 else nan
    return replace(term, standardized=float(term.estimate * relative))
