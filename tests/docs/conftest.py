"""One finished study for all tests of pages that describe what a study leaves."""

import shutil
from pathlib import Path

import pytest

from tests.docs import shells
from tests.lib.shared import make_once


def make_demo(folder: Path) -> None:
    """A small demo, by a process that imports everything itself."""
    folder.mkdir()
    demo = "panelstream demo --participants 60 --waves 3 --out demo"
    shells.run([demo], folder, fresh=True)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the folder of a small demo: its warehouse and its results."""
    demo = make_once(tmp_path_factory, "finished", make_demo) / "demo"
    folder = tmp_path_factory.mktemp("docs") / "demo"
    return shutil.copytree(demo, folder, symlinks=True)
