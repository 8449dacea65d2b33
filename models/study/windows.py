"""Which rows the panel has, and the window of use that belongs to each.

Pure planning, in study-local days: a window is [start_on, end_on). A day on
which somebody answered lies after the answer's window and in the next one, so
that consecutive windows tile and no use is counted before its own outcome.
"""

from collections.abc import Iterable
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from panelstream.models.study.consent import Consents
from panelstream.models.study.study import Study, Wave, Window, midnight
from panelstream.models.timestamps import END_DAY, FIRST_DAY

DAY = "datetime64[D]"
_ONE_DAY = np.timedelta64(1, "D")
_NO_DAY = np.datetime64("NaT", "D")


def plan(
    study: Study,
    window: Window,
    people: pd.DataFrame,
    consents: Consents,
    answers: pd.DataFrame,
) -> pd.DataFrame:
    """Plan one row per participant and wave, with its window.

    `people`: participant_id, round, enrolled_on (day). `answers`: participant_id, wave,
    responded_at (UTC), one row a wave answered, as `permitted` leaves them. Returns
    participant_id, round, wave, wave_index, responded_at, its timing, the wave's days
    (opens_on, closes_before), the planned window (start_on, end_on) and the part of it
    that consent allows to be looked at (observable_from, observable_until); NaT where there is no
    window. Of a window that consent leaves in pieces the last piece is looked at.
    `next_closes_before`, `round_closes_before`: the same of the next wave of the round
    (NaT: none) and of its last. `withdrawn`: who left and has not come back. `since_on`:
    from when use counts that is summed up to date; NaT where any since then is hidden.
    """
    rows = eligible(study, people, consents)
    rows["withdrawn"] = rows["participant_id"].isin(consents.withdrawn)
    rows = _with_answers(rows, answers, study)
    rows = _with_window(rows, study, window)
    return _with_beginning(_with_consent(rows, consents.telemetry), consents.telemetry)


def round_bounds(study: Study) -> list[tuple[int, date, date]]:
    """Each round with the days [from, to) in which people enrol in it."""
    bounds, start = [], FIRST_DAY
    for number in sorted({wave.round for wave in study.waves}):
        last = [wave for wave in study.waves if wave.round == number][-1]
        end = date.fromordinal(last.span[1]) if last.closes_on else END_DAY
        bounds.append((number, start, end))
        start = end if last.closes_on else start
    return bounds


def permitted(study: Study, consents: Consents, answers: pd.DataFrame) -> pd.DataFrame:
    """The answers given on days of consent."""
    # A response has dozens of answers: it is looked at once.
    response = answers.groupby(["participant_id", "responded_at"], sort=False).ngroup()
    responses = answers.loc[~response.duplicated(), ["participant_id", "responded_at"]]
    answered_on = local_days(responses.pop("responded_at"), study.zone)
    days = responses.assign(start=answered_on, end=answered_on + _ONE_DAY)
    return answers[_any_of(consents.consented, days)[response]]


def timing(
    study: Study, people: pd.DataFrame, answers: pd.DataFrame
) -> npt.NDArray[np.object_]:
    """Whether each answer came `early`, `in_time` or `late`, in study-local days.

    Empty where days count from an enrolment that is not known. `people` and `answers`
    as for `plan`; there may be several answers in a wave.
    """
    waves = _waves(study.waves)
    rows = answers[["participant_id", "wave", "responded_at"]].merge(
        waves, on="wave", how="left"
    )
    keys = ["participant_id", "round"]
    rows = rows.merge(people[[*keys, "enrolled_on"]], on=keys, how="left")
    opens, closes = _bounds(rows)
    return _timing(local_days(rows["responded_at"], study.zone), opens, closes)


def eligible(study: Study, people: pd.DataFrame, consents: Consents) -> pd.DataFrame:
    """People × the waves of their round in which they were enrolled and had agreed.

    One day of the wave is enough. A wave that closed before somebody agreed, or that
    opened after they left, was never theirs to answer.
    """
    waves = _waves(study.waves)
    rows = people.merge(waves, on="round")
    enrolled_on = rows["enrolled_on"].to_numpy(DAY)
    opens, closes = _bounds(rows)
    rows["opens_on"], rows["closes_before"] = opens, closes
    closings = {"closed_on": "closed", "next_closes_before": "next"}
    for name, offset in {**closings, "round_closes_before": "last"}.items():
        rows[name] = opens + _in_days(rows[offset] - rows["opens"])
    days = rows[["participant_id"]].assign(
        start=np.maximum(opens, enrolled_on), end=closes
    )
    rows = rows[_any_of(consents.consented, days)]
    rows = rows.sort_values(["participant_id", "wave"], ignore_index=True)
    return rows.drop(columns=["calendar", "opens", "closes", "closed", "next", "last"])


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


def _any_of(intervals: pd.DataFrame, days: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Of rows with days [start, end), those that hold a day of the person's intervals."""
    overlaps = np.zeros(len(days), bool)
    overlaps[_pieces(intervals, days)["row"]] = True
    return overlaps


def _pieces(intervals: pd.DataFrame, days: pd.DataFrame) -> pd.DataFrame:
    """The parts of days [start, end) that lie in the person's intervals.

    Returns row (position in `days`), from_on, until_on; in order.
    """
    numbered = days.assign(row=np.arange(len(days)))
    pairs = numbered.merge(intervals, on="participant_id")
    start = np.maximum(pairs["start"].to_numpy(DAY), pairs["from_on"].to_numpy(DAY))
    end = np.minimum(pairs["end"].to_numpy(DAY), pairs["until_on"].to_numpy(DAY))
    nonempty = pairs[["row"]].assign(from_on=start, until_on=end)[start < end]
    pieces: pd.DataFrame = nonempty.sort_values(["row", "from_on"])
    return pieces


def _bounds(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """First day of each row's wave, and the day after its last."""
    first = np.datetime64("0001-01-01")
    enrolled = rows["enrolled_on"].to_numpy(DAY)
    origin = np.where(rows["calendar"].eq(True), first, enrolled).astype(DAY)
    opens = origin + rows["opens"].to_numpy("timedelta64[D]")
    return opens, origin + rows["closes"].to_numpy("timedelta64[D]")


def _in_days(numbers: pd.Series) -> npt.NDArray[np.timedelta64]:
    """Numbers of days as lengths of time; NaN as NaT."""
    return pd.to_timedelta(numbers, unit="D").to_numpy("timedelta64[D]")


def _timing(
    answered_on: np.ndarray, opens: np.ndarray, closes: np.ndarray
) -> npt.NDArray[np.object_]:
    is_known = ~(np.isnat(answered_on) | np.isnat(opens))
    when = [~is_known, answered_on < opens, answered_on >= closes]
    return np.select(when, ["", "early", "late"], "in_time").astype(object)


def _waves(waves: Iterable[Wave]) -> pd.DataFrame:
    """Offsets in days from day 1 of the calendar, or from enrolment.

    Of the same round, `closed`, `next` and `last` are where the wave before, the next
    one (NaN: there is none) and the last one close.
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
    closes = frame.groupby("round")["closes"]
    frame["closed"], frame["next"] = closes.shift(), closes.shift(-1)
    frame["last"] = closes.transform("last")
    return frame


def _with_answers(
    rows: pd.DataFrame, answers: pd.DataFrame, study: Study
) -> pd.DataFrame:
    rows = rows.merge(answers, on=["participant_id", "wave"], how="left")
    rows["answered_on"] = local_days(rows["responded_at"], study.zone)
    days = [rows[name].to_numpy(DAY) for name in ("opens_on", "closes_before")]
    rows["timing"] = _timing(rows["answered_on"].to_numpy(DAY), *days)
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
    start = np.where(none, _NO_DAY, np.minimum(start, end)).astype(DAY)
    end = np.where(none, _NO_DAY, end).astype(DAY)
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
    previous = rows.groupby("participant_id")["answered_on"].ffill()
    previous = previous.groupby(rows["participant_id"]).shift()
    return _or_first(previous.to_numpy(DAY), answered, first), answered


def _lookback(rows: pd.DataFrame, days: int | None) -> tuple[np.ndarray, np.ndarray]:
    answered, opens = rows["answered_on"].to_numpy(DAY), rows["opens_on"].to_numpy(DAY)
    end = np.where(np.isnat(answered), opens, answered).astype(DAY)
    return end - np.timedelta64(days or 0, "D"), end


def _or_first(start: np.ndarray, end: np.ndarray, days: int | None) -> np.ndarray:
    if days is None:
        return start
    return np.where(np.isnat(start), end - np.timedelta64(days, "D"), start).astype(DAY)


def _with_consent(rows: pd.DataFrame, telemetry: pd.DataFrame) -> pd.DataFrame:
    days = rows.rename(columns={"start_on": "start", "end_on": "end"})
    pieces = _pieces(telemetry, days[["participant_id", "start", "end"]])
    last = pieces.drop_duplicates("row", keep="last")
    observable_from = rows["start_on"].to_numpy(DAY).copy()
    observable_until = observable_from.copy()
    observable_from[last["row"]] = last["from_on"].to_numpy(DAY)
    observable_until[last["row"]] = last["until_on"].to_numpy(DAY)
    return rows.assign(
        observable_from=observable_from, observable_until=observable_until
    )


def _with_beginning(rows: pd.DataFrame, telemetry: pd.DataFrame) -> pd.DataFrame:
    """From enrolment, or the person's first window if earlier; never before consent."""
    first = rows.groupby(["participant_id", "round"])["start_on"].transform("min")
    begins = np.fmin(rows["enrolled_on"].to_numpy(DAY), first.to_numpy(DAY))
    end = rows["end_on"].to_numpy(DAY)
    days = rows[["participant_id"]].assign(start=begins, end=end)
    pieces = _pieces(telemetry, days).drop_duplicates("row", keep=False)
    pieces = pieces[pieces["until_on"].to_numpy(DAY) == end[pieces["row"]]]
    since_on = np.full(len(rows), _NO_DAY).astype(DAY)
    since_on[pieces["row"]] = pieces["from_on"].to_numpy(DAY)
    return rows.assign(since_on=since_on)
