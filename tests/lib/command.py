"""Runs the `panelstream` command as people do: in a process of its own."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lib import warm


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def shown(self) -> str:
        """Everything a person saw."""
        return self.out + self.err


def panelstream(
    *words: str | Path | int,
    cwd: Path | None = None,
    stdin: bytes = b"",
    fresh: bool = False,
    **environ: str,
) -> Ran:
    """Run `panelstream WORDS`; only `environ` of PANELSTREAM_* settings is seen.

    `fresh`: in a process that imports everything anew (see `tests.lib.warm`).
    """
    rest = {k: v for k, v in os.environ.items() if not k.startswith("PANELSTREAM_")}
    env = {**rest, "PYTHONPATH": str(warm.ROOT), "COLUMNS": "200", **environ}
    line = ["-m", "panelstream.flows.cli", *map(str, words)]
    done = warm.run(line, env, cwd, stdin=stdin, fresh=fresh)
    return Ran(done.returncode, done.stdout, done.stderr)


def succeed(*words: str | Path | int, **options: Any) -> Ran:
    """Run a command that must not fail; returns what it left."""
    result = panelstream(*words, **options)
    assert result.code == 0, result.shown
    return result
