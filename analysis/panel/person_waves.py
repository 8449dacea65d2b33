"""The panel: one row per enrolled, consented participant and wave, answered or not."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from panelstream.analysis.panel import careless_responding
from panelstream.analysis.panel.scoring import score_instrument
from panelstream.analysis.panel.selected_responses import SelectedAnswers
from panelstream.analysis.plan.specifications import previous_wave_column
from panelstream.models.arrays import Array, Mask, Vector
from panelstream.models.instruments.instrument import Instrument, self_reports
from panelstream.models.study.coverage import (
    Coverage,
    PersonWindows,
    observed_by_any,
)
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.measures import MeasureColumn
from panelstream.models.study.study import Study
from panelstream.models.study.use import MeasuredUse
from panelstream.models.study.windows import days_to_instants

_KEYS = ["participant_id", "wave"]
YEAR_DAYS = 365.25
FREQUENCY_LIMITS = (3.5, 25.0, 97.0, 239.0)
"""Active days a year below which use is 1 once a year, 2 once a month, 3 once a
week, 4 a few times a week; from the last on 5 almost every day. 0 is never."""

_NOTHING = 0.5e-6 / 86_400
"""Days: half of the shortest time that can be missing, and more than any rounding."""


def build_panel(
    folder: StudyFolder,
    rows: pd.DataFrame,
    use: MeasuredUse,
    coverage: Mapping[str, Coverage],
    answers: SelectedAnswers,
    as_of: datetime,
) -> pd.DataFrame:
    """Join planned rows, counted use and scores.

    `rows`: as `windows.plan` returns them; `use` in the same order.
    `as_of`: when all this was known; until a wave has closed, nobody has failed to
    answer it.
    Rows come out by participant_id and wave.
    """
    study = folder.study
    panel = _frame(rows, study, as_of)
    panel = panel.assign(**_use_columns(folder, rows, use, coverage))
    answered = panel[[*_KEYS, "responded_at"]].merge(
        answers.responses, on=[*_KEYS, "responded_at"], how="left"
    )
    not_asked = _not_asked(panel["wave"], answers.not_asked)
    panel = _with_scores(panel, folder.instruments, answered, not_asked)
    panel = _with_previous(panel, lagged_columns(study))
    return _with_fixed(panel, folder, answered)


def _use_columns(
    folder: StudyFolder,
    rows: pd.DataFrame,
    use: MeasuredUse,
    coverage: Mapping[str, Coverage],
) -> dict[str, Vector]:
    """Each column (rows,) of measured use, in the panel's order."""
    study = folder.study
    visible = PersonWindows.planned(rows, study, "observable_from")
    fully_visible = _fully_visible(rows)
    logs_of_functions = [coverage[name] for name in study.exposure.functions]
    columns = {
        "observed_days": observed_by_any(logs_of_functions).observed_days(visible)
    }
    for index, name in enumerate(study.exposure.functions):
        measures = measure_use(
            use.counts[:, index],
            use.days[:, index],
            coverage[name],
            visible,
            fully_visible,
        )
        columns |= {f"{name}_{suffix}": values for suffix, values in measures.items()}
    for column in folder.measures:
        logs = [coverage[name] for name in column.functions]
        columns[column.name] = additional_measure(
            column, use.further[column.name], logs, rows, study
        )
    return columns


def lagged_columns(study: Study) -> list[str]:
    """The columns that also stand in the row of the next wave, as `<column>_previous`.

    The default measure of every function, the outcomes and the planned covariates.
    """
    use = [f"{name}_days_per_week" for name in study.exposure.functions]
    names = [*use, *study.outcomes, *study.covariates.previous_wave]
    return list(dict.fromkeys(names))


def measure_use(
    counts: Array,
    days: Array,
    coverage: Coverage,
    visible: PersonWindows,
    fully_visible: Mask,
) -> dict[str, Array]:
    """The measures of one function's use, NaN where the log does not cover the window.

    `visible`: the observable windows (rows,).
    `fully_visible`: whether that is all of the window; where consent hides a part of it, how often
    something was done in the window is not known, only how often a week. Counts
    over a window with excused gaps are prorated to the whole of it. The frequency
    codes are the survey's six answers, from active days a year of observed time.
    """
    observed, scale = _observed(coverage, visible)
    scale = np.where(fully_visible, scale, np.nan)
    return {
        "count": counts * scale,
        "days": days * scale,
        "days_per_week": days / observed * 7,
        "frequency": frequency_codes(days / observed * YEAR_DAYS),
    }


def additional_measure(
    column: MeasureColumn,
    counted: Array,
    coverage: Sequence[Coverage],
    rows: pd.DataFrame,
    study: Study,
) -> Array:
    """A further measure, NaN where consent or the log does not cover all of the window.

    Use to date must be covered from where it begins. What is not prorated is not known
    either where a gap in the log is excused. `coverage`: that of each function counted.
    """
    to_date = column.definition.to_date
    first, start = (
        ("since_on", "since_on") if to_date else ("start_on", "observable_from")
    )
    fully_visible = (rows[first] == rows[start]) & (
        rows["end_on"] == rows["observable_until"]
    )
    visible = PersonWindows.planned(rows, study, start)
    scales = np.array([_observed(log, visible)[1] for log in coverage]).max(axis=0)
    valid = fully_visible.to_numpy() & (column.definition.prorated | (scales == 1))
    return np.where(valid, counted * scales, np.nan)


def _observed(coverage: Coverage, visible: PersonWindows) -> tuple[Array, Array]:
    """Observed days of each window, and what scales a count over them to the window.

    NaN where the log neither covers the window nor is excused.
    """
    length, observed = visible.lengths, coverage.observed_days(visible)
    excused = coverage.excused_days(visible)
    covered = (observed > 0) & (length - observed - excused < _NOTHING)
    observed = np.where(covered, observed, np.nan)
    return observed, np.where(length - observed < _NOTHING, 1.0, length / observed)


def frequency_codes(days_a_year: Array) -> Array:
    """The survey's six answers (0 to 5) for active days a year; NaN stays NaN."""
    codes = 1.0 + np.digitize(days_a_year, FREQUENCY_LIMITS)
    codes = np.where(days_a_year == 0, 0.0, codes)
    return np.where(np.isnan(days_a_year), np.nan, codes)


def _frame(rows: pd.DataFrame, study: Study, as_of: datetime) -> pd.DataFrame:
    start, end = _instants(rows, study, "start_on", "end_on")
    return pd.DataFrame(
        {
            "participant_id": rows["participant_id"],
            "wave": rows["wave"].astype("int64"),
            "wave_index": rows["wave_index"].astype("int64"),
            "round": rows["round"].astype("int64"),
            "responded_at": rows["responded_at"],
            "timing": rows["timing"].replace("", None),
            **_attrition(rows, study, as_of),
            "window_start": pd.Series(start).dt.tz_localize("UTC"),
            "window_end": pd.Series(end).dt.tz_localize("UTC"),
            "window_days": (end - start) / np.timedelta64(1, "D"),
        }
    )


def _instants(
    rows: pd.DataFrame, study: Study, start: str, end: str
) -> tuple[np.ndarray, np.ndarray]:
    zone = study.zone
    return days_to_instants(rows[start], zone), days_to_instants(rows[end], zone)


def _fully_visible(rows: pd.DataFrame) -> Mask:
    """Whether consent lets all of the window be seen."""
    start = rows["start_on"] == rows["observable_from"]
    return (start & (rows["end_on"] == rows["observable_until"])).to_numpy()


def _attrition(
    rows: pd.DataFrame, study: Study, as_of: datetime
) -> dict[str, pd.Series]:
    """Whether a person answered, answers the next wave, and answers again in the round.

    The last two look ahead: they describe people who leave, and select nobody.
    """
    answered = rows["responded_at"].notna()
    over, next_over, all_over = (
        rows["withdrawn"] | _over(rows[f"{prefix}closes_before"], study, as_of)
        for prefix in ("", "next_", "round_")
    )
    person = rows.groupby(["participant_id", "round"]).ngroup()
    answers_later = (
        answered[::-1].astype(int).groupby(person).cummax().eq(1).sort_index()
    )
    current = _flag(answered, answered | over)
    following = _shifted(rows.assign(answered=current), ["answered"], 1)["answered"]
    return {
        "answered": current,
        # People who were away for all of the next wave have no row in it.
        "answered_next": following.mask(following.isna() & next_over, 0).where(
            rows["next_closes_before"].notna()
        ),
        "dropped_out": _flag(~answers_later, answers_later | all_over),
    }


def _flag(flagged: pd.Series, valid: pd.Series) -> pd.Series:
    """1 yes, 0 no, null: not known."""
    return flagged.astype("Int8").where(valid)


def _over(ends: pd.Series, study: Study, as_of: datetime) -> Mask:
    """Whether what ends at the beginning of these days was over at `as_of`."""
    at = np.datetime64(as_of.astimezone(UTC).replace(tzinfo=None))
    over: Mask = days_to_instants(ends, study.zone) <= at
    return over


def _not_asked(
    waves: pd.Series, not_asked: Mapping[int, Sequence[str]]
) -> pd.DataFrame:
    """A column an item that some wave did not ask, True in the rows of these waves."""
    items = sorted({code for codes in not_asked.values() for code in codes})
    columns = {
        code: waves.isin([wave for wave, codes in not_asked.items() if code in codes])
        for code in items
    }
    return pd.DataFrame(columns, index=waves.index, dtype=bool)


def _with_scores(
    panel: pd.DataFrame,
    instruments: Sequence[Instrument],
    answered: pd.DataFrame,
    not_asked: pd.DataFrame,
) -> pd.DataFrame:
    responded = panel["responded_at"].notna()
    for instrument in instruments:
        scores = score_instrument(instrument, answered, not_asked)
        panel = panel.join(scores.astype(float).where(responded))
        for function, code in self_reports(instrument).items():
            panel[f"{function}_self_report"] = _numbers(answered, code)
    flags = careless_responding.careless_flags(instruments, answered, not_asked)
    return panel.join(flags.where(responded))


def _with_previous(panel: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    lagged = _shifted(panel, names, -1)
    return panel.join(
        lagged.rename(columns={name: previous_wave_column(name) for name in names})
    )


def _shifted(rows: pd.DataFrame, names: Sequence[str], step: int) -> pd.DataFrame:
    """Columns of the same person `step` waves on in the round; null without a row.

    By the wave's position and never by the row above or below.
    """
    keys = ["participant_id", "round", "wave_index"]
    shifted = rows[[*keys, *names]].assign(wave_index=rows["wave_index"] - step)
    return rows[keys].merge(shifted, on=keys, how="left")[[*names]]


def _with_fixed(
    panel: pd.DataFrame, folder: StudyFolder, answered: pd.DataFrame
) -> pd.DataFrame:
    """Fixed covariates: the first answer that a person gave, on all rows."""
    items = folder.study.covariates.fixed
    texts = {
        item.code
        for instrument in folder.instruments
        for item in instrument.items
        if item.choices
    }
    first = answered.groupby("participant_id")[
        [i for i in items if i in answered]
    ].first()
    for name in items:
        answers = first[name] if name in first else pd.Series(dtype=float)
        values = panel["participant_id"].map(answers)
        panel[name] = values.astype("str" if name in texts else float)
    return panel


def _numbers(answers: pd.DataFrame, code: str) -> pd.Series:
    if code not in answers:
        return pd.Series(np.nan, index=answers.index)
    return answers[code].astype(float)
