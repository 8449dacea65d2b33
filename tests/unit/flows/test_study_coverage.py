"""What `coverage`, `status` and the panel say of gaps: causes, lengths, windows, remedies."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from panelstream.flows import panels
from panelstream.flows.commands.coverage import coverage_strips
from panelstream.flows.coverage import heartbeat_lines, read_coverage
from panelstream.flows.status import read_status
from panelstream.flows.workspace import Workspace
from tests.lib import studies
from tests.lib.studies import HandClock

Make = Callable[..., Workspace]
AT = datetime(2027, 1, 8, 3, tzinfo=UTC)
"""In the week before the wave, whose days in Tokyo are those from 4 to 10 January."""
EXPOSURE = {"window": {"lookback": 7}, "functions": ["story", "reaction"]}


@pytest.fixture
def two_people(workspace: Make) -> Workspace:
    """A study with heartbeats, two people, and one story."""
    study = workspace(coverage="heartbeats", exposure=EXPOSURE)
    start = AT - timedelta(days=20)
    people = [studies.event("enrolled", who, start) for who in ("aki", "ben")]
    studies.send(study, [*people, studies.event("story_posted", "aki", AT)])
    return study


def beat(functions: list[str], start: str, end: str) -> dict[str, object]:
    """A heartbeat of everybody."""
    data = {"functions": functions, "from": start, "to": end}
    at = datetime.fromisoformat(end)
    return studies.event("heartbeat", None, at, id=f"{functions} {start}", data=data)


def test_no_heartbeat_at_all(two_people: Workspace) -> None:
    """All is unknown: the panel, `status` and `coverage` say so with the remedy."""
    lines: list[str] = []
    summary = panels.build(two_people, say=lines.append).coverage
    assert summary.without_heartbeat == ["story", "reaction"]
    assert summary.without_event == ["reaction"]
    assert summary.null_windows == {"no heartbeat": 2}
    assert lines == [
        "no heartbeat: story, reaction; all use of this is unknown. Send study.heartbeat "
        "events, or write 'coverage: assumed' in study.yaml if the log is complete",
        "no event at all: reaction; is the function recorded? If not, take it out of "
        "'exposure' or list an outage",
    ]
    assert list(heartbeat_lines(two_people)) == lines[:1]
    gaps = read_coverage(two_people).gaps
    assert [(gap.function, gap.cause, gap.days, gap.windows) for gap in gaps] == [
        ("story", "no heartbeat", 7, 2),
        ("reaction", "no heartbeat", 7, 2),
    ]


def test_gaps_and_weeks(two_people: Workspace, clock: HandClock) -> None:
    """A night without a heartbeat, a rejected reaction: each with its length and people."""
    studies.send(
        two_people,
        [
            beat(["story", "reaction"], "2027-01-01T00:00:00Z", "2027-01-05T12:00:00Z"),
            beat(["story"], "2027-01-05T18:00:00Z", "2027-02-01T00:00:00Z"),
            beat(["reaction"], "2027-01-05T12:00:01Z", "2027-02-01T00:00:00Z"),
            studies.event("reaction_given", "ben", AT, data={"note": "?"}),
        ],
    )
    clock.now += timedelta(hours=1)
    covered = read_coverage(two_people)
    assert [
        (gap.function, gap.cause, gap.days, gap.people, gap.windows)
        for gap in covered.gaps
    ] == [
        ("story", "no heartbeat", 0.25, None, 2),
        ("reaction", "dead letters", 1, 1, 1),
    ]
    assert list(coverage_strips(covered)) == [
        "weeks from 2027-01-04 to 2027-01-04, 2 windows",
        "story     ▒  6.8 of 7.0 days",
        "reaction  █  7.0 of 7.0 days",
    ]
    assert list(covered.summary.lines())[:2] == [
        "open dead letters: 1 of reaction make 1 day unknown, 1 of 2 windows null; see "
        "'panelstream dead-letters list'",
        "gaps between heartbeats: 2 of 2 windows null; see 'panelstream coverage'",
    ]
    assert "participant" not in str(covered.as_dict())


def test_a_function_that_is_measured_for_some(workspace: Make) -> None:
    """Only people of a named group can have a known zero."""
    groups = {"measured_for": {"story": ["app", "beta"]}}
    study = workspace(exposure=EXPOSURE | groups)
    start = AT - timedelta(days=20)
    app = studies.event("enrolled", "aki", start, data={"group": "app"})
    studies.send(study, [app, studies.event("enrolled", "ben", start)])
    built = panels.build(study)
    [panel] = built.by_window.values()
    rows = studies.named(study, panel, ["aki", "ben"]).set_index("who")
    assert rows["story_count"].isna().to_dict() == {"aki": False, "ben": True}
    assert rows["reaction_count"].to_dict() == {"aki": 0, "ben": 0}
    assert built.coverage.null_windows == {"not measured": 1}


def test_the_group_of_the_time_decides(workspace: Make) -> None:
    """Of two people who changed groups, only the one in the group during the window.

    A group that nobody is in, as it is misspelt, is named.
    """
    study = workspace(exposure=EXPOSURE | {"measured_for": {"story": ["app", "ap"]}})
    days = (AT - timedelta(days=20), AT - timedelta(days=10))
    changes = {"aki": ("app", "web"), "ben": ("web", "app")}
    studies.send(
        study,
        [
            studies.event("enrolled", who, at, data={"group": group})
            for who, groups in changes.items()
            for at, group in zip(days, groups, strict=True)
        ],
    )
    built = panels.build(study)
    [panel] = built.by_window.values()
    rows = studies.named(study, panel, ["aki", "ben"]).set_index("who")
    assert rows["story_count"].isna().to_dict() == {"aki": True, "ben": False}
    lines = [line for line in built.coverage.lines() if "group" in line]
    assert lines == [
        "not measured for a person's group: 1 of 2 windows null; story is measured for "
        "app, ap. Add a group to 'measured_for' in study.yaml if its people could use "
        "the function",
        "nobody is in a group of 'measured_for': ap; compare its spelling with the "
        "roster",
    ]


@pytest.mark.parametrize(("opened", "first"), [(None, 8), (date(2027, 1, 9), 10)])
def test_times_before_the_platform(
    workspace: Make, opened: date | None, first: int
) -> None:
    """A clock that shows 1970, or a day before the declared first one, enrols nobody."""
    declared = {"platform_opened": opened} if opened else {}
    study = workspace(enrolment="activity", **declared)
    wrong = datetime(1970, 1, 2, tzinfo=UTC)
    times = {"aki": [wrong, AT, AT + timedelta(days=2)], "ben": [wrong]}
    studies.send(
        study,
        [
            studies.event("story_viewed", who, at)
            for who, all_times in times.items()
            for at in all_times
        ],
    )
    enrolled = panels.Snapshot(study, study.clock()).people.enrolled
    aki = study.pseudonyms.participant_id("aki").hex()
    assert enrolled["participant_id"].tolist() == [aki]
    assert enrolled["enrolled_on"].dt.day.tolist() == [first]
    assert read_status(study).events_before_opening == (3 if opened else 2)
