"""Further measures through the whole path: counted, fitted, told in the report."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from panelstream.flows import panels, results_folder
from panelstream.flows.analyse_study import analyse_study
from panelstream.flows.workspace import Workspace
from tests.lib import studies
from tests.lib.studies import Answer

TOKYO = ZoneInfo("Asia/Tokyo")
PEOPLE = [f"person{number:02}" for number in range(12)]
WAVES: list[dict[str, Any]] = [
    {"wave": n, "opens_on": date(2027, n, 11), "closes_on": date(2027, n, 17)}
    for n in (1, 2, 3)
]
ONE = {"estimator": "pooled", "outcomes": ["mood_total"]}
PLAN = [
    {**ONE, "specification": "weeks", "exposures": ["story"], "measure": "longest_gap"},
    {
        **ONE,
        "specification": "kinds",
        "exposures": ["reaction_given_like", "reaction_given_great"],
        "measure": "by_kind",
    },
    {**ONE, "specification": "visits", "measure": "sessions", "transform": "log1p"},
]


def test_a_plan_of_further_measures(
    tmp_path: Path, workspace: Callable[..., Workspace]
) -> None:
    """Each of the three kinds of measure is estimated, and named in words."""
    study = workspace(
        waves=WAVES,
        exposure={
            "window": {"lookback": 14},
            "functions": ["story", "reaction"],
            "measures": ["longest_gap", "by_kind", "sessions"],
        },
        plan={"exploratory": PLAN},
    )
    _live(study)
    analysis = analyse_study(study, panels.build(study))
    page = results_folder.write_results(analysis, tmp_path / "results").read_text(
        encoding="utf-8"
    )
    estimates = pd.read_csv(tmp_path / "results" / "private" / "estimates.csv")
    assert estimates["term"].tolist() == [
        "story_longest_gap",
        "reaction_given_like",
        "reaction_given_great",
        "log1p(sessions)",
    ]
    assert estimates["estimate"].notna().all()
    for words in ("Reactions: like", "Sessions", "unit of longest gap"):
        assert words in page


def _live(workspace: Workspace) -> None:
    """Everybody enrols, uses something now and then, and answers every wave."""
    random = np.random.default_rng(5)
    events, answers = [], []
    for person in PEOPLE:
        start = datetime(2026, 12, 20, 12, tzinfo=TOKYO)
        events.append(studies.event("enrolled", person, start))
        for hours in sorted(random.integers(0, 24 * 80, 40).tolist()):
            kind = ("story_viewed", "reaction_given")[hours % 2]
            word = ("like", "great")[hours % 3 // 2]
            data = {"data": {"kind": word, "target": "story"}} if hours % 2 else {}
            at = start + timedelta(hours=hours)
            events.append(studies.event(kind, person, at, **data))
        for wave in WAVES:
            at = datetime.combine(wave["opens_on"], datetime.min.time(), TOKYO)
            calm = int(random.integers(0, 11))
            answers.append(Answer(person, wave["wave"], at, calm=calm))
    studies.send(workspace, events)
    studies.answer(workspace, answers)
