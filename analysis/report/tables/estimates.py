"""Estimates and tests: those of estimates.csv and tests.csv, with the people behind them."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from panelstream.analysis.estimation.diagnostics import WILD_CLUSTER
from panelstream.analysis.estimation.estimates import (
    ESTIMATE_COLUMNS,
    JUDGED,
    TEST_COLUMNS,
)
from panelstream.analysis.report.input import ReportInput
from panelstream.analysis.report.layout import (
    INTERVAL,
    UNIT,
    Layout,
    PageColumn,
    column,
    share,
)
from panelstream.analysis.report.table import (
    Companion,
    Count,
    DegreesOfFreedom,
    Kind,
    Label,
    Note,
    Ordinal,
    Share,
    Statistic,
    Table,
    TableColumn,
)
from panelstream.analysis.report.tables.limits import t_limits, t_p_values
from panelstream.analysis.verdicts.verdicts import adjust
from panelstream.models.study.study import Study

OF_PERSONS = "influence_"
"""How tests begin that say what leaving out one person does: those stay private."""

OF_ONE_PERSON = ("largest_share", "sole_person")
"""Columns of the estimates that stay private: one person's part in it."""

ENDS = {"floor_share": "at_floor", "ceiling_share": "at_ceiling"}
"""Shares of rows at an end of the outcome, and the names of their counts."""

OF_WEIGHTS = ("largest_weight", "effective_sample_size")
"""Tests that say what one person weighs, and how many rows there are: private, too."""

WITH_OWN_P = ("delta", "delta_slope", WILD_CLUSTER)
"""Tests whose p rests on an error that is not shown, or on draws, so that it gives nothing
away."""

_FIT = ["specification", "outcome"]
_ESTIMATE = (
    column("Estimate", "value", "estimate"),
    column("SE", "value", "std_error"),
    INTERVAL,
    column("p", "p", "p_value"),
)
_SIZE = (
    column("Std.", "decimal", "standardized"),
    column("People", "count", "n_participants"),
    column("Rows", "count", "n_obs"),
)
_BEHIND = (
    column("Changing", "count", "n_changing"),
    column("df", "decimal", "df"),
)
_OF_DROPOUT = (
    "Between, contextual and pooled estimates are biased by ordinary dropout unless"
    " missing answers are imputed."
)
_FUNCTION = column("Function", "name", "exposure")
_COMPARISON = column("Comparison", "word", "component")


def estimates_confirmatory(data: ReportInput) -> Table:
    """What was planned and locked as it stands here."""
    corrected = (
        column("p, Holm", "p", "p_adjusted"),
        column("p, BH", "p", "p_bh"),
        column("p, equivalence (Holm)", "p", "equivalence_adjusted"),
        column("p, larger (Holm)", "p", "larger_adjusted"),
    )
    verdict = (
        share("At the floor", "at_floor"),
        column("Verdict", "word", "verdict"),
        column("Reservations", "word", "reservations"),
    )
    return _estimate_table(
        data,
        "confirmatory",
        "Planned and locked as they stand here; decided by Holm's method."
        f" {_OF_DROPOUT}",
        (_FUNCTION, _COMPARISON, *_ESTIMATE, *corrected, *_SIZE, *_BEHIND, *verdict),
        ("title", "outcome", *UNIT),
    )


def estimates_sensitivity(data: ReportInput) -> Table:
    """What the plan's checks (`<specification>.<preset>`) make of it."""
    specification = column("Specification", "code", "specification")
    return _estimate_table(
        data,
        "sensitivity",
        "The confirmatory specifications with one thing changed. Not corrected,"
        " no verdicts. Rows of <name>.lead are a placebo: the coefficient of the next"
        " wave's use, which cannot have led to the outcome, beside the use of the same"
        f" wave. {_OF_DROPOUT}",
        (_FUNCTION, specification, _COMPARISON, *_ESTIMATE, *_SIZE),
        ("outcome", *UNIT),
    )


def estimates_exploratory(data: ReportInput) -> Table:
    """All others."""
    return _estimate_table(
        data,
        "exploratory",
        "Not locked as they stand here, or planned as exploration. Not corrected,"
        " no verdicts: material for questions, not for answers."
        f" {_OF_DROPOUT}",
        (_FUNCTION, _COMPARISON, *_ESTIMATE, *_SIZE, *_BEHIND),
        ("title", "outcome", *UNIT),
    )


def tests(data: ReportInput) -> Table:
    """Tests and diagnostics of the specifications, save what is of one person."""
    names = data.tests["test"]
    private = names.str.startswith(OF_PERSONS) | names.isin(OF_WEIGHTS)
    statistic = Statistic(("fewest",), digits=None)
    kinds: dict[str, Kind] = {
        **dict.fromkeys(("statistic", "df", "p_value", "p_adjusted"), statistic),
        "df_denominator": DegreesOfFreedom("statistic"),
        "note": Note(),
    }
    return Table(
        name="tests",
        title="Tests and diagnostics",
        caption="Tests of the specifications' assumptions; not corrected.",
        exact=_with_people(data.tests[~private], data),
        columns=tuple(
            TableColumn(name, kinds.get(name, Label())) for name in TEST_COLUMNS
        ),
        internal=(
            TableColumn("fewest", Count("people behind the fit's weakest estimate")),
        ),
        infer=_test_p_values,
        layout=Layout(
            (
                column("Test", "code", "test"),
                column("Statistic", "decimal", "statistic"),
                column("df", "count", "df"),
                column("p", "p", "p_value"),
                column("Note", "note", "note"),
            ),
            grouped_by=("specification", "outcome"),
        ),
    )


def _estimate_table(
    data: ReportInput,
    part: str,
    caption: str,
    page_columns: tuple[PageColumn, ...],
    grouped_by: tuple[str, ...],
) -> Table:
    exact = _unjudged(_exact(data))
    return Table(
        name=f"estimates_{part}",
        title=f"{part.capitalize()} estimates",
        caption=caption,
        exact=exact[_part_of(exact) == part],
        columns=_estimate_columns(data.study),
        internal=(TableColumn("users", Count("people whose use it rests on")),),
        infer=partial(
            _infer, study=data.study, removed_after_lock=data.removed_after_lock
        ),
        layout=Layout(page_columns, grouped_by),
    )


def _estimate_columns(study: Study) -> tuple[TableColumn, ...]:
    statistic = Statistic(("n_obs", "n_participants", "users"), digits=None)
    companions = ("std_error", "statistic", "p_value", *JUDGED, "ci_low", "ci_high")
    kinds: dict[str, Kind] = {
        "estimate": statistic,
        **dict.fromkeys(
            (*companions, "standardized", "verdict", "reservations"),
            Companion("estimate", digits=None),
        ),
        "df": DegreesOfFreedom("estimate"),
        "n_changing": Count("people whose values of the term are not 0"),
        "n_obs": Count("rows analysed"),
        "n_participants": Count("people analysed"),
        "n_waves": Ordinal(range(len(study.waves) + 1)),
        **dict.fromkeys(ENDS.values(), Share("n_obs")),
        "note": Note(),
    }
    names = (ENDS.get(name, name) for name in ESTIMATE_COLUMNS)
    return tuple(
        TableColumn(name, kinds.get(name, Label()))
        for name in names
        if name not in OF_ONE_PERSON
    )


def _exact(data: ReportInput) -> pd.DataFrame:
    """The estimates, with df of no more than the people less one."""
    released = data.estimates.drop(columns=list(OF_ONE_PERSON))
    frame = released.assign(users=data.people_behind)
    # Those of imputation are fewer.
    people = frame["n_participants"].to_numpy(dtype=float)
    df = np.minimum(frame["df"].to_numpy(dtype=float), people - 1)
    rows = frame["n_obs"].to_numpy(dtype=float)
    counts = {
        count: np.rint(frame[share].to_numpy(dtype=float) * rows)
        for share, count in ENDS.items()
    }
    return frame.drop(columns=list(ENDS)).assign(df=df, **counts)


def _unjudged(frame: pd.DataFrame) -> pd.DataFrame:
    """Only what is confirmatory is corrected and judged."""
    planned = frame["confirmatory"].astype(bool)
    judged = (
        *("p_adjusted", "p_bh", "equivalence_adjusted", "larger_adjusted"),
        *("verdict", "reservations"),
    )
    return frame.assign(**{name: frame[name].where(planned) for name in judged})


def _part_of(frame: pd.DataFrame) -> "np.ndarray[Any, Any]":
    planned = frame["confirmatory"].astype(bool).to_numpy()
    preset = frame["specification"].str.contains(".", regex=False).to_numpy()
    parts = np.where(preset, "sensitivity", "exploratory")
    return np.where(planned, "confirmatory", parts)


def _infer(frame: pd.DataFrame, study: Study, removed_after_lock: int) -> pd.DataFrame:
    """All that follows from the degrees of freedom; verdicts stay the exact ones."""
    names = ("estimate", "std_error", "statistic", "df")
    estimate, std_error, t, df = (frame[name].to_numpy(dtype=float) for name in names)
    low, high = t_limits(estimate, std_error, df)
    judged = adjust(
        frame.assign(ci_low=low, ci_high=high, p_value=t_p_values(t, df)),
        study,
        removed_after_lock,
    )
    rejudged = {name: judged[name].where(frame[name].notna()) for name in JUDGED}
    return judged.assign(**rejudged)


def _with_people(tests_: pd.DataFrame, data: ReportInput) -> pd.DataFrame:
    """The tests with the people behind the weakest estimate of the fit."""
    estimates = data.estimates.assign(users=data.people_behind)
    sizes = estimates[["n_obs", "n_participants", "users"]].to_numpy(dtype=float)
    # An unknown number counts as none; a fit without a number gives nobody away.
    fewest = np.where(
        estimates["estimate"].notna(), np.nan_to_num(sizes.min(axis=1)), np.inf
    )
    by_fit = (
        estimates.assign(fewest=fewest)
        .groupby(_FIT)["fewest"]
        .min()
        .reindex(pd.MultiIndex.from_frame(tests_[_FIT]))
    )
    return tests_.assign(fewest=by_fit.fillna(np.inf).to_numpy())


def _test_p_values(frame: pd.DataFrame) -> pd.DataFrame:
    """p of F where it has a denominator, of chi-square with `df`, or of a normal
    deviate where there are none.
    """
    statistic = frame["statistic"].to_numpy(dtype=float)
    restrictions = frame["df"].to_numpy(dtype=float)
    denominator = frame["df_denominator"].to_numpy(dtype=float)
    p_values = np.select(
        [
            frame["test"].isin(WITH_OWN_P),
            ~np.isnan(denominator),
            ~np.isnan(restrictions),
        ],
        [
            frame["p_value"].to_numpy(dtype=float),
            stats.f.sf(statistic, restrictions, denominator),
            stats.chi2.sf(statistic, restrictions),
        ],
        2 * stats.norm.sf(np.abs(statistic)),
    )
    return frame.assign(p_value=np.where(frame["p_value"].notna(), p_values, np.nan))
