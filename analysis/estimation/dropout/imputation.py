"""Answers that are missing, drawn many times from what they may have been.

Chained equations on one row a person (van Buuren & Groothuis-Oudshoorn 2011, J. Stat.
Softw. 45(3)): the outcome and each varying covariate of each wave in turn is regressed
on everything else, and what is missing of it is drawn from the posterior predictive of
a normal linear regression (Rubin 1987, Multiple Imputation for Nonresponse in Surveys,
section 5.3). Everything else is the outcome and those covariates of all waves, the
exposures of all waves, and the fixed covariates: all that fixed effects and person
means are made of, so that no association is lost on the way. Draws are not rounded and
not kept within a scale.

Imputed are those who answered at least once, in every wave they have a row in that is
over. Imputed outcomes stay in the analysis (unlike von Hippel 2007, Sociol. Methodol.
37): what others' answers in other waves say of them is what imputation is for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from scipy.linalg import cho_solve, solve_triangular

from panelstream.analysis.estimation.design import require_columns, to_floats
from panelstream.analysis.estimation.dropout.bootstrap import Progress, ignore
from panelstream.analysis.estimation.dropout.history import (
    exposure_cells,
    fixed_columns,
)
from panelstream.analysis.estimation.dropout.pooling import pool
from panelstream.analysis.estimation.dropout.waves import Waves, arrange
from panelstream.analysis.estimation.fit import Diagnostic, Fit, Term
from panelstream.analysis.estimation.inference import infer_with_df
from panelstream.analysis.estimation.registration import Fitter
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Codes, Mask, Matrix, Vector

IMPUTATIONS = 20
ITERATIONS = 10
RIDGE = 1e-5
"""Of the cross products' diagonal, as in R's mice: keeps collinear predictors solvable."""

STD_ERROR_TYPE = "multiple_imputation"


@dataclass(frozen=True, eq=False)
class Answers:
    """One column of the panel in the waves in which somebody's is known.

    `rows` (H, W) are positions in the panel of those who are imputed, -1 without a
    row; `cells` (H, W) are NaN where nothing is known, and `wanted` says where a
    value has a row to stand in.
    """

    column: str
    rows: Codes
    cells: Matrix
    wanted: Mask


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
    """Fit every completed panel and pool. Raises `NotEstimable`."""
    imputed = impute(specification, panel, progress)
    fits = [fit(specification, one) for one in completed(panel, imputed)]
    return pooled_fit(specification, fits, len(imputed[0].rows))


def impute(
    specification: Specification, panel: pd.DataFrame, progress: Progress = ignore
) -> list[Imputed]:
    """Draw what is missing of the outcome (first) and of varying covariates.

    Raises `NotEstimable` if a wave has too few answers to learn from.
    """
    require_columns(specification, panel)
    if panel[specification.outcome].nunique() == 1:
        raise NotEstimable("the outcome has the same value in every row")
    waves = arrange(panel, specification.outcome)
    fixed = fixed_columns(specification, panel).to_numpy()
    told = np.isfinite(fixed).all(axis=1)
    people = np.flatnonzero(waves.answered.any(axis=1) & told)
    answers = list(_answers(specification, panel, waves, people))
    given = [fixed[people], *_exposures(specification, panel, waves, people)]
    values, centres, spreads = _standardized(answers, given)
    _require_answers(answers, values)
    drawn = []
    for number in range(IMPUTATIONS):
        random = np.random.default_rng([specification.seed, number])
        chained = chain(values, ITERATIONS, random)[:, : len(centres)]
        drawn.append(chained * spreads + centres)
        progress(number + 1, IMPUTATIONS)
    return list(_imputed(answers, np.array(drawn)))


def completed(
    panel: pd.DataFrame, imputed: Sequence[Imputed]
) -> Iterator[pd.DataFrame]:
    """The panel with the values of each draw in turn."""
    for number in range(len(imputed[0].draws)):
        columns = {}
        for one in imputed:
            columns[one.column] = to_floats(panel[one.column]).copy()
            columns[one.column][one.rows] = one.draws[number]
        yield panel.assign(**columns)


def pooled_fit(specification: Specification, fits: Sequence[Fit], answers: int) -> Fit:
    """One fit from those of completed panels; `answers` were imputed."""
    first = fits[0]
    pooled = [
        _pooled_term([one.terms[j] for one in fits], first.n_participants - 1)
        for j in range(len(first.terms))
    ]
    note = f"answers imputed: {answers}, {len(fits)} times"
    return replace(
        first,
        specification=specification,
        terms=tuple(term for term, _ in pooled),
        tests=tuple(test for _, test in pooled),
        note="; ".join(filter(None, (first.note, note))),
        std_error_type=STD_ERROR_TYPE,
    )


def chain(values: Matrix, iterations: int, random: np.random.Generator) -> Matrix:
    """Standardized columns (H, P) with what is NaN drawn, `iterations` times over.

    Columns are visited in their order; draws begin at random observed values.
    """
    full = np.column_stack([values, np.ones(len(values))])
    missing = np.isnan(values)
    gaps = [
        _Gap(j, missing[:, j]) for j in np.flatnonzero(missing.any(axis=0)).tolist()
    ]
    for gap in gaps:
        full[gap.missing, gap.place] = random.choice(
            full[gap.known, gap.place], len(gap.missing)
        )
    for _ in range(iterations):
        for gap in gaps:
            full[gap.missing, gap.place] = _drawn(full, gap, random)
    return full[:, :-1]


class _Gap:
    """A column with missing values: its `place`, and rows by whether it is known."""

    def __init__(self, place: int, missing: Mask) -> None:
        self.place = place
        self.missing, self.known = np.flatnonzero(missing), np.flatnonzero(~missing)


def _drawn(full: Matrix, gap: _Gap, random: np.random.Generator) -> Vector:
    """The missing values of a column, from a regression on all the others."""
    seen, asked = full[gap.known], full[gap.missing]
    outcome, terms = seen[:, gap.place].copy(), full.shape[1] - 1
    # The intercept, which stands last, takes the column's place.
    for rows in (seen, asked):
        rows[:, gap.place] = rows[:, -1]
    seen, asked = seen[:, :-1], asked[:, :-1]
    information = seen.T @ seen
    diagonal = np.diag(information)
    information.ravel()[:: terms + 1] += np.where(diagonal > 0, diagonal * RIDGE, 1.0)
    root = np.linalg.cholesky(information)
    means = cho_solve((root, True), seen.T @ outcome)
    left = outcome - seen @ means
    freedom = max(len(seen) - terms, 1)
    spread = np.sqrt(left @ left / random.chisquare(freedom))
    normal = random.standard_normal(terms)
    slopes = means + spread * solve_triangular(root, normal, lower=True, trans=1)
    noise = spread * random.standard_normal(len(asked))
    return np.asarray(asked @ slopes + noise)


def _answers(
    specification: Specification, panel: pd.DataFrame, waves: Waves, people: Codes
) -> Iterator[Answers]:
    for name in (specification.outcome, *specification.varying):
        cells = waves.spread(to_floats(panel[name]))[people]
        known = np.isfinite(cells).any(axis=0)
        rows = waves.rows[people][:, known]
        wanted = np.isnan(cells) & waves.expected[people] & (waves.rows[people] >= 0)
        yield Answers(name, rows, cells[:, known], wanted[:, known])


def _exposures(
    specification: Specification, panel: pd.DataFrame, waves: Waves, people: Codes
) -> Iterator[Matrix]:
    """Every exposure in every wave (H, T); what is not known is what is next to it."""
    for _, cells in exposure_cells(specification, panel, waves):
        frame = pd.DataFrame(cells[people]).ffill(axis=1).bfill(axis=1)
        yield frame.fillna(frame.mean()).fillna(0.0).to_numpy()


def _standardized(
    answers: Sequence[Answers], given: Sequence[Matrix]
) -> tuple[Matrix, Vector, Vector]:
    """Columns (H, P), answers before what is given; and what undoes it for answers."""
    values = np.column_stack([*(one.cells for one in answers), *given])
    centres, spreads = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    values = (values - centres) / np.where(spreads > 0, spreads, 1.0)
    count = sum(one.cells.shape[1] for one in answers)
    varies = np.append(np.ones(count, dtype=np.bool_), spreads[count:] > 0)
    return values[:, varies], centres[:count], spreads[:count]


def _require_answers(answers: Sequence[Answers], values: Matrix) -> None:
    """Raise `NotEstimable` unless every column has more answers than predictors."""
    for one in answers:
        fewest = int(np.isfinite(one.cells).sum(axis=0).min(initial=len(values)))
        if fewest <= values.shape[1]:
            raise NotEstimable(
                f"a wave has {fewest} answers to {one.column}, too few to impute from "
                f"{values.shape[1]} columns"
            )


def _imputed(answers: Sequence[Answers], drawn: Matrix) -> Iterator[Imputed]:
    """Draws (m, H, A) as values of the panel's columns."""
    start = 0
    for one in answers:
        end = start + one.cells.shape[1]
        yield Imputed(
            one.column, one.rows[one.wanted], drawn[:, :, start:end][:, one.wanted]
        )
        start = end


def _pooled_term(terms: Sequence[Term], df: float) -> tuple[Term, Diagnostic]:
    name = f"{terms[0].term} ({terms[0].component})"
    without = [one for one in terms if np.isnan(one.std_error)]
    if without:
        return without[0], Diagnostic("fraction_missing", note=f"{name}: no number")
    pooled = pool(
        np.array([one.estimate for one in terms]),
        np.array([one.std_error for one in terms]),
        df,
    )
    term = replace(
        terms[0],
        **asdict(infer_with_df(pooled.estimate, pooled.std_error, pooled.df)),
        standardized=float(np.mean([one.standardized for one in terms])),
    )
    return term, Diagnostic("fraction_missing", pooled.fraction_missing, note=name)
