"""Answers: `responses FILE`, `responses retract`, `responses map`."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from panelstream.flows.commands.app import (
    IMPORT,
    SHOWN,
    JsonOption,
    StrictOption,
    StudyOption,
    add_import_group,
    read_settings,
    show,
)

if TYPE_CHECKING:
    from panelstream.flows.imports import WaveImport
    from panelstream.ingest.surveys.formats.importer import ImportSummary

response_commands = add_import_group(
    "responses", "Answers of the waves: responses FILE, responses map FILE."
)

LONGEST_HEADER = 60
"""Characters of a header that are shown."""


@response_commands.command(IMPORT)
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
    """Import the answers of one wave: Google Forms, REDCap, Qualtrics, or a table.

    `panelstream responses map FILE` drafts the mapping that an export needs.
    Example: [bold]panelstream responses wave1.csv --wave 1 --dry-run[/bold]
    """
    from panelstream.flows import imports
    from panelstream.flows.workspace import open_workspace

    with open_workspace(read_settings(study)) as workspace:
        wave_import = imports.import_responses(
            workspace, file, wave, mapping, links, strict, dry_run
        )
    show_import(wave_import, dry_run, as_json)


@response_commands.command("retract")
def responses_retract(
    import_id: Annotated[str, typer.Argument(help="Import, as 'status' lists it.")],
    study: StudyOption = None,
) -> None:
    """Retract an import: its answers are ignored from now on.

    After a wrong --wave, just import the file again with the right one.
    Example: [bold]panelstream responses retract 20270201T093000123456[/bold]
    """
    from panelstream.flows import imports
    from panelstream.flows.workspace import open_workspace

    with open_workspace(read_settings(study)) as workspace:
        answers = imports.retract_wave_import(workspace, import_id)
    show.say(f"{import_id}: retracted, with {answers:,} answers")


@response_commands.command("map")
def responses_map(
    file: Annotated[Path, typer.Argument(help="Export, as the survey tool saved it.")],
    study: StudyOption = None,
) -> None:
    """Draft the mapping of an export: what is recognised, and what to fill in.

    Example: [bold]panelstream responses map wave1.csv > mapping.yaml[/bold]
    """
    from panelstream.flows import imports

    show.text(imports.draft_mapping(file, read_settings(study)))


def show_import(wave_import: "WaveImport", dry_run: bool, as_json: bool) -> None:
    """Show how an export was read, and what of it is new."""
    if as_json:
        show.json(_import_as_dict(wave_import, dry_run))
        return
    imported = wave_import.imported
    for line in _file_lines(imported.summary):
        show.say(line)
    verb = "would store" if dry_run else "stored"
    show.say(
        f"{imported.summary.origin} ({imported.summary.format}): {verb} "
        f"{imported.responses} responses, "
        f"{imported.answers.num_rows} answers for wave {imported.wave}"
    )
    for line in _news_lines(wave_import):
        show.say(f"  {line}")
    for problem in imported.set_apart[:SHOWN]:
        show.say(f"  set apart: row {problem.row}, {problem.column}: {problem.problem}")
    if len(imported.set_apart) > SHOWN:
        show.say(f"  … {len(imported.set_apart) - SHOWN} more")


def _import_as_dict(wave_import: "WaveImport", dry_run: bool) -> dict[str, Any]:
    imported, revision = wave_import.imported, wave_import.revision
    return {
        **asdict(imported.summary),
        "file": imported.summary.origin,
        "wave": imported.wave,
        "responses": imported.responses,
        "answers": imported.answers.num_rows,
        **{str(name): count for name, count in revision.responses.items()},
        "refused": revision.refused,
        "early": wave_import.early,
        "late": wave_import.late,
        "outside_wave": wave_import.outside,
        "not_enrolled": wave_import.not_enrolled,
        "set_apart": [vars(problem) for problem in imported.set_apart],
        "stored": not dry_run,
        "import_id": wave_import.import_id,
    }


def _news_lines(wave_import: "WaveImport") -> Iterator[str]:
    """What of an import is new, and what the coordinator should look at."""
    wave, counts = wave_import.imported.wave, wave_import.revision.responses
    if counts["changed"] or counts["unchanged"]:
        yield (
            f"{counts['added']} new, {counts['changed']} changed, "
            f"{counts['unchanged']} unchanged"
        )
    if counts["moved"]:
        yield f"{counts['moved']} moved here from another wave"
    if wave_import.outside:
        yield (
            f"{wave_import.outside} of them were sent while wave {wave} was not open "
            f"({wave_import.early} early, {wave_import.late} late); is it the right wave?"
        )
    if wave_import.not_enrolled:
        rows = ", ".join(map(str, wave_import.not_enrolled[:SHOWN]))
        more = ", …" if len(wave_import.not_enrolled) > SHOWN else ""
        number = len(wave_import.not_enrolled)
        yield f"{number} responses of people who are not enrolled: row {rows}{more}"
    if wave_import.revision.refused:
        yield (
            f"{wave_import.revision.refused} responses not stored: given after a "
            f"withdrawal from collection"
        )


def _file_lines(file: "ImportSummary") -> Iterator[str]:
    """How a file of answers was read, a line each."""
    yield (
        f"{file.origin}: {file.format}, {file.variant}; {file.encoding}; "
        f"{file.rows} rows; times in {file.timezone}"
    )
    counts = [
        f"{name} {number}{_coding(file.coding.get(name))}"
        for name, number in file.items.items()
    ]
    yield f"  items: {', '.join(counts) or 'none'}"
    excluded = [f"{reason} {number}" for reason, number in file.excluded.items()]
    for what, names in (
        ("left out", excluded),
        ("dropped as personal data", file.dropped),
        ("ignored", file.ignored),
    ):
        if names:
            yield f"  {what}: {', '.join(map(_shorten, names))}"


def _coding(declared: str | None) -> str:
    return f" (coded {declared})" if declared else ""


def _shorten(header: str) -> str:
    """A header in one line; the title of a question may be a page."""
    line = " ".join(header.split())
    return line if len(line) <= LONGEST_HEADER else f"{line[:LONGEST_HEADER]}…"
