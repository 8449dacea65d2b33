"""The study: `init check status roster due`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from panelstream.flows.commands.app import (
    SHOWN,
    JsonOption,
    StudyOption,
    app,
    read_settings,
    show,
)

if TYPE_CHECKING:
    from panelstream.analysis.panel.participation import Participation
    from panelstream.flows.status import Status

WAVES_PER_TABLE = 6
"""Waves beside each other in 80 columns."""
COUNTS = (
    "eligible",
    "invited",
    "consented",
    "started",
    "complete",
    "partial",
    "unusable",
    "early",
    "late",
    "duplicates",
    "not_counted",
)
"""The counts of a wave that `status` shows, in order."""


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="New study folder.")]) -> None:
    """Create a study folder: study.yaml and templates to fill in, a pseudonym key.

    In an existing folder, add what is missing; nothing is overwritten.
    Example: [bold]panelstream init study1[/bold]
    """
    from panelstream.flows import new_study

    created = new_study.create_study(folder)
    show.say(f"{folder}: created {', '.join(created) or 'nothing, all files exist'}")
    show.say(
        f"next: edit {folder / 'study.yaml'}, then 'panelstream check --study {folder}'"
    )
    show.say(
        f"roster: fill in {folder / new_study.ROSTER_TEMPLATE} and save it as "
        f"{folder / 'roster.csv'}"
    )
    show.say(
        f"answers: put the exports into {folder / 'responses'}, as the survey tool saved "
        f"them; {folder / new_study.WAVE_TEMPLATE} shows a table without a tool"
    )


@app.command()
def check(study: StudyOption = None) -> None:
    """Check study.yaml, its catalogue, instruments and mapping; store nothing.

    Example: [bold]panelstream check --study study1[/bold]
    """
    from panelstream.flows import new_study

    for line in new_study.check_study(read_settings(study)):
        show.say(line)


@app.command()
def roster(
    file: Annotated[
        Path, typer.Argument(help="CSV: platform_id,enrolled_on,consent_…")
    ],
    study: StudyOption = None,
) -> None:
    """Import the roster: who is enrolled, since when, and who agreed to what.

    Example: [bold]panelstream roster roster.csv[/bold]
    """
    from panelstream.flows import imports
    from panelstream.flows.workspace import open_workspace

    with open_workspace(read_settings(study)) as workspace:
        people = imports.import_roster(workspace, file)
    show.say(f"{file.name}: {imports.roster_summary(people)}")


@app.command()
def status(study: StudyOption = None, as_json: JsonOption = False) -> None:
    """Count who answered, who is missing, and who agreed to what, wave by wave.

    Example: [bold]panelstream status[/bold]
    """
    from panelstream.flows.status import read_status
    from panelstream.flows.workspace import open_workspace

    with (
        open_workspace(read_settings(study)) as workspace,
        show.working("Counting people"),
    ):
        counts = read_status(workspace)
    show_status(counts, as_json)


@app.command()
def due(
    wave: Annotated[int, typer.Option("--wave", help="Wave that is open.")],
    ids: Annotated[Path, typer.Option("--ids", help="CSV with platform_id.")],
    study: StudyOption = None,
) -> None:
    """List the platform ids that are due for a reminder of a wave; store nothing.

    They may still answer the wave, and have not.
    Example: [bold]panelstream due --wave 2 --ids members.csv[/bold]
    """
    from panelstream.flows.status import list_due
    from panelstream.flows.workspace import open_workspace

    with open_workspace(read_settings(study)) as workspace:
        platform_ids = list_due(workspace, wave, ids)
    for platform_id in platform_ids:
        show.say(platform_id)


def show_status(status: "Status", as_json: bool) -> None:
    """Show a study's counts in 80 columns: a column a wave, a few waves at a time."""
    if as_json:
        show.json(status.as_dict())
        return
    for begin in range(0, len(status.waves), WAVES_PER_TABLE):
        waves = status.waves[begin : begin + WAVES_PER_TABLE]
        show.out.print(_wave_table(status, waves))
    for line in _people_lines(status):
        show.say(line)
    for record in status.imports[:SHOWN]:
        retracted = "  retracted" if record["retracted"] else ""
        show.say(
            f"  {record['import_id']}  {record['origin']}  wave {record['wave']}  "
            f"{record['responses']:,} responses{retracted}"
        )
    if len(status.imports) > SHOWN:
        show.say(f"  … {len(status.imports) - SHOWN} more")


def _wave_table(status: "Status", waves: Sequence["Participation"]) -> Table:
    """One row a count, one column a wave."""
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for wave in waves:
        table.add_column(f"wave {wave.wave}", justify="right")
    for name in COUNTS:
        table.add_row(
            name.replace("_", " "), *(f"{getattr(wave, name):,}" for wave in waves)
        )
    for name, counts in (
        ("not enrolled", status.not_enrolled),
        ("set apart", status.set_apart),
    ):
        table.add_row(name, *(f"{counts.get(wave.wave, 0):,}" for wave in waves))
    for name in ("response_rate", "attrition"):
        shares = (getattr(wave, name) for wave in waves)
        cells = ("-" if share is None else f"{share:.0%}" for share in shares)
        table.add_row(name.replace("_", " "), *cells)
    return table


def _people_lines(status: "Status") -> Iterator[str]:
    """Who is enrolled and who agreed to what, a line each."""
    yield f"enrolled {status.enrolled:,}, of whom {status.agreed:,} agree today"
    for name, counts in (
        ("agreed to", status.scopes),
        ("version", status.versions),
        ("withdrawn from", status.withdrawn),
        ("left out as", status.accounts),
    ):
        if any(counts.values()):
            texts = (f"{key} {count:,}" for key, count in counts.items() if count)
            yield f"{name}: {', '.join(texts)}"
    if status.imports:
        yield "imports:"
