"""Who is in a regression and why others are not: one row for each fitted specification.

Rows are lost in the order of the columns: one whose outcome is not known counts there,
whatever else it lacks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.design import (
    build_design,
    require_columns,
    shift_waves,
    to_floats,
)
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.analysis.plan.wording import Words, entitle, state
from panelstream.models.arrays import Mask

SPECIFICATION_COLUMNS = (
    "specification",
    "outcome",
    "exposures",
    "title",
    "statement",
    "waves",
    "outcome_unknown",
    "no_such_wave",
    "use_unknown",
    "covariates_unknown",
    "single_rows",
    "n_obs",
    "n_participants",
    "confirmatory",
)
_KEYS = ["specification", "outcome", "exposures"]

_WITHOUT_DESIGN = ("gmm", "ri_clpm")
"""Estimators that take rows which lack something."""


@dataclass(frozen=True)
class Losses:
    """Rows of a panel that are not analysed, by the first reason."""

    outcome_unknown: int
    no_such_wave: int
    use_unknown: int
    covariates_unknown: int
    single_rows: int


def count_losses(specification: Specification, panel: pd.DataFrame) -> Losses:
    """Rows that complete cases and, with fixed effects, rows of their own leave out.

    `no_such_wave`: a lag or a lead needs a wave in which the person has no row.
    Raises `NotEstimable` where nothing can be analysed.
    """
    require_columns(specification, panel)
    remaining, lost = np.ones(len(panel), dtype=np.bool_), list[int]()
    for missing in _unknown(specification, panel):
        lost.append(int((remaining & missing).sum()))
        remaining &= ~missing
    return Losses(*lost, *[build_design(specification, panel).singletons])


def describe_specifications(
    specifications: Iterable[Specification],
    panels: Mapping[Any, pd.DataFrame],
    estimates: pd.DataFrame,
    days: Mapping[int, tuple[str, str]],
    words: Words | None = None,
) -> pd.DataFrame:
    """Rows of `SPECIFICATION_COLUMNS`: one for each regression of the plan.

    `estimates` are rows of `ESTIMATE_COLUMNS`, `days` the first and the last day of
    waves whose dates are known, `words` what readers call columns.
    """
    fitted = {
        (row["specification"], row["outcome"], row["exposures"]): row
        for _, row in estimates.drop_duplicates(_KEYS).iterrows()
    }
    rows = [
        _describe(
            specification,
            panels.get(specification.window),
            fitted[_key(specification)],
            days,
            words or {},
        )
        for specification in specifications
        if _key(specification) in fitted
    ]
    return pd.DataFrame(rows, columns=pd.Index(SPECIFICATION_COLUMNS))


def _key(specification: Specification) -> tuple[str, str, str]:
    return (
        specification.specification,
        specification.outcome,
        specification.regression,
    )


def _describe(
    specification: Specification,
    panel: pd.DataFrame | None,
    fitted: "pd.Series[Any]",
    days: Mapping[int, tuple[str, str]],
    words: Words,
) -> dict[str, Any]:
    return {
        **dict(zip(_KEYS, _key(specification), strict=True)),
        "title": entitle(specification),
        "statement": state(specification, words),
        **_sample(specification, panel, days),
        **{name: fitted[name] for name in ("n_obs", "n_participants", "confirmatory")},
    }


def _sample(
    specification: Specification,
    panel: pd.DataFrame | None,
    days: Mapping[int, tuple[str, str]],
) -> dict[str, Any]:
    """Waves and losses; nothing for what is fitted to incomplete rows, or not at all."""
    layered = (specification.weights, specification.missing) != ("none", "complete")
    if panel is None or layered or specification.estimator in _WITHOUT_DESIGN:
        return {}
    try:
        numbers = build_design(specification, panel).wave_numbers
        losses = asdict(count_losses(specification, panel))
    except NotEstimable:
        return {}
    return {"waves": _waves(sorted({int(n) for n in numbers}), days), **losses}


def _waves(numbers: Sequence[int], days: Mapping[int, tuple[str, str]]) -> str:
    """The outcome's waves with their days."""
    first, last = numbers[0], numbers[-1]
    text = f"wave {first}" if first == last else f"waves {first} to {last}"
    if first not in days or last not in days:
        return text
    return f"{text}, {days[first][0]} to {days[last][1]}"


def _unknown(specification: Specification, panel: pd.DataFrame) -> Iterator[Mask]:
    """Rows (n,) without outcome, without the use's wave, use, or covariates."""
    yield ~np.isfinite(to_floats(panel[specification.outcome]))
    rows = np.ones(len(panel))
    yield ~np.isfinite(shift_waves(rows, panel, specification.shift))
    shifts = (
        {specification.shift, 0} if specification.shift > 0 else {specification.shift}
    )
    yield np.logical_or.reduce(
        [
            ~np.isfinite(shift_waves(to_floats(panel[name]), panel, shift))
            for name in specification.columns
            for shift in shifts
        ]
    )
    yield np.logical_or.reduce(
        [
            np.zeros(len(panel), dtype=np.bool_),
            *(panel[name].isna().to_numpy() for name in specification.fixed),
            *(~np.isfinite(to_floats(panel[n])) for n in specification.varying),
        ]
    )
