"""What several workers of one test run need, made by the first that asks."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lib.command import succeed


def make_once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]
) -> Path:
    """The folder `name` of this test run; others wait while `make` fills it.

    It is for reading: a warehouse belongs to one process at a time, so whoever opens
    one takes a copy.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, complete = root / name, root / f"{name}.complete"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            complete.touch()
    return folder


def copy_simulated_study(factory: pytest.TempPathFactory, folder: Path) -> Path:
    """A copy of a simulated study of 40 people and 3 waves, not yet imported."""
    return shutil.copytree(make_once(factory, "simulated", _simulate), folder)


def _simulate(folder: Path) -> None:
    succeed("simulate", "--out", folder, "--participants", 40, "--waves", 3)
