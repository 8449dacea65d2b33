"""Answers: `responses FILE`, `responses retract`, `responses map`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from panelstream.flows.commands.app import (
    IMPORT,
    JsonOption,
    StrictOption,
    StudyOption,
    add_import_group,
    read_settings,
    show,
)

if TYPE_CHECKING:
    from panelstream.flows.survey_imports import WaveImport

response_commands = add_import_group(
    "responses", "Answers of the waves: responses FILE, responses map FILE."
)


@response_commands.command(IMPORT)
def responses(
    file: Annotated[Path, typer.Argument(help="Export, as the survey tool saved it.")],
    wave: Annotated[
        int | None,
        typer.Option(
            "--wave",
            help="Wave the answers belong to; not needed where the mapping says which "
            "rows are which wave.",
        ),
    ] = None,
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
    """Import an export of Google or Microsoft Forms, LimeSurvey, Qualtrics, REDCap, or a table.

    `panelstream responses map FILE` drafts the mapping that an export needs.
    Example: [bold]panelstream responses wave1.csv --wave 1 --dry-run[/bold]
    """
    from panelstream.flows import survey_imports
    from panelstream.flows.workspace import open_workspace

    with open_workspace(read_settings(study)) as workspace:
        wave_import = survey_imports.import_responses(
            workspace, file, wave, mapping, links, strict, dry_run
        )
    show_import(wave_import, dry_run, as_json)


@response_commands.command("retract")
def responses_retract(
    import_id: Annotated[str, typer.Argument(help="Import, as 'status' lists it.")],
    study: StudyOption = None,
) -> None:
    """Retract an import: what only it states is ignored from now on.

    After a wrong --wave, mapping or link file, just import the file again.
    Example: [bold]panelstream responses retract 20270201T093000123456[/bold]
    """
    from panelstream.flows import survey_imports
    from panelstream.flows.workspace import open_workspace

    with open_workspace(read_settings(study)) as workspace:
        responses = survey_imports.retract_wave_import(workspace, import_id)
    show.say(
        f"{import_id}: retracted, with {responses:,} responses; what other imports "
        "state stays, and the import before it of the same form holds again"
    )


@response_commands.command("map")
def responses_map(
    file: Annotated[Path, typer.Argument(help="Export, as the survey tool saved it.")],
    study: StudyOption = None,
) -> None:
    """Draft the mapping of an export: what is recognised, and what to fill in.

    Example: [bold]panelstream responses map wave1.csv > mapping.yaml[/bold]
    """
    from panelstream.flows import survey_imports

    show.text(survey_imports.draft_mapping(file, read_settings(study)))


def show_import(wave_import: "WaveImport", dry_run: bool, as_json: bool) -> None:
    """Show how an export was read, and what of it is new."""
    from panelstream.flows import import_lines

    if as_json:
        show.json(_import_as_dict(wave_import, dry_run))
        return
    for line in import_lines.import_lines(wave_import):
        show.say(line)


def _import_as_dict(wave_import: "WaveImport", dry_run: bool) -> dict[str, Any]:
    imported, revision = wave_import.imported, wave_import.revision
    return {
        **asdict(imported.summary),
        "file": imported.summary.origin,
        "waves": imported.waves,
        "responses": imported.responses,
        "answers": imported.answers.num_rows,
        "people": imported.people,
        **{str(name): count for name, count in revision.changes.items()},
        "refused": revision.refused,
        **asdict(wave_import.comparison),
        "outside_wave": wave_import.comparison.early + wave_import.comparison.late,
        "items": {
            code: asdict(counts) for code, counts in imported.item_counts.items()
        },
        "not_asked": imported.not_asked,
        "questions": [asdict(question) for question in wave_import.questions],
        "set_apart": [vars(problem) for problem in imported.set_apart],
        "stored": not dry_run,
        "import_id": wave_import.import_id,
    }
