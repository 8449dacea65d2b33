"""The analysis: `panel analyse report`, the plan and its lock, and Prefect flows."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from panelstream.flows.commands.app import (
    AsOfOption,
    JsonOption,
    OutOption,
    StudyOption,
    add_group,
    app,
    parse_instant,
    read_settings,
    show,
)
from panelstream.models.errors import Incomplete, UsageError

if TYPE_CHECKING:
    from panelstream.analysis.estimation.estimates import Results
    from panelstream.analysis.panel.external import PanelFile
    from panelstream.analysis.verdicts.preregistration import Lock, PlanStatus
    from panelstream.models.settings.environment import Settings

VersionOption = Annotated[
    str | None,
    typer.Option(
        "--study-version",
        help="Version of the study, as a manifest names it (default: of --as-of).",
    ),
]

PanelOption = Annotated[
    Path | None,
    typer.Option("--panel", help="For a panel from elsewhere, there yet or not."),
]
AnsweredOption = Annotated[
    str,
    typer.Option("--answered", help="Its column of the times of the answers."),
]

plan_commands = add_group("plan", "The plan and its lock.")
flow_commands = add_group("flows", "Flows: run once now, or on a schedule.")


@app.command()
def panel(
    out: Annotated[
        Path,
        typer.Option("--out", help="File to write: .parquet, .csv, .dta or .sav."),
    ],
    study: StudyOption = None,
    as_of: AsOfOption = None,
    version: VersionOption = None,
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
    from panelstream.flows.study_versions import take_version
    from panelstream.flows.workspace import open_workspace

    _require_ending("--out", out, export_formats.WRITERS)
    _require_ending("--codebook", codebook, [".csv"])
    settings, instant = read_settings(study), parse_instant(as_of)
    with open_workspace(settings) as opened, show.working("Counting use"):
        use = take_version(opened, instant, version)
        _tell(use.line)
        folder = use.workspace.folder
        study_panels = panels.build(
            use.workspace, instant, show.note, keep=use.is_present
        )
        frame = study_panels.by_window[folder.study.exposure.window]
        export_formats.write_panel(
            export_formats.describe_panel(folder, frame, study_panels.as_of), out
        )
        if codebook:
            results_folder.write_codebook(folder, frame, codebook)
    show.say(f"{out}: {len(frame)} rows, as of {study_panels.as_of.isoformat()}")


@app.command()
def analyse(
    out: OutOption,
    study: StudyOption = None,
    as_of: AsOfOption = None,
    version: VersionOption = None,
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
    answered: AnsweredOption = "",
) -> None:
    """Build the panels, fit the plan, write the results and the report.

    With --panel the plan is fitted to that file's columns, without a warehouse.
    Exit code 6: the results are written, and something planned has no number.
    Example: [bold]panelstream analyse --out results[/bold]
    """
    from panelstream.analysis.panel.external import PanelFile

    settings = read_settings(study)
    if panel is None:
        _analyse_study(settings, parse_instant(as_of), version, out)
        return
    if as_of or version:
        option = "--as-of" if as_of else "--study-version"
        raise UsageError(f"{option} applies to the warehouse; --panel does not read it")
    _analyse_panel_file(settings, PanelFile(panel, person, wave, answered), out)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Results folder of 'analyse'.")],
    study: StudyOption = None,
) -> None:
    """Write the report again from the results, without the warehouse.

    Example: [bold]panelstream report results[/bold]
    """
    from panelstream.flows import results_folder
    from panelstream.models.study.load import load_study

    study_folder = load_study(read_settings(study).study)
    show.say(str(results_folder.write_report(study_folder, folder)))


@plan_commands.command("lock")
def plan_lock(study: StudyOption = None, panel: PanelOption = None) -> None:
    """Freeze the confirmatory plan: only what is locked is confirmatory.

    Locking again after a change adds a version; the earlier ones are kept. With --panel
    the plan for that file is locked in plan.lock.json; its registered hash is shown.
    Example: [bold]panelstream plan lock[/bold]
    """
    from panelstream.analysis.panel.external import PanelFile
    from panelstream.flows import panel_lock, plan
    from panelstream.flows.workspace import open_workspace

    if panel is not None:
        folder = read_settings(study).study
        show_plan(panel_lock.lock_panel_plan(folder, PanelFile(panel)))
        return
    with open_workspace(read_settings(study)) as workspace:
        plan_status = plan.lock_plan(workspace)
    show_plan(plan_status)


@plan_commands.command("show")
def plan_show(study: StudyOption = None, as_json: JsonOption = False) -> None:
    """Show whether the plan is locked, since when, and what has changed since.

    Example: [bold]panelstream plan show[/bold]
    """
    from panelstream.flows import plan
    from panelstream.flows.workspace import open_workspace

    with open_workspace(read_settings(study)) as workspace:
        plan_status = plan.read_plan(workspace)
    show_plan(plan_status, as_json)


@flow_commands.command("run")
def flows_run(
    name: Annotated[str, typer.Argument(help="Name of the flow: study.")],
    study: StudyOption = None,
    out: OutOption = Path("results"),
    strict: Annotated[
        bool,
        typer.Option(
            help="Fail where an export holds something odd, and do not store it."
        ),
    ] = True,
) -> None:
    """Run a flow here, with Prefect's records of every task.

    Exit code 6: the results are written, and something planned has no number.
    Example: [bold]panelstream flows run study --study demo --out results[/bold]
    """
    from panelstream.flows.scheduled import prefect_server
    from panelstream.flows.scheduled.registry import FLOWS

    if name not in FLOWS:
        raise UsageError(f"no flow '{name}'; known: {', '.join(FLOWS)}")
    folder = read_settings(study).study
    prefect_server.check_server()
    report, results = FLOWS[name](study=str(folder), out=str(out), strict=strict)
    show_results(results, f"report: {report}")
    _require_numbers(results)


@flow_commands.command("serve")
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
    """Run the flow on the 'schedule' of the study file, until stopped.

    On Prefect's server: the one that PREFECT_API_URL names, else one that runs on this
    machine, else one that is started here and stopped at the end.
    Example: [bold]panelstream flows serve study1[/bold]
    """
    from panelstream.flows.scheduled.schedule import serve_flow
    from panelstream.models.study.load import load_study

    serve_flow(load_study(read_settings(study).study), out, show.note)


def _analyse_study(
    settings: "Settings", as_of: datetime | None, version: str | None, out: Path
) -> None:
    """Fit the plan to the panels of the warehouse."""
    from panelstream.flows import panels, results_folder
    from panelstream.flows.analyse_study import analyse_study
    from panelstream.flows.study_versions import take_version
    from panelstream.flows.workspace import open_workspace

    with open_workspace(settings) as opened:
        use = take_version(opened, as_of, version)
        _tell(use.line)
        with show.working("Counting use"):
            study_panels = panels.build(
                use.workspace, as_of, show.note, keep=use.is_present
            )
        with show.steps("Fitting") as progress:
            analysis = analyse_study(
                use.workspace, study_panels, progress, use.locked_by
            )
        with show.working("Writing the report"):
            report = results_folder.write_results(analysis, out)
    for line in analysis.plan_status.lines():
        show.say(line)
    show_results(analysis.results, f"report: {report}")
    _require_numbers(analysis.results)


def _analyse_panel_file(
    settings: "Settings", panel_file: "PanelFile", out: Path
) -> None:
    """Fit the plan to a panel from elsewhere."""
    from panelstream.flows import external_panel

    with show.steps("Fitting") as progress:
        analysis = external_panel.analyse_panel_file(
            settings.study, panel_file, progress
        )
    private = external_panel.write_panel_results(analysis, out)
    for line in analysis.plan_status.lines():
        show.say(line)
    show_results(analysis.results, f"results: {private}")
    _require_numbers(analysis.results)


def show_results(results: "Results", place: str) -> None:
    """Show what has no number and why, and where the results are."""
    without = results.estimates[results.estimates["estimate"].isna()]
    for note, rows in without.groupby("note", sort=False):
        names = sorted(set(rows["specification"] + " of " + rows["outcome"]))
        listed = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        show.say(f"{note}: {listed}")
    show.say(place)


def show_plan(plan_status: "PlanStatus", as_json: bool = False) -> None:
    """Show the plan's locks, and what has changed since the last."""
    if as_json:
        show.json(plan_status.as_dict())
        return
    for version, lock in enumerate(plan_status.locks, start=1):
        show.say(f"version {version}, {lock.hash}: {_describe_lock(lock)}")
    for line in plan_status.lines():
        show.say(line)


def _describe_lock(lock: "Lock") -> str:
    """When it was made, and what was there."""
    time = f"locked {lock.locked_at.isoformat()}"
    if lock.registered:
        data = "the panel file was there" if lock.after_data else "without a panel file"
        return f"{time}, {data}; register {lock.registered}"
    given = sum(lock.given.values())
    late = f"; {given:,} had been given" if given else ""
    return f"{time}, when {lock.responses:,} responses had come in{late}"


def _tell(line: str) -> None:
    if line:
        show.note(line)


def _require_numbers(results: "Results") -> None:
    """Raise `Incomplete` unless everything that was planned has a number."""
    without = int(results.estimates["estimate"].isna().sum())
    if without:
        raise Incomplete(
            f"{without} of {len(results.estimates)} planned coefficients have no number"
        )


def _require_ending(option: str, path: Path | None, endings: Iterable[str]) -> None:
    if path and path.suffix not in endings:
        raise UsageError(f"{option} {path}: end the name in {' or '.join(endings)}")
