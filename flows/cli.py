"""The `panelstream` command: parses arguments, calls the flow, shows what came of it.

Heavy libraries are imported inside the commands, so that help is immediate.
"""

import errno
import os
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

import panelstream
from panelstream.flows.display import Display
from panelstream.models.errors import (
    FileError,
    Incomplete,
    InputRejected,
    PanelstreamError,
    UsageError,
)

if TYPE_CHECKING:
    from panelstream.analysis.estimation.estimates import Results

TRACEBACK = "PANELSTREAM_TRACEBACK"

IMPORT = "import"


class _Unnamed(TyperGroup):
    """Commands of which one needs no name: `responses FILE` beside `responses map FILE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = bool(args) and args[0] in self.commands
        return super().parse_args(ctx, args if named else [IMPORT, *args])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return "" if name == IMPORT else name, command, rest


PANELS = {
    "Study": ("demo", "init", "check", "plan", "status"),
    "Events": ("ingest", "events", "catalogue", "dead-letters", "simulate"),
    "Answers": ("roster", "responses", "due"),
    "Analysis": ("panel", "analyse", "report", "query"),
    "Services": ("flows", "warehouse", "worker", "collector", "topics", "tokens"),
    "Upkeep": ("migrate", "rebuild"),
}
"""The commands in the order of use, by the panel of the help that shows them."""


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
flow_app = typer.Typer(
    help="Flows: one run now, or by the clock.", no_args_is_help=True
)
catalogue_app = typer.Typer(help="The catalogue of events.", no_args_is_help=True)
topics_app = typer.Typer(help="The topics in Kafka.", no_args_is_help=True)
responses_app = typer.Typer(
    cls=_Unnamed, help="Answers of the waves: responses FILE, responses map FILE."
)
letters_app = typer.Typer(help="Events that were rejected.", no_args_is_help=True)
plan_app = typer.Typer(help="The plan and its lock.", no_args_is_help=True)
events_app = typer.Typer(help="Event files.", no_args_is_help=True)
tokens_app = typer.Typer(help="Tokens of the collector.", no_args_is_help=True)
app.add_typer(responses_app, name="responses")
app.add_typer(plan_app, name="plan")
app.add_typer(flow_app, name="flows")
app.add_typer(topics_app, name="topics")
app.add_typer(letters_app, name="dead-letters")
app.add_typer(catalogue_app, name="catalogue")
app.add_typer(events_app, name="events")
app.add_typer(tokens_app, name="tokens")

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
ParticipantsOption = Annotated[int, typer.Option(min=20, help="People in the study.")]
WavesOption = Annotated[int, typer.Option(min=2, max=20, help="Questionnaire waves.")]
SeedOption = Annotated[int, typer.Option(help="Same seed, same files.")]
OutOption = Annotated[Path, typer.Option("--out", help="Folder to write to.")]

ReasonOption = Annotated[
    str, typer.Option("--reason", help="Only those with this reason.")
]

show = Display()


def _print_version(wanted: bool) -> None:
    if wanted:
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


@app.command()
def demo(
    out: OutOption = Path("demo"),
    participants: ParticipantsOption = 350,
    waves: WavesOption = 6,
    seed: SeedOption = 1,
    through: Annotated[
        str, typer.Option(help="How the events come in: files, or kafka.")
    ] = "files",
) -> None:
    """Simulate a study, run it through the whole path, and set the report beside the truth.

    Example: [bold]panelstream demo --participants 500 --out demo[/bold]
    """
    from panelstream.flows.demo import demonstration

    if through not in ("files", "kafka"):
        raise UsageError(f"--through {through}: may be files or kafka")
    summary = demonstration.run(
        out,
        participants,
        waves,
        seed,
        show,
        "kafka" if through == "kafka" else "files",
    )
    show.demonstration(summary)


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="New study folder.")]) -> None:
    """Make a study folder: study.yaml to fill in, a pseudonym key, places for files.

    In an existing one, add what it lacks; nothing is overwritten.
    Example: [bold]panelstream init study1[/bold]
    """
    from panelstream.flows import new_study

    made = new_study.make(folder)
    show.say(f"{folder}: made {', '.join(made) or 'nothing, all was there'}")
    show.say(
        f"next: edit {folder / 'study.yaml'}, then 'panelstream check --study {folder}'"
    )


@app.command()
def check(study: StudyOption = None) -> None:
    """Check study.yaml, its catalogue, instruments and mapping; store nothing.

    Example: [bold]panelstream check --study study1[/bold]
    """
    from panelstream.flows import new_study

    for line in new_study.check(study):
        show.say(line)


@app.command()
def ingest(
    paths: Annotated[
        list[str],
        typer.Argument(help="NDJSON files (plain, gzip, zstd), folders, or -."),
    ],
    study: StudyOption = None,
    strict: StrictOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bring event files into the warehouse. Sending a file again changes nothing.

    Example: [bold]panelstream ingest events.ndjson.gz[/bold]   [bold]cat x.ndjson | panelstream ingest -[/bold]
    """
    from panelstream.flows import imports, inspection
    from panelstream.flows.workspace import open_workspace
    from panelstream.ingest.events import files

    sources = files.find_event_files(paths)
    with open_workspace(study) as workspace:
        with show.reading() as progress:
            counts = imports.import_events(workspace, sources, progress)
        report = inspection.after_ingest(workspace, counts)
    show.arrival(report, as_json=as_json)
    if strict and counts.rejected:
        raise InputRejected(f"{counts.rejected} events were rejected")


@app.command()
def roster(
    file: Annotated[
        Path, typer.Argument(help="CSV: platform_id,enrolled_on,consent_…")
    ],
    study: StudyOption = None,
) -> None:
    """Bring in who is enrolled, since when, and who agreed to what.

    Example: [bold]panelstream roster roster.csv[/bold]
    """
    from panelstream.flows import imports
    from panelstream.flows.workspace import open_workspace

    with open_workspace(study) as workspace:
        people = imports.import_roster(workspace, file)
    show.say(f"{file.name}: {imports.said_of(people)}")


@responses_app.command(IMPORT)
def responses(
    file: Annotated[
        Path, typer.Argument(help="Export of one wave, as the survey tool saved it.")
    ],
    wave: Annotated[int, typer.Option("--wave", help="Wave the answers belong to.")],
    study: StudyOption = None,
    mapping: Annotated[
        Path | None,
        typer.Option(
            help="How headers relate to items (default: mapping.yaml beside FILE)."
        ),
    ] = None,
    links: Annotated[
        Path | None, typer.Option(help="CSV survey_id,platform_id; read, never stored.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be stored.")
    ] = False,
    strict: StrictOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bring in the answers of one wave: Google Forms, REDCap, Qualtrics, or a table.

    `panelstream responses map FILE` drafts the mapping that an export needs.
    Example: [bold]panelstream responses wave1.csv --wave 1 --dry-run[/bold]
    """
    from panelstream.flows import imports
    from panelstream.flows.workspace import open_workspace

    with open_workspace(study) as workspace:
        held = imports.import_responses(
            workspace, file, wave, mapping, links, strict, dry_run
        )
    show.imported(held, dry_run=dry_run, as_json=as_json)


@responses_app.command("retract")
def responses_retract(
    import_id: Annotated[str, typer.Argument(help="Import, as 'status' lists it.")],
    study: StudyOption = None,
) -> None:
    """Take an import back: what it said does not hold from now on.

    A wrong --wave needs no more than importing the file again under the right one.
    Example: [bold]panelstream responses retract 20270201T093000123456[/bold]
    """
    from panelstream.flows import imports
    from panelstream.flows.workspace import open_workspace

    with open_workspace(study) as workspace:
        answers = imports.retract(workspace, import_id)
    show.say(f"{import_id}: taken back, with {answers:,} answers")


@responses_app.command("map")
def responses_map(
    file: Annotated[Path, typer.Argument(help="Export, as the survey tool saved it.")],
    study: StudyOption = None,
) -> None:
    """Draft the mapping of an export: what is recognised, and what to fill in.

    Example: [bold]panelstream responses map wave1.csv > mapping.yaml[/bold]
    """
    from panelstream.flows import imports

    show.text(imports.draft_mapping(file, study))


@app.command()
def status(study: StudyOption = None, as_json: JsonOption = False) -> None:
    """Who answered, who is missing, and who agreed to what: counts, wave by wave.

    Example: [bold]panelstream status[/bold]
    """
    from panelstream.flows import status as standing
    from panelstream.flows.workspace import open_workspace

    with open_workspace(study) as workspace, show.working("Counting people"):
        found = standing.read(workspace)
    show.status(found, as_json=as_json)


@app.command()
def due(
    wave: Annotated[int, typer.Option("--wave", help="Wave that is open.")],
    ids: Annotated[Path, typer.Option("--ids", help="CSV with platform_id.")],
    study: StudyOption = None,
) -> None:
    """Which of these platform ids may still answer a wave and have not; stores nothing.

    Example: [bold]panelstream due --wave 2 --ids members.csv[/bold]
    """
    from panelstream.flows import status as standing
    from panelstream.flows.workspace import open_workspace

    with open_workspace(study) as workspace:
        waiting = standing.due(workspace, wave, ids)
    for one in waiting:
        show.say(one)


@app.command()
def panel(
    out: Annotated[
        Path,
        typer.Option("--out", help="File to write: .parquet, .csv, .dta or .sav."),
    ],
    study: StudyOption = None,
    as_of: AsOfOption = None,
    codebook: Annotated[
        Path | None,
        typer.Option(help="CSV to write what each column means to."),
    ] = None,
) -> None:
    """Write the panel, one row per participant and wave, as Parquet, CSV, Stata or SPSS.

    Example: [bold]panelstream panel --out panel.dta --codebook codebook.csv[/bold]
    """
    from panelstream.analysis.panel import export_formats
    from panelstream.flows import panels, results_folder
    from panelstream.flows.workspace import open_workspace

    _ending("--out", out, export_formats.WRITERS)
    _ending("--codebook", codebook, [".csv"])
    with open_workspace(study) as workspace, show.working("Counting use"):
        folder = workspace.folder
        built = panels.build(workspace, _instant(as_of), show.note)
        frame = built.by_window[folder.study.exposure.window]
        export_formats.write(export_formats.describe(folder, frame, built.as_of), out)
        if codebook:
            results_folder.write_codebook(folder, frame, codebook)
    show.say(f"{out}: {len(frame)} rows, as of {built.as_of.isoformat()}")


@app.command()
def analyse(
    out: OutOption,
    study: StudyOption = None,
    as_of: AsOfOption = None,
    panel: Annotated[
        Path | None,
        typer.Option(
            "--panel", help="A panel from elsewhere: .parquet, .csv, .dta, .sav."
        ),
    ] = None,
    person: Annotated[
        str, typer.Option("--person", help="Its column that names the person.")
    ] = "participant_id",
    wave: Annotated[
        str, typer.Option("--wave", help="Its column that numbers the wave.")
    ] = "wave",
) -> None:
    """Build the panels, fit the plan, write the results and the report.

    With --panel the plan is fitted to that file's columns, without a warehouse.
    Exit code 6: the results are written, and something planned has no number.
    Example: [bold]panelstream analyse --out results[/bold]
    """
    if panel:
        if as_of:
            raise UsageError("--as-of is of the warehouse; --panel needs none")
        _analyse_given(panel, person, wave, study, out)
        return
    from panelstream.flows import panels, results_folder
    from panelstream.flows.analyse_study import analyse_study
    from panelstream.flows.workspace import open_workspace

    with open_workspace(study) as workspace:
        with show.working("Counting use"):
            built = panels.build(workspace, _instant(as_of), show.note)
        with show.steps("Fitting") as progress:
            analysis = analyse_study(workspace, built, progress)
        with show.working("Writing the report"):
            report = results_folder.write_results(analysis, out)
    for line in analysis.plan_status.lines():
        show.say(line)
    show.analysis(analysis.results, f"report: {report}")
    _require_numbers(analysis.results)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Results folder of 'analyse'.")],
    study: StudyOption = None,
) -> None:
    """Write the report again from the results, without the warehouse.

    Example: [bold]panelstream report results[/bold]
    """
    from panelstream.flows import results_folder
    from panelstream.models.settings.environment import Settings
    from panelstream.models.study.load import load_study

    loaded = load_study(Settings.from_environ(os.environ, study).study)
    show.say(str(results_folder.write_report(loaded, folder)))


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="A SELECT on the views.")],
    study: StudyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the warehouse: platform_events, daily_use, dim_participant, answers, dead_letters.

    Example: [bold]panelstream query "SELECT function, count() FROM platform_events GROUP BY function"[/bold]
    """
    from panelstream.flows.workspace import open_workspace

    with open_workspace(study) as workspace:
        rows = workspace.store.select(sql)
    show.table(rows, as_json=as_json)


@app.command()
def warehouse(
    study: StudyOption = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port on loopback (default: PANELSTREAM_WAREHOUSE_PORT, else a free one).",
        ),
    ] = None,
    max_memory: Annotated[
        int,
        typer.Option(min=1, help="GiB of memory that one query may take."),
    ] = 4,
    max_body: Annotated[
        int, typer.Option(min=1, help="MiB that one request may send.")
    ] = 1024,
    max_seconds: Annotated[
        int, typer.Option(min=1, help="Seconds that one query may take.")
    ] = 600,
) -> None:
    """Own the embedded warehouse and serve it to other processes until told to stop.

    Example: [bold]panelstream warehouse --study study1[/bold]
    """
    from panelstream.chdb_server.admission import Limits
    from panelstream.flows.services import warehouse_service
    from panelstream.models.settings.environment import Settings

    settings = Settings.from_environ(os.environ, study)
    limits = Limits(max_memory << 30, 1 << 30, max_body << 20, max_seconds)
    asked = settings.warehouse_port if port is None else port
    warehouse_service.serve(settings.study, settings.warehouse, asked, limits, show.say)


@app.command()
def migrate(study: StudyOption = None) -> None:
    """Bring the warehouse's tables and views up to date, as every other command does.

    Example: [bold]panelstream migrate --study study1[/bold]
    """
    from panelstream.flows.workspace import open_workspace

    with open_workspace(study) as workspace:
        applied = workspace.migrated
    show.say(f"applied {', '.join(applied) or 'nothing, all is up to date'}")


@app.command()
def rebuild(
    study: StudyOption = None,
    projection: Annotated[
        str | None,
        typer.Option(help="Only this: exposure_windows, coverage or fact_exposure."),
    ] = None,
) -> None:
    """Derive anew what is derived and kept; readers keep the old until it is complete.

    Broken off, it goes on where it stood.
    Example: [bold]panelstream rebuild --projection fact_exposure[/bold]
    """
    from panelstream.flows import rebuild as rebuilding
    from panelstream.flows.workspace import open_workspace

    with open_workspace(study) as workspace, show.steps("Rebuilding") as progress:
        built = rebuilding.rebuild(workspace, projection, progress, show.note)
    for one in built:
        show.say(f"{one.projection}: as of {one.basis.as_of.isoformat()}")


@app.command()
def simulate(
    out: OutOption,
    participants: ParticipantsOption = 350,
    waves: WavesOption = 6,
    seed: SeedOption = 1,
) -> None:
    """Write the files of a simulated study, with the planted truth in truth.csv.

    Example: [bold]panelstream simulate --out simulated --seed 7[/bold]
    """
    from panelstream.flows.demo import demonstration

    with show.working("Simulating"):
        demonstration.simulate_files(out, participants, waves, seed)
    show.say(f"{out}: study.yaml, roster.csv, events/, responses/, forms/, truth.csv")


@app.command()
def worker(
    study: StudyOption = None,
    limit: Annotated[
        bool,
        typer.Option(
            "--limit/--no-limit", help="Stop when nearly everything is rejected."
        ),
    ] = True,
) -> None:
    """Take events from Kafka to the warehouse until told to stop.

    Example: [bold]panelstream worker --study study1[/bold]
    """
    from panelstream.flows.services import worker_service

    worker_service.work(study, limit)


@app.command()
def collector(study: StudyOption = None) -> None:
    """Take events over HTTP, for Kafka or the warehouse, until told to stop.

    Example: [bold]panelstream collector --study study1[/bold]
    """
    from panelstream.flows.services import collector_service

    collector_service.collect(study, show.say)


@tokens_app.command("add")
def tokens_add(
    source: Annotated[str, typer.Argument(help="Source that it may write.")],
    study: StudyOption = None,
) -> None:
    """Make a token for a source, and print it once: only its hash is kept.

    Example: [bold]panelstream tokens add u2plus.web[/bold]
    """
    from panelstream.flows.services import collector_service

    made, secret = collector_service.add_token(study, source)
    show.note(f"token {made.token} for {made.source}; it is not shown again:")
    show.say(secret)


@tokens_app.command("list")
def tokens_list(study: StudyOption = None, as_json: JsonOption = False) -> None:
    """List the tokens there are: name, source, day.

    Example: [bold]panelstream tokens list[/bold]
    """
    from panelstream.flows.services import collector_service

    show.tokens(collector_service.list_tokens(study), as_json=as_json)


@tokens_app.command("revoke")
def tokens_revoke(
    token: Annotated[str, typer.Argument(help="Its name, as 'tokens list' has it.")],
    study: StudyOption = None,
) -> None:
    """Take a token away, at once also for a collector that runs.

    Example: [bold]panelstream tokens revoke 3f9a01c2[/bold]
    """
    from panelstream.flows.services import collector_service

    gone = collector_service.revoke_token(study, token)
    show.say(f"token {gone.token} for {gone.source} opens nothing any more")


@topics_app.command("create")
def topics_create(study: StudyOption = None) -> None:
    """Make the topic of events and the one of dead letters, if they are missing.

    Example: [bold]panelstream topics create[/bold]
    """
    from panelstream.flows.services import worker_service
    from panelstream.ingest.kafka import clients

    made = clients.create_topics(worker_service.read_settings(study).kafka)
    show.say(f"made {', '.join(made) or 'nothing, both were there'}")


@topics_app.command("show")
def topics_show(study: StudyOption = None, as_json: JsonOption = False) -> None:
    """Show the topics as they are: partitions, copies, retention, limits.

    Example: [bold]panelstream topics show[/bold]
    """
    from panelstream.flows.services import worker_service
    from panelstream.ingest.kafka import clients

    topics = clients.describe_topics(worker_service.read_settings(study).kafka)
    show.topics(topics, as_json=as_json)


@letters_app.command("list")
def dead_letters_list(
    study: StudyOption = None, reason: ReasonOption = "", as_json: JsonOption = False
) -> None:
    """List rejected events that were not taken in since: place, reason, field; no values.

    Example: [bold]panelstream dead-letters list --reason unknown_type[/bold]
    """
    from panelstream.flows.services import worker_service

    show.letters(worker_service.list_dead_letters(study, reason), as_json=as_json)


@letters_app.command("replay")
def dead_letters_replay(study: StudyOption = None, reason: ReasonOption = "") -> None:
    """Send rejected events down the path again, after the catalogue or the code was mended.

    They are read from their file, or from Kafka.
    Example: [bold]panelstream dead-letters replay --reason unknown_type[/bold]
    """
    from panelstream.flows.services import worker_service

    with show.working("Sending again"):
        done = worker_service.replay(study, reason)
    show.say(
        f"resolved {done.resolved:,}, rejected as before {done.rejected:,}, "
        f"payload not found {done.missing:,}"
    )


@catalogue_app.command("check")
def catalogue_check(study: StudyOption = None) -> None:
    """Check the study's catalogue and list what it accepts.

    Example: [bold]panelstream catalogue check[/bold]
    """
    from panelstream.flows import new_study

    for line in new_study.describe_catalogue(study):
        show.say(line)


@plan_app.command("lock")
def plan_lock(study: StudyOption = None) -> None:
    """Freeze the confirmatory plan as it is: only what is locked is confirmatory.

    Locked again after a change, it is a new version; the earlier ones are kept.
    Example: [bold]panelstream plan lock[/bold]
    """
    from panelstream.flows import plan
    from panelstream.flows.workspace import open_workspace

    with open_workspace(study) as workspace:
        plan_status = plan.freeze(workspace)
    show.plan(plan_status)


@plan_app.command("show")
def plan_show(study: StudyOption = None, as_json: JsonOption = False) -> None:
    """Say whether the plan is locked, since when, and what of it is not as it was locked.

    Example: [bold]panelstream plan show[/bold]
    """
    from panelstream.flows import plan
    from panelstream.flows.workspace import open_workspace

    with open_workspace(study) as workspace:
        plan_status = plan.read(workspace)
    show.plan(plan_status, as_json=as_json)


@catalogue_app.command("schema")
def catalogue_schema(out: OutOption, study: StudyOption = None) -> None:
    """Write what may be sent, as JSON Schema (2020-12) and AsyncAPI 3.

    Example: [bold]panelstream catalogue schema --out contract[/bold]
    """
    from panelstream.flows import event_schema

    for path in event_schema.write_schema(study, out):
        show.say(str(path))


@events_app.command("check")
def events_check(
    paths: Annotated[
        list[str],
        typer.Argument(help="NDJSON files (plain, gzip, zstd), folders, or -."),
    ],
    study: StudyOption = None,
    strict: StrictOption = False,
    as_json: JsonOption = False,
) -> None:
    """Say line by line what of event files would be rejected, and why; store nothing.

    Example: [bold]panelstream events check events.ndjson[/bold]
    """
    from panelstream.flows import event_schema
    from panelstream.ingest.events import files

    sources = files.find_event_files(paths)
    with show.reading() as progress:
        found = event_schema.check_events(study, sources, progress)
        counts = show.checking(found, as_json=as_json)
    if strict and counts.rejected:
        raise InputRejected(f"{counts.rejected} events would be rejected")


@flow_app.command("run")
def flows_run(
    name: Annotated[str, typer.Argument(help="Name of the flow: study.")],
    study: StudyOption = None,
    out: OutOption = Path("results"),
) -> None:
    """Run a flow here, with Prefect's records of every task.

    Exit code 6: the results are written, and something planned has no number.
    Example: [bold]panelstream flows run study --study demo --out results[/bold]
    """
    if name != "study":
        raise UsageError(f"no flow '{name}'; known: study")
    from panelstream.flows.scheduled import prefect_server
    from panelstream.flows.scheduled.full_run import study_flow

    prefect_server.check()
    report, found = study_flow(study=str(study or "."), out=str(out))
    show.analysis(found, f"report: {report}")
    _require_numbers(found)


@flow_app.command("serve")
def flows_serve(
    study: Annotated[
        Path | None,
        typer.Argument(help="Study folder (default: PANELSTREAM_STUDY, else here)."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the results (default: STUDY/results)."),
    ] = None,
) -> None:
    """Run the flow by the clock, as 'schedule' of the study file says, until stopped.

    On Prefect's server: the one that PREFECT_API_URL names, else one that runs on this
    machine, else one that is started here and stopped at the end.
    Example: [bold]panelstream flows serve study1[/bold]
    """
    from panelstream.flows.scheduled import schedule

    schedule.serve(study, out, show.note)


def main() -> None:
    """Run the command; a mistake prints one line and sets the exit code."""
    try:
        app()
    except PanelstreamError as error:
        show.error(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stdout.flush()
        os._exit(130)  # what still computes is not waited for
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        refusal = _refusal(error)
        show.error(refusal or _defect(error))
        sys.exit(FileError.exit_code if refusal else 1)


def _analyse_given(
    path: Path, person: str, wave: str, study: Path | None, out: Path
) -> None:
    """Fit the plan to a panel from elsewhere."""
    from panelstream.flows import external_panel
    from panelstream.flows.external_panel import Given
    from panelstream.models.settings.environment import Settings

    folder = Settings.from_environ(os.environ, study).study
    with show.steps("Fitting") as progress:
        analysis = external_panel.analyse(folder, Given(path, person, wave), progress)
    written = external_panel.write(analysis, out)
    show.say("a panel from elsewhere has no lock: nothing is confirmatory")
    show.analysis(analysis.results, f"results: {written}")
    _require_numbers(analysis.results)


def _require_numbers(results: "Results") -> None:
    """Everything that was planned has a number, or the exit code says that not."""
    without = int(results.estimates["estimate"].isna().sum())
    if without:
        raise Incomplete(
            f"{without} of {len(results.estimates)} planned coefficients have no number"
        )


def _ending(option: str, path: Path | None, known: Iterable[str]) -> None:
    if path and path.suffix not in known:
        raise UsageError(f"{option} {path}: end the name in {' or '.join(known)}")


def _instant(text: str | None) -> Any:
    from datetime import datetime

    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or at.year < 1970:
        raise UsageError("--as-of is not an instant; write 2027-05-01T00:00:00Z")
    return at


REFUSALS = frozenset(
    (
        *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT),
        *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG),
    )
)
"""What an operating system refuses because of a place, not because of a program."""


def _refusal(error: Exception) -> str:
    """The operating system's own reason with the place; empty where that is not it."""
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
        f"{place.lineno}; please report it (set {TRACEBACK}=1 to see it whole)"
    )


if __name__ == "__main__":
    main()
