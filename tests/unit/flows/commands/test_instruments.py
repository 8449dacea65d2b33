"""`panelstream instruments`: what a person who maps an export looks up."""

import json
from pathlib import Path

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner

from panelstream.flows.cli import app
from panelstream.flows.new_study import create_study
from panelstream.models.errors import FileError
from panelstream.models.settings.environment import Settings

RUNNER = CliRunner()


def shown(*arguments: str) -> str:
    """What the command prints."""
    done = RUNNER.invoke(app, ["instruments", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_items_are_listed_with_labels_answers_and_scores() -> None:
    """Code, both labels, the range, whether an item is reversed, and what it adds up to."""
    text = shown("pdd", "--shipped")
    assert "Perceived devaluation and discrimination · 知覚された価値低下と差別" in text
    [line] = [line for line in text.splitlines() if "pdd_8" in line]
    assert line.split() == ["pdd_8", "Being", "hired", "雇用", "0-5,", "reversed"]
    assert "score pdd_total 0-60: sum of 12" in text
    assert "0 Strongly disagree · 全くそう思わない" in text
    assert "wording is in the appendix of Link 1987" in " ".join(text.split())


def test_every_line_fits_in_80_columns() -> None:
    """Letters that are two columns wide are counted as two."""
    lines = shown("--shipped").splitlines()
    assert len(lines) > 60
    assert max(cell_len(line.rstrip()) for line in lines) <= 80


def test_those_of_the_study_are_listed_in_its_order(tmp_path: Path) -> None:
    """A study lists its own, in the order of the study file."""
    create_study(Settings.from_environ({}, tmp_path / "study1"))
    listed = json.loads(shown("--study", str(tmp_path / "study1"), "--json"))
    assert [instrument["instrument"] for instrument in listed] == [
        *("phq9", "pdd", "ghsq", "function_use", "demographics")
    ]
    assert listed[0]["items"][0]["code"] == "phq9_1"


def test_another_name_is_answered_with_the_nearest() -> None:
    """A misspelt name is a mistake of the user, with a remedy."""
    with pytest.raises(FileError, match="no instrument 'phq99'; did you mean 'phq9'"):
        RUNNER.invoke(
            app, ["instruments", "phq99", "--shipped"], catch_exceptions=False
        )
