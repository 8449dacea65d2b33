"""Planning windows: what tables of whole studies do not show."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from panelstream.models.study import consent, windows
from panelstream.models.study.consent import Consents, ConsentStatement
from panelstream.models.study.load import load_study
from panelstream.models.study.study import Study, Window
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
    return load_study(folder).study


def people(enrolled_on: str = "2026-12-01") -> pd.DataFrame:
    """One person, enrolled in round 1."""
    row = {"participant_id": "a", "round": 1, "enrolled_on": pd.Timestamp(enrolled_on)}
    return pd.DataFrame([row])


def agreed(*intervals: tuple[str, str]) -> Consents:
    """The person's intervals of consent, whose use may be looked at too."""
    rows = [("a", pd.Timestamp(start), pd.Timestamp(end)) for start, end in intervals]
    names = pd.Index(["participant_id", "from_on", "until_on"])
    frame = pd.DataFrame(rows, columns=names)
    days = dict.fromkeys(["from_on", "until_on"], "datetime64[s]")
    frame = frame.astype({"participant_id": object, **days})
    return Consents(frame, frame)


ALWAYS = ("2020-01-01", "2149-01-01")


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
    ("stretch", "rows"),
    [
        (("2026-01-01", "2027-01-11"), 0),
        (("2026-01-01", "2027-01-12"), 1),
        (("2027-01-17", "2149-01-01"), 1),
        (("2027-01-18", "2149-01-01"), 0),
    ],
)
def test_a_row_needs_a_day_of_consent_in_the_wave(
    tmp_path: Path, stretch: tuple[str, str], rows: int
) -> None:
    """The wave is open from the 11th to the 17th, both included."""
    planned = windows.plan(
        a_study(tmp_path),
        Window(kind="lookback", days=7),
        people(),
        agreed(stretch),
        NO_ANSWERS,
    )
    assert len(planned) == rows


@pytest.mark.parametrize(
    ("required", "agreed_at", "waves"),
    [
        ({"required": ["survey"]}, datetime(2027, 1, 17, 14, 59, tzinfo=UTC), [1]),
        ({"required": ["survey"]}, datetime(2027, 1, 17, 15, tzinfo=UTC), []),
        ("external", datetime(2027, 1, 17, 15, tzinfo=UTC), [1]),
    ],
)
def test_no_row_in_a_wave_that_closed_before_the_consent(
    tmp_path: Path, required: Any, agreed_at: datetime, waves: list[int]
) -> None:
    """Who could not answer a wave did not fail to; on its last day one still could."""
    study = a_study(tmp_path, consent=required)
    said = {"a": [ConsentStatement(agreed_at, 1, frozenset(["survey"]))]}
    planned = windows.plan(
        study,
        Window(kind="lookback", days=7),
        people(),
        consent.derive_consents(study, ["a"], said),
        NO_ANSWERS,
    )
    assert planned["wave"].tolist() == waves


def test_use_to_date_begins_where_all_since_may_be_seen(tmp_path: Path) -> None:
    """From the first day that may be looked at; never over days that may not."""
    wave = {"wave": 2, "opens_on": date(2027, 2, 1), "closes_on": date(2027, 2, 7)}
    study = a_study(tmp_path, waves=[*studies.BASE["waves"], wave])
    seen = agreed(("2026-12-20", "2027-01-20"), ("2027-01-27", "2149-01-01"))
    planned = windows.plan(
        study, Window(kind="lookback", days=3), people(), seen, NO_ANSWERS
    )
    assert planned["since_on"].tolist() == [pd.Timestamp("2026-12-20"), pd.NaT]
    assert planned["observable_from"].tolist() == [
        pd.Timestamp("2027-01-08"),
        pd.Timestamp("2027-01-29"),
    ]


def test_where_the_next_and_the_last_wave_close(tmp_path: Path) -> None:
    """Counted from enrolment too; for the last wave there is no next one."""
    waves = [
        {"wave": entry, "opens_after_days": 10 * entry, "open_days": 5}
        for entry in (1, 2, 3)
    ]
    planned = windows.plan(
        a_study(tmp_path, waves=waves),
        Window(kind="lookback", days=3),
        people("2027-01-01"),
        agreed(("2020-01-01", "2027-01-12"), ("2027-02-01", "2149-01-01")),
        NO_ANSWERS,
    )
    assert planned["wave"].tolist() == [1, 3]
    assert planned["next_closes_before"].tolist() == [
        pd.Timestamp("2027-01-26"),
        pd.NaT,
    ]
    assert planned["round_closes_before"].tolist() == [pd.Timestamp("2027-02-05")] * 2


def test_enrolled_and_gone_on_one_day(tmp_path: Path) -> None:
    """Somebody who enrols in an open wave and leaves the same day is in no row."""
    planned = windows.plan(
        a_study(tmp_path),
        Window(kind="lookback", days=7),
        people("2027-01-13"),
        agreed(("2026-01-01", "2027-01-13")),
        NO_ANSWERS,
    )
    assert planned.empty


def test_a_window_in_pieces(tmp_path: Path) -> None:
    """Of the window from 4 to 11 January the last piece is looked at."""
    planned = windows.plan(
        a_study(tmp_path),
        Window(kind="lookback", days=7),
        people(),
        agreed(
            ("2026-12-01", "2027-01-06"),
            ("2027-01-08", "2027-01-10"),
            ("2027-01-12", "2149-01-01"),
        ),
        NO_ANSWERS,
    )
    [row] = planned.to_dict("records")
    assert (row["start_on"].day, row["end_on"].day) == (4, 11)
    assert (row["observable_from"].day, row["observable_until"].day) == (8, 10)


def test_answers_are_permitted_on_days_of_consent(tmp_path: Path) -> None:
    """The first day is in, the day of withdrawal out, in study-local days."""
    at = [
        "2027-01-09T14:59:59Z",
        "2027-01-09T15:00:00Z",
        "2027-01-11T14:59:59Z",
        "2027-01-11T15:00:00Z",
        "2027-01-13T15:00:00Z",
    ]
    given = pd.DataFrame(
        {"participant_id": "a", "wave": 1, "responded_at": pd.to_datetime(at)}
    )
    intervals = agreed(("2027-01-10", "2027-01-12"), ("2027-01-14", "2149-01-01"))
    kept = windows.permitted(a_study(tmp_path), intervals, given)
    assert list(kept.index) == [1, 2, 4]


@pytest.mark.parametrize(
    ("waves", "enrolled_on", "expected"),
    [
        (None, "2026-12-01", ["early", "in_time", "in_time", "late"]),
        ((2, 3), "2027-01-09", ["early", "in_time", "late", "late"]),
        ((2, 3), None, ["", "", "", ""]),
    ],
)
def test_early_and_late(
    tmp_path: Path,
    waves: tuple[int, int] | None,
    enrolled_on: str | None,
    expected: list[str],
) -> None:
    """Both ends of a wave belong to it, by calendar or counted from enrolment."""
    changes: dict[str, Any] = {}
    if waves:
        wave = {"wave": 1, "opens_after_days": waves[0], "open_days": waves[1]}
        changes = {"waves": [wave]}
    at = [
        "2027-01-10T14:59:59Z",
        "2027-01-10T15:00:00Z",
        "2027-01-17T14:59:59Z",
        "2027-01-17T15:00:00Z",
    ]
    given = pd.DataFrame(
        {"participant_id": "a", "wave": 1, "responded_at": pd.to_datetime(at)}
    )
    known = people(enrolled_on) if enrolled_on else people().iloc[:0]
    result = windows.timing(a_study(tmp_path, **changes), known, given)
    assert result.tolist() == expected


def test_answers_of_unknown_people(tmp_path: Path) -> None:
    """An answer of somebody who never enrolled changes no row."""
    at = pd.Timestamp("2027-01-12", tz="UTC")
    answers = pd.DataFrame([["b", 1, at]], columns=NO_ANSWERS.columns)
    planned = windows.plan(
        a_study(tmp_path),
        Window(kind="lookback", days=7),
        people(),
        agreed(ALWAYS),
        answers,
    )
    assert planned["participant_id"].tolist() == ["a"]
    assert planned["responded_at"].isna().all()


def test_nobody(tmp_path: Path) -> None:
    """A study without people has a plan without rows, with every column."""
    planned = windows.plan(
        a_study(tmp_path),
        Window(kind="between_waves"),
        people().iloc[:0],
        agreed(),
        NO_ANSWERS,
    )
    assert planned.empty
    assert {"start_on", "end_on", "observable_from", "observable_until"} <= set(planned)


def test_days_begin_at_midnight_or_where_the_clock_jumps() -> None:
    """In Beirut 28 March 2027 has no midnight: it begins at 01:00, 22:00 UTC."""
    days = pd.Series(pd.DatetimeIndex(["2027-03-28", pd.NaT, "2027-03-27"]))
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
    result = windows.local_days(instants, ZoneInfo("Asia/Tokyo"))
    assert pd.Series(result).tolist() == [pd.Timestamp("2027-01-10")] * 2
