"""Installing pins: what is refused beforehand, and what a failed pip comes down to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from requirements import install
from requirements.install import InstallationError

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("version", "system", "machine", "problem"),
    [
        ((3, 11), "linux", "x86_64", None),
        ((3, 13), "darwin", "arm64", None),
        (
            (3, 10),
            "linux",
            "x86_64",
            "Python 3.11, 3.12, 3.13 or 3.14 is needed, this is 3.10",
        ),
        ((3, 99), "linux", "x86_64", "make PYTHON=python3.13"),
        ((3, 12), "linux", "aarch64", "no files for linux on aarch64"),
        ((3, 12), "win32", "AMD64", "made for Linux on x86-64"),
    ],
)
def test_machines(
    version: tuple[int, int], system: str, machine: str, problem: str | None
) -> None:
    """A machine that the pins are not made for is told so before anything is made."""
    if problem is None:
        install.check_machine(version, system, machine)
        return
    with pytest.raises(InstallationError, match=problem) as error:
        install.check_machine(version, system, machine)
    assert error.value.code == install.WRONG_MACHINE


@pytest.mark.parametrize(
    ("library", "version", "good"),
    [
        ("glibc", "2.28", True),
        ("glibc", "2.36", True),
        ("glibc", "2.17", False),
        ("", "", False),
    ],
)
def test_c_libraries(library: str, version: str, good: bool) -> None:
    """Wheels for Linux ask for a glibc; Alpine has none."""
    if good:
        install.check_libc(library, version)
        return
    with pytest.raises(InstallationError, match=r"glibc 2\.28 or newer is needed"):
        install.check_libc(library, version)


def test_an_old_pip_is_told() -> None:
    """pip of the first Python 3.11 is older than what is tested."""
    install.check_pip("pip 23.0 from /somewhere (python 3.11)")
    with pytest.raises(
        InstallationError, match=r"pip 23\.0 or newer is needed, this is 22\.3"
    ):
        install.check_pip("pip 22.3.1 from /somewhere (python 3.11)")


@pytest.mark.parametrize(
    ("log", "code", "remedy"),
    [
        ("OSError: [Errno 30] Read-only file system: 'x'", 3, "make VENV="),
        (
            "ERROR: Could not install: [Errno 13] Permission denied: 'x'",
            3,
            "make VENV=",
        ),
        ("ERROR: [Errno 28] No space left on device", 3, "the disk is full"),
        (
            "ERROR: No matching distribution found for chdb-core==26.9.0",
            3,
            "no file of chdb-core==26.9.0",
        ),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM x",
            3,
            "not the pinned one",
        ),
        (
            "NewConnectionError\nERROR: THESE PACKAGES DO NOT MATCH THE HASHES",
            3,
            "pinned",
        ),
        ("WARNING: x\nERROR: something else\n", 1, "ERROR: something else"),
        ("a 1.0 requires b, which is not installed.\n", 1, "a 1.0 requires b"),
    ],
)
def test_a_failure_is_one_line(log: str, code: int, remedy: str) -> None:
    """The log says one of a few things, and each has a remedy."""
    error = install.explain(log, Path("venv"))
    assert error.code == code
    assert remedy in str(error)
    assert "\n" not in str(error)


def test_without_an_index(tmp_path: Path) -> None:
    """No network: one line with a remedy, exit code 5; the same command goes on later."""
    venv = str(tmp_path / "venv")
    command = [sys.executable, "-m", "requirements.install", venv, "run"]
    places = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_CONFIG_FILE": os.devnull,
    }
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith("PIP_")
    }
    done = subprocess.run(
        command, cwd=ROOT, env={**environ, **places}, capture_output=True, text=True
    )
    lines = done.stderr.splitlines()
    assert done.returncode == install.NO_INDEX, done.stderr
    assert lines[0].startswith("panelstream: installing ")
    assert lines[1:] == [
        "panelstream: the package index cannot be reached; check the network and the proxy, "
        "or name a mirror in PIP_INDEX_URL"
    ]
    assert not list((tmp_path / "venv").glob("*.installed"))


def test_a_place_that_cannot_be_written() -> None:
    """The environment's folder cannot be made: one line, exit code 3."""
    command = [sys.executable, "-m", "requirements.install", "/proc/venv", "run"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == install.WRONG_MACHINE, done.stderr
    assert done.stderr.count("\n") == 1
    assert "make VENV=" in done.stderr


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """What an environment looks like from outside."""
    folder = tmp_path / "venv"
    (folder / "bin").mkdir(parents=True)
    for name in ("pyvenv.cfg", "bin/python", "bin/pip"):
        (folder / name).touch()
    return folder


def test_other_pins_make_the_environment_anew(venv: Path) -> None:
    """What was installed from other files is known by what it left; nothing mixes."""
    assert not install.outdated(venv)
    (venv / "build.installed").write_text(install.digest("build"))
    (venv / "dev.installed").write_text(install.digest("dev"))
    assert not install.outdated(venv)
    (venv / "dev.installed").write_text("of another day")
    assert install.outdated(venv)
    install.make_environment(venv)
    assert not list(venv.glob("*.installed"))
    assert (venv / "bin" / "pip").exists()


def test_another_python_is_another_environment(
    venv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packages of one Python are never taken for those of another."""
    (venv / "build.installed").write_text(install.digest("build"))
    monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    assert install.outdated(venv)


def test_a_half_made_environment_is_made_anew(venv: Path) -> None:
    """Broken off before pip was there, or made by an earlier Makefile."""
    (venv / "bin" / "pip").unlink()
    assert install.outdated(venv)
    (venv / "bin" / "pip").touch()
    (venv / ".ready").touch()
    assert install.outdated(venv)


def test_a_folder_that_is_no_environment_is_never_removed(venv: Path) -> None:
    """Whatever VENV names: only what `venv` made is taken for an environment."""
    (venv / "bin" / "pip").unlink()
    (venv / "pyvenv.cfg").unlink()
    assert not install.outdated(venv)
