"""The `panelstream` application: its groups, options, settings and exit codes.

Heavy libraries are imported inside the commands, so that help is immediate.
"""

import errno
import os
import sys
import traceback
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import panelstream
from panelstream.flows.display import Display
from panelstream.models.errors import FileError, PanelstreamError, UsageError
from panelstream.models.settings.environment import Settings

TRACEBACK = "PANELSTREAM_TRACEBACK"

IMPORT = "import"

PANELS = {
    "Study": ("demo", "init", "check", "power", "plan", "status", "coverage"),
    "Events": ("ingest", "events", "catalogue", "dead-letters", "simulate"),
    "Answers": ("roster", "people", "instruments", "responses", "due"),
    "Analysis": ("panel", "analyse", "report", "query"),
    "Services": ("flows", "warehouse", "worker", "collector", "topics", "tokens"),
    "Upkeep": ("migrate", "identity", "rebuild"),
}
"""The commands in the order of use, by the panel of the help that shows them."""

SHOWN = 20
"""Rows of a list that are shown; the rest are counted."""


class _DefaultImport(TyperGroup):
    """`responses FILE` is `responses import FILE`, beside `responses map FILE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        is_command = bool(args) and args[0] in self.commands
        return super().parse_args(ctx, args if is_command else [IMPORT, *args])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, arguments = super().resolve_command(ctx, args)
        return "" if name == IMPORT else name, command, arguments


class _Panels(TyperGroup):
    """The commands of `PANELS`, in that order; `KeyError` for one that is in none."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        panels = {name: panel for panel, names in PANELS.items() for name in names}
        for name, command in self.commands.items():
            command.rich_help_panel = panels[name]  # type: ignore[attr-defined]  # Typer's
        self.commands = {name: self.commands[name] for name in panels}


app = typer.Typer(
    cls=_Panels,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def add_group(name: str, description: str) -> typer.Typer:
    """A group of commands, called `panelstream NAME COMMAND`."""
    group = typer.Typer(help=description, no_args_is_help=True)
    app.add_typer(group, name=name)
    return group


def add_import_group(name: str, description: str) -> typer.Typer:
    """A group whose command `IMPORT` needs no name."""
    group = typer.Typer(cls=_DefaultImport, help=description)
    app.add_typer(group, name=name)
    return group


StudyOption = Annotated[
    Path | None,
    typer.Option(
        "--study", help="Study folder (default: PANELSTREAM_STUDY, else here)."
    ),
]
AsOfOption = Annotated[
    str | None,
    typer.Option("--as-of", help="State of knowledge, e.g. 2027-05-01T00:00:00Z."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
StrictOption = Annotated[
    bool,
    typer.Option(
        "--strict", help="Exit with 4 if anything is rejected (responses: set apart)."
    ),
]
OutOption = Annotated[Path, typer.Option("--out", help="Folder to write to.")]

show = Display()


def environ() -> Mapping[str, str]:
    """The environment of this process, for the processes that it starts."""
    return os.environ


def read_settings(study: Path | None) -> Settings:
    """The settings of a study: the only place where a command reads the environment.

    `study` is the command's option. Raises `SettingError` for a wrong value, and
    `FileError` for a wrong line of `.env`.
    """
    return Settings.from_environ(environ(), study)


def parse_instant(text: str | None) -> datetime | None:
    """The instant of `--as-of`; None where there is none. Raises `UsageError`."""
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None or instant.year < 1970:
        raise UsageError("--as-of is not an instant; write 2027-05-01T00:00:00Z")
    return instant


def _print_version(requested: bool) -> None:
    if requested:
        show.say(f"panelstream {panelstream.__version__}")
        raise typer.Exit


@app.callback()
def panelstream_command(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            "-V",
            callback=_print_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Results and errors only, no progress."),
    ] = False,
) -> None:
    """From platform events and survey waves to a longitudinal report.

    A new study: [bold]panelstream init study1[/bold]. All at once, with simulated data:
    [bold]panelstream demo[/bold]. What a command takes: [bold]panelstream COMMAND -h[/bold].
    """
    show.quiet = quiet
    if quiet:
        os.environ.setdefault("PREFECT_LOGGING_LEVEL", "ERROR")


def run_app(application: typer.Typer) -> None:
    """Run the command line; a user's mistake prints one line and sets the exit code."""
    try:
        application()
    except PanelstreamError as error:
        show.error(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stdout.flush()
        os._exit(130)  # computations that still run are not waited for
    except Exception as error:
        if environ().get(TRACEBACK):
            raise
        refusal = _refusal(error)
        show.error(refusal or _defect(error))
        sys.exit(FileError.exit_code if refusal else PanelstreamError.exit_code)


REFUSALS = frozenset(
    (
        *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT),
        *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG),
    )
)
"""What an operating system refuses because of a place, not because of a program."""


def _refusal(error: Exception) -> str:
    """The operating system's own reason with the place; empty for any other error."""
    if not isinstance(error, OSError) or error.errno not in REFUSALS:
        return ""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    if not (error.filename or full):
        return ""
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror}; name another place, or make room there"


def _defect(error: Exception) -> str:
    """Where it happened, but not the message: that may quote somebody's data."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"a defect in panelstream: {type(error).__name__} at {Path(place.filename).name}:"
        f"{place.lineno}; please report it (set {TRACEBACK}=1 to see the whole traceback)"
    )
