"""Installs a group of pins into an environment: `python -m requirements.install .venv run`.

pip takes the files as they are: nothing is resolved, nothing is built but panelstream
itself, and what does not match its hash is refused. Standard library only, as this runs
before anything is installed. An environment whose pins have changed is made again.
"""

import hashlib
import importlib.util
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from venv import EnvBuilder

from requirements.environments import (
    FOLDER,
    GLIBC,
    GROUPS,
    OLDEST_PIP,
    PYTHONS,
    SYSTEMS,
    SYSTEMS_IN_WORDS,
)

WRONG_MACHINE, NO_INDEX, INTERRUPTED = 3, 5, 130
"""Exit codes, as those of the command: a machine that lacks something; an index that cannot be reached."""

TAKE_AS_IT_IS = ("--no-deps", "--require-hashes", "--only-binary", ":all:")

CAUSES = (
    (
        r"DO NOT MATCH THE HASHES",
        WRONG_MACHINE,
        "the index sent a file that is not the pinned one; a mirror or a proxy changes it",
    ),
    (
        r"Read-only file system|Permission denied",
        WRONG_MACHINE,
        "{venv} cannot be written; choose another place: make VENV=/a/folder …",
    ),
    (
        r"No space left on device",
        WRONG_MACHINE,
        "the disk is full; an environment takes 2 GB",
    ),
    (
        r"NewConnectionError|ConnectTimeoutError|ConnectionRefused|Name or service not"
        r"|name resolution|Network is unreachable|Max retries|ProxyError|timed out",
        NO_INDEX,
        "the package index cannot be reached; check the network and the proxy, "
        "or name a mirror in PIP_INDEX_URL",
    ),
    (
        r"No matching distribution found for (\S+)",
        WRONG_MACHINE,
        "the index has no file of {0} for this machine; is it a whole mirror?",
    ),
)
"""What pip's log tells of a failure: pattern, exit code, remedy."""


class InstallationError(Exception):
    """What is missing and what to do, in one line, with an exit code."""

    def __init__(self, code: int, problem: str) -> None:
        self.code = code
        super().__init__(problem)


def check_machine(version: tuple[int, int], system: str, machine: str) -> None:
    """Raise `InstallationError` where the pins hold no files for a machine."""
    python = ".".join(map(str, version))
    if python not in PYTHONS:
        *others, last = PYTHONS
        raise InstallationError(
            WRONG_MACHINE,
            f"Python {', '.join(others)} or {last} is needed, this is {python}; "
            f"name another: make PYTHON=python{others[-1]} …",
        )
    if (system, machine) not in SYSTEMS:
        raise InstallationError(
            WRONG_MACHINE,
            f"the pins hold no files for {system} on {machine}; they are made for "
            f"{SYSTEMS_IN_WORDS}. Without pins, and untested: pip install .",
        )


def check_libc(library: str, version: str) -> None:
    """Raise `InstallationError` where Linux has an older C library than the wheels need."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if library != "glibc" or numbers < GLIBC:
        raise InstallationError(
            WRONG_MACHINE,
            f"glibc {GLIBC[0]}.{GLIBC[1]} or newer is needed, this system has "
            f"{library or 'another C library'} {version}".rstrip(),
        )


def check_pip(text: str) -> None:
    """Raise `InstallationError` where `pip --version` names one that is too old."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", text)[:2])
    if numbers < OLDEST_PIP:
        oldest = ".".join(map(str, OLDEST_PIP))
        raise InstallationError(
            WRONG_MACHINE,
            f"pip {oldest} or newer is needed, this is {'.'.join(map(str, numbers))}; "
            "use a newer patch of this Python",
        )


def explain(log: str, venv: Path) -> InstallationError:
    """The one line that a failed pip's log comes down to."""
    for pattern, code, remedy in CAUSES:
        match = re.search(pattern, log)
        if match:
            return InstallationError(code, remedy.format(*match.groups(), venv=venv))
    lines = [line for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    reason = (errors or lines or ["pip ended without a word"])[-1]
    return InstallationError(1, f"{reason} (all of it: {venv / 'pip.log'})")


def files(group: str) -> list[Path]:
    """The files of pins that a group needs: its own, and those of the groups before it."""
    return [FOLDER / f"{name}.txt" for name in GROUPS[: GROUPS.index(group) + 1]]


def count_pins(file: Path) -> int:
    """How many versions a file pins; of some packages two, for different Pythons."""
    return len(re.findall(r"^[a-z0-9].*?==", file.read_text("utf-8"), re.MULTILINE))


def digest(group: str) -> str:
    """What tells whether this Python installed an environment from these files."""
    python = ".".join(map(str, sys.version_info[:2])).encode()
    content = [python, *(file.read_bytes() for file in files(group))]
    return hashlib.sha256(b"\n".join(content)).hexdigest()


def outdated(venv: Path) -> bool:
    """Whether a folder is an environment to be made again.

    It is where it is half made, or made from other pins, by another Python, or by a
    Makefile of earlier days. Never one that is no environment at all.
    """
    if not (venv / "pyvenv.cfg").exists():
        return False
    if (venv / ".ready").exists() or not (venv / "bin" / "pip").exists():
        return True
    marks = {group: _mark(venv, group) for group in GROUPS}
    return any(m.exists() and m.read_text() != digest(g) for g, m in marks.items())


def _mark(venv: Path, group: str) -> Path:
    return venv / f"{group}.installed"


def make_environment(venv: Path) -> None:
    """Make the environment, or make it again if its pins have changed."""
    if outdated(venv):
        shutil.rmtree(venv)
    if (venv / "bin" / "python").exists():
        return
    if importlib.util.find_spec("ensurepip") is None:
        raise InstallationError(
            WRONG_MACHINE,
            "this Python lacks ensurepip, which makes environments; "
            "on Debian and Ubuntu: apt install python3-venv",
        )
    EnvBuilder(symlinks=True, with_pip=True).create(venv)


def pip(venv: Path, *words: str) -> Iterator[str]:
    """Run pip; yields what it prints, line by line. Raises `InstallationError`."""
    command = [str(venv / "bin" / "python"), "-m", "pip", *words]
    common = ["--disable-pip-version-check", "--no-input"]
    process = subprocess.Popen(
        [*command, *common], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines = []
    for line in process.stdout or ():
        lines.append(line)
        yield line
    if process.wait():
        log = "".join(lines)
        with suppress(OSError):
            (venv / "pip.log").write_text(log)
        raise explain(log, venv)


def install(venv: Path, group: str) -> None:
    """Install a group's pins and panelstream itself, and have pip check the whole."""
    check_pip(" ".join(pip(venv, "--version")))
    pins = files(group)
    total = sum(count_pins(file) for file in pins)
    names = ", ".join(path.stem for path in pins)
    say(f"installing {total} pinned packages ({names}) into {venv} …")
    sources = [word for file in pins for word in ("-r", str(file))]
    quiet = ("--progress-bar", "off", "--retries", "2")
    begin, count = time.monotonic(), 0
    for line in pip(venv, "install", *TAKE_AS_IT_IS, *quiet, *sources):
        count += line.startswith(("Collecting ", "Requirement already satisfied"))
        show_progress(count, total)
    editable = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet")
    list(pip(venv, "install", *editable, "--editable", str(FOLDER.parent)))
    list(pip(venv, "check"))
    _mark(venv, group).write_text(digest(group))
    say(f"installed in {time.monotonic() - begin:.0f} s")


def show_progress(count: int, total: int) -> None:
    """A count that a person sees and a log does not."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r  {count} of {total}\033[K\r")
        sys.stderr.flush()


def say(line: str) -> None:
    """One line of what is going on."""
    sys.stderr.write(f"panelstream: {line}\n")


def main(venv: Path, group: str) -> int:
    """Make an environment with a group's pins; one line and a code where it cannot."""
    try:
        check_machine(sys.version_info[:2], sys.platform, platform.machine())
        if sys.platform == "linux":
            check_libc(*platform.libc_ver())
        make_environment(venv)
        install(venv, group)
    except InstallationError as error:
        say(str(error))
        return error.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except subprocess.CalledProcessError as error:
        say(str(explain((error.output or b"").decode(errors="replace"), venv)))
        return WRONG_MACHINE
    except OSError as error:
        say(
            f"{venv} cannot be made: {error.strerror}; "
            "choose another place: make VENV=/a/folder …"
        )
        return WRONG_MACHINE
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
