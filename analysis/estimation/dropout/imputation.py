"""Multiple imputation of missing answers, for data that are missing at random.

Chained equations on one row a person (van Buuren & Groothuis-Oudshoorn 2011, J. Stat.
Softw. 45(3)): the outcome and each varying covariate of each wave in turn is regressed
on all other columns, and its missing values are drawn from the posterior predictive
distribution of a normal linear regression (Rubin 1987, Multiple Imputation for Nonresponse in Surveys,
section 5.3). The columns are the outcome and those covariates of all waves, the
exposures of all waves, and the fixed covariates: all that fixed effects and person
means are computed from, so that no association is lost. Draws are not rounded and may
lie outside a scale.

Answers are imputed for people who answered at least once, in every closed wave in which
they have a row. Imputed outcomes stay in the analysis (unlike von Hippel 2007, Sociol. Methodol.
37): the information from answers of the other waves is the purpose of imputing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from scipy.linalg import cho_solve, solve_triangular

from panelstream.analysis.estimation.design import (
    exposure_columns,
    require_columns,
    to_floats,
)
from panelstream.analysis.estimation.dropout.bootstrap import Progress, ignore
from panelstream.analysis.estimation.dropout.history import (
    exposure_cells,
    fixed_columns,
)
from panelstream.analysis.estimation.dropout.pooling import pool_estimates
from panelstream.analysis.estimation.dropout.waves import Waves, arrange_waves
from panelstream.analysis.estimation.fit import Diagnostic, Fit, Term
from panelstream.analysis.estimation.inference import infer
from panelstream.analysis.estimation.registration import Fitter
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Array, Codes, Mask, Matrix, Vector

IMPUTATIONS = 20
ITERATIONS = 10
RIDGE = 1e-5
"""Of the cross products' diagonal, as in R's mice: keeps collinear predictors solvable."""

STD_ERROR_TYPE = "multiple_imputation"


@dataclass(frozen=True, eq=False)
class Answers:
    """One column of the panel in the waves in which at least one value is observed.

    `rows` (H, W) are positions in the panel of the people imputed, -1 without a row;
    `cells` (H, W) are NaN where missing, and `to_impute` says which of those have a row.
    """

    column: str
    rows: Codes
    cells: Matrix
    to_impute: Mask


@dataclass(frozen=True, eq=False)
class Imputed:
    """Values for `rows` (r,) of the panel's `column`: one set a draw (m, r)."""

    column: str
    rows: Codes
    draws: Matrix


def fit_imputed(
    specification: Specification,
    panel: pd.DataFrame,
    fit: Fitter,
    progress: Progress = ignore,
) -> Fit:
    """Fit every completed panel and pool; the panel as it is if nothing is missing.

    Raises `NotEstimable`.
    """
    imputed = impute(specification, panel, progress)
    require_rows(specification, panel, imputed)
    if not any(len(values.rows) for values in imputed):
        return fit_without_gaps(specification, panel, fit)
    return pool_draws(specification, panel, fit, imputed)


def fit_without_gaps(
    specification: Specification, panel: pd.DataFrame, fit: Fitter
) -> Fit:
    """The fit of a panel of which nothing is imputed, with its own errors."""
    fitted = fit(specification, panel)
    note = "no answer was missing, so nothing was imputed"
    return replace(fitted, note="; ".join(filter(None, (fitted.note, note))))


def require_rows(
    specification: Specification, panel: pd.DataFrame, imputed: Sequence[Imputed]
) -> None:
    """Raise `NotEstimable` if people who did not answer have no row to be imputed.

    Use is not imputed: it is far from normal, and mostly 0. So a person and wave enter
    only if the panel has their exposures. A study's own panel has a row of everybody
    who could answer; without one they had withdrawn or were away.
    """
    outcome = imputed[0].rows
    exposures = [values for _, values in exposure_columns(specification, panel)]
    usable = np.isfinite(np.column_stack(exposures)[outcome]).all(axis=1)
    if usable.any():
        return
    if len(outcome):
        raise NotEstimable(
            f"none of the {len(outcome)} missing answers has known exposures, from which "
            "it could be imputed; fill in the exposures of the rows without an answer"
        )
    absent = _count_absent(specification, panel)
    if absent and specification.window is None:
        raise NotEstimable(
            f"the file holds only answered rows, {absent} are absent, so nothing can be "
            "imputed; give a row for every person and wave, with its exposures and an "
            "empty outcome"
        )


def pool_draws(
    specification: Specification,
    panel: pd.DataFrame,
    fit: Fitter,
    imputed: Sequence[Imputed],
) -> Fit:
    """Fit every completed panel and pool. Raises `NotEstimable`."""
    fits = [
        fit(specification, complete) for complete in complete_panels(panel, imputed)
    ]
    return pool_fits(specification, fits, _describe(specification, panel, imputed))


def impute(
    specification: Specification, panel: pd.DataFrame, progress: Progress = ignore
) -> list[Imputed]:
    """Draw missing values of the outcome (first) and of varying covariates.

    Raises `NotEstimable` if a wave has too few answers to learn from.
    """
    require_columns(specification, panel)
    if panel[specification.outcome].nunique() == 1:
        raise NotEstimable("the outcome has the same value in every row")
    waves = arrange_waves(panel, specification.outcome)
    fixed = fixed_columns(specification, panel).to_numpy()
    complete = np.isfinite(fixed).all(axis=1)
    people = np.flatnonzero(waves.answered.any(axis=1) & complete)
    answers = list(_answers(specification, panel, waves, people))
    predictors = [fixed[people], *_exposures(specification, panel, waves, people)]
    values, means, deviations = _standardize(answers, predictors)
    _require_answers(answers, values)
    draws = []
    for number in range(IMPUTATIONS):
        random = np.random.default_rng([specification.seed, number])
        draw = draw_chained(values, ITERATIONS, random)[:, : len(means)]
        draws.append(draw * deviations + means)
        progress(number + 1, IMPUTATIONS)
    return list(_imputed(answers, np.array(draws)))


def complete_panels(
    panel: pd.DataFrame, imputed: Sequence[Imputed]
) -> Iterator[pd.DataFrame]:
    """The panel with the values of each draw in turn."""
    for number in range(len(imputed[0].draws)):
        columns = {}
        for values in imputed:
            columns[values.column] = to_floats(panel[values.column]).copy()
            columns[values.column][values.rows] = values.draws[number]
        yield panel.assign(**columns)


def pool_fits(specification: Specification, fits: Sequence[Fit], values: str) -> Fit:
    """One fit by Rubin's rules from those of complete panels; `values` were imputed."""
    first = fits[0]
    pooled = [
        _pool_terms([fit.terms[j] for fit in fits]) for j in range(len(first.terms))
    ]
    note = f"{values}, {len(fits)} times"
    return replace(
        first,
        specification=specification,
        terms=tuple(term for term, _ in pooled),
        tests=tuple(test for _, test in pooled),
        note="; ".join(filter(None, (first.note, note))),
        std_error_type=STD_ERROR_TYPE,
    )


def _describe(
    specification: Specification, panel: pd.DataFrame, imputed: Sequence[Imputed]
) -> str:
    """How many values were imputed, after how many could not be."""
    answers, *covariates = (len(values.rows) for values in imputed)
    absent = _count_absent(specification, panel)
    parts = (
        f"missing answers without a row, not imputed: {absent}" if absent else "",
        f"covariates imputed: {sum(covariates)}" if any(covariates) else "",
        f"answers imputed: {answers}",
    )
    return "; ".join(filter(None, parts))


def _count_absent(specification: Specification, panel: pd.DataFrame) -> int:
    """Expected answers whose person and wave have no row."""
    waves = arrange_waves(panel, specification.outcome)
    return int((waves.expected & (waves.rows < 0)).sum())


def draw_chained(
    values: Matrix, iterations: int, random: np.random.Generator
) -> Matrix:
    """Standardized columns (H, P), NaN where missing, with drawn values after `iterations`.

    Columns are visited in order; the chain begins at random observed values.
    """
    full = np.column_stack([values, np.ones(len(values))])
    missing = np.isnan(values)
    gaps = [
        _Gap(j, missing[:, j]) for j in np.flatnonzero(missing.any(axis=0)).tolist()
    ]
    for gap in gaps:
        full[gap.missing, gap.column] = random.choice(
            full[gap.observed, gap.column], len(gap.missing)
        )
    for _ in range(iterations):
        for gap in gaps:
            full[gap.missing, gap.column] = _draw(full, gap, random)
    return full[:, :-1]


class _Gap:
    """A column with missing values, and its rows with and without one."""

    def __init__(self, column: int, missing: Mask) -> None:
        self.column = column
        self.missing, self.observed = np.flatnonzero(missing), np.flatnonzero(~missing)


def _draw(full: Matrix, gap: _Gap, random: np.random.Generator) -> Vector:
    """The missing values of a column, from a regression on all the others."""
    x, x_missing = full[gap.observed], full[gap.missing]
    y, terms = x[:, gap.column].copy(), full.shape[1] - 1
    # The intercept, which is the last column, takes the place of the imputed one.
    for rows in (x, x_missing):
        rows[:, gap.column] = rows[:, -1]
    x, x_missing = x[:, :-1], x_missing[:, :-1]
    information = x.T @ x
    diagonal = np.diag(information)
    information.ravel()[:: terms + 1] += np.where(diagonal > 0, diagonal * RIDGE, 1.0)
    root = np.linalg.cholesky(information)
    coefficients = cho_solve((root, True), x.T @ y)
    residuals = y - x @ coefficients
    df = max(len(x) - terms, 1)
    sigma = np.sqrt(residuals @ residuals / random.chisquare(df))
    normal = random.standard_normal(terms)
    error = solve_triangular(root, normal, lower=True, trans=1)
    noise = sigma * random.standard_normal(len(x_missing))
    return np.asarray(x_missing @ (coefficients + sigma * error) + noise)


def _answers(
    specification: Specification, panel: pd.DataFrame, waves: Waves, people: Codes
) -> Iterator[Answers]:
    for name in (specification.outcome, *specification.varying):
        cells = waves.to_cells(to_floats(panel[name]))[people]
        observed = np.isfinite(cells).any(axis=0)
        rows = waves.rows[people][:, observed]
        to_impute = np.isnan(cells) & waves.expected[people] & (waves.rows[people] >= 0)
        yield Answers(name, rows, cells[:, observed], to_impute[:, observed])


def _exposures(
    specification: Specification, panel: pd.DataFrame, waves: Waves, people: Codes
) -> Iterator[Matrix]:
    """Every exposure in every wave (H, T); a missing one is that of the nearest wave."""
    for _, cells in exposure_cells(specification, panel, waves):
        frame = pd.DataFrame(cells[people]).ffill(axis=1).bfill(axis=1)
        yield frame.fillna(frame.mean()).fillna(0.0).to_numpy()


def _standardize(
    answers: Sequence[Answers], predictors: Sequence[Matrix]
) -> tuple[Matrix, Vector, Vector]:
    """Columns (H, P), answers first; and the answers' means and standard deviations."""
    cells = [column.cells for column in answers]
    values = np.column_stack([*cells, *predictors])
    means, deviations = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    values = (values - means) / np.where(deviations > 0, deviations, 1.0)
    count = sum(waves.shape[1] for waves in cells)
    varies = np.append(np.ones(count, dtype=np.bool_), deviations[count:] > 0)
    return values[:, varies], means[:count], deviations[:count]


def _require_answers(answers: Sequence[Answers], values: Matrix) -> None:
    """Raise `NotEstimable` unless every column has more answers than predictors."""
    for column in answers:
        fewest = int(np.isfinite(column.cells).sum(axis=0).min(initial=len(values)))
        if fewest <= values.shape[1]:
            raise NotEstimable(
                f"a wave has {fewest} answers to {column.column}, too few to impute from "
                f"{values.shape[1]} columns"
            )


def _imputed(answers: Sequence[Answers], draws: Array) -> Iterator[Imputed]:
    """Draws (m, H, A) as values of the panel's columns."""
    start = 0
    for column in answers:
        end, mask = start + column.cells.shape[1], column.to_impute
        yield Imputed(column.column, column.rows[mask], draws[:, :, start:end][:, mask])
        start = end


def _pool_terms(terms: Sequence[Term]) -> tuple[Term, Diagnostic]:
    name = f"{terms[0].term} ({terms[0].component})"
    empty = [term for term in terms if np.isnan(term.std_error)]
    if empty:
        return empty[0], Diagnostic("fraction_missing", note=f"{name}: no number")
    pooled = pool_estimates(
        np.array([term.estimate for term in terms]),
        np.array([term.std_error for term in terms]),
        float(np.mean([term.df for term in terms])),
    )
    term = replace(
        terms[0],
        **asdict(infer(pooled.estimate, pooled.std_error, pooled.df)),
        standardized=float(np.mean([term.standardized for term in terms])),
    )
    return term, Diagnostic("fraction_missing", pooled.fraction_missing, note=name)
