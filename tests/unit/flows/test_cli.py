"""The command as people expect it: version, help, completion, colours, quiet."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

import panelstream
from panelstream.flows import cli
from panelstream.flows.commands.app import PANELS
from tests.lib import warm

ROOT = Path(__file__).parents[3]
COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-9]|9[0-7])[0-9;]*m")


def run(
    *words: str, cwd: Path = ROOT, **environ: str
) -> "subprocess.CompletedProcess[str]":
    """`python -m panelstream WORDS` as a process."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **environ}
    return warm.run(["-m", "panelstream", *words], env, cwd)


def in_terminal(words: Sequence[str], **environ: str) -> str:
    """What a person at a terminal sees of a command, colours included."""
    near, far = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "panelstream", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", **environ},
        stdin=far,
        stdout=far,
        stderr=far,
    )
    os.close(far)
    output = b""
    try:
        while part := os.read(near, 65536):
            output += part
    except OSError:  # how a terminal tells that nobody writes to it any more
        pass
    os.close(near)
    process.wait()
    return output.decode()


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version(option: str) -> None:
    """One line that a program can take apart."""
    done = run(option)
    assert done.stdout == f"panelstream {panelstream.__version__}\n"
    assert done.returncode == 0


@pytest.mark.parametrize(
    "words", [(), ("ingest",), ("flows", "serve"), ("responses",), ("tokens", "add")]
)
def test_h_is_help(words: tuple[str, ...]) -> None:
    """Everywhere, and the same as --help."""
    short, long = run(*words, "-h"), run(*words, "--help")
    assert short.returncode == long.returncode == 0
    assert short.stdout == long.stdout
    assert "Usage: python -m panelstream" in short.stdout


def test_help_shows_every_command_in_its_panel() -> None:
    """Panels and commands stand in the order of use; none is left out, none is twice."""
    root = typer.main.get_command(cli.app)
    assert isinstance(root, TyperGroup)
    order = [name for names in PANELS.values() for name in names]
    assert sorted(order) == sorted(root.commands)
    output = run("-h").stdout
    titles = re.findall(r"^╭─ (\w+) ─", output, re.MULTILINE)
    assert titles == ["Options", *PANELS]
    shown = re.findall(r"^│ ([a-z][a-z-]*)  ", output, re.MULTILINE)
    assert shown == order


def test_completion_of_the_shell() -> None:
    """bash is told the commands that begin so."""
    done = run(
        "--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1"
    )
    assert "complete" in done.stdout
    words = {"COMP_WORDS": "panelstream re", "COMP_CWORD": "1"}
    completed = subprocess.run(
        [
            sys.executable,
            "-c",
            "from panelstream.flows.cli import app; app(prog_name='panelstream')",
        ],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "_PANELSTREAM_COMPLETE": "complete_bash",
            **words,
        },
        capture_output=True,
        text=True,
    )
    assert completed.stdout.split() == ["responses", "report", "rebuild"]


def test_no_color() -> None:
    """A mistake is red at a terminal, and plain where NO_COLOR is set."""
    words = ["report", "/nowhere"]
    assert COLOUR.search(in_terminal(words))
    plain = in_terminal(words, NO_COLOR="1")
    assert "panelstream: " in plain
    assert not COLOUR.search(plain)


def test_quiet(tmp_path: Path) -> None:
    """Results and errors only: neither progress nor notes, which a terminal shows else."""
    words = [
        "simulate",
        "--out",
        str(tmp_path / "a"),
        "--participants",
        "20",
        "--waves",
        "2",
    ]
    assert "Simulating" in in_terminal(words)
    quiet = in_terminal(["-q", *words])
    assert "Simulating" not in quiet
    assert quiet.strip().endswith("truth.csv")


def test_quiet_drops_notes(capsys: pytest.CaptureFixture[str]) -> None:
    """What goes on is not told; what came of it, and what went wrong, is."""
    from panelstream.flows.display import Display

    show = Display()
    show.quiet = True
    show.note("going on")
    show.say("result")
    show.error("trouble")
    output = capsys.readouterr()
    assert output.out == "result\n"
    assert output.err == "panelstream: trouble\n"


def test_names_between_colons_are_no_emoji(capsys: pytest.CaptureFixture[str]) -> None:
    """A place such as file:wave: is printed as it is."""
    from panelstream.flows.display import Display

    show = Display()
    show.say("a.csv:wave: 2 responses")
    show.error("a.csv:wave: 2 responses")
    output = capsys.readouterr()
    assert output.out == "a.csv:wave: 2 responses\n"
    assert output.err == "panelstream: a.csv:wave: 2 responses\n"


@pytest.mark.parametrize(
    "words",
    [
        ("init", "file/study"),
        ("simulate", "--out", "file", "--participants", "20", "--waves", "2"),
        ("demo", "--out", "file/demo"),
    ],
)
def test_a_place_that_cannot_be_written(tmp_path: Path, words: tuple[str, ...]) -> None:
    """What the operating system refuses is no defect: the place, its reason, code 3."""
    (tmp_path / "file").touch()
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "file" in done.stderr
    assert "name another place" in done.stderr
    assert done.stderr.count("\n") == 1
