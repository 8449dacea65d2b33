"""The study: `init check roster due`."""

from pathlib import Path
from typing import Annotated

import typer

from panelstream.flows.commands.app import (
    StudyOption,
    app,
    read_settings,
    show,
)


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="New study folder.")]) -> None:
    """Create a study folder: study.yaml and templates to fill in, a pseudonym key.

    In an existing folder, add what is missing; nothing is overwritten.
    Example: [bold]panelstream init study1[/bold]
    """
    from panelstream.flows import new_study

    created = new_study.create_study(read_settings(folder))
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
    from panelstream.flows.import_lines import question_lines
    from panelstream.flows.workspace import open_workspace

    with open_workspace(read_settings(study)) as workspace:
        people = imports.import_roster(workspace, file)
    show.say(f"{file.name}: {imports.roster_summary(people)}")
    for line in question_lines(people.questions):
        show.say(line)


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
