"""Ids that are one person: `people merge`, `people split`, `people list`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from panelstream.flows.commands.app import (
    JsonOption,
    StudyOption,
    add_group,
    read_settings,
    show,
)
from panelstream.models.errors import UsageError

people_commands = add_group(
    "people", "Several accounts of one person: people merge, people split, people list."
)


@people_commands.command("merge")
def people_merge(
    keep: Annotated[
        str | None, typer.Argument(help="Platform id under which the person counts.")
    ] = None,
    other: Annotated[
        str | None, typer.Argument(help="Another platform id of the same person.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="CSV platform_id,same_as; read, never stored."),
    ] = None,
    study: StudyOption = None,
) -> None:
    """State that two platform ids are one person: events, roster and answers are joined.

    Panels as of an earlier instant stay as they were.
    Example: [bold]panelstream people merge --file pairs.csv[/bold]
    """
    from panelstream.flows import people
    from panelstream.flows.workspace import open_workspace

    if file is None and keep is not None and other is not None:
        pairs = [people.IdPair(keep, other)]
    elif file is not None and keep is None:
        pairs = people.read_pairs(file)
    else:
        raise UsageError("name two ids, KEEP OTHER, or a file of pairs with --file")
    with open_workspace(read_settings(study)) as workspace:
        counts = people.merge_people(workspace, pairs, file)
    show.say(f"{counts.merged:,} merged, {counts.unchanged:,} one person already")


@people_commands.command("split")
def people_split(
    other: Annotated[str, typer.Argument(help="Platform id that was merged.")],
    study: StudyOption = None,
) -> None:
    """Undo what was stated about an id: it is a person of its own from now on.

    Example: [bold]panelstream people split member-0172[/bold]
    """
    from panelstream.flows import people
    from panelstream.flows.workspace import open_workspace

    with open_workspace(read_settings(study)) as workspace:
        people.split_person(workspace, other)
    show.say("split: the id is a person of its own again")


@people_commands.command("list")
def people_list(study: StudyOption = None, as_json: JsonOption = False) -> None:
    """List what was stated: pseudonyms, when, and by which file or command.

    Example: [bold]panelstream people list[/bold]
    """
    from panelstream.flows import people
    from panelstream.flows.workspace import open_workspace

    with open_workspace(read_settings(study)) as workspace:
        statements = people.list_merges(workspace)
    if as_json:
        show.json(statements)
        return
    for statement in statements:
        show.say(_statement_line(statement))
    show.say(f"{len(statements):,} statements")


def _statement_line(statement: Mapping[str, Any]) -> str:
    place = f", row {statement['line']}" if statement["line"] else ""
    into = (
        f" into {statement['same_as_id']}" if statement["statement"] == "merged" else ""
    )
    return (
        f"{statement['recorded_at']:%Y-%m-%d %H:%M:%S}  {statement['statement']}  "
        f"{statement['other_id']}{into}  ({statement['origin']}{place})"
    )
