"""Specification curves: an estimate under every combination of choices, and its test.

After Simonsohn, Simmons & Nelson (2020, Nature Human Behaviour 4, 1208-1214). The
curve itself has the product's own estimates and errors; its test compares the data with
use that is shuffled between persons (`shuffles`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import nan
from typing import Any

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.design import to_floats
from panelstream.analysis.estimation.dropout.weights import weigh_panel
from panelstream.analysis.estimation.estimates import Panels, fit_all
from panelstream.analysis.estimation.shuffles import (
    CurveStatistics,
    Refit,
    arrange_by_wave,
    arrange_histories,
    count_shuffled,
    draw_donors,
    exchangeable_groups,
    monte_carlo_error,
    permutation_p,
    prepare_refit,
    refit_all,
)
from panelstream.analysis.panel.careless_responding import flagged_rows
from panelstream.analysis.plan.conventions import ALPHA, CONFIDENCE
from panelstream.analysis.plan.curves import Branch, Curve
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Codes, Mask
from panelstream.models.study.study import Exclusion

FORK_COLUMNS = (
    "window",
    "measure",
    "transform",
    "estimator",
    "covariates",
    "exclude",
    "weights",
)
_NUMBERS = (
    "estimate",
    "std_error",
    "std_error_type",
    "statistic",
    "df",
    "n_changing",
    "p_value",
    "ci_low",
    "ci_high",
    "standardized",
    "standardized_error",
    "standardized_low",
    "standardized_high",
    "n_obs",
    "n_participants",
    "n_excluded",
    "note",
)
CURVE_COLUMNS = (
    *("specification", "outcome", "exposures", "exposure", "term", "timing"),
    *FORK_COLUMNS,
    "planned",
    *_NUMBERS,
)
CURVE_TEST_COLUMNS = (
    *("specification", "outcome", "exposures", "exposure", "n_specifications"),
    *("not_estimable", "left_out", "predicted", "sign", "share_sign"),
    *("share_significant", "median", "median_chance", "median_p", "median_p_error"),
    *("significant", "significant_p", "significant_p_error"),
    *("mean_z", "mean_z_p", "mean_z_p_error", "permutations", "n_shuffled", "note"),
)
_CURVE = ["specification", "outcome", "exposures", "exposure"]


@dataclass(frozen=True, eq=False)
class SpecificationCurves:
    """Rows of `CURVE_COLUMNS`, sorted by size within each exposure of a regression, and
    of `CURVE_TEST_COLUMNS`; both empty if the plan has no curve.
    """

    estimates: pd.DataFrame
    tests: pd.DataFrame


def fit_curves(
    curves: Sequence[Curve],
    panels: Panels,
    progress: Callable[[float, int], None] = lambda *_: None,
) -> SpecificationCurves:
    """Fit and test every curve; `progress` gets how many of how many are done."""
    fitted = []
    for done, curve in enumerate(curves):
        fitted.append(fit_curve(curve, panels, _part(progress, done, len(curves))))
    return SpecificationCurves(
        _stack([entry.estimates for entry in fitted], CURVE_COLUMNS),
        _stack([entry.tests for entry in fitted], CURVE_TEST_COLUMNS),
    )


def fit_curve(
    curve: Curve,
    panels: Panels,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> SpecificationCurves:
    """Fit the branches of a curve, and test them with shuffled use.

    Each estimate is standardized by the standard deviation of its exposure, as
    transformed, over the outcome's, both within persons in the analysed rows: the same
    scale for every window, measure, transform and estimator.
    """
    branches = _by_exclusion(curve.branches)
    rows = _fit_branches(curve, branches, panels)
    people = _people(branches, panels)
    estimable = rows["estimate"].notna().to_numpy()
    refits = list(
        _refits(branches, estimable.reshape(len(branches), -1), panels, people)
    )
    rows = _standardize(rows, refits)
    known = list(_known(branches, panels, people))
    groups = exchangeable_groups(known) if known else np.arange(len(people))
    tests = _test(curve, rows, [refit for refit in refits if refit], groups, progress)
    return SpecificationCurves(_sorted(rows), tests)


def exclude_rows(panel: pd.DataFrame, outcome: str, exclude: Exclusion) -> pd.DataFrame:
    """The panel without the outcomes that are not to be analysed.

    Their rows stay, as use of these waves may explain later outcomes.
    """
    excluded = _EXCLUDED[exclude](panel, outcome)
    if not excluded.any():
        return panel
    return panel.assign(**{outcome: panel[outcome].mask(excluded)})


def count_excluded(panel: pd.DataFrame | None, outcome: str, exclude: Exclusion) -> int:
    """Persons with an outcome that is left out."""
    if panel is None or outcome not in panel:
        return 0
    rows = _EXCLUDED[exclude](panel, outcome) & panel[outcome].notna().to_numpy()
    return int(panel.loc[rows, "participant_id"].nunique())


def _first_wave(panel: pd.DataFrame, outcome: str) -> Mask:
    """Rows of the first wave in which the outcome is known."""
    wave = panel["wave"]
    first = wave[panel[outcome].notna()].min()
    return np.asarray(wave == first, dtype=np.bool_)


def _incomplete(panel: pd.DataFrame, outcome: str) -> Mask:
    """Rows of persons whose outcome is not known in every wave."""
    answered = panel[outcome].notna()
    waves = panel.loc[answered, "wave"].nunique()
    counts = answered.groupby(panel["participant_id"]).transform("sum")
    return np.asarray(counts < waves, dtype=np.bool_)


_EXCLUDED: Mapping[Exclusion, Callable[[pd.DataFrame, str], Mask]] = {
    "nobody": lambda panel, outcome: np.zeros(len(panel), dtype=np.bool_),
    "careless": lambda panel, outcome: flagged_rows(panel),
    "first_wave": _first_wave,
    "incomplete": _incomplete,
}
"""Which rows (n,) of a panel are not analysed."""


def _by_exclusion(branches: Sequence[Branch]) -> list[Branch]:
    """In the order in which they are fitted."""
    names = list(dict.fromkeys(branch.exclude for branch in branches))
    return sorted(branches, key=lambda branch: names.index(branch.exclude))


def _fit_branches(
    curve: Curve, branches: Sequence[Branch], panels: Panels
) -> pd.DataFrame:
    """The within estimates, by branch, then by exposure."""
    parts = []
    for exclude, group in groupby(branches, key=lambda branch: branch.exclude):
        alike = list(group)
        specifications = [branch.specification for branch in alike]
        results = fit_all(
            specifications, _excluded(specifications, exclude, panels), plain=True
        )
        rows = results.estimates[results.estimates["component"] == "within"]
        labels = [label for branch in alike for label in _labels(branch, panels)]
        parts.append(rows.assign(**pd.DataFrame(labels, index=rows.index)))
    rows = pd.concat(parts, ignore_index=True).assign(specification=curve.name)
    return rows.reindex(columns=list(CURVE_COLUMNS))


def _excluded(
    specifications: Sequence[Specification], exclude: Exclusion, panels: Panels
) -> Panels:
    outcome = specifications[0].outcome
    return {
        window: exclude_rows(panel, outcome, exclude)
        for window, panel in panels.items()
        if outcome in panel
    }


def _labels(branch: Branch, panels: Panels) -> list[dict[str, Any]]:
    """What tells a branch, once for each exposure."""
    window = branch.specification.window
    panel, outcome = panels.get(window), branch.specification.outcome
    label = {
        "window": window.name if window else "",
        "covariates": " + ".join(branch.covariates) or "none",
        "exclude": branch.exclude,
        "planned": branch.planned,
        "n_excluded": count_excluded(panel, outcome, branch.exclude),
    }
    return [label] * len(branch.specification.exposures)


def _people(branches: Sequence[Branch], panels: Panels) -> "pd.Index[Any]":
    """Everybody in the panels of a curve."""
    windows = dict.fromkeys(branch.specification.window for branch in branches)
    columns = [panels[w]["participant_id"] for w in windows if w in panels]
    everybody = pd.concat(columns) if columns else pd.Series(dtype=object)
    people: pd.Index[Any] = pd.Index(everybody.drop_duplicates())
    return people


def _refits(
    branches: Sequence[Branch],
    estimable: Mask,
    panels: Panels,
    people: "pd.Index[Any]",
) -> Iterator[Refit | None]:
    """Each branch ready for shuffles; None where nothing is estimable."""
    for branch, numbers in zip(branches, estimable, strict=True):
        specification = branch.specification
        if not numbers.any():
            yield None
            continue
        panel = panels[specification.window]
        panel = exclude_rows(panel, specification.outcome, branch.exclude)
        histories = arrange_histories(specification, panel, people)
        weighted = weigh_panel(specification, panel)
        yield prepare_refit(specification, weighted, histories, numbers)


def _known(
    branches: Sequence[Branch], panels: Panels, people: "pd.Index[Any]"
) -> Iterator[Mask]:
    """Where people's outcome and their use, in each window and measure, are known."""
    specifications = [branch.specification for branch in branches]
    uses = {(entry.window, entry.measure): entry for entry in specifications}
    for specification in uses.values():
        panel = panels.get(specification.window)
        if panel is not None and {specification.outcome, *specification.columns} <= {
            *panel
        }:
            yield arrange_histories(specification, panel, people).known
            outcome = to_floats(panel[specification.outcome])[:, None]
            yield np.isfinite(arrange_by_wave(outcome, panel, people))


def _standardize(rows: pd.DataFrame, refits: Sequence[Refit | None]) -> pd.DataFrame:
    """Numbers for one standard deviation of the exposure, in those of the outcome."""
    count = len(rows) // len(refits)
    scales = [refit.scales if refit else np.full(count, nan) for refit in refits]
    scale = np.concatenate(scales)
    sources = {
        "standardized": "estimate",
        "standardized_error": "std_error",
        "standardized_low": "ci_low",
        "standardized_high": "ci_high",
    }
    return rows.assign(**{name: rows[of] * scale for name, of in sources.items()})


def _sorted(rows: pd.DataFrame) -> pd.DataFrame:
    """By size within each exposure, in the exposures' order; no number comes last."""
    place = pd.Series(pd.factorize(rows["exposure"])[0], index=rows.index)
    order = rows.assign(place=place).sort_values(["place", "standardized"])
    return rows.loc[order.index].reset_index(drop=True)


def _test(
    curve: Curve,
    rows: pd.DataFrame,
    refits: Sequence[Refit],
    groups: Codes,
    progress: Callable[[int, int], None],
) -> pd.DataFrame:
    """A row of `CURVE_TEST_COLUMNS` for each exposure."""
    shuffled = count_shuffled(groups)
    reason = _why_untested(refits, shuffled)
    count = 0 if reason else curve.permutations
    results: Sequence[Mapping[str, float]] = [{}] * len(curve.start.exposures)
    if count:
        donors = draw_donors(groups, count, curve.start.seed)
        donors = np.vstack([np.arange(len(groups)), donors])
        results = list(_compare(refit_all(refits, donors, progress)))
    tested = {"permutations": count, "n_shuffled": shuffled, "note": reason}
    described = [
        _describe(curve, part) for _, part in rows.groupby("exposure", sort=False)
    ]
    return pd.DataFrame(
        [
            {**row, **tested, **result}
            for row, result in zip(described, results, strict=True)
        ]
    ).reindex(columns=list(CURVE_TEST_COLUMNS))


def _why_untested(refits: Sequence[Refit], shuffled: int) -> str:
    if not refits:
        return "not tested: nothing is estimable"
    return "" if shuffled else "not tested: no two people are known in the same waves"


def _compare(statistics: CurveStatistics) -> Iterator[dict[str, float]]:
    """The data (first) beside the shuffles, for each exposure."""
    for place in range(statistics.medians.shape[1]):
        row: dict[str, float] = {}
        for name in ("median", "significant", "mean_z"):
            observed, *shuffles = statistics.of(name)[:, place]
            p_value = permutation_p(observed, np.array(shuffles))
            error = monte_carlo_error(p_value, len(shuffles))
            row |= {name: observed, f"{name}_p": p_value, f"{name}_p_error": error}
        chance = np.nanquantile(np.abs(statistics.medians[1:, place]), CONFIDENCE)
        yield {**row, "median_chance": float(chance)}


def _describe(curve: Curve, rows: pd.DataFrame) -> dict[str, Any]:
    """How many of an exposure's specifications say what."""
    numbers = rows[rows["standardized"].notna()]
    count = len(numbers)
    positive = float((numbers["standardized"] > 0).mean()) if count else nan
    predicted = curve.predicted or ("positive" if positive >= 0.5 else "negative")
    first = rows.iloc[0]
    return {
        **{name: first[name] for name in _CURVE},
        "n_specifications": count,
        "not_estimable": len(rows) - count,
        "left_out": "; ".join(f"{why}: {n}" for why, n in curve.left_out.items()),
        "predicted": curve.predicted or "",
        "sign": predicted,
        "share_sign": positive if predicted == "positive" else 1 - positive,
        "share_significant": float((numbers["p_value"] < ALPHA).mean())
        if count
        else nan,
    }


def _part(
    progress: Callable[[float, int], None], done: int, total: int
) -> Callable[[int, int], None]:
    """Progress within one of the parts of a whole."""
    return lambda step, steps: progress(done + step / steps, total)


def _stack(frames: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    if not frames:
        return pd.DataFrame(columns=pd.Index(columns))
    return pd.concat(frames, ignore_index=True)
