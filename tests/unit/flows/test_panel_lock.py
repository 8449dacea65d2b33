"""The lock for a panel from elsewhere: verdicts, and what can be known of its time."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.panel.external import PanelFile
from panelstream.flows import panel_lock
from panelstream.flows.external_panel import PanelAnalysis, analyse_panel_file
from panelstream.models.errors import FileError

STUDY = """
study: elsewhere
title: Elsewhere
smallest_effect: {score: 0.2}
plan:
  confirmatory:
    - specification: main
      estimator: fixed_effects
      outcomes: [score]
      exposures: [use]
  sensitivity: [lagged]
"""
LOCKED = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study folder with nothing but its file."""
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    return tmp_path


def write_panel(folder: Path, first: str = "2027-01-11") -> Path:
    """Thirty people in four waves, the first of which is answered on a day."""
    random = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "participant_id": np.repeat(np.arange(30), 4),
            "wave": np.tile([1, 2, 3, 4], 30),
            "use": random.gamma(2, 1, 120).round(3),
        }
    )
    frame["score"] = (frame["use"] + random.normal(0, 1, 120)).round(3)
    days = pd.to_datetime(first) + pd.to_timedelta(28 * (frame["wave"] - 1), unit="D")
    frame["at"] = days.dt.strftime("%Y-%m-%dT09:00:00Z")
    path = folder / "panel.csv"
    frame.to_csv(path, index=False)
    return path


def lock(folder: Path) -> None:
    """Lock on the first of January."""
    path = folder / "panel.csv"
    panel_lock.lock_panel_plan(folder, PanelFile(path), lambda: LOCKED)


def analyse(folder: Path, answered: str = "") -> PanelAnalysis:
    """The panel's analysis."""
    path = folder / "panel.csv"
    return analyse_panel_file(folder, PanelFile(path, answered=answered))


def post_hoc(analysis: PanelAnalysis) -> list[bool | None]:
    """Of the main specification and of its check."""
    column = analysis.results.estimates["post_hoc"]
    return [None if pd.isna(value) else bool(value) for value in column]


def test_a_plan_that_is_not_locked_decides_nothing(folder: Path) -> None:
    """As ever: no verdict, nothing confirmatory."""
    write_panel(folder)
    estimates = analyse(folder).results.estimates
    assert not estimates["confirmatory"].any()
    assert set(estimates["verdict"]) == {""}


@pytest.mark.parametrize(
    ("first", "answered", "late"),
    [("2027-01-11", "at", False), ("2026-12-30", "at", True), ("2027-01-11", "", None)],
)
def test_a_lock_before_the_file_is_judged_by_the_answers(
    folder: Path, first: str, answered: str, late: bool | None
) -> None:
    """Locked on 2027-01-01: by the first answer; without times it cannot be known."""
    lock(folder)
    write_panel(folder, first)
    analysis = analyse(folder, answered)
    assert post_hoc(analysis) == [late, late]
    main = analysis.results.estimates.iloc[0]
    assert main["confirmatory"]
    assert main["verdict"] != ""
    unknown = "whether the locks came before the answers cannot be known"
    assert (unknown in analysis.plan_status.lines()) == (late is None)


def test_a_lock_with_the_file_is_post_hoc(folder: Path) -> None:
    """The data were there, whatever their times say; it has verdicts all the same."""
    write_panel(folder)
    lock(folder)
    analysis = analyse(folder, "at")
    assert post_hoc(analysis) == [True, True]
    assert analysis.manifest["plan"]["post_hoc"] == ["main: score"]
    assert len(analysis.manifest["plan"]["locks"][0]["registered"]) == 16


def test_a_changed_plan_deviates(folder: Path) -> None:
    """What was changed after the lock is exploratory, and is named."""
    lock(folder)
    write_panel(folder)
    text = STUDY.replace("score: 0.2", "score: 0.4")
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    analysis = analyse(folder)
    assert not analysis.results.estimates["confirmatory"].any()
    assert [str(entry) for entry in analysis.plan_status.deviations] == [
        "smallest_effect.score: 0.2 → 0.4"
    ]


def test_another_file_than_the_locked_one_is_refused(folder: Path) -> None:
    """One line names both ways out."""
    write_panel(folder)
    lock(folder)
    write_panel(folder, "2027-01-12")
    with pytest.raises(FileError, match="not the file that was locked") as caught:
        analyse(folder)
    assert "lock the plan for this one" in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("text", "", "its study file is gone"),
        ("frozen", {}, "does not have the hash"),
        ("locked_at", "2020-01-01T00:00:00+00:00", "the registered hash"),
        ("data_hash", None, "not readable as locks"),
    ],
)
def test_a_changed_lock_is_refused(
    folder: Path, key: str, value: object, problem: str
) -> None:
    """Nobody can date a lock back without another registered hash."""
    lock(folder)
    write_panel(folder)
    path = folder / panel_lock.LOCK_FILE
    [row] = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps([{**row, key: value}]), encoding="utf-8")
    with pytest.raises(FileError, match=problem) as caught:
        analyse(folder)
    assert str(caught.value).startswith(str(path))


def test_times_that_are_none_have_a_place(folder: Path) -> None:
    """The row and the column; the value is not quoted."""
    lock(folder)
    path = write_panel(folder)
    frame = pd.read_csv(path)
    frame.loc[2, "at"] = "soon"
    frame.to_csv(path, index=False)
    with pytest.raises(FileError, match="row 3, column at: not a time") as caught:
        analyse(folder, "at")
    assert "soon" not in str(caught.value)
    with pytest.raises(FileError, match="no column 'then'"):
        analyse(folder, "then")
