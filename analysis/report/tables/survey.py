"""The survey of JMIR Form Res 2021;5(9):e21348 again, with measured use.

Of the first wave alone: different people compared with one another at one time.
"""

from typing import Any

import numpy as np
import pandas as pd
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.inter_rater import cohens_kappa

from panelstream.analysis.estimation.inference import with_intercept
from panelstream.analysis.report.input import ReportInput
from panelstream.analysis.report.layout import INTERVAL, Layout, column, share
from panelstream.analysis.report.table import (
    Cell,
    Companion,
    Count,
    Label,
    Parameter,
    Share,
    Statistic,
    Table,
    TableColumn,
    Total,
    columns,
    stack,
)
from panelstream.analysis.report.tables.limits import (
    fisher_limits,
    t_limits,
    t_p_values,
)
from panelstream.analysis.report.tables.waves import in_panel, labelled
from panelstream.models.arrays import Vector
from panelstream.models.study.study import Study
from panelstream.models.study.use import FREQUENCIES

_SURVEY = "the cross-sectional survey in JMIR Form Res 2021;5(9):e21348"
_MEASURED = f"After {_SURVEY}, where use was self-reported; here it was measured."
_FIRST = "People who answered the first wave whose window of use is known."
_FUNCTION = column("Function", "name", "function")
_USERS = TableColumn("users", Count("people with any use"))
_REGRESSION_LAYOUT = Layout(
    (
        _FUNCTION,
        column("B", "value", "b"),
        column("SE", "value", "std_error"),
        INTERVAL,
        column("beta", "decimal", "beta"),
        column("t", "decimal", "t"),
        column("p", "p", "p_value"),
        column("n", "count", "n"),
    ),
    grouped_by=("outcome",),
)


def survey_table_1(data: ReportInput) -> Table:
    """How often people used each function: six frequencies, n (%), own n per row."""
    first = _first_wave(data)
    rows = [_frequencies(first, name) for name in data.study.exposure.functions]
    return Table(
        name="survey_table_1",
        title="Frequency of use",
        caption=(
            f"{_MEASURED} {_FIRST} Frequencies come from active days a year: under 3.5"
            " is once a year, under 25 once a month, under 97 once a week, under 239 a"
            " few times a week. n counts the answers shown, and percentages are of n:"
            " withheld cells are in neither."
        ),
        exact=pd.DataFrame(rows),
        columns=(
            TableColumn("function", Label()),
            *columns(Cell("n", by=("function",)), *FREQUENCIES),
            TableColumn("n", Total()),
        ),
        layout=Layout(
            (
                _FUNCTION,
                *(
                    share(frequency.replace("_", " ").capitalize(), frequency)
                    for frequency in FREQUENCIES
                ),
                column("n", "count", "n"),
            )
        ),
    )


def survey_table_2(data: ReportInput) -> Table:
    """Outcomes at the first wave, and their correlation with each frequency of use."""
    first = _first_wave(data)
    return Table(
        name="survey_table_2",
        title="Outcomes and frequency of use",
        caption=(
            f"{_MEASURED} {_FIRST} r: Pearson's correlation with the frequency of use"
            " (coded 0 to 5), its 95 % interval by Fisher's z, and its own n."
        ),
        exact=stack(
            _correlations(first, outcome, data.study)
            for outcome in in_panel(data.panel, data.study.outcomes)
        ),
        columns=(
            TableColumn("outcome", Label()),
            *columns(Statistic(("outcome_n",)), "outcome_mean", "outcome_sd"),
            TableColumn("outcome_n", Count("people with a score")),
            TableColumn("function", Label()),
            TableColumn("r", Statistic(("n",), users="users")),
            *columns(Companion("r"), "ci_low", "ci_high"),
            TableColumn("n", Count("people with a score and known use")),
        ),
        internal=(_USERS,),
        infer=_correlation_limits,
        layout=Layout(
            (
                _FUNCTION,
                column("r", "decimal", "r"),
                INTERVAL,
                column("n", "count", "n"),
            ),
            grouped_by=("outcome",),
        ),
    )


def survey_table_3(data: ReportInput) -> Table:
    """Outcomes at the first wave regressed on all frequencies of use jointly."""
    first = _first_wave(data)
    return Table(
        name="survey_table_3",
        title="Outcomes regressed on frequency of use",
        caption=(
            f"{_MEASURED} {_FIRST} One least-squares regression per outcome on the"
            " frequencies (coded 0 to 5) of all functions that vary, of one wave only:"
            " it compares different people. B: points per frequency step; beta:"
            " standardized; classical standard errors, not corrected for multiple"
            " testing."
        ),
        exact=stack(
            _joint_regression(first, outcome, data.study)
            for outcome in in_panel(data.panel, data.study.outcomes)
        ),
        columns=(
            *columns(Label(), "outcome", "function"),
            TableColumn("b", Statistic(("n",), users="users")),
            *columns(
                Companion("b"),
                *("std_error", "beta", "t", "p_value", "ci_low", "ci_high"),
            ),
            TableColumn("n", Count("people with a score and known use")),
        ),
        internal=(_USERS, TableColumn("coefficients", Parameter())),
        infer=_coefficient_limits,
        layout=_REGRESSION_LAYOUT,
    )


def self_report_agreement(data: ReportInput) -> Table:
    """How far people's own account of their use agrees with the measurement."""
    first = _first_wave(data)
    rows = [
        _agreement(first, name)
        for name in data.study.exposure.functions
        if f"{name}_self_report" in data.panel
    ]
    return Table(
        name="self_report_agreement",
        title="Self-reported and measured use",
        caption=(
            f"{_FIRST} Kappa is weighted quadratically over the six frequencies: 1 is"
            " agreement, 0 what chance would give. Exact: the same frequency."
            " Difference: self-reported minus measured, in frequency steps."
        ),
        exact=pd.DataFrame(rows),
        columns=(
            TableColumn("function", Label()),
            *columns(Statistic(("n",), users="users"), "kappa", "mean_difference"),
            TableColumn("n", Count("people with both")),
            TableColumn("exact", Share("n")),
        ),
        internal=(TableColumn("users", Count("people in the smallest group")),),
        layout=Layout(
            (
                _FUNCTION,
                column("Weighted kappa", "decimal", "kappa"),
                share("Exact", "exact"),
                column("Difference", "decimal", "mean_difference"),
                column("n", "count", "n"),
            )
        ),
    )


def correlation(x: Vector, y: Vector) -> float:
    """Pearson's r; NaN where it or its interval is undefined."""
    if len(x) < 4 or not (np.ptp(x) > 0 and np.ptp(y) > 0):
        return np.nan
    return float(np.clip(np.corrcoef(x, y)[0, 1], -1, 1))


def weighted_kappa(first: Vector, second: Vector) -> float:
    """Cohen's kappa with quadratic weights (Psychol Bull 1968;70(4):213-220).

    `first`, `second` (n,): codes of `FREQUENCIES`. NaN where neither varies, or
    an answer is no such code.
    """
    if not len(first) or (np.ptp([first, second]) == 0):
        return np.nan
    if not np.isin([first, second], range(len(FREQUENCIES))).all():
        return np.nan
    crossed = np.zeros((len(FREQUENCIES), len(FREQUENCIES)))
    np.add.at(crossed, (first.astype(int), second.astype(int)), 1)
    return float(cohens_kappa(crossed, wt="quadratic", return_results=False))


def regression(x: Vector, y: Vector) -> pd.DataFrame:
    """Least squares of `y` (n,) on `x` (n, k) and an intercept, a row per column of `x`.

    `beta` is the slope in standard deviations; errors are classical. No rows where
    it is not identified: too few people, or collinear columns.
    """
    n, k = x.shape
    columns = with_intercept(x)
    if n <= k + 1 or np.linalg.matrix_rank(columns) <= k:
        return pd.DataFrame()
    fit = OLS(y, columns).fit()
    slopes, std_errors = fit.params[1:], fit.bse[1:]
    return pd.DataFrame(
        {
            "b": slopes,
            "std_error": std_errors,
            "beta": slopes * x.std(axis=0) / (y.std() or np.nan),
            "t": slopes / np.where(std_errors > 0, std_errors, np.nan),
            "n": n,
            "coefficients": k + 1,
        }
    )


def _first_wave(data: ReportInput) -> pd.DataFrame:
    """Answered rows of each round's first wave in which any use is known."""
    panel = data.panel
    columns = [f"{name}_frequency" for name in data.study.exposure.functions]
    rows = panel[panel[columns].notna().any(axis=1) & panel["responded_at"].notna()]
    return rows[rows["wave"] == rows.groupby("round")["wave"].transform("min")]


def _frequencies(first: pd.DataFrame, function: str) -> dict[str, Any]:
    codes = first[f"{function}_frequency"].dropna()
    cells = {
        frequency: int((codes == code).sum())
        for code, frequency in enumerate(FREQUENCIES)
    }
    return {"function": function, **cells}


def _correlations(first: pd.DataFrame, outcome: str, study: Study) -> pd.DataFrame:
    scores = first[outcome].dropna()
    rows = []
    for function in study.exposure.functions:
        pairs = first[[f"{function}_frequency", outcome]].dropna().to_numpy(dtype=float)
        rows.append(
            {
                "outcome": outcome,
                "outcome_mean": scores.mean(),
                "outcome_sd": scores.std(),
                "outcome_n": len(scores),
                "function": function,
                "r": correlation(pairs[:, 0], pairs[:, 1]),
                "n": len(pairs),
                "users": (pairs[:, 0] > 0).sum(),
            }
        )
    return pd.DataFrame(rows)


def _correlation_limits(frame: pd.DataFrame) -> pd.DataFrame:
    numbers = (frame[name].to_numpy(dtype=float) for name in ("r", "n"))
    low, high = fisher_limits(*numbers)
    return frame.assign(ci_low=low, ci_high=high)


def _joint_regression(first: pd.DataFrame, outcome: str, study: Study) -> pd.DataFrame:
    frequencies = [f"{name}_frequency" for name in study.exposure.functions]
    complete = first[[*frequencies, outcome]].dropna()
    varying = [name for name in frequencies if complete[name].nunique() > 1]
    if not varying:
        return pd.DataFrame()
    x, y = (complete[names].to_numpy(dtype=float) for names in (varying, outcome))
    frame = regression(x, y)
    if frame.empty:
        return frame
    functions = [name.removesuffix("_frequency") for name in varying]
    users = (complete[varying] > 0).sum().to_numpy()
    return labelled(frame.assign(function=functions, users=users), outcome=outcome)


def _coefficient_limits(frame: pd.DataFrame) -> pd.DataFrame:
    df = frame["n"] - frame["coefficients"]
    low, high = t_limits(frame["b"], frame["std_error"], df)
    p_values = t_p_values(frame["t"], df)
    return frame.assign(p_value=p_values, ci_low=low, ci_high=high)


def _agreement(first: pd.DataFrame, function: str) -> dict[str, Any]:
    pairs = first[[f"{function}_self_report", f"{function}_frequency"]].dropna()
    reported, measured = pairs.to_numpy(dtype=float).T
    return {
        "function": function,
        "kappa": weighted_kappa(reported, measured),
        "mean_difference": (reported - measured).mean() if len(pairs) else np.nan,
        "n": len(pairs),
        "exact": (reported == measured).sum(),
        "users": _smallest_group(reported > 0, measured > 0, reported != measured),
    }


def _smallest_group(*groups: Any) -> int:
    """The size of the smallest group that has somebody in it; 0 if none has."""
    return min((int(group.sum()) for group in groups if group.any()), default=0)
