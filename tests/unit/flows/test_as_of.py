"""The instant of a panel: the newest that is settled, or one that was asked for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from panelstream.flows import panels
from panelstream.flows.workspace import Workspace
from panelstream.models.errors import UsageError
from panelstream.models.warehouse import settling
from tests.lib import studies
from tests.lib.studies import Answer, HandClock
from tests.lib.writers import Writer

AT = datetime(2027, 1, 5, 3, tzinfo=UTC)
START = studies.START


@pytest.fixture
def made(workspace: Callable[..., Workspace]) -> Workspace:
    """A study with one answer, in a warehouse that others write to."""
    study = workspace(enrolment="activity")
    study.store.shared = True
    studies.answer(study, [Answer("aki", 1, AT)])
    return study


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch, clock: HandClock) -> list[float]:
    """The seconds that were waited; the clock goes on meanwhile."""
    seconds: list[float] = []

    def sleep(wanted: float) -> None:
        seconds.append(wanted)
        clock.now += timedelta(seconds=wanted)

    monkeypatch.setattr(settling, "sleep", sleep)
    return seconds


def test_what_is_new_is_waited_for(
    made: Workspace, clock: HandClock, slept: list[float]
) -> None:
    """Ten seconds from when it was recorded, and said; a second run changes nothing."""
    clock.now += timedelta(seconds=4)
    said: list[str] = []
    first = panels.build(made, say=said.append)
    assert (first.as_of, slept) == (START, [6])
    waiting = "waiting 6 s, until no insert can precede the newest one"
    assert said[0] == waiting
    second = panels.build(made, say=said.append)
    assert (second.as_of, slept, said.count(waiting)) == (START, [6], 1)


def test_an_embedded_warehouse_waits_for_nothing(
    made: Workspace, slept: list[float]
) -> None:
    """Nobody else can write to it."""
    made.store.shared = False
    assert panels.build(made).as_of == START
    assert slept == []


def test_what_comes_meanwhile_is_not_waited_for(
    made: Workspace, clock: HandClock, slept: list[float]
) -> None:
    """A stream that never rests holds no panel up for longer than ten seconds."""
    for _ in range(5):
        clock.now += timedelta(seconds=3)
        studies.send(made, [studies.event("story_viewed", "aki", clock.now)])
    built = panels.build(made)
    assert slept == [10]
    assert built.as_of == clock.now - timedelta(seconds=10)


def test_a_clock_that_went_back(
    made: Workspace, clock: HandClock, slept: list[float]
) -> None:
    """What seems to be of the future is not waited for any longer."""
    clock.now -= timedelta(hours=1)
    panels.build(made)
    assert slept == [10]


def test_what_an_unfinished_insert_holds_back_is_said(
    made: Workspace, clock: HandClock, slept: list[float]
) -> None:
    """The panel is of the instant before it, and says so."""
    clock.now += timedelta(seconds=1)
    writer = Writer(made, [studies.event("story_viewed", "aki", AT)])
    writer.finish(until="events")
    clock.now += timedelta(seconds=1)
    studies.answer(made, [Answer("aki", 1, AT + timedelta(minutes=1))])
    said: list[str] = []
    assert panels.build(made, say=said.append).as_of == START
    assert "2030-01-01T00:00:00+00:00: what was recorded later is left out" in said[1]
    writer.finish()
    assert panels.build(made).as_of == START + timedelta(seconds=2)


@pytest.mark.parametrize("shared", [True, False])
def test_an_instant_that_is_not_settled(
    made: Workspace, clock: HandClock, slept: list[float], shared: bool
) -> None:
    """The future is refused, and the latest instant named that is not."""
    made.store.shared = shared
    clock.now += timedelta(minutes=1)
    latest = clock.now - (
        timedelta(seconds=10) if shared else timedelta(microseconds=1)
    )
    with pytest.raises(UsageError, match="not settled yet") as caught:
        panels.build(made, latest + timedelta(microseconds=1))
    assert latest.isoformat() in str(caught.value)
    assert panels.build(made, latest).as_of == latest
    assert slept == []
