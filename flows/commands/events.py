"""Events: `ingest`, `events`, `catalogue`, `dead-letters`."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from panelstream.flows.commands.app import (
    SHOWN,
    JsonOption,
    OutOption,
    StrictOption,
    StudyOption,
    add_group,
    app,
    read_settings,
    show,
)
from panelstream.models.errors import InputRejected

if TYPE_CHECKING:
    from panelstream.flows.imports import ArrivalReport
    from panelstream.models.events.event import Counts, Rejection

event_commands = add_group("events", "Event files.")
catalogue_commands = add_group("catalogue", "The catalogue of events.")
dead_letter_commands = add_group("dead-letters", "Events that were rejected.")

FilesArgument = Annotated[
    list[str], typer.Argument(help="NDJSON files (plain, gzip, zstd), folders, or -.")
]
ReasonOption = Annotated[
    str, typer.Option("--reason", help="Only those with this reason.")
]


@app.command()
def ingest(
    paths: FilesArgument,
    study: StudyOption = None,
    strict: StrictOption = False,
    as_json: JsonOption = False,
) -> None:
    """Import event files into the warehouse. Importing a file again changes nothing.

    Example: [bold]panelstream ingest events.ndjson.gz[/bold]   [bold]cat x.ndjson | panelstream ingest -[/bold]
    """
    from panelstream.flows import imports
    from panelstream.flows.workspace import open_workspace
    from panelstream.ingest.events import files

    sources = files.find_event_files(paths)
    with open_workspace(read_settings(study)) as workspace:
        with show.reading() as progress:
            imported = imports.import_events(workspace, sources, progress)
        report = imports.report_arrival(workspace, imported.counts)
    show_arrival(report, as_json)
    imported.raise_damaged()
    if strict and imported.counts.rejected:
        raise InputRejected(f"{imported.counts.rejected} events were rejected")


@event_commands.command("check")
def events_check(
    paths: FilesArgument,
    study: StudyOption = None,
    strict: StrictOption = False,
    as_json: JsonOption = False,
) -> None:
    """List line by line which events would be rejected, and why; store nothing.

    Example: [bold]panelstream events check events.ndjson[/bold]
    """
    from panelstream.flows import event_schema
    from panelstream.ingest.events import files

    sources = files.find_event_files(paths)
    with show.reading() as progress:
        parts = event_schema.check_events(read_settings(study), sources, progress)
        counts = show_check(parts, as_json)
    if strict and counts.rejected:
        raise InputRejected(f"{counts.rejected} events would be rejected")


@catalogue_commands.command("check")
def catalogue_check(study: StudyOption = None) -> None:
    """Check the study's catalogue and list what it accepts.

    Example: [bold]panelstream catalogue check[/bold]
    """
    from panelstream.flows import new_study

    for line in new_study.describe_catalogue(read_settings(study)):
        show.say(line)


@catalogue_commands.command("schema")
def catalogue_schema(out: OutOption, study: StudyOption = None) -> None:
    """Write what may be sent, as JSON Schema (2020-12) and AsyncAPI 3.

    Example: [bold]panelstream catalogue schema --out contract[/bold]
    """
    from panelstream.flows import event_schema

    for path in event_schema.write_schema(read_settings(study), out):
        show.say(str(path))


@dead_letter_commands.command("list")
def dead_letters_list(
    study: StudyOption = None, reason: ReasonOption = "", as_json: JsonOption = False
) -> None:
    """List rejected events that were not accepted since: place, reason, field; no values.

    Example: [bold]panelstream dead-letters list --reason unknown_type[/bold]
    """
    from panelstream.flows.services import worker_service

    settings = read_settings(study)
    dead_letters = worker_service.list_dead_letters(settings, reason)
    if as_json:
        show.json(dead_letters)
        return
    for dead_letter in dead_letters:
        show.say(_dead_letter_line(dead_letter))
    show.say(f"{len(dead_letters):,} dead letters")


@dead_letter_commands.command("replay")
def dead_letters_replay(study: StudyOption = None, reason: ReasonOption = "") -> None:
    """Process rejected events again, after the catalogue or the code was fixed.

    They are read from their file, or from Kafka.
    Example: [bold]panelstream dead-letters replay --reason unknown_type[/bold]
    """
    from panelstream.flows.services import worker_service

    settings = read_settings(study)
    with show.working("Processing again"):
        replay = worker_service.replay_dead_letters(settings, reason)
    show.say(
        f"resolved {replay.resolved:,}, rejected as before {replay.rejected:,}, "
        f"payload not found {replay.missing:,}"
    )


def show_arrival(report: "ArrivalReport", as_json: bool) -> None:
    """Show what became of the events of an ingest."""
    if as_json:
        show.json(report.as_dict())
        return
    arrived, warehouse = report.arrived, report.warehouse
    show.say(
        f"received {arrived.received:,} = accepted {arrived.accepted:,}"
        f" + rejected {arrived.rejected:,} + refused {arrived.refused:,}"
    )
    show.say(
        f"warehouse: accepted {warehouse['accepted']:,} = stored {warehouse['stored']:,}"
        f" + duplicate {warehouse['duplicate']:,} + conflicting {warehouse['conflicting']:,}"
    )
    if arrived.rejected:
        _show_rejections(arrived)


def _show_rejections(arrived: "Counts") -> None:
    reasons = (f"{name} {count:,}" for name, count in arrived.reasons.items())
    show.say(f"rejected: {', '.join(reasons)}")
    for rejection in arrived.rejections[:SHOWN]:
        show.say(_rejection_line(rejection))
    if arrived.rejected > SHOWN:
        show.say("  … all of them: panelstream dead-letters list --all")


def _rejection_line(rejection: "Rejection") -> str:
    """Where an event was, and why it was rejected."""
    place = rejection.position
    index = "" if place.index is None else f"[{place.index}]"
    where = f"{place.origin}:{place.line}{index}"
    return f"  {where}  {rejection.reason}  {rejection.field}".rstrip()


def show_check(parts: Iterable["Counts"], as_json: bool) -> "Counts":
    """Show what would become of events: each rejection as it is reached, then the sum."""
    from panelstream.models.events.event import Counts

    counts = Counts()
    for part in parts:
        counts += part
        for rejection in () if as_json else part.rejections:
            show.say(_rejection_line(rejection))
    if as_json:
        show.json(_check_as_dict(counts))
    else:
        show.say(
            f"{counts.received:,} events: {counts.accepted:,} would be accepted, "
            f"{counts.rejected:,} rejected"
        )
    return counts


def _check_as_dict(counts: "Counts") -> dict[str, Any]:
    values = asdict(counts)
    del values["refused"], values["rejections"]
    rejections = [rejection.as_dict() for rejection in counts.rejections]
    return {"received": counts.received, **values, "rejections": rejections}


def _dead_letter_line(row: Mapping[str, Any]) -> str:
    index = "" if row["batch_index"] is None else f"[{row['batch_index']}]"
    place = f"{row['origin']}:{row['line']}{index}"
    return f"{place}  {row['reason']}  {row['field']}".rstrip()
