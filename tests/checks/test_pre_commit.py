"""Hooks before a commit are parts of `make check`, by programs that are there."""

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
HOOKS: list[dict[str, Any]] = [hook for r in CONFIG["repos"] for hook in r["hooks"]]
VENV = ".venv/bin/"


def test_hooks_fetch_nothing() -> None:
    """Every hook is local, and runs a program of the environment that make made."""
    assert {repository["repo"] for repository in CONFIG["repos"]} == {"local"}
    assert {hook["language"] for hook in HOOKS} == {"system"}


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: str(hook["id"]))
def test_a_hook_calls_a_program_that_exists(hook: dict[str, Any]) -> None:
    """The program lies beside this Python, and a module that it runs can be found."""
    program, *words = shlex.split(hook["entry"])
    assert program.startswith(VENV)
    assert (Path(sys.executable).parent / program.removeprefix(VENV)).exists()
    if words[0] == "-m":
        assert importlib.util.find_spec(words[1])


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: str(hook["id"]))
def test_a_hook_is_a_part_of_make_check(hook: dict[str, Any]) -> None:
    """What passes `make check` passes the hooks."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    [recipe] = re.findall(r"^check:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert f"$(RUN)/{hook['entry'].removeprefix(VENV)}" in recipe


def test_hooks_see_the_files_of_their_kind() -> None:
    """The pattern for SQL matches every query of the warehouse, and nothing else."""
    [pattern] = [hook["files"] for hook in HOOKS if "files" in hook]
    folder = ROOT / "models/warehouse/sql"
    queries = [path.relative_to(ROOT).as_posix() for path in folder.rglob("*.sql*")]
    assert len(queries) > 20
    assert all(re.search(pattern, query) for query in queries)
    assert not re.search(pattern, "models/warehouse/store.py")
