"""The panel: measures of use, scores, and what is carried from wave to wave."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.panel import person_waves
from panelstream.analysis.panel.selected_responses import SelectedAnswers
from panelstream.models.study.coverage import Coverage, PersonWindows
from panelstream.models.study.intervals import Intervals
from panelstream.models.study.load import load_study
from panelstream.models.study.use import MeasuredUse
from tests.lib import studies

NAT = pd.NaT
NAN = float("nan")
START = datetime(2027, 1, 1, tzinfo=UTC)
LONG_AFTER = datetime(2030, 1, 1, tzinfo=UTC)


def between(start: float, end: float) -> Intervals:
    """From day to day."""
    return Intervals.merge(
        [(START + timedelta(days=start), START + timedelta(days=end))]
    )


def seen(*windows: tuple[float, float] | None) -> PersonWindows:
    """Windows of one person from day to day; None: none."""
    days = np.array([window or (NAN, NAN) for window in windows], dtype=float)
    offsets = pd.to_timedelta((days * 24 * 60).round().ravel(), unit="min")
    instants = (pd.Timestamp("2027-01-01") + offsets).to_numpy("datetime64[us]")
    starts, ends = instants.reshape(days.shape).T
    return PersonWindows(np.array(["a"] * len(windows), object), starts, ends)


def measured(
    window: tuple[float, float] | None,
    observed: tuple[float, float],
    excused: tuple[float, float] = (0, 0),
    whole: bool = True,
) -> list[float]:
    """The four measures of six events on three days."""
    result = person_waves.measure_use(
        np.array([6.0]),
        np.array([3.0]),
        Coverage(between(*observed), between(*excused)),
        seen(window),
        np.array([whole]),
    )
    assert [*result] == ["count", "days", "days_per_week", "frequency"]
    return [float(values[0]) for values in result.values()]


@pytest.mark.parametrize(
    ("window", "observed", "excused", "expected"),
    [
        ((0, 14), (0, 14), (0, 0), [6, 3, 1.5, 3]),
        ((0, 14), (-5, 99), (0, 0), [6, 3, 1.5, 3]),
        ((0, 14), (0, 7), (7, 14), [12, 6, 3, 4]),
        ((0, 14), (0, 10.5), (10.5, 14), [8, 4, 2, 4]),
        ((0, 43.8125), (0, 99), (0, 0), [6, 3, 0.47931526, 3]),
        ((0, 14), (0, 13.999), (0, 0), None),
        ((0, 14), (0, 14 - 1 / 86_400_000_000), (0, 0), None),
        ((0, 3660), (0, 3660), (0, 0), [6, 3, 0.00573770, 1]),
        ((0, 14), (0, 7), (7, 13), None),
        ((0, 14), (20, 30), (0, 14), None),
        ((0, 14), (20, 30), (0, 0), None),
        ((3, 3), (0, 14), (0, 0), None),
        (None, (0, 14), (0, 0), None),
    ],
    ids=[
        "whole",
        "more than whole",
        "half excused",
        "a quarter excused",
        "25 days a year of 365.25",
        "a minute missing",
        "a microsecond missing",
        "ten years",
        "a day missing",
        "all excused",
        "never observed",
        "empty window",
        "no window",
    ],
)
def test_measures(
    window: tuple[float, float] | None,
    observed: tuple[float, float],
    excused: tuple[float, float],
    expected: list[float] | None,
) -> None:
    """Counts are prorated over excused gaps; any other gap makes all unknown."""
    wanted = expected or [np.nan] * 4
    assert measured(window, observed, excused) == pytest.approx(wanted, nan_ok=True)


def test_a_part_of_a_window() -> None:
    """Where consent hides a part, only how often a week is known; outages or not."""
    result = measured((0, 14), (0, 14), whole=False)
    assert result == pytest.approx([np.nan, np.nan, 1.5, 3], nan_ok=True)
    result = measured((0, 14), (0, 7), (7, 14), whole=False)
    assert result == pytest.approx([np.nan, np.nan, 3, 4], nan_ok=True)


def rows(**columns: Any) -> pd.DataFrame:
    """Planned rows of one person over three waves, as `models.study.windows.plan` gives."""
    days = pd.to_datetime(["2027-01-04", "2027-01-18", "2027-02-01"])
    frame = pd.DataFrame(
        {
            "participant_id": "a",
            "round": 1,
            "wave": [1, 2, 3],
            "wave_index": [0, 1, 2],
            "responded_at": pd.DatetimeIndex(
                ["2027-01-12", pd.NaT, "2027-02-09"], tz="UTC"
            ),
            "timing": ["in_time", "", "late"],
            "closes_before": pd.to_datetime(["2027-01-12", "2027-01-21", "2027-01-30"]),
            "next_closes_before": pd.DatetimeIndex(
                ["2027-01-21", "2027-01-30", pd.NaT]
            ),
            "round_closes_before": pd.Timestamp("2027-01-30"),
            "withdrawn": False,
            "start_on": days,
            "end_on": days + pd.Timedelta(days=7),
        }
    ).assign(**columns)
    return frame.assign(
        observable_from=frame["start_on"], observable_until=frame["end_on"]
    )


def built(
    tmp_path: Path,
    planned: pd.DataFrame,
    answers: pd.DataFrame,
    as_of: datetime = LONG_AFTER,
    not_asked: Mapping[int, Sequence[str]] | None = None,
    **changes: Any,
) -> pd.DataFrame:
    """A panel of the planned rows, without use, everything observed."""
    waves = [
        {
            "wave": n,
            "opens_on": date(2027, 1, 1) + timedelta(days=9 * n),
            "closes_on": date(2027, 1, 2) + timedelta(days=9 * n),
        }
        for n in (1, 2, 3)
    ]
    content = studies.with_base(waves=waves, **changes)
    folder = load_study(studies.write(tmp_path, content))
    none = np.zeros((len(planned), 2))
    always = Coverage(Intervals.always(), Intervals.merge([]))
    cover = {"story": always, "reaction": always}
    return person_waves.build_panel(
        folder,
        planned,
        MeasuredUse(none, none),
        cover,
        SelectedAnswers(answers, not_asked or {}),
        as_of,
    )


def answered(*given: tuple[int, str, float, float]) -> pd.DataFrame:
    """Answers of the person: wave, day, calm, awake."""
    return pd.DataFrame(
        {
            "participant_id": "a",
            "wave": [entry[0] for entry in given],
            "responded_at": pd.to_datetime([entry[1] for entry in given], utc=True),
            "calm": [entry[2] for entry in given],
            "awake": [entry[3] for entry in given],
        }
    )


ANSWERS = answered((1, "2027-01-12", 4, 5), (3, "2027-02-09", 1, np.nan))


def test_a_row_a_wave_answered_or_not(tmp_path: Path) -> None:
    """Scores stand where the person answered; a wave without an answer has use only."""
    result = built(tmp_path, rows(), ANSWERS)
    assert result["wave"].tolist() == [1, 2, 3]
    assert result["story_count"].tolist() == [0, 0, 0]
    assert result["mood_total"].tolist() == pytest.approx([9, NAN, NAN], nan_ok=True)
    missing = result["mood_total_missing"].tolist()
    assert missing == pytest.approx([0, NAN, 1], nan_ok=True)


def test_an_answer_that_the_plan_leaves_out(tmp_path: Path) -> None:
    """Where the plan has no answer, none of it comes into the panel."""
    planned = rows().assign(
        responded_at=pd.Series([NAT] * 3, dtype="datetime64[us, UTC]")
    )
    result = built(tmp_path, planned, ANSWERS, covariates={"fixed": ["calm"]})
    columns = ["responded_at", "mood_total", "mood_total_missing", "calm"]
    assert result[columns].isna().all(axis=None)


def test_the_wave_before(tmp_path: Path) -> None:
    """A previous score is of the wave before, never of the last one answered."""
    result = built(
        tmp_path, rows(), ANSWERS, covariates={"previous_wave": ["mood_total"]}
    )
    previous = result["mood_total_previous"].tolist()
    assert previous == pytest.approx([NAN, 9, NAN], nan_ok=True)


def test_only_what_is_of_use_is_carried(tmp_path: Path) -> None:
    """Days a week, outcomes and planned covariates have a `_previous`; nothing else."""
    result = built(tmp_path, rows(), ANSWERS)
    assert [name for name in result if str(name).endswith("_previous")] == [
        "story_days_per_week_previous",
        "reaction_days_per_week_previous",
        "mood_total_previous",
    ]
    previous = result["story_days_per_week_previous"].tolist()
    assert previous == pytest.approx([NAN, 0, 0], nan_ok=True)


def test_a_gap_is_not_bridged(tmp_path: Path) -> None:
    """Without a row of the wave before, or in another round, there is no previous."""
    gap = built(tmp_path, rows(wave=[1, 2, 4], wave_index=[0, 1, 3]), ANSWERS)
    rounds = built(tmp_path, rows(round=[1, 1, 2]), ANSWERS)
    for found in (gap, rounds):
        previous = found["story_days_per_week_previous"].tolist()
        assert previous == pytest.approx([NAN, 0, NAN], nan_ok=True)


FLAGS = ["answered", "answered_next", "dropped_out"]
NA = None


@pytest.mark.parametrize(
    ("given", "withdrawn", "as_of", "expected"),
    [
        ((1, 0, 1), False, LONG_AFTER, [(1, 0, 0), (0, 1, 0), (1, NA, 0)]),
        ((1, 0, 0), False, LONG_AFTER, [(1, 0, 0), (0, 0, 1), (0, NA, 1)]),
        ((0, 0, 0), False, LONG_AFTER, [(0, 0, 1), (0, 0, 1), (0, NA, 1)]),
        (
            (1, 0, 0),
            False,
            datetime(2027, 1, 21, tzinfo=UTC),
            [(1, 0, 0), (0, NA, NA), (NA, NA, NA)],
        ),
        ((0, 0, 0), False, START, [(NA, NA, NA)] * 3),
        ((1, 0), True, START, [(1, 0, 0), (0, 0, 1)]),
        ((1, 1), True, START, [(1, 1, 0), (1, 0, 0)]),
    ],
    ids=[
        "a gap",
        "no more after the first",
        "never",
        "while the last wave is open",
        "before anything closed",
        "withdrew without a second answer",
        "withdrew after the second answer",
    ],
)
def test_attrition(
    tmp_path: Path,
    given: tuple[int, ...],
    withdrawn: bool,
    as_of: datetime,
    expected: list[tuple[int | None, ...]],
) -> None:
    """No answer is one only once the wave is over, or the person has gone."""
    at = [pd.Timestamp("2027-01-12", tz="UTC") if entry else NAT for entry in given]
    planned = rows().iloc[: len(given)]
    planned = planned.assign(
        responded_at=pd.Series(at, dtype="datetime64[us, UTC]"),
        withdrawn=withdrawn,
    )
    result = built(tmp_path, planned, ANSWERS, as_of)[FLAGS]
    assert result.astype(object).where(result.notna(), None).to_numpy().tolist() == [
        list(entry) for entry in expected
    ]


def test_away_for_all_of_the_next_wave(tmp_path: Path) -> None:
    """Who has no row in the next wave did not answer it, once it is over."""
    planned = rows().iloc[[0, 2]].reset_index(drop=True)
    while_open = built(tmp_path, planned, ANSWERS, datetime(2027, 1, 15, tzinfo=UTC))
    assert while_open["answered_next"].isna().all()
    afterwards = built(tmp_path, planned, ANSWERS)["answered_next"]
    assert afterwards.astype(object).where(afterwards.notna(), None).tolist() == [0, NA]


def test_no_consent_to_the_last_wave(tmp_path: Path) -> None:
    """As long as it is open they may still agree and answer; then they dropped out."""
    none = pd.Series([NAT] * 3, dtype="datetime64[us, UTC]")
    planned = rows(responded_at=none).iloc[:2]
    open_yet = built(tmp_path, planned, ANSWERS, datetime(2027, 1, 25, tzinfo=UTC))
    assert open_yet["dropped_out"].isna().all()
    assert built(tmp_path, planned, ANSWERS)["dropped_out"].tolist() == [1, 1]


def test_what_is_fixed_is_of_the_first_answer(tmp_path: Path) -> None:
    """A fixed covariate has the first value given, on all rows, the ones before too."""
    answers = answered((2, "2027-01-22", NAN, 3), (3, "2027-02-09", 8, 4))
    at = pd.DatetimeIndex([pd.NaT, "2027-01-22", "2027-02-09"], tz="UTC")
    planned = rows().assign(responded_at=at)
    result = built(tmp_path, planned, answers, covariates={"fixed": ["calm", "awake"]})
    assert result["calm"].tolist() == [8, 8, 8]
    assert result["awake"].tolist() == [3, 3, 3]


def test_types_do_not_depend_on_what_is_there(tmp_path: Path) -> None:
    """Without a row, or an answer, each column has the type that it has with them."""
    changes: dict[str, Any] = {
        "instruments": ["mood.yaml", "demographics"],
        "covariates": {"fixed": ["age", "gender"]},
    }
    told = ANSWERS.assign(age=[30.0, np.nan], gender=pd.Series(["female", None]))
    silent = told.assign(age=np.nan, gender=None)
    whole = built(tmp_path, rows(), told, **changes)
    for planned, given in ((rows().iloc[:0], told), (rows(), silent)):
        result = built(tmp_path, planned, given, **changes)
        assert result.dtypes.to_dict() == whole.dtypes.to_dict()


def test_windows_are_instants(tmp_path: Path) -> None:
    """Days become the UTC instants of study-local midnights; their length, days."""
    result = built(tmp_path, rows(), ANSWERS)
    assert result["window_start"].tolist()[0] == pd.Timestamp("2027-01-03T15:00Z")
    assert result["window_end"].tolist()[0] == pd.Timestamp("2027-01-10T15:00Z")
    assert (
        result["window_days"].tolist() == result["observed_days"].tolist() == [7, 7, 7]
    )


def test_self_reports(tmp_path: Path) -> None:
    """What people say of their use stands beside what was measured."""
    answers = ANSWERS.assign(use_story=[4.0, 2.0])
    result = built(tmp_path, rows(), answers, instruments=["mood.yaml", "function_use"])
    reported = result["story_self_report"].tolist()
    assert reported == pytest.approx([4, NAN, 2], nan_ok=True)
    assert result["reaction_self_report"].isna().all()


def test_an_item_that_nobody_was_asked(tmp_path: Path) -> None:
    """Scores with it are null in its wave, though the rule would prorate; flags as well."""
    rules = "{allowed: 1, basis: ours}"
    text = studies.MOOD.replace(
        "items: [calm, awake]}", f"items: [calm, awake], missing: {rules}}}"
    ).replace("code: awake,", "code: awake, reversed: true,")
    answers = answered((1, "2027-01-12", 4, np.nan), (3, "2027-02-09", 1, np.nan))
    (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
    panel = built(
        tmp_path, rows(), answers, not_asked={3: ["awake"]}, instruments=["own.yaml"]
    )
    shown = panel[["mood_total", "mood_total_missing", "mood_total_prorated"]]
    expected = [[8.0, 1.0, 1.0], [np.nan] * 3, [np.nan, 1.0, 0.0]]
    np.testing.assert_array_equal(shown.to_numpy(dtype=float), np.array(expected))
    assert panel["mood_total_straightlined"].isna().tolist() == [False, True, True]
    assert panel["mood_total_inconsistent"].isna().all()
