"""Tests run the checkout that they stand in, whatever is installed or on the path."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.lib.warm import ROOT

VERSION = "0.0.0+copy"
PARTS = ["panelstream", "models", "ingest", "analysis", "flows", "deploy/chdb_server"]
PARTS += ["tests/lib", "tests/docs", "tests/conftest.py", "pyproject.toml"]
TEST = f"""
from tests.docs import shells
from tests.lib import command

def test_every_way_to_start_a_command(tmp_path):
    for fresh in (True, False):
        printed = shells.run(["panelstream --version"], tmp_path, fresh)
        printed.append(command.panelstream("--version", fresh=fresh).out)
        assert printed == ["panelstream {VERSION}\\n"] * 2

def test_the_packages_themselves(tmp_path):
    import panelstream, panelstream_emitter
    names = "panelstream", "panelstream_emitter"
    code = "".join(f"import {{name}}; print({{name}}.__file__)\\n" for name in names)
    here = f"{{panelstream.__file__}}\\n{{panelstream_emitter.__file__}}\\n"
    assert "{{folder}}" in panelstream.__file__
    assert "{{folder}}" in panelstream_emitter.__file__
    assert shells.python(code, tmp_path) == here
"""


def copy_checkout(folder: Path) -> None:
    """The package and what its tests share, with a version of its own."""
    for part in PARTS:
        target = folder / part
        if (ROOT / part).is_dir():
            shutil.copytree(
                ROOT / part,
                target,
                symlinks=True,
                ignore=shutil.ignore_patterns("__pycache__", "test_*"),
            )
        else:
            shutil.copy(ROOT / part, target)
    module = folder / "panelstream/__init__.py"
    module.write_text(f'"""A copy."""\n\n__version__ = "{VERSION}"\n')
    (folder / "tests/test_copy.py").write_text(TEST.replace("{folder}", str(folder)))


def test_a_second_checkout_tests_itself(tmp_path: Path) -> None:
    """Although the first one is on PYTHONPATH, and the command on PATH is of neither."""
    folder = tmp_path / "copy"
    copy_checkout(folder)
    paths = os.pathsep.join([str(ROOT), str(ROOT / "ingest/emitter")])
    # Lines of the copy are no lines of ours, so that they are not measured.
    inherited = {n: v for n, v in os.environ.items() if not n.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests"],
        cwd=folder,
        env={**inherited, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
