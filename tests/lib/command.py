"""Runs the `panelstream` command as people do: in a process of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def shown(self):
        """Everything a person saw."""
        return self.out + self.err


def panelstream(*words, cwd=None, stdin=None, **environ):
    """Run `panelstream WORDS`; only `environ` of PANELSTREAM_* settings is seen."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PANELSTREAM_")}
    command = [sys.executable, "-m", "flows.cli", *map(str, words)]
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        command,
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env={**kept, "PYTHONPATH": root, "COLUMNS": "200", **environ},
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def succeed(*words, **options):
    """Run a command that must not fail; returns what it left."""
    ran = panelstream(*words, **options)
    assert ran.code == 0, ran.shown
    return ran
