"""What the build of a panel says of items that nobody was asked."""

from collections.abc import Callable
from datetime import UTC, datetime

import pandas as pd

from panelstream.flows import panels
from panelstream.flows.workspace import Workspace
from tests.lib import studies
from tests.lib.studies import Answer

Make = Callable[..., Workspace]
AT = datetime(2027, 1, 12, 3, tzinfo=UTC)


def test_an_item_that_no_response_holds(workspace: Make) -> None:
    """The build names it and keeps it; the score is null though somebody answered."""
    study = workspace(enrolment="activity")
    studies.answer(study, [Answer("aki", 1, AT, items=("calm",))])
    lines: list[str] = []
    built = panels.build(study, say=lines.append)
    assert built.not_asked == {1: ("awake",)}
    assert lines[0] == "not asked: wave 1: awake; scores that need them are null"
    [panel] = built.by_window.values()
    [row] = panel.to_dict("records")
    assert (row["answered"], row["mood_total_missing"]) == (1, 1)
    assert pd.isna(row["mood_total"])


def test_a_person_without_a_usable_answer(workspace: Make) -> None:
    """They have not answered the wave: no time, no score, and lost once it is over."""
    study = workspace(enrolment="activity")
    blank = Answer("ben", 1, AT, blank=True)
    studies.answer(study, [Answer("aki", 1, AT), blank])
    [panel] = panels.build(study).by_window.values()
    rows = studies.named(study, panel, ["aki", "ben"]).set_index("who")
    assert rows["responded_at"].notna().to_dict() == {"aki": True, "ben": False}
    assert rows["dropped_out"].to_dict() == {"aki": 0, "ben": 1}
