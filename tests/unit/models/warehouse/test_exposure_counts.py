"""How use is counted: cells of days, people in portions, and batches that come between."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pandas as pd
import pytest

from panelstream.flows import panels
from panelstream.flows.workspace import Workspace
from panelstream.models.warehouse import exposure_counts
from panelstream.models.warehouse.store import Store
from tests.lib import studies
from tests.lib.studies import HandClock

Make = Callable[..., Workspace]


def days(*texts: str) -> pd.Series:
    """Days as the planned windows have them."""
    return pd.Series(pd.to_datetime(list(texts)))


def test_cells() -> None:
    """Two overlapping windows are three cells; the day after them is one more."""
    cells = exposure_counts.cut(
        days("2027-01-01", "2027-01-03"), days("2027-01-05", "2027-01-06")
    )
    assert cells.of_day == [1, 1, 2, 2, 3, 4]
    assert cells.days == list(range(cells.days[0], cells.days[0] + 6))
    assert cells.at(days("2027-01-01", "2027-01-05")).tolist() == [1, 3]
    assert cells.number == 5


def test_blocks() -> None:
    """A window of 128 days ends on the first day of a third block; 0 is for no day."""
    assert exposure_counts.cut(days("2027-01-01"), days("2027-05-09")).blocks == 4
    assert exposure_counts.cut(days("2027-01-01"), days("2027-05-08")).blocks == 3


def used(made: Workspace) -> list[Any]:
    """Who, stories and days with one, as of the first arrival."""
    [window] = made.folder.study.windows
    panel = panels.Snapshot(made, studies.as_of(0)).panel(window)
    named = studies.named(made, panel, ("aki", "ben", "chie"))
    return named[["who", "story_count", "story_days"]].to_numpy().tolist()


@pytest.fixture
def made(workspace: Make, clock: HandClock) -> Workspace:
    """Three people, of whom one did nothing and one did three things on two days."""
    study = workspace()
    clock.now = studies.recorded_at(0)
    acts = [("aki", 5), ("aki", 5), ("aki", 9), ("ben", 9)]
    studies.send(study, [enrolled(who) for who in ("aki", "ben", "chie")])
    studies.send(study, [story(*act, number) for number, act in enumerate(acts)])
    return study


USED = [["aki", 3, 2], ["ben", 1, 1], ["chie", 0, 0]]


def test_people_in_portions(made: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """One at a time or all at once: the same."""
    expected = sorted(used(made))
    monkeypatch.setattr(exposure_counts, "_BINS_AT_ONCE", 1)
    assert sorted(used(made)) == expected == USED


def test_a_batch_that_comes_while_counting(
    made: Workspace, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is recorded after the instant is not counted, whenever it arrives."""
    query, late = Store.query, [story("ben", 10, 9)]

    def interrupted(store: Store, name: str, **parameters: Any) -> Any:
        if name == "exposures" and late:
            clock.now = studies.recorded_at(1)
            studies.send(made, [late.pop()])
        return query(store, name, **parameters)

    monkeypatch.setattr(Store, "query", interrupted)
    assert sorted(used(made)) == USED
    assert not late


def enrolled(who: str) -> Any:
    """Somebody joins before all windows."""
    return studies.event(
        "enrolled", who, datetime.fromisoformat("2026-12-01T12:00+09:00")
    )


def story(who: str, day: int, number: int) -> Any:
    """A story viewed on a day of January."""
    at = datetime.fromisoformat(f"2027-01-{day:02}T12:00+09:00")
    return studies.event("story_viewed", who, at, id=f"story {number}")
