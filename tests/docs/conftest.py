"""One finished study for all tests of pages that describe what a study leaves."""

from pathlib import Path

import pytest

from tests.lib.shared import copy_demo


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the folder of a small demo: its warehouse and its results."""
    return copy_demo(tmp_path_factory, tmp_path_factory.mktemp("docs") / "demo")
