"""Within-between regression: a mixed (multilevel) model with a random intercept.

Every regressor that changes over time (exposures, varying covariates, wave
dummies) enters twice: as the deviation from the person's mean over the analysed
rows and as that mean; fixed covariates enter as they are (Mundlak 1978,
Econometrica 46(1); Bell, Fairbrother & Jones 2019, Qual. Quant. 53). Deviations
are orthogonal to everything constant within persons, so the within coefficients
are those of fixed effects, on unbalanced panels too.

The ratio of the intercept's variance to the residual's maximises the restricted
likelihood, profiled over everything else (Harville 1977, JASA 72).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import nan

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from panelstream.analysis.estimation.clustered import (
    Clustered,
    WorkingCovariance,
    cluster,
)
from panelstream.analysis.estimation.design import Design, build_design
from panelstream.analysis.estimation.estimators.fixed_effects import (
    decide_within,
    diagnose_within,
    within,
)
from panelstream.analysis.estimation.fit import (
    Component,
    Diagnostic,
    Fit,
    estimate_contrasts,
    expand_estimates,
    f_test,
    intraclass_correlation,
    summarise,
    worst_inflation,
)
from panelstream.analysis.estimation.inference import (
    Identification,
    LeastSquares,
    centred,
    deviations,
    identify,
    least_squares,
    person_means,
    person_sizes,
    person_sums,
    require_more_rows,
    root,
    with_intercept,
)
from panelstream.analysis.estimation.registration import Registration, Solve
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Codes, Matrix, Vector

# Shares of the intercept in the unexplained variance between which a maximum is
# looked for: a restricted likelihood can have more than one.
SHARES = np.append(np.arange(40) / 40, 1 - 1e-9)


@dataclass(frozen=True, eq=False)
class RandomIntercept:
    """Generalized least squares with a variance of persons' intercepts.

    `fitted` is on rows that the model's covariance was taken out of; `working` is
    that covariance over the residual variance. `predictions` (n,) are by the columns
    before that. `variance_ratio` is the intercept's
    variance over the residual's; `slope` is the derivative of the deviance by its
    logarithm, 0 at a maximum.
    """

    fitted: LeastSquares
    working: WorkingCovariance
    predictions: Vector
    variance_ratio: float
    slope: float

    @property
    def model_covariance(self) -> Matrix:
        """Of the coefficients (k, k), if the model is true."""
        return self.fitted.bread * self.fitted.residual_variance

    @property
    def share(self) -> float:
        """The intercept's share of the unexplained variance."""
        return self.variance_ratio / (1 + self.variance_ratio)


@dataclass(frozen=True, eq=False)
class Moments:
    """Cross products of k columns and the outcome after them, over `rows` rows.

    `within` (k+1, k+1) of deviations from person means; `between` (S, k+1, k+1)
    of the means of the `persons` (S,) whose weights add up to `sizes` (S,).
    """

    sizes: Vector
    persons: Vector
    within: Matrix
    between: Matrix
    rows: int

    @property
    def residual_df(self) -> int:
        """Rows less columns: N - K."""
        return self.rows - (len(self.within) - 1)

    def cross(self, weights: Vector) -> Matrix:
        """`within` and `between` together, persons of a size weighted (S,)."""
        return self.within + np.tensordot(weights, self.between, axes=1)


def fit_within_between(specification: Specification, panel: pd.DataFrame) -> Fit:
    """Decompose the design and regress; errors are clustered by person."""
    design = build_design(specification, panel)
    if not deviations(design.outcome[:, None], design.persons, design.weights).any():
        raise NotEstimable("the outcome changes within no person")
    columns, offset = decompose(design)
    identification = identify(columns)
    model = random_intercept(
        centred(design.outcome[:, None])[:, 0],
        with_intercept(columns[:, identification.basis]),
        design.persons,
        design.weights,
    )
    clustered = cluster(model.fitted, specification.errors, model.working)
    components = [
        *both_components(design, columns, offset, clustered, identification),
        contextual(design, columns, offset, clustered, identification),
    ]
    names = component_names(design, offset, columns.shape[1])
    tests = [
        within_equals_between(design, identification, offset, clustered),
        intraclass_correlation(model.share),
        _null_intraclass_correlation(design),
        *_explained(model),
        *_model_errors(names, identification, model),
        _convergence(model),
        worst_inflation(names, identification),
    ]
    return summarise(specification, design, components, tests)


def decompose(design: Design) -> tuple[Matrix, int]:
    """Deviations, then means, of columns that change over time, then the others.

    With c changing columns of k the result is (n, k + c); the mean of the column
    at j stands at j + c, and c is returned too.
    """
    changing = np.array([column.role != "fixed" for column in design.columns])
    varying = design.regressors[:, changing]
    means = person_means(varying, design.persons, design.weights)[design.persons]
    within = deviations(varying, design.persons, design.weights)
    columns = np.column_stack([within, means, design.regressors[:, ~changing]])
    return columns, varying.shape[1]


def both_components(
    design: Design,
    columns: Matrix,
    offset: int,
    clustered: Clustered,
    identification: Identification,
) -> list[Component]:
    """Those of the exposures, in `columns` (n, k) as `decompose` gives them."""
    exposures = np.arange(len(design.exposures))
    estimates = expand_estimates(
        clustered, identification, np.append(exposures, exposures + offset)
    )
    persons = design.persons
    return [
        Component("within", columns, estimates, persons),
        Component("between", columns[:, offset:], estimates, persons, start=offset),
    ]


def contextual(
    design: Design,
    columns: Matrix,
    offset: int,
    clustered: Clustered,
    identification: Identification,
) -> Component:
    """Between less within, of the joint covariance: what it is to be one who uses more.

    It is the coefficient of the mean where use itself enters beside it (Mundlak 1978),
    the contextual effect of Bell, Fairbrother & Jones 2019.
    """
    count = len(design.exposures)
    exposures = np.arange(count)
    place = np.cumsum(identification.basis)
    pairs = exposures[
        identification.estimable[exposures]
        & identification.estimable[exposures + offset]
    ]
    contrasts = np.zeros((len(pairs), len(clustered.covariance)))
    rows = np.arange(len(pairs))
    contrasts[rows, place[pairs + offset]], contrasts[rows, place[pairs]] = 1.0, -1.0
    estimates = estimate_contrasts(clustered, contrasts, pairs, count)
    return Component("contextual", columns[:, offset:], estimates, design.persons)


def random_intercept(
    outcome: Vector, columns: Matrix, persons: Codes, weights: Vector
) -> RandomIntercept:
    """Regress (n,) on independent columns (n, k), the intercept among them.

    A row's residual variance is inverse to its weight (n,). The outcome must
    change within some person. Raises `NotEstimable` if too few rows are left.
    """
    require_more_rows(*columns.shape)
    sizes = person_sums(weights[:, None], persons)[:, 0]
    values, scale = np.column_stack([columns, outcome]), root(weights)
    within = deviations(values, persons, weights) * scale
    means = person_means(values, persons, weights)
    moments = _moments(within, means, sizes, len(outcome))
    ratio = variance_ratio(moments)
    shrunk = means / np.sqrt(1 + sizes * ratio)[:, None]
    weighted = within + shrunk[persons] * scale
    fitted = least_squares(weighted[:, -1], weighted[:, :-1], persons)
    loadings = np.sqrt(ratio) * scale[:, 0]
    return RandomIntercept(
        fitted=fitted,
        working=WorkingCovariance(np.ones(len(outcome)), loadings),
        predictions=columns @ fitted.coefficients,
        variance_ratio=ratio,
        slope=deviance_slope(ratio, moments) * ratio,
    )


def variance_ratio(moments: Moments) -> float:
    """The ratio that maximises the restricted likelihood; 0 at the boundary."""
    ratios = SHARES / (1 - SHARES)
    slopes = [deviance_slope(ratio, moments) for ratio in ratios]
    minima = [
        float(brentq(deviance_slope, ratios[i], ratios[i + 1], (moments,), xtol=1e-14))
        for i in range(len(ratios) - 1)
        if slopes[i] < 0 <= slopes[i + 1]
    ]
    candidates = (float(ratios[0]), *minima, float(ratios[-1]))
    return min(candidates, key=lambda ratio: restricted_deviance(ratio, moments))


def restricted_deviance(ratio: float, moments: Moments) -> float:
    """-2 log restricted likelihood at a variance ratio, up to a constant.

    With V = I + ratio * J per person: log|V| + log|X'V^-1X| + (N-K) log r'V^-1r,
    where r'V^-1r is |C|/|X'V^-1X| for C = [X y]'V^-1[X y].
    """
    growth = 1 + moments.sizes * ratio
    cross = moments.cross(moments.sizes / growth)
    with_outcome = float(np.linalg.slogdet(cross)[1])
    without_outcome = float(np.linalg.slogdet(cross[:-1, :-1])[1])
    volume = float(moments.persons @ np.log(growth))
    return (
        volume
        + without_outcome
        + moments.residual_df * (with_outcome - without_outcome)
    )


def deviance_slope(ratio: float, moments: Moments) -> float:
    """The derivative of `restricted_deviance` by the ratio."""
    weights = moments.sizes / (1 + moments.sizes * ratio)
    cross = moments.cross(weights)
    change = -np.tensordot(np.square(weights), moments.between, axes=1)
    with_outcome = _trace(cross, change)
    without_outcome = _trace(cross[:-1, :-1], change[:-1, :-1])
    volume = float(moments.persons @ weights)
    return (
        volume
        + without_outcome
        + moments.residual_df * (with_outcome - without_outcome)
    )


def _trace(matrix: Matrix, change: Matrix) -> float:
    """The derivative of log|matrix| when it moves by `change`."""
    return float(np.trace(np.linalg.solve(matrix, change)))


def _moments(within: Matrix, means: Matrix, sizes: Vector, rows: int) -> Moments:
    """Cross products of columns brought to one scale, which moves no maximum."""
    distinct, starts = np.unique(np.sort(sizes), return_index=True)
    groups = np.split(means[np.argsort(sizes, kind="stable")], starts[1:])
    between = np.stack([group.T @ group for group in groups])
    products = within.T @ within
    total = products + np.tensordot(distinct, between, axes=1)
    scale = 1 / np.sqrt(np.outer(np.diag(total), np.diag(total)))
    persons = np.array([len(group) for group in groups], dtype=np.float64)
    return Moments(distinct, persons, products * scale, between * scale, rows)


def within_equals_between(
    design: Design, identification: Identification, offset: int, clustered: Clustered
) -> Diagnostic:
    """That both components of all exposures are equal (Mundlak's test).

    The regression is on an intercept and the columns of the basis.
    """
    test = "within_equals_between"
    pairs = [
        j
        for j in range(len(design.exposures))
        if identification.estimable[j] and identification.estimable[j + offset]
    ]
    if not pairs:
        return Diagnostic(test, note="not estimable: no exposure has both components")
    place = np.cumsum(identification.basis)
    contrasts = np.zeros((len(pairs), len(clustered.covariance)))
    for row, j in enumerate(pairs):
        contrasts[row, place[j]], contrasts[row, place[j + offset]] = 1.0, -1.0
    names = ", ".join(design.columns[j].name for j in pairs)
    return f_test(test, clustered.wald(contrasts), f"for {names}")


def _null_intraclass_correlation(design: Design) -> Diagnostic:
    """The share of persons in the variance of the outcome itself, in the same rows."""
    outcome = centred(design.outcome[:, None])[:, 0]
    model = random_intercept(
        outcome, np.ones((design.n_obs, 1)), design.persons, design.weights
    )
    note = "" if model.share else "at the boundary: no variance between persons"
    return Diagnostic("null_intraclass_correlation", model.share, note=note)


def _explained(model: RandomIntercept) -> Iterator[Diagnostic]:
    """R2 of the columns, and of these and the intercepts of persons.

    Nakagawa & Schielzeth 2013, Methods Ecol. Evol. 4(2).
    """
    residual = model.fitted.residual_variance
    persons = model.variance_ratio * residual
    columns = float(np.var(model.predictions, ddof=1))
    total = columns + persons + residual
    yield Diagnostic("r_squared_marginal", columns / total, note="of all terms")
    both = (columns + persons) / total
    yield Diagnostic("r_squared_conditional", both, note="and of who a person is")


def _model_errors(
    names: list[str], identification: Identification, model: RandomIntercept
) -> list[Diagnostic]:
    """Standard errors if the model is true, to compare with the cluster-robust ones."""
    errors = np.full(len(identification.basis), nan)
    errors[identification.basis] = np.sqrt(np.diag(model.model_covariance))[1:]
    return [
        Diagnostic("model_std_error", float(errors[j]), note=name)
        for j, name in enumerate(names)
        if name and identification.estimable[j]
    ]


def _convergence(model: RandomIntercept) -> Diagnostic:
    """How level the restricted likelihood is where its maximum was identification."""
    inside = "at a maximum of the restricted likelihood"
    note = inside if model.variance_ratio else "the maximum is at the boundary"
    return Diagnostic("convergence", abs(model.slope), note=note)


def component_names(design: Design, offset: int, size: int) -> list[str]:
    """Names of the exposures' components among `size` columns."""
    names = [""] * size
    for j, column in enumerate(design.exposures):
        names[j] = f"{column.name} (within)"
        names[j + offset] = f"{column.name} (between)"
    return names


def _weighted_solver(design: Design) -> Solve:
    """Within and between: a person who is drawn twice is two persons."""
    columns, offset = decompose(design)
    basis = identify(columns).basis
    sizes = person_sizes(design.persons).astype(np.intp)
    starts = np.cumsum(sizes) - sizes

    def solve(weights: Vector, times: Vector) -> Vector:
        rows, persons = _copies(starts, sizes, times[starts].astype(np.intp))
        sample = replace(
            design,
            outcome=design.outcome[rows],
            regressors=design.regressors[rows],
            persons=persons,
            weights=weights[rows],
        )
        model = random_intercept(
            sample.outcome,
            with_intercept(decompose(sample)[0][:, basis]),
            sample.persons,
            sample.weights,
        )
        coefficients = np.full(len(basis), nan)
        coefficients[basis] = model.fitted.coefficients[1:]
        exposures = np.arange(len(design.exposures))
        within, between = coefficients[exposures], coefficients[exposures + offset]
        components = (within, between, between - within)
        return np.column_stack(components).ravel()

    return solve


def _copies(starts: Codes, sizes: Codes, times: Codes) -> tuple[Codes, Codes]:
    """Rows of persons (G,) who count `times` (G,), and codes of the copies."""
    copies = np.repeat(np.arange(len(times)), times)
    persons = np.repeat(np.arange(len(copies)), sizes[copies])
    first = np.cumsum(sizes[copies]) - sizes[copies]
    place = np.arange(len(persons)) - first[persons]
    return starts[copies][persons] + place, persons


def _diagnostics(specification: Specification, design: Design) -> Iterator[Diagnostic]:
    """Those of the within components; the between ones count as coefficients too."""
    return diagnose_within(specification, design, _further(design))


def _decide(specification: Specification, design: Design) -> Iterator[Diagnostic]:
    """Those of them that verdicts rest on."""
    return decide_within(specification, design, _further(design))


def _further(design: Design) -> int:
    """How many coefficients there are beside those within persons."""
    coefficients = int(identify(decompose(design)[0]).basis.sum())
    return coefficients - int(identify(within(design)[1]).basis.sum())


REGISTRATION = Registration(
    name="within_between",
    fit=fit_within_between,
    components=("within", "between", "contextual"),
    scale="points",
    fewest_waves=2,
    weighted_solver=_weighted_solver,
    decisive=_decide,
    diagnostics=_diagnostics,
)
