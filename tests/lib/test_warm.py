"""A forked command is what a fresh process of it would be."""

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.lib import studies, warm

STATE = """
import faulthandler, json, os, signal, sys, threading, time
print(json.dumps({
    "argv": sys.argv, "path": sys.path[0], "cwd": os.getcwd(), "name": __name__,
    "environ": dict(os.environ), "zone": time.tzname, "open": os.listdir("/dev/fd"),
    "terminals": [file.isatty() for file in (sys.stdin, sys.stdout, sys.stderr)],
    "encodings": [file.encoding for file in (sys.stdin, sys.stdout, sys.stderr)],
    "signals": [str(signal.getsignal(n)) for n in sorted(signal.valid_signals())],
    "threads": len(threading.enumerate()), "engine": "chdb" in sys.modules,
    "umask": os.umask(0), "group": os.getpgid(0), "read": sys.stdin.read(),
}))
"""
ENDINGS = (
    "import sys; sys.exit()",
    "import sys; sys.exit(7)",
    "import sys; sys.exit('a word')",
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "import atexit; atexit.register(print, 'at the end'); print('first')",
    "import threading, time\n"
    "threading.Thread(target=lambda: (time.sleep(0.2), print('late'))).start()",
)
COMMANDS: Sequence[Sequence[str]] = (
    ["--help"],
    ["check", "--study", "nowhere"],
    ["query", "SELECT a"],
    ["panel", "--out", "panel.csv"],
)


@pytest.fixture
def env() -> dict[str, str]:
    """An environment unlike that of the server."""
    own = {"PYTHONPATH": str(warm.ROOT), "COLUMNS": "77", "TZ": "Asia/Tokyo"}
    return {**os.environ, **own}


def both(
    words: warm.Words, env: dict[str, str], cwd: Path
) -> list["subprocess.CompletedProcess[str]"]:
    """A fresh process, and a forked one."""
    return [warm.run(words, env, cwd, fresh=fresh) for fresh in (True, False)]


def test_what_a_process_sees(env: dict[str, str], tmp_path: Path) -> None:
    """Words, folder, environment, zone, files, signals and threads are its own."""
    fresh, forked = (
        json.loads(ran.stdout) for ran in both(["-c", STATE, "a", "b"], env, tmp_path)
    )
    assert forked == fresh


@pytest.mark.parametrize("code", ENDINGS)
def test_how_a_process_ends(code: str, env: dict[str, str], tmp_path: Path) -> None:
    """Exit codes, signals, and what is said at the end."""
    fresh, forked = both(["-c", code], env, tmp_path)
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        fresh.returncode,
        fresh.stdout,
        fresh.stderr,
    )


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands(words: Sequence[str], env: dict[str, str], tmp_path: Path) -> None:
    """Output, errors and exit code of good commands and bad ones are the same."""
    study = studies.write(tmp_path / "study", studies.BASE)
    fresh, forked = both(["-m", "panelstream.flows.cli", *words], env, study)
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        fresh.returncode,
        fresh.stdout,
        fresh.stderr,
    )


def test_it_is_waited_for_and_signalled(env: dict[str, str]) -> None:
    """It runs until it is told to stop, and waiting for it may give up."""
    process = warm.start(["-c", "import time; time.sleep(600)"], env)
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.1)
    process.terminate()
    assert process.wait() == -signal.SIGTERM
    process.kill()
    assert process.poll() == -signal.SIGTERM
