"""The panel: one row per enrolled, consented participant and wave, answered or not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import careless
from analysis.scoring import score
from analysis.specifications import previous
from models.coverage import Coverage
from models.instruments import Instrument, self_reports
from models.study import Study, StudyFolder
from models.windows import days_to_instants

KEYS = ["participant_id", "wave"]
YEAR_DAYS = 365.25
FREQUENCY_LIMITS = (3.5, 25.0, 97.0, 239.0)
"""Active days a year below which use is 1 once a year, 2 once a month, 3 once a
week, 4 a few times a week; from the last on 5 almost every day. 0 is never."""

_ENOUGH = 1 - 1e-9
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Use:
    """Counted use: arrays (rows, functions) of events and of active local days."""

    counts: Numbers
    days: Numbers


def build(
    folder: StudyFolder,
    rows: pd.DataFrame,
    use: Use,
    coverage: Mapping[str, Coverage],
    answers: pd.DataFrame,
) -> pd.DataFrame:
    """Join planned rows, counted use and scores.

    `rows`: as `models.windows.plan` returns them; `use` in the same order.
    `answers`: as `analysis.answers.one_a_wave` returns them.
    Rows come out by participant_id and wave.
    """
    study = folder.study
    panel = _frame(rows, study)
    seen = _instants(rows, study, "seen_from", "seen_until")
    panel["observed_days"] = _observed_days(study, coverage, seen)
    for index, name in enumerate(study.exposure.functions):
        measures = measure(
            use.counts[:, index], use.days[:, index], coverage[name], seen
        )
        for suffix, values in measures.items():
            panel[f"{name}_{suffix}"] = values
    answered = panel[[*KEYS, "responded_at"]].merge(
        answers, on=[*KEYS, "responded_at"], how="left"
    )
    panel = _with_scores(panel, folder.instruments, answered)
    panel = _with_previous(panel, study.covariates.previous_wave)
    return _with_fixed(panel, study.covariates.fixed, answered)


def measure(
    counts: Numbers,
    days: Numbers,
    coverage: Coverage,
    seen: tuple[np.ndarray, np.ndarray],
) -> dict[str, Numbers]:
    """The measures of one function's use, NaN where the log does not cover the window.

    `seen`: instants (rows,) at which the observable windows start and end. Counts
    over a window with excused gaps are prorated to the whole of it. The frequency
    codes are the survey's six answers, from active days a year of observed time.
    """
    length = (seen[1] - seen[0]) / np.timedelta64(1, "D")
    observed = coverage.observed.days_within(*seen)
    excused = coverage.excused.days_within(*seen)
    known = (observed > 0) & (observed + excused >= length * _ENOUGH)
    observed = np.where(known, observed, np.nan)
    scale = np.where(observed >= length * _ENOUGH, 1.0, length / observed)
    return {
        "count": counts * scale,
        "days": days * scale,
        "days_per_week": days / observed * 7,
        "frequency": frequency(days / observed * YEAR_DAYS),
    }


def frequency(days_a_year: Numbers) -> Numbers:
    """The survey's six answers (0 to 5) for active days a year; NaN stays NaN."""
    codes = 1.0 + np.digitize(days_a_year, FREQUENCY_LIMITS)
    codes = np.where(days_a_year == 0, 0.0, codes)
    return np.where(np.isnan(days_a_year), np.nan, codes)


def _frame(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    start, end = _instants(rows, study, "start_on", "end_on")
    return pd.DataFrame(
        {
            "participant_id": rows["participant_id"],
            "wave": rows["wave"].astype("int64"),
            "wave_index": rows["wave_index"].astype("int64"),
            "round": rows["round"].astype("int64"),
            "responded_at": rows["responded_at"],
            "timing": rows["timing"].replace("", None),
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


def _observed_days(
    study: Study, coverage: Mapping[str, Coverage], seen: tuple[np.ndarray, np.ndarray]
) -> Numbers:
    """Days of the window for which at least one function's log is whole."""
    each = [coverage[name].observed for name in study.exposure.functions]
    together = each[0]
    for one in each[1:]:
        together = together.plus(one)
    return together.days_within(*seen)


def _with_scores(
    panel: pd.DataFrame, instruments: Sequence[Instrument], answered: pd.DataFrame
) -> pd.DataFrame:
    there = panel["responded_at"].notna()
    for instrument in instruments:
        panel = panel.join(score(instrument, answered).where(there))
        for function, code in self_reports(instrument).items():
            panel[f"{function}_self_report"] = _numbers(answered, code)
    return panel.join(careless.flags(instruments, answered).where(there))


def _with_previous(panel: pd.DataFrame, scores: Sequence[str]) -> pd.DataFrame:
    """Scores one wave before, by the wave's number and never by the row above."""
    before = panel[["participant_id", "wave_index", *scores]].copy()
    before["wave_index"] += 1
    before = before.rename(columns={name: previous(name) for name in scores})
    return panel.merge(before, on=["participant_id", "wave_index"], how="left")


def _with_fixed(
    panel: pd.DataFrame, items: Sequence[str], answered: pd.DataFrame
) -> pd.DataFrame:
    """Fixed covariates: the first answer that a person gave, on all rows."""
    first = answered.groupby("participant_id")[
        [i for i in items if i in answered]
    ].first()
    for name in items:
        given = first[name] if name in first else pd.Series(dtype=float)
        panel[name] = panel["participant_id"].map(given)
    return panel


def _numbers(answers: pd.DataFrame, code: str) -> pd.Series:
    if code not in answers:
        return pd.Series(np.nan, index=answers.index)
    return answers[code].astype(float)
