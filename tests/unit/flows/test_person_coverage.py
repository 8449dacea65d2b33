"""What is not known of a person is null: rejected and lost events, silent devices."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.estimation.estimates import fit
from panelstream.flows import panels
from panelstream.flows.coverage import read_coverage
from panelstream.flows.workspace import Workspace
from panelstream.models.events.catalogue import EventType
from panelstream.models.events.log_gap import LogGap
from panelstream.models.warehouse import views
from panelstream.models.warehouse.definitions import create_views
from panelstream.models.warehouse.ledger import (
    append_log_gaps,
    dismiss_dead_letters,
    retract_dismissal,
)
from tests.lib import studies
from tests.lib.planted import specify
from tests.lib.studies import Answer, HandClock

Make = Callable[..., Workspace]
AT = datetime(2027, 1, 8, 3, tzinfo=UTC)
"""In the week before the wave, whose days in Tokyo are those from 4 to 10 January."""
PEOPLE = ["aki", "ben"]
EVERYTHING = {"from": "2026-12-01T00:00:00Z", "to": "2027-02-01T00:00:00Z"}
END = datetime(2027, 2, 1, tzinfo=UTC)
END_OF_7TH, BEFORE = "2027-01-07T15:00:00Z", "2026-12-02T00:00:00Z"
WAVE = {"wave": 1, "opens_on": date(2027, 1, 11), "closes_on": date(2027, 1, 17)}


@pytest.fixture
def small(workspace: Make) -> Workspace:
    """Two enrolled people, of whom one signed in 20 times; the log covers everything."""
    study = workspace(
        coverage="heartbeats",
        exposure={"window": {"lookback": 7}, "functions": ["story", "sign_in"]},
    )
    start = AT - timedelta(days=20)
    data = {"functions": ["story", "sign_in"], **EVERYTHING}
    studies.send(
        study,
        [
            studies.event("enrolled", "aki", start),
            studies.event("enrolled", "ben", start),
            studies.event("heartbeat", None, END, data=data),
            *numbered("signed_in", "aki", 20),
        ],
    )
    return study


def numbered(kind: str, who: str | None, number: int, **more: Any) -> list[Any]:
    """Events of one hour."""
    return [
        studies.event(kind, who, AT + timedelta(minutes=n), **more)
        for n in range(number)
    ]


def use(study: Workspace) -> Mapping[str, list[float | None]]:
    """Stories, sign-ins and observed days of each person, as the panel has them."""
    [panel] = panels.build(study).by_window.values()
    rows = studies.named(study, panel, PEOPLE).set_index("who")
    columns = ["story_count", "sign_in_count", "observed_days"]
    return {
        who: [None if pd.isna(value) else value for value in rows.loc[who, columns]]
        for who in rows.index
    }


def later(study: Workspace, clock: HandClock, events: list[Any]) -> None:
    """Events that arrive an hour later."""
    clock.now += timedelta(hours=1)
    studies.send(study, events)


def test_rejected_stories_are_no_known_zero(small: Workspace, clock: HandClock) -> None:
    """Twenty stories with an unknown field: her stories are not known, all else is."""
    noted = numbered("story_posted", "aki", 20, data={"note": "free text"})
    later(small, clock, noted)
    assert use(small) == {"aki": [None, 20, 7], "ben": [0, 0, 7]}
    days = small.store.select(
        "select lower(function) as name, observed_days as days, event_count as events "
        "from fact_exposure where participant_id = (select participant_id from "
        "coverage_of_people limit 1) order by name"
    ).to_pylist()
    assert days == [
        {"name": "sign_in", "days": 7, "events": 20},
        {"name": "story", "days": 6, "events": None},
    ]


def test_a_letter_is_settled_by_its_event(small: Workspace, clock: HandClock) -> None:
    """The same event without the field, by whatever road: the number is known again.

    The panel of the time in between keeps its null.
    """
    wrong = numbered("story_posted", "aki", 1, data={"note": "free text"})
    later(small, clock, wrong)
    between = clock.now + timedelta(minutes=30)
    later(small, clock, numbered("story_posted", "aki", 1))
    assert use(small)["aki"] == [1, 20, 7]
    [window] = small.folder.study.windows
    past = panels.Snapshot(small, between).panel(window)
    shown = studies.named(small, past, PEOPLE)["story_count"]
    assert [pd.isna(value) for value in shown] == [True, False]


def test_a_conflict_until_it_is_dismissed(small: Workspace, clock: HandClock) -> None:
    """Ben's story has the id of a sign-in of Aki: was there one? As of then, not before.

    Once it is stated that it was nothing, the zero is known; and the statement can be
    taken back.
    """
    before = clock.now + timedelta(minutes=30)
    taken = numbered("signed_in", "aki", 1)[0]["id"]
    later(small, clock, numbered("story_posted", "ben", 1, id=taken))
    assert use(small) == {"aki": [0, 20, 7], "ben": [None, 0, 7]}
    [window] = small.folder.study.windows
    past = panels.Snapshot(small, before).panel(window)
    assert not past["story_count"].isna().any()
    summary = panels.build(small).coverage
    assert (summary.conflicts, summary.null_windows) == (1, {"conflicts": 1})
    [line] = [text for text in summary.lines() if "conflicting" in text]
    assert line.startswith(
        "conflicting events: 1 with an id that another event had first, 1 of 2 windows "
        "null; send them again with new ids"
    )
    clock.now += timedelta(hours=1)
    about = {"reason": "conflicting", "event_type": "", "origin": "", "letters": 1}
    dismissal = dismiss_dead_letters(small.store, {**about, "because": "a load test"})
    assert use(small)["ben"] == [0, 0, 7]
    clock.now += timedelta(hours=1)
    retract_dismissal(small.store, dismissal)
    assert use(small)["ben"] == [None, 0, 7]


def test_a_type_that_got_a_function_later(small: Workspace, clock: HandClock) -> None:
    """What was stored, or rejected, of a type without a function is none of it."""
    noted = numbered("story_viewed", "ben", 1, data={"note": "?"})
    types = small.folder.catalogue.types
    plain = {**types, "u2plus.story_viewed": EventType()}
    earlier = with_types(small, plain)
    later(earlier, clock, [*numbered("story_viewed", "aki", 2), *noted])
    assert use(earlier) == {"aki": [0, 20, 7], "ben": [0, 0, 7]}
    assert use(small) == {"aki": [None, 20, 7], "ben": [None, 0, 7]}
    summary = panels.build(small).coverage
    assert (summary.reclassified, summary.dead_letters) == (2, 1)
    assert summary.null_windows == {"catalogue": 1, "dead letters": 1}


def with_types(study: Workspace, types: Mapping[str, EventType]) -> Workspace:
    """The same study with other types in its catalogue."""
    catalogue = study.folder.catalogue.model_copy(update={"types": types})
    return replace(study, folder=replace(study.folder, catalogue=catalogue))


@pytest.mark.parametrize(
    ("kind", "who", "expected"),
    [
        ("unheard_of", "aki", {"aki": [None, None, 6], "ben": [0, 0, 7]}),
        ("unheard_of", None, {"aki": [None, None, 6], "ben": [None, None, 6]}),
        ("story_posted", None, {"aki": [None, 20, 7], "ben": [None, 0, 7]}),
    ],
)
def test_whom_a_letter_concerns(
    small: Workspace,
    clock: HandClock,
    kind: str,
    who: str | None,
    expected: Mapping[str, list[float | None]],
) -> None:
    """An unknown type may be of any function; an event of nobody, of anybody."""
    later(small, clock, numbered(kind, who, 1))
    assert use(small) == expected


def test_a_rejected_withdrawal(workspace: Make, clock: HandClock) -> None:
    """A reaction that may have been taken back is no known one: her count is null."""
    study = workspace(
        exposure={"window": {"lookback": 7}, "functions": ["reaction", "sign_in"]}
    )
    start = AT - timedelta(days=20)
    studies.send(study, [studies.event("enrolled", who, start) for who in PEOPLE])
    studies.send(study, [*numbered("reaction_given", "aki", 1, data={"kind": "like"})])
    later(study, clock, numbered("reaction_withdrawn", "aki", 1, data={"note": "x"}))
    [panel] = panels.build(study).by_window.values()
    rows = studies.named(study, panel, PEOPLE).set_index("who")
    assert rows["reaction_count"].isna().to_dict() == {"aki": True, "ben": False}
    assert rows["sign_in_count"].to_dict() == {"aki": 0, "ben": 0}


def test_rejected_events_of_the_study_are_named_first(
    small: Workspace, clock: HandClock
) -> None:
    """A withdrawal and two consents with a typing error: who is counted is in doubt."""
    said: list[str] = []
    later(
        small,
        clock,
        [
            *numbered("story_posted", "aki", 1, data={"note": "x"}),
            *numbered("consent_withdrawn", "aki", 1, data={"level": "colection"}),
            *numbered("consent_given", "ben", 2, data={"version": "1"}),
        ],
    )
    built = panels.build(small, say=said.append)
    assert said[:2] == [
        "1 rejected withdrawal of consent: that person's data still count; see "
        "'panelstream dead-letters list'",
        "2 rejected statements of consent: those people's data may not count; see "
        "'panelstream dead-letters list'",
    ]
    assert built.coverage.as_dict()["study_letters"] == {
        "study.consent_given": 2,
        "study.consent_withdrawn": 1,
    }
    assert use(small)["ben"] == [0, 0, 7]


def test_a_rejected_heartbeat_of_a_device(small: Workspace, clock: HandClock) -> None:
    """A device is there and states nothing: unknown, but for what its others state."""
    times = {"from": "2027-01-03T15:00:00Z", "to": "2027-01-05T15:00:00Z"}
    wrong = {"functions": ["signin"], **times}
    later(small, clock, [studies.event("heartbeat", "aki", AT, data=wrong)])
    assert use(small) == {"aki": [None, None, 0], "ben": [0, 0, 7]}
    right = {"functions": ["sign_in"], **times}
    device = studies.event("heartbeat", "aki", AT, id="another", data=right)
    later(small, clock, [device])
    assert use(small)["aki"] == [None, None, 2]


def test_acts_refused_before_a_new_consent_was_recorded(
    small: Workspace, clock: HandClock
) -> None:
    """Both agree again on 4 January; acts came in while one was withdrawn.

    Anything up to the arrival may have been refused of this one; nothing of the other,
    for whom the whole week from the midnight of that day on is known.
    """
    withdrawal = {"level": "collection"}
    consent = {"version": 1, "scopes": ["survey"]}
    gone = [
        studies.event("consent_withdrawn", who, AT - timedelta(days=6), data=withdrawal)
        for who in PEOPLE
    ]
    back = [
        studies.event(
            "consent_given", who, AT - timedelta(days=4, hours=2), data=consent
        )
        for who in PEOPLE
    ]
    later(small, clock, gone)
    later(small, clock, [back[1]])
    later(small, clock, numbered("story_posted", "aki", 1))
    later(small, clock, [back[0]])
    assert use(small) == {"aki": [None, None, 0], "ben": [0, 0, 7]}


def test_how_long_a_device_was_silent(small: Workspace, clock: HandClock) -> None:
    """One was heard on two of the seven days, the other on all but one: 5 + 1 days."""
    times = {
        "aki": ("2027-01-03T15:00:00Z", "2027-01-05T15:00:00Z"),
        "ben": ("2027-01-03T15:00:00Z", "2027-01-09T15:00:00Z"),
    }
    beats = [
        studies.event(
            "heartbeat",
            who,
            AT + timedelta(days=3),
            data={"functions": ["story"], "from": start, "to": end},
        )
        for who, (start, end) in times.items()
    ]
    later(small, clock, beats)
    gaps = read_coverage(small).gaps
    gap = next(gap for gap in gaps if gap.function == "story")
    assert (gap.cause, gap.people, gap.person_days) == ("silent device", 2, 6)
    assert gap.start == datetime(2027, 1, 5, 15, tzinfo=UTC)
    assert gap.end == datetime(2027, 1, 10, 15, tzinfo=UTC)


def test_weeks_of_analysts(small: Workspace, clock: HandClock) -> None:
    """A rejected story makes her week of stories null, and no other number of a week."""
    later(small, clock, numbered("story_posted", "aki", 1, data={"note": "free text"}))
    create_views(small.store, views.view_statements(small.folder))
    panels.build(small)
    weeks = small.store.select(
        "select participant_id, lower(function) as name, toString(week_start) as wave,"
        " toFloat64(observed_days) as days, toInt64(event_count) as events"
        " from weekly_use where week_start between '2026-12-28' and '2027-01-04'"
    ).to_pandas()
    weeks = studies.named(small, weeks, PEOPLE)
    shown = weeks.set_index(["who", "name", "wave"])[["days", "events"]]
    expected: dict[tuple[str, str, str], tuple[int, int | None]] = {
        (who, name, week): (7, 0)
        for who in PEOPLE
        for name in ("story", "sign_in")
        for week in ("2026-12-28", "2027-01-04")
    }
    expected["aki", "sign_in", "2027-01-04"] = (7, 20)
    expected["aki", "story", "2027-01-04"] = (6, None)
    assert {
        key: (days, None if pd.isna(events) else events)
        for key, days, events in shown.itertuples(name=None)
    } == expected


def test_letters_of_other_days(small: Workspace, clock: HandClock) -> None:
    """A letter of the day after the window leaves it known; study events concern none."""
    after = datetime(2027, 1, 10, 15, tzinfo=UTC)
    later(small, clock, [studies.event("unheard_of", "aki", after)])
    later(small, clock, [studies.event("invited", "aki", AT, data={"wave": "x"})])
    assert use(small) == {"aki": [0, 20, 7], "ben": [0, 0, 7]}


def test_a_gap_of_the_log(small: Workspace, clock: HandClock) -> None:
    """What retention deleted unread may have been of anybody and any function."""
    clock.now += timedelta(hours=1)
    gap = LogGap("events", 0, 10, 20, AT, AT + timedelta(hours=1), "retention")
    append_log_gaps(small.store, [gap])
    assert use(small) == {"aki": [None, None, 6], "ben": [None, None, 6]}


def test_a_silent_device(small: Workspace, clock: HandClock) -> None:
    """A person with heartbeats of a device is known while it spoke, the others as before."""
    spoken = {"from": "2027-01-03T15:00:00Z", "to": "2027-01-09T14:59:59Z"}
    data = {"functions": ["story"], **spoken}
    later(small, clock, [studies.event("heartbeat", "aki", END, data=data)])
    assert use(small) == {"aki": [None, 20, 7], "ben": [0, 0, 7]}
    again = {"from": "2027-01-09T15:00:00Z", "to": "2027-01-12T00:00:00Z"}
    data = {"functions": ["story"], **again}
    next_day = END + timedelta(days=1)
    later(small, clock, [studies.event("heartbeat", "aki", next_day, data=data)])
    assert use(small) == {"aki": [0, 20, 7], "ben": [0, 0, 7]}


def test_a_person_not_observed_is_no_zero_in_an_estimate(workspace: Make) -> None:
    """Whose use is unknown is null in the panel and leaves the regression.

    Of ten people the use is known. Of two the device was silent, for some days or since
    long before; two are of a group whose use is not recorded. Their answers would turn
    the slope around if they counted as people without use.
    """
    groups = {"measured_for": {"story": ["app"]}}
    study = workspace(
        coverage="heartbeats",
        exposure={"window": {"lookback": 7}, "functions": ["story"], **groups},
    )
    known, silent, not_measured = (
        [f"{name}{number}" for number in range(count)]
        for name, count in (("known", 10), ("silent", 2), ("web", 2))
    )
    stories = {who: number % 4 for number, who in enumerate(known)}
    mood = {who: 4 + count + n % 3 for n, (who, count) in enumerate(stories.items())}
    mood |= dict.fromkeys([*silent, *not_measured], 10)
    device = {"functions": ["story"], "from": "2026-12-01T00:00:00Z"}
    studies.send(
        study,
        [
            *(
                studies.event(
                    "enrolled",
                    who,
                    AT - timedelta(days=20),
                    data={"group": "web" if who in not_measured else "app"},
                )
                for who in mood
            ),
            studies.event(
                "heartbeat", None, END, data=device | {"to": EVERYTHING["to"]}
            ),
            *(
                studies.event("heartbeat", who, END, data=device | {"to": until})
                for who, until in zip(silent, (END_OF_7TH, BEFORE), strict=True)
            ),
            *(
                event
                for who, count in stories.items()
                for event in numbered("story_posted", who, count)
            ),
        ],
    )
    answered_at = datetime(2027, 1, 12, 3, tzinfo=UTC)
    studies.answer(
        study, [Answer(who, 1, answered_at, calm=value) for who, value in mood.items()]
    )
    [panel] = panels.build(study).by_window.values()
    rows = studies.named(study, panel, mood).set_index("who")
    unknown = rows["story_count"].isna()
    assert set(rows.index[unknown]) == {*silent, *not_measured}
    assert rows["mood_total"].notna().all()
    specification = specify(
        "pooled",
        outcome="mood_total",
        measure="count",
        effects=(),
        window=study.folder.study.exposure.window,
    )
    result = fit(specification, panel)
    total = np.array([mood[who] + 5.0 for who in known])
    slope = np.polyfit([stories[who] for who in known], total, 1)[0]
    assert result.terms[0].estimate == pytest.approx(slope, rel=1e-9)
    assert result.n_participants == len(known)
    assert result.note == "rows with missing values left out: 4"
    zero = fit(specification, panel.assign(story_count=panel["story_count"].fillna(0)))
    assert zero.terms[0].estimate < 0 < slope
