"""Random-intercept cross-lagged panel model (Hamaker, Kuiper & Grasman 2015).

One exposure and one outcome, each the sum of a wave's mean, a person's own level
(random intercept) and a deviation from both; deviations follow from those of the
wave before (Psychol. Methods 20(1)):

    x[t] = a x[t-1] + reverse y[t-1] + u[t]
    y[t] = within x[t-1] + c y[t-1] + v[t]

Effects are the same at every wave; means, and variances and covariance of u and v,
are each wave's own. Past exposure and outcome are predetermined: each may follow
from the other. With the timing `same`, for windows that end before the outcome is
measured, the outcome follows from x[t] instead, and u and v are uncorrelated.

Fitted by full-information maximum likelihood to every person with a known value, in
an answered wave or not, which is valid if data are missing at random. Standard errors
are the sandwich that does without normality, one score a person and without a
small-sample factor (lavaan's MLR); t has persons - 1 degrees of freedom.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from pandas.api.types import is_datetime64_any_dtype

from panelstream.analysis.estimation.design import (
    term_name,
    to_floats,
    transform_exposure,
)
from panelstream.analysis.estimation.estimators.ri_clpm_covariance import (
    CrossLagged,
    starting_values,
    structure,
)
from panelstream.analysis.estimation.fit import Diagnostic, Fit, Term
from panelstream.analysis.estimation.full_information_ml import (
    Maximum,
    Patterns,
    group_by_pattern,
    maximise,
)
from panelstream.analysis.estimation.inference import NEGLIGIBLE, Inference, infer
from panelstream.analysis.estimation.model_fit import fit_bounds
from panelstream.analysis.estimation.registration import Registration
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Array, Codes, Vector

STD_ERROR_TYPE = "robust_ml"
FEWEST_WAVES = 3
# Intervals between waves are equal if the longest is at most this many shortest.
UNEVEN = 1.25
COMPONENTS = ("within", "reverse")
PATHS = ("autoregression_exposure", "autoregression_outcome", *COMPONENTS)


@dataclass(frozen=True, eq=False)
class Pair:
    """An exposure and the outcome: `values` (G, T, 2), NaN where unknown."""

    exposure: str
    term: str
    reverse: str
    waves: Codes
    values: Array

    @property
    def persons(self) -> int:
        """Persons of whom something is known."""
        return len(self.values)

    @property
    def scales(self) -> Vector:
        """Standard deviations (2,) over all that is known."""
        return np.asarray(np.nanstd(self.values, axis=(0, 1), ddof=1))

    @property
    def deviations(self) -> Array:
        """Deviations (G, T, 2) from each person's mean of what is known."""
        finite = np.isfinite(self.values)
        sums = np.where(finite, self.values, 0.0).sum(axis=1, keepdims=True)
        counts = np.maximum(finite.sum(axis=1, keepdims=True), 1)
        return np.asarray(self.values - sums / counts)


def fit_ri_clpm(specification: Specification, panel: pd.DataFrame) -> Fit:
    """Fit the model to each exposure by itself; what fails for one stops no other."""
    if specification.timing not in ("lag 1", "same"):
        raise NotEstimable("ri_clpm knows the timings lag 1 and same")
    if "wave" not in specification.effects:
        raise NotEstimable("ri_clpm has a mean of each wave; it needs the effect wave")
    terms: list[Term] = []
    tests: list[Diagnostic] = []
    pairs = []
    for exposure, column in zip(
        specification.exposures, specification.columns, strict=True
    ):
        try:
            pair = _pair(specification, panel, exposure, column)
            paths, diagnostics = _fit_pair(specification, pair)
            pairs.append(pair)
        except (NotEstimable, np.linalg.LinAlgError) as problem:
            paths = _without_numbers(specification, exposure, column, problem)
            diagnostics = []
        terms += paths
        tests += diagnostics
    return _summary(specification, terms, tests, pairs)


def _pair(
    specification: Specification, panel: pd.DataFrame, exposure: str, column: str
) -> Pair:
    """Exposure and outcome by person and wave."""
    for name in (column, specification.outcome):
        if name not in panel:
            raise NotEstimable(f"the panel has no column {name}")
    use = transform_exposure(specification, panel[column])
    rows = np.column_stack([use, to_floats(panel[specification.outcome])])
    rows[~np.isfinite(rows)] = np.nan
    persons, _ = pd.factorize(panel["participant_id"], sort=True)
    wave, waves = pd.factorize(panel["wave"], sort=True)
    values = np.full((persons.max(initial=-1) + 1, len(waves), 2), np.nan)
    values[persons, wave] = rows
    measured = np.isfinite(values).any(axis=0).prod(axis=1) > 0
    values = values[:, measured]
    values = values[np.isfinite(values).any(axis=(1, 2))]
    term, reverse = _names(specification, column)
    pair = Pair(exposure, term, reverse, np.asarray(waves)[measured], values)
    _require_waves(pair)
    _require_even_waves(specification, panel, pair.waves)
    _require_change(pair)
    return pair


def _names(specification: Specification, column: str) -> tuple[str, str]:
    """The terms that lead to the outcome and to the exposure."""
    return term_name(specification, column), f"lag1({specification.outcome})"


def _require_waves(pair: Pair) -> None:
    if len(pair.waves) < FEWEST_WAVES:
        raise NotEstimable("exposure and outcome are known in fewer than three waves")


def _require_change(pair: Pair) -> None:
    """Everything varies in every wave, and within someone."""
    for side, name in enumerate(("the exposure", "the outcome")):
        noise = NEGLIGIBLE * np.nanmax(np.abs(pair.values[:, :, side]))
        spread = np.nanstd(pair.values[:, :, side], axis=0)
        for wave, value in zip(pair.waves, spread, strict=True):
            if value <= noise:
                raise NotEstimable(f"{name} has the same value for all in wave {wave}")
        if np.nanmax(np.abs(pair.deviations[:, :, side])) <= noise:
            raise NotEstimable(f"{name} changes within no person")


def _require_even_waves(
    specification: Specification, panel: pd.DataFrame, waves: Codes
) -> None:
    """Refuse unequal intervals: one wave's effect would mean different times."""
    if specification.spacing == "any":
        return
    remedy = "spacing: any takes waves as they come"
    if np.diff(waves).max() > 1:
        raise NotEstimable(f"wave numbers have gaps; {remedy}")
    days = list(_intervals(panel, waves))
    if days and max(days) > UNEVEN * min(days):
        distance = f"waves are {min(days):.0f} to {max(days):.0f} days apart"
        raise NotEstimable(f"{distance}; {remedy}")


def _intervals(panel: pd.DataFrame, waves: Codes) -> Iterator[float]:
    """Median days from each wave's answers to the same persons' next ones."""
    if "responded_at" not in panel or not is_datetime64_any_dtype(
        panel["responded_at"]
    ):
        return
    times = panel.pivot(index="participant_id", columns="wave", values="responded_at")
    for earlier, later in pairwise(waves):
        days = (times[later] - times[earlier]).dt.total_seconds().median() / 86_400
        if np.isfinite(days):
            yield float(days)


def _fit_pair(
    specification: Specification, pair: Pair
) -> tuple[list[Term], list[Diagnostic]]:
    persons, waves = pair.persons, len(pair.waves)
    model = structure(waves, specification.timing)
    scaled = (pair.values / pair.scales).reshape(persons, 2 * waves)
    patterns = group_by_pattern(scaled)
    means, parameters = starting_values(scaled, model)
    if persons <= (count := len(means) + len(parameters)):
        raise NotEstimable(f"{persons} persons are too few for {count} parameters")
    maximum = maximise(patterns, model, means, parameters)
    effects = _effects(pair, maximum)
    note = _improper(maximum, model)
    terms = [
        Term(
            pair.exposure,
            name,
            component,
            **asdict(effects[component]),
            standardized=effects[component].estimate * _standardization(pair, side),
            note=note,
        )
        for side, (component, name) in enumerate(
            zip(COMPONENTS, (pair.term, pair.reverse), strict=True)
        )
    ]
    return terms, [
        *_autoregressions(effects, pair),
        *_fit_tests(patterns, maximum, pair),
    ]


def _effects(pair: Pair, maximum: Maximum) -> dict[str, Inference]:
    """The four effects in the units of exposure and outcome."""
    exposure, outcome = pair.scales
    units = np.array([1, 1, outcome / exposure, exposure / outcome])
    errors = np.sqrt(np.diag(maximum.covariance))
    return {
        path: infer(
            float(maximum.parameters[j] * units[j]),
            float(errors[j] * units[j]),
            pair.persons - 1.0,
        )
        for j, path in enumerate(PATHS)
    }


def _improper(maximum: Maximum, model: CrossLagged) -> str:
    """A warning where a variance is estimated below 0 (Heywood case)."""
    between = np.tensordot(maximum.parameters[4:7], model.intercepts, axes=1)[:2, :2]
    residual = np.tensordot(maximum.parameters[7:], model.residuals, axes=1)
    smallest = min(np.linalg.eigvalsh(matrix)[0] for matrix in (between, residual))
    return "improper: a variance is estimated below 0" if smallest < 0 else ""


def _standardization(pair: Pair, side: int) -> float:
    """Standard deviation of a predictor within persons over that of what it predicts."""
    known = np.isfinite(pair.values)
    squares = np.nansum(np.square(pair.deviations), axis=(0, 1))
    df = known.sum(axis=(0, 1)) - known.any(axis=1).sum(axis=0)
    variances = squares / np.maximum(df, 1)
    return float(np.sqrt(variances[side] / variances[1 - side]))


def _autoregressions(effects: dict[str, Inference], pair: Pair) -> Iterator[Diagnostic]:
    """How much of a deviation is still there in the next wave."""
    for path in PATHS[:2]:
        error = f"std_error {effects[path].std_error:.4g}"
        yield Diagnostic(path, effects[path].estimate, note=f"{pair.term}; {error}")


def _fit_tests(
    patterns: Patterns, maximum: Maximum, pair: Pair
) -> Iterator[Diagnostic]:
    """Fit against free means and covariances: scaled chi-square, CFI, RMSEA."""
    try:
        measures = fit_bounds(patterns, maximum.means).measure(maximum)
    except (NotEstimable, np.linalg.LinAlgError) as problem:
        yield Diagnostic("model_fit", note=f"not estimable: {problem}")
        return
    yield Diagnostic(
        "model_fit",
        measures.chi_square,
        measures.df,
        measures.p_value,
        f"scaled chi-square; {pair.term}",
    )
    yield Diagnostic("cfi", measures.cfi, note=pair.term)
    yield Diagnostic("rmsea", measures.rmsea, note=pair.term)


def _without_numbers(
    specification: Specification, exposure: str, column: str, problem: Exception
) -> list[Term]:
    names = zip(COMPONENTS, _names(specification, column), strict=True)
    return [
        Term(exposure, name, component, note=f"not estimable: {problem}")
        for component, name in names
    ]


def _summary(
    specification: Specification,
    terms: list[Term],
    tests: list[Diagnostic],
    pairs: list[Pair],
) -> Fit:
    rows = [np.isfinite(pair.values).any(axis=2).sum() for pair in pairs]
    parts = (
        ("past exposure and outcome predetermined", bool(pairs)),
        ("exposures fitted one by one", len(terms) > len(COMPONENTS)),
        ("covariates left out", bool(specification.fixed or specification.varying)),
    )
    return Fit(
        specification=specification,
        terms=tuple(terms),
        tests=tuple(tests),
        n_obs=int(max(rows, default=0)),
        n_participants=max((pair.persons for pair in pairs), default=0),
        n_waves=max((len(pair.waves) for pair in pairs), default=0),
        note="; ".join(words for words, applies in parts if applies),
        std_error_type=STD_ERROR_TYPE,
    )


REGISTRATION = Registration(
    name="ri_clpm",
    fit=fit_ri_clpm,
    components=COMPONENTS,
    scale="points",
    fewest_waves=1,
    weighted_solver=None,
    decisive=None,
    diagnostics=None,
)
