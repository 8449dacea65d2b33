"""Participants by wave: who took part, how much they used, how they scored."""

from itertools import pairwise

import numpy as np
import pandas as pd

from panelstream.analysis.report.input import ReportInput
from panelstream.analysis.report.layout import INTERVAL, WAVE, Layout, column, share
from panelstream.analysis.report.table import (
    Companion,
    Count,
    Label,
    Share,
    Statistic,
    Table,
    TableColumn,
    columns,
    stack,
)
from panelstream.analysis.report.tables.limits import t_limits
from panelstream.analysis.report.tables.waves import (
    KEYS,
    in_panel,
    labelled,
    wave_columns,
    wave_keys,
)
from panelstream.models.study.study import Study


def participant_flow(data: ReportInput) -> Table:
    """Per wave: who could answer, who did, how fully, and who was lost since."""
    return Table(
        name="participant_flow",
        title="Participants by wave",
        caption=(
            "Eligible: enrolled, consented and not withdrawn. Answered: of those"
            " eligible (the response rate). Complete outcomes: every outcome scored, of"
            " those who answered. Lost since the previous wave: of those who answered"
            " that one, who did not answer this one."
        ),
        exact=_flow(data.panel, data.study),
        columns=(
            *wave_columns(data.study),
            TableColumn("eligible", Count("people who could answer")),
            TableColumn("answered", Share("eligible")),
            TableColumn("complete_outcomes", Share("answered")),
            TableColumn("lost_since_previous", Share("previously_answered")),
        ),
        internal=(
            TableColumn("previously_eligible", Count("people who could answer")),
            TableColumn("previously_answered", Share("previously_eligible")),
        ),
        layout=Layout(
            (
                *WAVE,
                column("Eligible", "count", "eligible"),
                share("Answered", "answered"),
                share("Complete outcomes", "complete_outcomes"),
                share("Lost since the previous wave", "lost_since_previous"),
            )
        ),
    )


def use_by_wave(data: ReportInput) -> Table:
    """Per function and wave: mean active days a week, any use, use not known."""
    return Table(
        name="use",
        title="Use of the functions by wave",
        caption=(
            "Measured use in each wave's window, of all eligible people, whether they"
            " answered or not. Any use: of those whose use is known. Not known: the log"
            " does not cover the window; it is never taken for no use."
        ),
        exact=stack(
            _use(data.panel, name, data.study) for name in data.study.exposure.functions
        ),
        columns=(
            TableColumn("function", Label()),
            *wave_columns(data.study),
            TableColumn("mean_days_per_week", Statistic(("n",), users="any_use")),
            *columns(Companion("mean_days_per_week"), "sd", "ci_low", "ci_high"),
            TableColumn("n", Count("people whose use is known")),
            TableColumn("any_use", Share("n")),
            TableColumn("not_known", Share("eligible")),
        ),
        internal=(TableColumn("eligible", Count("people who could answer")),),
        infer=lambda frame: _mean_limits(frame, "mean_days_per_week"),
        layout=Layout(
            (
                *WAVE,
                column("Active days a week", "value", "mean_days_per_week"),
                column("SD", "value", "sd"),
                INTERVAL,
                column("n", "count", "n"),
                share("Any use", "any_use"),
                share("Not known", "not_known"),
            ),
            grouped_by=("function",),
        ),
    )


def outcomes_by_wave(data: ReportInput) -> Table:
    """Mean, standard deviation and confidence interval of every outcome per wave."""
    return Table(
        name="outcomes_by_wave",
        title="Outcomes by wave",
        caption=(
            "Of those who answered and could be scored. Intervals are of the mean."
        ),
        exact=stack(
            labelled(_moments(data.panel, name, "mean", data.study), outcome=name)
            for name in in_panel(data.panel, data.study.outcomes)
        ),
        columns=(
            TableColumn("outcome", Label()),
            *wave_columns(data.study),
            TableColumn("mean", Statistic(("n",))),
            *columns(Companion("mean"), "sd", "ci_low", "ci_high"),
            TableColumn("n", Count("people with a score")),
        ),
        infer=lambda frame: _mean_limits(frame, "mean"),
        layout=Layout(
            (
                *WAVE,
                column("Mean", "value", "mean"),
                column("SD", "value", "sd"),
                INTERVAL,
                column("n", "count", "n"),
            ),
            grouped_by=("outcome",),
        ),
    )


def _mean_limits(frame: pd.DataFrame, mean: str) -> pd.DataFrame:
    """Confidence limits of a mean from its standard deviation and n."""
    names = (mean, "sd", "n")
    centre, sd, n = (frame[name].to_numpy(dtype=float) for name in names)
    low, high = t_limits(centre, sd / np.sqrt(np.maximum(n, 1)), n - 1)
    return frame.assign(ci_low=low, ci_high=high)


def _moments(panel: pd.DataFrame, name: str, mean: str, study: Study) -> pd.DataFrame:
    """n, mean and standard deviation of a column, a row per wave."""
    moments = panel.groupby(KEYS)[name].agg(["count", "mean", "std"]).reset_index()
    return wave_keys(moments, study).assign(
        **{mean: moments["mean"], "sd": moments["std"], "n": moments["count"]}
    )


def _use(panel: pd.DataFrame, function: str, study: Study) -> pd.DataFrame:
    days = f"{function}_days_per_week"
    moments = _moments(panel, days, "mean_days_per_week", study)
    by_wave = panel.groupby(KEYS)[days]
    eligible = by_wave.size().to_numpy()
    frame = moments.assign(
        any_use=by_wave.agg(lambda values: (values > 0).sum()).to_numpy(),
        eligible=eligible,
        not_known=eligible - moments["n"],
    )
    return labelled(frame, function=function)


def _flow(panel: pd.DataFrame, study: Study) -> pd.DataFrame:
    answered = panel["responded_at"].notna()
    scores = panel[in_panel(panel, study.outcomes)]
    flags = panel.assign(
        answered=answered, complete=answered & scores.notna().all(axis=1)
    )
    waves = flags.groupby(KEYS).agg(
        eligible=("participant_id", "size"),
        answered=("answered", "sum"),
        complete_outcomes=("complete", "sum"),
    )
    keys = waves.reset_index()
    previous = (
        keys[["eligible", "answered"]]
        .shift()
        .where(keys["round"] == keys["round"].shift())
    )
    return wave_keys(keys, study).assign(
        eligible=keys["eligible"],
        answered=keys["answered"],
        complete_outcomes=keys["complete_outcomes"],
        lost_since_previous=_lost(flags, keys),
        previously_eligible=previous["eligible"],
        previously_answered=previous["answered"],
    )


def _lost(flags: pd.DataFrame, waves: pd.DataFrame) -> list[float]:
    """Of those who answered the wave before in the same round, who did not answer."""
    answers = flags[flags["answered"]].groupby(KEYS)["participant_id"]
    people = {key: set(ids) for key, ids in answers}
    keys = list(zip(waves["round"], waves["wave"], strict=True))
    lost = [
        len(people.get(previous, set()) - people.get(wave, set()))
        if previous[0] == wave[0]
        else np.nan
        for previous, wave in pairwise(keys)
    ]
    return [np.nan, *lost]
