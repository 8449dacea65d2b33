"""The warehouse: `query migrate identity rebuild`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from panelstream.flows.commands.app import (
    JsonOption,
    StudyOption,
    app,
    read_settings,
    show,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from panelstream.models.warehouse.identity import Identity


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="A SELECT on the views.")],
    study: StudyOption = None,
    as_json: JsonOption = False,
    operator: Annotated[
        bool,
        typer.Option("--operator", help="Also tables, and views that hold everybody."),
    ] = False,
) -> None:
    """Query the warehouse: study_events, weekly_use, sessions, scores, panel and others.

    With --operator also operator_events, dead_letters and others, which hold test
    accounts, people who are not enrolled, and use before consent.
    Example: [bold]panelstream query "SELECT function, count() FROM study_events GROUP BY function"[/bold]
    """
    from panelstream.flows.queries import select_rows
    from panelstream.flows.workspace import open_workspace

    with open_workspace(read_settings(study)) as workspace:
        rows = select_rows(workspace.store, sql, operator)
    show_rows(rows, as_json)


@app.command()
def migrate(study: StudyOption = None) -> None:
    """Bring the warehouse's tables and views up to date, as every other command does.

    Example: [bold]panelstream migrate --study study1[/bold]
    """
    from panelstream.flows.workspace import open_workspace

    with open_workspace(read_settings(study)) as workspace:
        applied = workspace.migrated
    show.say(f"applied {', '.join(applied) or 'nothing, all is up to date'}")


@app.command()
def identity(
    study: StudyOption = None,
    adopt: Annotated[
        bool,
        typer.Option(
            "--adopt", help="Take over the study file's name and time zone as new ones."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show whose warehouse it is: study, namespace, time zone, fingerprints of the keys.

    Example: [bold]panelstream identity --study study1[/bold]
    """
    from panelstream.flows.workspace import open_workspace
    from panelstream.models.warehouse.identity import read_identity

    with open_workspace(read_settings(study), adopt=adopt) as workspace:
        show_identity(read_identity(workspace.store), as_json)


@app.command()
def rebuild(
    study: StudyOption = None,
    projection: Annotated[
        str | None,
        typer.Option(help="Only this, for example coverage or fact_exposure."),
    ] = None,
) -> None:
    """Rebuild derived tables; readers see the old version until the new one is complete.

    If it is interrupted, the next call continues.
    Example: [bold]panelstream rebuild --projection fact_exposure[/bold]
    """
    from panelstream.flows.rebuild import rebuild_projections
    from panelstream.flows.workspace import open_workspace

    with (
        open_workspace(read_settings(study)) as workspace,
        show.steps("Rebuilding") as progress,
    ):
        builds = rebuild_projections(workspace, projection, progress, show.note)
    for build in builds:
        show.say(f"{build.projection}: as of {build.basis.as_of.isoformat()}")


def show_identity(identity: "Identity | None", as_json: bool) -> None:
    """Show whose warehouse it is."""
    if as_json:
        show.json(asdict(identity) if identity else {})
        return
    if identity is None:
        show.say("the warehouse is nobody's yet: nothing is stored")
        return
    show.say(f"study: {identity.study}")
    show.say(f"namespace: {identity.namespace or 'not recorded yet'}")
    show.say(f"time zone: {identity.timezone}")
    doubt = " (not verified: people were stored before)" if identity.unverified else ""
    show.say(f"keys: {' '.join(identity.keys) or 'not recorded yet'}{doubt}")


def show_rows(rows: "pa.Table", as_json: bool) -> None:
    """Show the result of a query."""
    if as_json:
        show.json(rows.to_pylist())
        return
    table = Table()
    for name in rows.column_names:
        table.add_column(name, overflow="fold")
    for row in rows.to_pylist():
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    show.out.print(table)
