"""Planning windows: what tables of whole studies do not show."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from models import study as study_files
from models import windows
from models.study import Study, Window
from tests.lib import studies

NO_ANSWERS = pd.DataFrame(
    {
        "participant_id": pd.Series(dtype=str),
        "wave": pd.Series(dtype="int64"),
        "responded_at": pd.Series(dtype="datetime64[us, UTC]"),
    }
)


def a_study(tmp_path: Path, **changes: Any) -> Study:
    """The base study, some keys changed."""
    folder = studies.write(tmp_path, studies.with_base(**changes))
    return study_files.load(folder).study


def people(**days: str | None) -> pd.DataFrame:
    """One person, enrolled in round 1 on 1 December 2026, with days set."""
    row = {"participant_id": "a", "round": 1, "enrolled_on": "2026-12-01"}
    row |= {"consented_on": None, "withdrawn_on": None} | days
    frame = pd.DataFrame([row])
    names = ["enrolled_on", "consented_on", "withdrawn_on"]
    return frame.assign(**{name: pd.to_datetime(frame[name]) for name in names})


def test_rounds_follow_one_another(tmp_path: Path) -> None:
    """People enrol from the end of the round before until the end of their own."""
    waves = [
        {"wave": 1, "opens_on": date(2027, 1, 1), "closes_on": date(2027, 1, 9)},
        {"wave": 2, "opens_on": date(2027, 2, 1), "closes_on": date(2027, 2, 9)},
        {
            "wave": 3,
            "opens_on": date(2027, 6, 1),
            "closes_on": date(2027, 6, 9),
            "round": 2,
        },
    ]
    assert windows.round_bounds(a_study(tmp_path, waves=waves)) == [
        (1, date(1970, 1, 1), date(2027, 2, 10)),
        (2, date(2027, 2, 10), date(2027, 6, 10)),
    ]


def test_waves_from_enrolment_never_end(tmp_path: Path) -> None:
    """Where waves start with each person, one can enrol at any time."""
    waves = [{"wave": 1, "opens_after_days": 0, "open_days": 7}]
    bounds = windows.round_bounds(a_study(tmp_path, waves=waves))
    assert bounds == [(1, date(1970, 1, 1), date(2149, 1, 1))]


@pytest.mark.parametrize(
    ("withdrawn_on", "rows"),
    [("2026-12-01", 0), ("2027-01-11", 0), ("2027-01-12", 1)],
)
def test_rows_until_withdrawal(tmp_path: Path, withdrawn_on: str, rows: int) -> None:
    """A wave that opens on the day of withdrawal, or later, is no row."""
    planned = windows.plan(
        a_study(tmp_path),
        Window(kind="lookback", days=7),
        people(withdrawn_on=withdrawn_on),
        NO_ANSWERS,
    )
    assert len(planned) == rows


def test_enrolled_and_gone_on_one_day(tmp_path: Path) -> None:
    """Somebody who enrols in an open wave and leaves the same day is in no row."""
    planned = windows.plan(
        a_study(tmp_path),
        Window(kind="lookback", days=7),
        people(enrolled_on="2027-01-13", withdrawn_on="2027-01-13"),
        NO_ANSWERS,
    )
    assert planned.empty


@pytest.mark.parametrize(
    ("consented_on", "rows"),
    [(None, 0), ("2026-12-31", 1), ("2027-01-11", 1), ("2027-01-12", 0)],
)
def test_consent_on_the_day_of_withdrawal_is_none(
    tmp_path: Path, consented_on: str | None, rows: int
) -> None:
    """Whether a consent after the withdrawal still arrived in time must not matter."""
    planned = windows.plan(
        a_study(tmp_path, consent={"required": ["survey"]}),
        Window(kind="lookback", days=7),
        people(consented_on=consented_on, withdrawn_on="2027-01-12"),
        NO_ANSWERS,
    )
    assert len(planned) == rows


@pytest.mark.parametrize(
    ("consent", "consented_on", "waves"),
    [
        ({"required": ["survey"]}, "2027-01-17", [1]),
        ({"required": ["survey"]}, "2027-01-18", []),
        ("external", "2027-01-18", [1]),
    ],
)
def test_no_row_in_a_wave_that_closed_before_the_consent(
    tmp_path: Path, consent: Any, consented_on: str, waves: list[int]
) -> None:
    """Who could not answer a wave did not fail to; on its last day one still could."""
    planned = windows.plan(
        a_study(tmp_path, consent=consent),
        Window(kind="lookback", days=7),
        people(consented_on=consented_on),
        NO_ANSWERS,
    )
    assert planned["wave"].tolist() == waves


def test_answers_are_permitted_between_consent_and_withdrawal(tmp_path: Path) -> None:
    """The day of consent is in, the day of withdrawal out, in study-local days."""
    given = pd.DataFrame(
        {
            "participant_id": "a",
            "wave": 1,
            "responded_at": pd.to_datetime(
                [
                    "2027-01-09T14:59:59Z",
                    "2027-01-09T15:00:00Z",
                    "2027-01-11T14:59:59Z",
                    "2027-01-11T15:00:00Z",
                ]
            ),
        }
    )
    kept = windows.permitted(
        a_study(tmp_path, consent={"required": ["survey"]}),
        people(consented_on="2027-01-10", withdrawn_on="2027-01-12"),
        given,
    )
    assert list(kept.index) == [1, 2]


def test_answers_of_unknown_people(tmp_path: Path) -> None:
    """An answer of somebody who never enrolled changes no row."""
    answers = NO_ANSWERS.iloc[:0].copy()
    answers.loc[0] = ["b", 1, pd.Timestamp("2027-01-12", tz="UTC")]
    planned = windows.plan(
        a_study(tmp_path), Window(kind="lookback", days=7), people(), answers
    )
    assert planned["participant_id"].tolist() == ["a"]
    assert planned["responded_at"].isna().all()


def test_nobody(tmp_path: Path) -> None:
    """A study without people has a plan without rows, with every column."""
    planned = windows.plan(
        a_study(tmp_path),
        Window(kind="between_waves"),
        people().iloc[:0],
        NO_ANSWERS,
    )
    assert planned.empty
    assert {"start_on", "end_on", "seen_from", "seen_until"} <= set(planned)


def test_days_begin_at_midnight_or_where_the_clock_jumps() -> None:
    """In Beirut 28 March 2027 has no midnight: it begins at 01:00, 22:00 UTC."""
    days = pd.Series(pd.to_datetime(["2027-03-28", None, "2027-03-27"]))
    begins = windows.days_to_instants(days, ZoneInfo("Asia/Beirut"))
    assert pd.Series(begins).tolist()[0] == pd.Timestamp("2027-03-27T22:00")
    assert pd.isna(begins[1])
    assert pd.Series(begins).tolist()[2] == pd.Timestamp("2027-03-26T22:00")


def test_local_days_turn_back_into_instants() -> None:
    """The day of the instant at which a day begins is that day, in any zone."""
    days = pd.Series(pd.date_range("2027-01-01", "2027-12-31"))
    for name in ("Asia/Tokyo", "Europe/Berlin", "Asia/Beirut", "America/Havana"):
        zone = ZoneInfo(name)
        begins = windows.days_to_instants(days, zone)
        assert (windows.local_days(pd.Series(begins), zone) == days).all()
        before = pd.Series(begins) - pd.Timedelta(microseconds=1)
        assert (windows.local_days(before, zone) == days - pd.Timedelta(days=1)).all()


def test_offsets_do_not_matter() -> None:
    """An instant has one study-local day, whatever offset it was written with."""
    at = datetime(2027, 1, 9, 15, tzinfo=UTC)
    instants = pd.Series(
        [at, at.astimezone(ZoneInfo("America/New_York"))], dtype=object
    )
    found = windows.local_days(instants, ZoneInfo("Asia/Tokyo"))
    assert pd.Series(found).tolist() == [pd.Timestamp("2027-01-10")] * 2
