"""Specification curves: those of specification_curve.csv, and their tests."""

from functools import partial

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.specification_curve import (
    CURVE_COLUMNS,
    CURVE_TEST_COLUMNS,
)
from panelstream.analysis.report.input import ReportInput
from panelstream.analysis.report.layout import Layout, column
from panelstream.analysis.report.table import (
    Companion,
    Count,
    DegreesOfFreedom,
    Kind,
    Label,
    Note,
    Statistic,
    Table,
    TableColumn,
)
from panelstream.analysis.report.tables.limits import t_limits, t_p_values

_CURVE = ["specification", "outcome", "exposures", "exposure"]
_WORDS = ("predicted", "sign")
_DESIGN = ("n_specifications", "not_estimable", "permutations")
"""Numbers of regressions and of shuffles, not of people."""


def specification_curve(data: ReportInput) -> Table:
    """Every estimate of every curve."""
    # Beside the estimate of everybody it would tell of the few who are left out.
    sizes = ("n_obs", "n_participants", "n_changing")
    statistic = Statistic(sizes, users="n_excluded", digits=None)
    companions = (
        *("std_error", "statistic", "p_value", "ci_low", "ci_high", "standardized"),
        *("standardized_error", "standardized_low", "standardized_high"),
    )
    kinds: dict[str, Kind] = {
        "estimate": statistic,
        **dict.fromkeys(companions, Companion("estimate", digits=None)),
        "df": DegreesOfFreedom("estimate"),
        "n_changing": Count("people whose use changes"),
        "n_obs": Count("rows analysed"),
        "n_participants": Count("people analysed"),
        "n_excluded": Count("people with an answer that is left out"),
        "note": Note(),
    }
    return Table(
        name="specification_curve",
        title="Specification curves",
        caption="Within-person estimates under every combination of the plan's forks,"
        " sorted by size. Not corrected, no verdicts.",
        exact=data.curve,
        columns=tuple(
            TableColumn(name, kinds.get(name, Label())) for name in CURVE_COLUMNS
        ),
        infer=_infer,
    )


def specification_curve_tests(data: ReportInput) -> Table:
    """What the curves say together, beside shuffled use."""
    statistic = Statistic(("fewest",))
    exact = _with_fewest(data.curve_tests, data.curve)
    kinds: dict[str, Kind] = {
        **dict.fromkeys((*_WORDS, *_CURVE, "left_out"), Label()),
        **dict.fromkeys(_DESIGN, Statistic(("fewest",), digits=None)),
        "n_shuffled": Count("people whose use was shuffled"),
        "note": Label(),
    }
    return Table(
        name="specification_curve_tests",
        title="Specification curves, tested",
        caption="Standardized: for one standard deviation of the use, in standard"
        " deviations of the outcome, both within people. Chance: the size that 95 % of the"
        " medians stay below if use is shuffled between people. p: how often shuffled"
        " use gives at least as large a median, as large a share of significant"
        " estimates in one direction, as large a mean z.",
        exact=exact,
        columns=tuple(
            TableColumn(name, kinds.get(name, statistic)) for name in CURVE_TEST_COLUMNS
        ),
        internal=(
            TableColumn("fewest", Count("people behind the curve's weakest estimate")),
        ),
        layout=Layout(
            (
                column("Function", "name", "exposure"),
                column("Specifications", "count", "n_specifications"),
                column("Median, std.", "value", "median"),
                column("Chance", "value", "median_chance"),
                column("Sign", "word", "sign"),
                column("Share of it", "decimal", "share_sign"),
                column("Share p < .05", "decimal", "share_significant"),
                column("p, median", "p", "median_p"),
                column("p, share", "p", "significant_p"),
                column("p, mean z", "p", "mean_z_p"),
            ),
            grouped_by=("specification", "outcome"),
        ),
    )


def _with_fewest(tests: pd.DataFrame, curve: pd.DataFrame) -> pd.DataFrame:
    """The tests with the people behind the weakest estimate of each curve."""
    if tests.empty:
        return tests
    names = ["n_obs", "n_participants", "n_changing"]
    sizes = curve.loc[curve["estimate"].notna(), [*_CURVE, *names]]
    fewest = sizes.set_index(_CURVE)[names].min(axis=1).groupby(level=_CURVE).min()
    places = pd.MultiIndex.from_frame(tests[_CURVE])
    return tests.assign(fewest=fewest.reindex(places).fillna(0).to_numpy())


def _infer(frame: pd.DataFrame) -> pd.DataFrame:
    """Limits and p that follow from the degrees of freedom as released."""
    df = frame["df"].to_numpy(dtype=float)
    low, high = t_limits(frame["estimate"], frame["std_error"], df)
    limits = partial(t_limits, df=df)
    standard = limits(frame["standardized"], frame["standardized_error"])
    return frame.assign(
        ci_low=low,
        ci_high=high,
        p_value=t_p_values(np.asarray(frame["statistic"], dtype=float), df),
        standardized_low=standard[0],
        standardized_high=standard[1],
    )
