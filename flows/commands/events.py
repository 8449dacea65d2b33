"""Events: `ingest`, `events`, `catalogue`, `dead-letters`."""

from collections.abc import Iterable, Mapping, Sequence
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
    from panelstream.models.warehouse.open_letters import LetterGroup

event_commands = add_group("events", "Event files.")
catalogue_commands = add_group("catalogue", "The catalogue of events.")
dead_letter_commands = add_group("dead-letters", "Events that were rejected.")

FilesArgument = Annotated[
    list[str], typer.Argument(help="NDJSON files (plain, gzip, zstd), folders, or -.")
]
ReasonOption = Annotated[
    str, typer.Option("--reason", help="Only those with this reason.")
]
TypeOption = Annotated[
    str,
    typer.Option(
        "--type",
        help="Only those of this event type, also one that the catalogue lacks.",
    ),
]
OriginOption = Annotated[
    str,
    typer.Option("--origin", help="Only those of this file, partition or origin_id."),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would happen; change nothing.")
]


@app.command()
def ingest(
    paths: FilesArgument,
    study: StudyOption = None,
    replaces: Annotated[
        str,
        typer.Option(
            "--replaces",
            help="Earlier import (file name or origin_id) of which these are the repaired files.",
        ),
    ] = "",
    strict: StrictOption = False,
    as_json: JsonOption = False,
) -> None:
    """Import event files into the warehouse. Importing a file again changes nothing.

    With --replaces, dead letters of damaged lines of the earlier file are settled.

    Example: [bold]panelstream ingest events.ndjson.gz[/bold]   [bold]cat x.ndjson | panelstream ingest -[/bold]
    """
    from panelstream.flows import imports
    from panelstream.flows.coverage import heartbeat_lines
    from panelstream.flows.workspace import open_workspace
    from panelstream.ingest.events import files

    sources = files.find_event_files(paths)
    with open_workspace(read_settings(study)) as workspace:
        with show.reading() as progress:
            imported = imports.import_events(workspace, sources, progress, replaces)
        report = imports.report_arrival(workspace, imported.counts)
        notes = list(heartbeat_lines(workspace))
    show_arrival(report, as_json)
    if replaces:
        show.note(f"settled {imported.settled:,} dead letters of '{replaces}'")
    for line in notes:
        show.note(line)
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
    study: StudyOption = None,
    reason: ReasonOption = "",
    event_type: TypeOption = "",
    origin: OriginOption = "",
    since: Annotated[
        str, typer.Option("--since", help="Only those recorded since this day (UTC).")
    ] = "",
    every_one: Annotated[
        bool, typer.Option("--all", help="List letters singly, not their summary.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List rejected events that were not accepted since: a summary, or letter by letter.

    Example: [bold]panelstream dead-letters list --reason unknown_type[/bold]
    """
    from panelstream.flows.services import dead_letter_service as service

    settings = read_settings(study)
    selection = service.select_letters(reason, event_type, origin, since)
    if every_one or reason or event_type or origin or since:
        _show_letters(service.list_letters(settings, selection), as_json)
    else:
        _show_letter_groups(service.summarize_letters(settings, selection), as_json)


@dead_letter_commands.command("replay")
def dead_letters_replay(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Files or folders where moved event files lie now."),
    ] = None,
    study: StudyOption = None,
    reason: ReasonOption = "",
    event_type: TypeOption = "",
    origin: OriginOption = "",
    dry_run: DryRunOption = False,
) -> None:
    """Process rejected events again, after the catalogue or the code was fixed.

    They are read from their file, or from Kafka.
    Example: [bold]panelstream dead-letters replay --reason unknown_type[/bold]
    """
    from panelstream.flows.services import dead_letter_service as service

    settings = read_settings(study)
    selection = service.select_letters(reason, event_type, origin)
    with show.working("Processing again"):
        replay = service.replay_letters(settings, selection, paths or [], dry_run)
    show.say(
        f"{'would be ' if dry_run else ''}resolved {replay.resolved:,}, "
        f"rejected as before {replay.rejected:,}, payload not found {replay.missing:,}"
    )
    if replay.skipped:
        show.note(
            f"{len(replay.skipped):,} records of dead letters cannot be decoded and are "
            f"skipped: {', '.join(replay.skipped[:SHOWN])}"
        )
    if replay.missing:
        show.note(
            "not found: name the files, if they were moved; ingest repaired ones with --replaces"
        )


@dead_letter_commands.command("dismiss")
def dead_letters_dismiss(
    because: Annotated[
        str, typer.Option("--because", help="Why they make nothing unknown.")
    ],
    study: StudyOption = None,
    reason: ReasonOption = "",
    event_type: TypeOption = "",
    origin: OriginOption = "",
    dry_run: DryRunOption = False,
) -> None:
    """State that rejected events make nothing unknown, and why.

    They were no events of people, or they were repaired and came in by another way.

    With [bold]--reason conflicting[/bold]: that events whose id another event had first
    were no acts of their own, or were sent again with new ids.

    Example: [bold]panelstream dead-letters dismiss --origin test.ndjson --because "a load test"[/bold]
    """
    from panelstream.flows.services import dead_letter_service as service

    settings = read_settings(study)
    selection = service.select_letters(
        reason,
        event_type,
        origin,
        reasons=(*service.REASONS, service.CONFLICTING),
    )
    letters, dismissal = service.dismiss_letters(settings, selection, because, dry_run)
    if dismissal:
        show.say(f"dismissed {letters:,} dead letters as {dismissal}")
    else:
        show.say(f"{letters:,} dead letters would be dismissed")


@dead_letter_commands.command("restore")
def dead_letters_restore(
    dismissal: Annotated[str, typer.Argument(help="As 'dismiss' has printed it.")],
    study: StudyOption = None,
) -> None:
    """Take a dismissal back: its dead letters are open again.

    Example: [bold]panelstream dead-letters restore 20270501T090000000000[/bold]
    """
    from panelstream.flows.services import dead_letter_service as service

    letters = service.restore_letters(read_settings(study), dismissal)
    show.say(f"restored {letters:,} dead letters")


@dead_letter_commands.command("watch")
def watch_letters(study: StudyOption = None) -> None:
    """Count the dead letters that workers send to Kafka, by reason and day, until stopped.

    Shown at /dead-letters on PANELSTREAM_WORKER_ADDRESS; a service of its own.

    Example: [bold]panelstream dead-letters watch --study study1[/bold]
    """
    from panelstream.flows.services import worker_service

    worker_service.run_letter_agent(read_settings(study))


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


def _show_letters(letters: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    if as_json:
        show.json(letters)
        return
    for letter in letters:
        show.say(_dead_letter_line(letter))
    show.say(f"{len(letters):,} dead letters")


def _dead_letter_line(row: Mapping[str, Any]) -> str:
    index = "" if row["batch_index"] is None else f"[{row['batch_index']}]"
    place = f"{row['origin']}:{row['line']}{index}"
    return f"{place}  {row['reason']}  {row['field']}  {row['event_type']}".rstrip()


def _show_letter_groups(groups: Sequence["LetterGroup"], as_json: bool) -> None:
    if as_json:
        show.json([asdict(group) for group in groups])
        return
    for group in groups:
        show.say(_letter_group_line(group))
    letters = sum(group.letters for group in groups)
    show.say(f"{letters:,} dead letters{'; --all lists them' if letters else ''}")


def _letter_group_line(group: "LetterGroup") -> str:
    """How many of what, when they came, and what they make unknown."""
    functions = "every function" if group.every_function else ", ".join(group.functions)
    people = f"{group.people:,} people"
    if group.letters_of_unknown_people:
        people = "everybody"
    unknown = (
        f"unknown: {functions} of {people}, {group.unknown_from:%Y-%m-%d} to "
        f"{group.unknown_until:%Y-%m-%d}"
        if functions
        else "makes no function unknown"
    )
    return (
        f"{group.reason}  {group.event_type or '(type not read)'}  {group.day}  "
        f"{group.letters:,} ({group.first_recorded_at:%H:%M:%S} to "
        f"{group.last_recorded_at:%H:%M:%S})  {unknown}"
    )
