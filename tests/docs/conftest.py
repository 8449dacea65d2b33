"""One finished study for all tests of pages that describe what a study leaves."""

from pathlib import Path

import pytest

from tests.docs import shells


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small demo: its warehouse and its results."""
    folder = tmp_path_factory.mktemp("docs")
    demo = "panelstream demo --participants 60 --waves 3 --out demo"
    shells.run([demo], folder, fresh=True)
    return folder / "demo"
