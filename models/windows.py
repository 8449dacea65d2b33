"""Which rows the panel has, and the window of use that belongs to each.

Pure planning, in study-local days: a window is [start_on, end_on). A day on
which somebody answered lies after the answer's window and in the next one, so
that consecutive windows tile and no use is counted before its own outcome.
"""

from collections.abc import Iterable
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from models.study import Study, Wave, Window, midnight

DAY = "datetime64[D]"
_FOREVER = np.datetime64("2149-01-01")


def plan(
    study: Study, window: Window, people: pd.DataFrame, answers: pd.DataFrame
) -> pd.DataFrame:
    """Plan one row per participant and wave, with its window.

    `people`: participant_id, round, enrolled_on, consented_on, withdrawn_on (days,
    NaT: never). `answers`: participant_id, wave, responded_at (UTC), one row a wave
    answered, as `permitted` leaves them. Returns participant_id, round, wave,
    wave_index, responded_at, closes_before and withdrawn_on, the planned window
    (start_on, end_on) and the part of it that consent allows to be looked at
    (seen_from, seen_until); NaT where there is none. `since_on`: from when use counts
    that is summed up to date.
    """
    rows = eligible(study, _taking_part(study, people))
    rows = _with_answers(rows, answers, study)
    rows = _with_window(rows, study, window)
    return _with_beginning(_with_consent(rows, study), study)


def round_bounds(study: Study) -> list[tuple[int, date, date]]:
    """Each round with the days [from, to) in which people enrol in it."""
    bounds, start = [], date(1970, 1, 1)
    for number in sorted({wave.round for wave in study.waves}):
        last = [wave for wave in study.waves if wave.round == number][-1]
        end = date.fromordinal(last.span[1]) if last.closes_on else date(2149, 1, 1)
        bounds.append((number, start, end))
        start = end if last.closes_on else start
    return bounds


def permitted(
    study: Study, people: pd.DataFrame, answers: pd.DataFrame
) -> pd.DataFrame:
    """The answers given from the day of consent until the day before withdrawal."""
    agreed = people.drop_duplicates("participant_id").set_index("participant_id")
    agreed = agreed.reindex(answers["participant_id"])
    given = local_days(answers["responded_at"], study.zone)
    kept = ~(given >= agreed["withdrawn_on"].to_numpy(DAY))
    if study.consent != "external":
        kept &= given >= agreed["consented_on"].to_numpy(DAY)
    return answers[kept]


def eligible(study: Study, people: pd.DataFrame) -> pd.DataFrame:
    """People × the waves of their round, from enrolment and consent until withdrawal.

    A wave that closed before somebody agreed was never theirs to answer; a row there
    would stand for what was learnt later.
    """
    waves = _waves(study.waves)
    rows = people.merge(waves, on="round")
    enrolled = rows["enrolled_on"].to_numpy(DAY)
    since = enrolled
    if study.consent != "external":
        since = np.maximum(since, rows["consented_on"].to_numpy(DAY))
    origin = np.where(rows["calendar"], np.datetime64("0001-01-01"), enrolled)
    origin = origin.astype(DAY)
    rows["opens_on"] = origin + rows["opens"].to_numpy("timedelta64[D]")
    rows["closes_before"] = origin + rows["closes"].to_numpy("timedelta64[D]")
    withdrawn = rows["withdrawn_on"].to_numpy(DAY)
    before = origin + rows["closed"].to_numpy("timedelta64[D]")
    before[rows["first"]] = np.datetime64("NaT")
    rows["closed_on"] = before
    there = rows["closes_before"].to_numpy(DAY) > since
    there &= np.isnat(withdrawn) | (rows["opens_on"].to_numpy(DAY) < withdrawn)
    rows = rows[there].sort_values(["participant_id", "wave"], ignore_index=True)
    return rows.drop(columns=["calendar", "opens", "closes", "closed", "first"])


def days_to_instants(days: pd.Series, zone: ZoneInfo) -> np.ndarray:
    """UTC instants (`datetime64[us]`) at which study-local days begin; NaT stays."""
    codes, unique = pd.factorize(days.to_numpy(DAY))
    begins = [
        midnight(day.item(), zone).replace(tzinfo=None) for day in unique.astype(DAY)
    ]
    instants = np.array([*begins, None], dtype="datetime64[us]")
    return instants[codes]


def local_days(instants: pd.Series, zone: ZoneInfo) -> np.ndarray:
    """Study-local days (`datetime64[D]`) of UTC instants; NaT stays."""
    local = pd.to_datetime(instants, utc=True).dt.tz_convert(zone)
    return local.dt.tz_localize(None).to_numpy("datetime64[us]").astype(DAY)


def _taking_part(study: Study, people: pd.DataFrame) -> pd.DataFrame:
    """Those who enrolled and consented, both before the day of withdrawal.

    Whether something that somebody did after withdrawing was still taken in depends
    on the order of arrival, so it must not matter.
    """
    withdrawn = people["withdrawn_on"].to_numpy(DAY)
    until = np.where(np.isnat(withdrawn), _FOREVER, withdrawn).astype(DAY)
    there = people["enrolled_on"].to_numpy(DAY) < until
    if study.consent != "external":
        there &= people["consented_on"].to_numpy(DAY) < until
    return people[there]


def _waves(waves: Iterable[Wave]) -> pd.DataFrame:
    """Offsets in days from day 1 of the calendar, or from enrolment.

    `closed` is where the wave before in the round closes; none for its `first`.
    """
    frame = pd.DataFrame(
        {
            "wave": wave.wave,
            "wave_index": index,
            "round": wave.round,
            "calendar": wave.opens_on is not None,
            "opens": wave.span[0] - (wave.opens_on is not None),
            "closes": wave.span[1] - (wave.opens_on is not None),
        }
        for index, wave in enumerate(waves)
    )
    frame["first"] = ~frame["round"].duplicated()
    frame["closed"] = frame.groupby("round")["closes"].shift(fill_value=0)
    return frame


def _with_answers(
    rows: pd.DataFrame, answers: pd.DataFrame, study: Study
) -> pd.DataFrame:
    rows = rows.merge(answers, on=["participant_id", "wave"], how="left")
    rows["answered_on"] = local_days(rows["responded_at"], study.zone)
    return rows


def _with_window(rows: pd.DataFrame, study: Study, window: Window) -> pd.DataFrame:
    first = study.exposure.first_window_days
    days = {
        "between_waves": lambda: _between_waves(rows, first),
        "between_responses": lambda: _between_responses(rows, first),
        "lookback": lambda: _lookback(rows, window.days),
    }
    start, end = days[window.kind]()
    answered = rows["answered_on"].to_numpy(DAY)
    end = np.where(answered < end, answered, end).astype(DAY)
    none = np.isnat(start) | np.isnat(end)
    start = np.where(none, np.datetime64("NaT"), np.minimum(start, end)).astype(DAY)
    end = np.where(none, np.datetime64("NaT"), end).astype(DAY)
    return rows.assign(start_on=start, end_on=end)


def _between_waves(
    rows: pd.DataFrame, first: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """From the day after the wave before closed to the opening; the same for all."""
    opens = rows["opens_on"].to_numpy(DAY)
    return _or_first(rows["closed_on"].to_numpy(DAY), opens, first), opens


def _between_responses(
    rows: pd.DataFrame, first: int | None
) -> tuple[np.ndarray, np.ndarray]:
    answered = rows["answered_on"].to_numpy(DAY)
    before = rows.groupby("participant_id")["answered_on"].ffill()
    before = before.groupby(rows["participant_id"]).shift()
    return _or_first(before.to_numpy(DAY), answered, first), answered


def _lookback(rows: pd.DataFrame, days: int | None) -> tuple[np.ndarray, np.ndarray]:
    answered, opens = rows["answered_on"].to_numpy(DAY), rows["opens_on"].to_numpy(DAY)
    end = np.where(np.isnat(answered), opens, answered).astype(DAY)
    return end - np.timedelta64(days or 0, "D"), end


def _or_first(start: np.ndarray, end: np.ndarray, days: int | None) -> np.ndarray:
    if days is None:
        return start
    return np.where(np.isnat(start), end - np.timedelta64(days, "D"), start).astype(DAY)


def _with_consent(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    seen_from, seen_until = rows["start_on"].to_numpy(DAY), rows["end_on"].to_numpy(DAY)
    withdrawn = rows["withdrawn_on"].to_numpy(DAY)
    seen_until = np.where(withdrawn < seen_until, withdrawn, seen_until).astype(DAY)
    since = _telemetry_from(rows, study)
    seen_from = np.where(since > seen_from, since, seen_from).astype(DAY)
    seen_until = np.maximum(seen_until, seen_from)
    return rows.assign(seen_from=seen_from, seen_until=seen_until)


def _with_beginning(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    """From enrolment, or the person's first window if earlier; never before consent."""
    first = rows.groupby(["participant_id", "round"])["start_on"].transform("min")
    begins = np.fmin(rows["enrolled_on"].to_numpy(DAY), first.to_numpy(DAY))
    return rows.assign(since_on=np.fmax(begins, _telemetry_from(rows, study)))


def _telemetry_from(rows: pd.DataFrame, study: Study) -> np.ndarray:
    """The day from which telemetry may count."""
    if study.consent == "external" or study.consent.telemetry_from == "retrospective":
        return np.full(len(rows), np.datetime64("1970-01-01"))
    if study.consent.telemetry_from == "consent":
        return rows["consented_on"].to_numpy(DAY)
    return np.full(len(rows), np.datetime64(study.consent.telemetry_from))
