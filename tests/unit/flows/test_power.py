"""`panelstream power`: what it writes, and one line for a mistake."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.panel.external import PanelFile
from panelstream.flows.power import PowerRequest, analyse_power
from panelstream.models.errors import FileError
from panelstream.models.study.template import study_text
from tests.lib.command import panelstream, succeed

PANEL_STUDY = """
study: elsewhere
title: Elsewhere
smallest_effect: {score: 1}
plan:
  confirmatory:
    - {specification: main, estimator: fixed_effects, outcomes: [score], exposures: [use]}
"""


def write_study(folder: Path, text: str) -> Path:
    """A study folder with nothing but its file."""
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    return folder


def write_pilot(folder: Path) -> Path:
    """A pilot of 20 people in three waves."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "participant_id": np.repeat(np.arange(20), 3),
            "wave": np.tile([1, 2, 3], 20),
            "use": rng.gamma(1, 1, 60).round(3),
            "score": rng.normal(size=60).round(3),
        }
    )
    frame.to_csv(folder / "pilot.csv", index=False)
    return folder / "pilot.csv"


def test_a_pilot_gives_table_figure_and_json(tmp_path: Path) -> None:
    """The same seed, the same bytes; the figure names the function."""
    pilot = write_pilot(write_study(tmp_path, PANEL_STUDY))
    words = ("--pilot", pilot, "--people", "20,40", "--simulations", 2, "--json")
    result = succeed("power", tmp_path, *words, "--out", tmp_path / "power")
    shown = json.loads(result.out)
    assert [row["people"] for row in shown["chances"]] == [20, 40]
    assert shown["assumptions"]["pilot_people"] == 20
    assert "use" in (tmp_path / "power" / "power.svg").read_text("utf-8")
    again = PowerRequest((20, 40), 2, 1, PanelFile(pilot))
    assert analyse_power(tmp_path, again).as_dict() == shown


PLAN = "\nplan:"
SIZES = "smallest_effect:"
TEXT = study_text("s", 3, date(2027, 1, 10))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (TEXT[: TEXT.index(PLAN)] + "\n", "no plan"),
        (TEXT[: TEXT.index(SIZES)] + TEXT[TEXT.index(PLAN) :], "no smallest effect"),
        (
            TEXT.replace("measure: days_per_week", "measure: count").replace(
                "pdd_total: 2.0", "pdd_total: {count: 2.0}"
            ),
            "cannot be assumed",
        ),
    ],
    ids=["plan", "smallest effect", "measure"],
)
def test_what_a_plan_lacks(tmp_path: Path, text: str, problem: str) -> None:
    """One error that names the file and the key."""
    with pytest.raises(FileError, match=problem):
        analyse_power(write_study(tmp_path, text), PowerRequest((20,), 2))


def test_a_pilot_without_a_column(tmp_path: Path) -> None:
    """The file and the column are named, and the exit code is 3."""
    pilot = write_pilot(tmp_path)
    write_study(tmp_path, PANEL_STUDY.replace("[use]", "[uses]"))
    result = panelstream("power", tmp_path, "--pilot", pilot)
    assert result.code == 3
    assert "no column 'uses'; did you mean 'use'?" in result.err


def test_numbers_of_people(tmp_path: Path) -> None:
    """What is no list of numbers is refused."""
    result = panelstream("power", tmp_path, "--people", "many")
    assert result.code == 2
    assert "--people many" in result.err
