"""What analysts see, against a slow recount of the same events without SQL."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from panelstream.flows import panels
from panelstream.flows.queries import select_rows
from panelstream.flows.workspace import Workspace
from panelstream.models.errors import UsageError
from panelstream.models.warehouse import store as stores
from panelstream.models.warehouse import views
from panelstream.models.warehouse.definitions import create_views
from panelstream.models.warehouse.store import Store
from tests.lib import studies
from tests.lib.studies import Answer, HandClock

TOKYO = ZoneInfo("Asia/Tokyo")
WAVES = [
    {"wave": 1, "opens_on": date(2027, 2, 1), "closes_on": date(2027, 2, 7)},
    {"wave": 2, "opens_on": date(2027, 3, 8), "closes_on": date(2027, 3, 14)},
]
FUNCTIONS = ("story", "reaction")
AGREED = {
    "aki": (date(2027, 1, 1), date(2149, 1, 1)),
    "ben": (date(2027, 2, 17), date(2149, 1, 1)),
    "chie": (date(2027, 1, 1), date(2027, 2, 24)),
}
"""Study-local days from consent until before the withdrawal, of those in the panel."""
OUTAGE = (date(2027, 2, 10), date(2027, 2, 11))
"""A day whose reactions are lost."""
STRANGERS = ("dai", "emi", "fumi")
"""Staff; enrolled without consent; never enrolled."""


def local(day: date, hour: int, minute: int = 0) -> datetime:
    """An instant by the clock of the study."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=TOKYO)


def use() -> Iterator[tuple[str, str, datetime]]:
    """Person, type and time: acts of everybody on every third day, some at midnight."""
    for number, who in enumerate((*AGREED, *STRANGERS)):
        for offset in range(number, 80, 3):
            day = date(2027, 1, 4) + timedelta(days=offset)
            yield who, "story_viewed", local(day, 23, 59)
            yield who, "story_viewed", local(day + timedelta(days=1), 0, 20)
            if offset % 2:
                yield who, "reaction_given", local(day, 8, offset % 60)


def events() -> Iterator[dict[str, Any]]:
    """Enrolment, consent, withdrawal, use, and one reaction that is taken back."""
    for who in ("aki", "ben", "chie", "dai", "emi"):
        yield studies.event(
            "enrolled", who, local(date(2027, 1, 1), 9), data=STAFF[who]
        )
    for who in ("aki", "chie", "dai", "fumi"):
        yield studies.event("consent_given", who, local(date(2027, 1, 1), 9))
    yield studies.event("consent_given", "ben", local(date(2027, 2, 17), 12))
    yield studies.event("consent_withdrawn", "chie", local(date(2027, 2, 24), 12))
    for who, kind, at in use():
        yield studies.event(kind, who, at)
    yield studies.event("reaction_withdrawn", "aki", local(date(2027, 1, 31), 7))


STAFF: Mapping[str, Mapping[str, str]] = {
    who: {"account": "staff"} if who == "dai" else {}
    for who in ("aki", "ben", "chie", "dai", "emi")
}


@pytest.fixture(scope="module")
def study(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The panel of this study is built, and its views are there; for reading."""
    outage = {"from": local(OUTAGE[0], 0), "to": local(OUTAGE[1], 0)}
    content = studies.with_base(
        waves=WAVES,
        consent={"required": ["survey", "telemetry"], "telemetry_from": "consent"},
        outages=[{**outage, "functions": ["reaction"]}],
        exposure={"window": "between_waves", "functions": list(FUNCTIONS)},
    )
    folder, clock = tmp_path_factory.mktemp("views") / "study", HandClock()
    with closing(stores.open_store(engine, clock)) as store:
        made = studies.open_in(studies.write(folder, content), store, clock)
        fill(made)
        yield made


@pytest.fixture
def changing(study: Workspace) -> Iterator[Workspace]:
    """The same study for a test that changes it; it is filled again afterwards."""
    yield study
    studies.empty(study.store)
    fill(study)


def fill(made: Workspace) -> None:
    """Store views, events and an answer, and build the panel."""
    create_views(made.store, views.view_statements(made.folder))
    studies.send(made, events())
    studies.answer(made, [Answer("aki", 1, local(date(2027, 2, 2), 9), calm=7)])
    panels.build(made)


def names(made: Workspace) -> Mapping[str, str]:
    """Person by pseudonym."""
    everybody = (*AGREED, *STRANGERS)
    return {made.pseudonyms.participant_id(who).hex(): who for who in everybody}


def rows(made: Workspace, sql: str) -> list[tuple[Any, ...]]:
    """What an analyst gets, with the people's names; sorted."""
    by_id = names(made)
    table = made.store._client.query_arrow(sql, use_strings=True).to_pylist()
    return sorted(
        tuple(
            by_id.get(value, value) if isinstance(value, str) else value
            for value in row.values()
        )
        for row in table
    )


def counted() -> list[tuple[str, str, date]]:
    """Person, function and study-local day of the acts that analysts may see."""
    function = {"story_viewed": "story", "reaction_given": "reaction"}
    return sorted(
        (who, function[kind], at.date())
        for who, kind, at in use()
        if who in AGREED and AGREED[who][0] <= at.date() < AGREED[who][1]
    )


def standing() -> list[tuple[str, str, date]]:
    """The same without the reaction that was taken back: the latest one before it."""
    acts = counted()
    mine = [act for act in acts if act[:2] == ("aki", "reaction")]
    acts.remove(max(act for act in mine if act[2] < date(2027, 1, 31)))
    return acts


def test_people_and_days_of_events(study: Workspace) -> None:
    """No staff, nobody who is not enrolled or did not agree, only days of consent."""
    sql = "SELECT participant_id, function, occurred_on FROM study_events"
    taken_back = ("aki", "", date(2027, 1, 31))
    assert rows(study, sql) == sorted([*counted(), taken_back])
    typed = "SELECT participant_id, 'story' AS f, occurred_on FROM story_events"
    assert rows(study, typed) == [act for act in counted() if act[1] == "story"]


def test_local_time_of_events(study: Workspace) -> None:
    """The clock of the study stands beside UTC."""
    sql = (
        "SELECT DISTINCT local_hour, formatDateTime(local_time, '%H:%i') AS local"
        " FROM study_events WHERE function = 'story'"
    )
    assert rows(study, sql) == [(0, "00:20"), (23, "23:59")]


def test_use_a_day(study: Workspace) -> None:
    """Days with use, without what was taken back."""
    acts = standing()
    expected = sorted({(*act, acts.count(act)) for act in acts})
    sql = "SELECT participant_id, function, used_on, event_count FROM study_daily_use"
    assert rows(study, sql) == expected


def weeks() -> Iterator[tuple[Any, ...]]:
    """Every week of everybody in the study, counted day by day; None: not known."""
    acts = standing()
    for who, (agreed_on, gone_on) in AGREED.items():
        last = min(date(2027, 3, 15), gone_on)
        # In the study from enrolment on; before consent nothing is known.
        days = [
            date(2027, 1, 1) + timedelta(days=n)
            for n in range((last - date(2027, 1, 1)).days)
        ]
        mondays = sorted({day - timedelta(days=day.weekday()) for day in days})
        for function in FUNCTIONS:
            for monday in mondays:
                mine = [d for d in days if 0 <= (d - monday).days < 7]
                known = [d for d in mine if agreed_on <= d < gone_on]
                if function == "reaction":
                    known = [d for d in known if not OUTAGE[0] <= d < OUTAGE[1]]
                use = [
                    act for act in acts if act[:2] == (who, function) and act[2] in mine
                ]
                whole = len(known) == len(mine)
                yield (
                    who,
                    function,
                    monday,
                    float(len(mine)),
                    float(len(known)),
                    len(use) if whole else None,
                    len(set(use)) if whole else None,
                )


def test_use_a_week(study: Workspace) -> None:
    """0 where a week without use is covered, null where consent or the log is not whole."""
    sql = (
        "SELECT participant_id, function, week_start, study_days, observed_days,"
        " event_count, active_days FROM weekly_use"
    )
    result, expected = rows(study, sql), sorted(weeks(), key=lambda row: row[:3])
    assert sorted(result, key=lambda row: row[:3]) == expected
    counts = [row[5] for row in expected]
    assert None in counts
    assert 0 in counts


def test_whole_weeks_are_the_window_of_the_panel(study: Workspace) -> None:
    """From Monday 8 February to Sunday 7 March: wave 2's window, week by week."""
    sql = (
        "SELECT participant_id, function, if(count(event_count) = 4, sum(event_count), NULL) AS n"
        " FROM weekly_use WHERE week_start >= '2027-02-08' AND week_start < '2027-03-08'"
        " GROUP BY participant_id, function"
    )
    panel = next(iter(panels.build(study).by_window.values()))
    panel = panel[panel["wave"] == 2].replace({"participant_id": names(study)})
    of_panel = {
        (row["participant_id"], name): row[f"{name}_count"]
        for _, row in panel.iterrows()
        for name in FUNCTIONS
    }
    of_weeks = {row[:2]: row[2] for row in rows(study, sql)}
    assert of_weeks["aki", "story"] > 0
    assert of_weeks["aki", "reaction"] is None
    assert of_weeks["ben", "story"] is None
    for key, value in of_panel.items():
        assert of_weeks[key] == (None if pd.isna(value) else value)


@pytest.mark.usefixtures("changing")
def test_days_and_weeks_of_a_window_are_the_cell_of_the_panel(
    workspace: Callable[..., Workspace],
) -> None:
    """Also where acts were taken back: before the window ended, later, or not in fact.

    Reactions and withdrawals are at random, three of the latter rejected: their own
    days are unknown. Windows are whole weeks, from 8 February and from 15 March.
    """
    waves = [
        *WAVES,
        {"wave": 3, "opens_on": date(2027, 4, 5), "closes_on": date(2027, 4, 11)},
    ]
    exposure = {"window": "between_waves", "functions": list(FUNCTIONS)}
    study = workspace(waves=waves, exposure=exposure)
    create_views(study.store, views.view_statements(study.folder))
    studies.send(study, reactions(seed=17))
    panel = next(iter(panels.build(study).by_window.values()))
    in_panel = {
        (row["participant_id"], row["wave"], name): row[f"{name}_count"]
        for _, row in panel[panel["wave"] > 1].iterrows()
        for name in FUNCTIONS
    }
    assert {key: of_days(study, *key) for key in in_panel} == {
        key: None if pd.isna(count) else count for key, count in in_panel.items()
    }
    counts = set(in_panel.values())
    assert any(map(pd.isna, counts))
    assert {0.0} < counts


def reactions(seed: int) -> Iterator[dict[str, Any]]:
    """Eight people from February to mid-April: two acts of three are reactions."""
    random = Random(seed)
    for who in (f"p{number}" for number in range(8)):
        enrolled = local(date(2027, 1, 1), 9)
        yield studies.event("enrolled", who, enrolled)
        kinds = ("reaction_given", "reaction_given", "reaction_withdrawn")
        for _ in range(40):
            at = local(date(2027, 2, 1), 0) + timedelta(minutes=random.randrange(10**5))
            yield studies.event(random.choice(kinds), who, at)
    for number, day in enumerate(
        (date(2027, 2, 12), date(2027, 3, 20), date(2027, 3, 9))
    ):
        unknown = {"data": {"kind": "thumbs", "target": "story"}}
        yield studies.event(
            "reaction_withdrawn", f"p{number}", local(day, 9), **unknown
        )


def of_days(study: Workspace, person: str, wave: int, function: str) -> float | None:
    """The sum of days in the window of a wave; None if one of its weeks is unknown.

    Days that are not known to be complete are among those of `study_daily_use`.
    """
    start, end = {2: ("2027-02-08", "2027-03-08"), 3: ("2027-03-15", "2027-04-05")}[
        wave
    ]
    of_person = f"participant_id = '{person}' AND function = '{function}'"
    [(of_weeks, unknown)] = rows(
        study,
        "SELECT sum(event_count) AS n, countIf(event_count IS NULL) AS unknown"  # noqa: S608
        f" FROM weekly_use WHERE {of_person}"
        f" AND week_start >= '{start}' AND week_start < '{end}'",
    )
    [(of_days,)] = rows(
        study,
        "SELECT sum(event_count) AS n FROM study_daily_use"  # noqa: S608
        f" WHERE {of_person} AND used_on >= '{start}' AND used_on < '{end}'",
    )
    if unknown:
        return None
    assert of_days == of_weeks
    return float(of_days)


def test_sessions(study: Workspace) -> None:
    """The two acts around a midnight are one session of 21 minutes; reactions are alone."""
    sql = "SELECT participant_id, started_on, minutes, event_count FROM sessions"
    result = [row for row in rows(study, sql) if row[0] == "aki"]
    expected = sorted(
        ("aki", at.date(), *((21.0, 2) if kind == "story_viewed" else (0.0, 1)))
        for who, kind, at in use()
        if who == "aki" and at.hour != 0
    )
    assert result == expected


def test_scores_and_panel(study: Workspace) -> None:
    """The score of the one answer, and the columns of the panel as the panel has them."""
    sql = "SELECT participant_id, wave, instrument, score, value, items_missing FROM scores"
    assert rows(study, sql) == [("aki", 1, "mood", "total", 12.0, 0)]
    frame = next(iter(panels.build(study).by_window.values()))
    view = study.store._client.query_df(
        "SELECT * FROM panel ORDER BY participant_id, wave"
    )
    assert [*view] == [
        *("participant_id", "wave", "responded_at", "window_start", "window_end"),
        *(name for name in frame if name not in view.columns[:5]),
        *("study_version", "as_of"),
    ]
    for name in frame.columns.drop(["responded_at", "window_start", "window_end"]):
        stored = view[name].astype(object).where(view[name].notna(), None)
        built = frame[name].astype(object).where(frame[name].notna(), None)
        assert stored.tolist() == built.tolist(), name


def test_items_and_waves(study: Workspace) -> None:
    """What the files say."""
    sql = "SELECT item, position, low, high, reversed, scores FROM dim_item"
    assert rows(study, sql) == [
        ("awake", 2, 0, 10, False, ["total"]),
        ("calm", 1, 0, 10, False, ["total"]),
    ]
    sql = "SELECT wave, wave_index, opens_on, closes_on FROM dim_wave"
    assert rows(study, sql) == [
        (wave["wave"], index, wave["opens_on"], wave["closes_on"])
        for index, wave in enumerate(WAVES)
    ]


def test_a_withdrawal_acts_at_once(changing: Workspace) -> None:
    """What lies after it is gone from the views before the next panel."""
    withdrawn = studies.event("consent_withdrawn", "aki", local(date(2027, 3, 1), 9))
    studies.send(changing, [withdrawn])
    sql = "SELECT participant_id, max(used_on) AS d FROM study_daily_use GROUP BY participant_id"
    assert dict(rows(changing, sql))["aki"] < date(2027, 3, 1)


def test_clock_skew_is_for_operators(changing: Workspace) -> None:
    """Our clock less the sender's; null where the sender does not say."""
    at = studies.START.astimezone(UTC)
    sent = (at + timedelta(seconds=90)).isoformat()
    studies.send(changing, [studies.event("story_viewed", "aki", at, senttime=sent)])
    sql = "SELECT DISTINCT clock_skew_seconds AS s FROM operator_events ORDER BY s"
    assert [row["s"] for row in select(changing.store, sql, operator=True)] == [
        -90.0,
        None,
    ]
    with pytest.raises(UsageError, match="say --operator"):
        select_rows(changing.store, sql)


def select(store: Store, sql: str, operator: bool) -> list[dict[str, Any]]:
    """The rows of a query."""
    result: list[dict[str, Any]] = store._client.query_arrow(sql).to_pylist()
    return result
