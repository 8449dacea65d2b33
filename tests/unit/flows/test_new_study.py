"""A new study folder: what a coordinator finds in it is accepted as it stands."""

import os
import shutil
import subprocess
from pathlib import Path

from panelstream.flows import folder_import
from panelstream.flows.new_study import (
    ROSTER_TEMPLATE,
    WAVE_TEMPLATE,
    create_study,
)
from panelstream.flows.workspace import open_workspace
from panelstream.models.settings.environment import Settings
from panelstream.models.study.load import load_study
from panelstream.models.study.template import INSTRUMENTS


def test_templates_are_files_that_an_import_accepts(tmp_path: Path) -> None:
    """Copied to their places they import whole: two people, and every item of theirs."""
    create_study(Settings.from_environ({}, tmp_path))
    items = sum(len(i.items) for i in load_study(tmp_path).instruments)
    shutil.copy(tmp_path / ROSTER_TEMPLATE, tmp_path / "roster.csv")
    shutil.copy(tmp_path / WAVE_TEMPLATE, tmp_path / "responses/wave1.csv")
    with open_workspace(Settings.from_environ({}, tmp_path)) as workspace:
        folder = folder_import.import_folder(workspace)
    assert folder.roster is not None
    assert folder.roster.added == 2
    [wave] = folder.exports
    assert wave.imported.answers.num_rows == 2 * items
    assert wave.imported.set_apart == ()
    assert folder.passed_over == ()


def test_templates_are_no_data_where_they_lie(tmp_path: Path) -> None:
    """An import of a new folder finds nothing."""
    create_study(Settings.from_environ({}, tmp_path))
    with open_workspace(Settings.from_environ({}, tmp_path)) as workspace:
        folder = folder_import.import_folder(workspace)
    assert (folder.roster, folder.exports, folder.passed_over) == (None, (), ())


def test_the_instruments_of_the_template_are_those_of_the_study_file(
    tmp_path: Path,
) -> None:
    """The example of a wave asks what the study file of a new study lists."""
    create_study(Settings.from_environ({}, tmp_path))
    names = [i.instrument for i in load_study(tmp_path).instruments]
    assert names == list(INSTRUMENTS)


def test_nothing_personal_goes_into_version_control(tmp_path: Path) -> None:
    """Filled-in templates are ignored like the roster and the exports themselves."""
    create_study(Settings.from_environ({}, tmp_path))
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True, env=os.environ)
    done = subprocess.run(
        ["git", "status", "--porcelain", "-uall"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    files = {line[3:] for line in done.stdout.splitlines()}
    assert files == {".gitignore", "study.yaml"}
