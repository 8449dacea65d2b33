"""What several workers of one test run need, made by the first that asks."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

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


def plan_one_outcome(study: Path, **more: Any) -> None:
    """Let a simulated study plan one outcome and what is named: far fewer estimates."""
    file = study / "study.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    functions = {**content["plan"]["confirmatory"][0], "outcomes": ["pdd_total"]}
    content["plan"] = {"confirmatory": [functions], **more}
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


def copy_demo(factory: pytest.TempPathFactory, folder: Path) -> Path:
    """A copy of a finished demo of 60 people and 3 waves: its warehouse, its results.

    It was made from files, by a process that imported everything itself.
    """
    return shutil.copytree(make_once(factory, "demo", _demo), folder, symlinks=True)


def _demo(folder: Path) -> None:
    words = ("--participants", 60, "--waves", 3, "--out", folder)
    succeed("demo", *words, fresh=True)


def _simulate(folder: Path) -> None:
    succeed("simulate", "--out", folder, "--participants", 40, "--waves", 3)
