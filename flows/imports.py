"""What lies in a study folder, brought into its warehouse."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flows.workspace import Workspace
from ingest import files, responses, roster
from ingest.files import Source
from ingest.importers import survey
from ingest.responses import Imported
from models.errors import InputRejected, UsageError
from models.events import Counts

EVENTS, RESPONSES = "events", "responses"
ROSTER, MAPPING, LINKS = "roster.csv", "mapping.yaml", "links.csv"

_WAVE = re.compile(r"wave[_ -]?(\d+)")

Progress = Callable[[Source, int], None]


@dataclass(frozen=True)
class WaveFile:
    """A survey export of the study folder and the wave that its name tells."""

    path: Path
    wave: int


def import_folder(
    workspace: Workspace, progress: Progress = lambda *_: None, events: bool = True
) -> Counts:
    """Import the roster, all `events` and all survey exports of the study folder.

    Importing a folder again adds only what is new.
    """
    folder = workspace.folder.path
    counts = Counts()
    if (folder / ROSTER).exists():
        counts += import_roster(workspace, folder / ROSTER)
    if events:
        counts += import_events(workspace, event_files(folder), progress)
    for file in wave_files(folder):
        import_responses(workspace, file.path, file.wave)
    return counts


def event_files(folder: Path) -> list[Source]:
    """The event files of a study folder, in order of name; there may be none."""
    found = any((folder / EVENTS).glob("*.ndjson*"))
    return files.find([str(folder / EVENTS)]) if found else []


def import_events(
    workspace: Workspace,
    sources: Sequence[Source],
    progress: Progress = lambda *_: None,
) -> Counts:
    """Import event files; `progress` is told the bytes read of each."""
    pipeline, counts = workspace.pipeline, Counts()
    for source in sources:
        counts += files.ingest(source, pipeline, partial(progress, source))
    return counts


def import_roster(workspace: Workspace, path: Path) -> Counts:
    """Import a roster file as study events."""
    zone = workspace.folder.study.zone
    return roster.ingest(path, workspace.pipeline, workspace.pseudonyms, zone)


def import_responses(
    workspace: Workspace,
    path: Path,
    wave: int,
    mapping: Path | None = None,
    links: Path | None = None,
    strict: bool = False,
    dry_run: bool = False,
) -> Imported:
    """Import a survey export; mapping.yaml and links.csv beside it are found.

    Raises `UsageError` for a wave the study does not have, `InputRejected` under
    `strict` when anything would be set apart.
    """
    study = workspace.folder.study
    numbers = [one.wave for one in study.waves]
    if wave not in numbers:
        raise UsageError(
            f"the study has no wave {wave}; it has {numbers[0]} to {numbers[-1]}"
        )
    known = responses.known(
        workspace.folder.instruments, workspace.pseudonyms, study.zone
    )
    mapped = survey.read_mapping(mapping or _beside(path, MAPPING))
    link_file = links or _beside(path, LINKS)
    linked = responses.read_links(link_file) if link_file else None
    imported = responses.read(path, wave, known, mapped, linked)
    if strict and imported.set_apart:
        raise InputRejected(
            f"{path}: {len(imported.set_apart)} cells or rows would be set apart"
        )
    if not dry_run:
        responses.store(imported, workspace.store)
    return imported


def outside_wave(workspace: Workspace, imported: Imported) -> int:
    """How many responses of an import were sent while their wave was not open."""
    study = workspace.folder.study
    wave = next(one for one in study.waves if one.wave == imported.wave)
    return imported.outside(wave, study.zone)


def wave_files(folder: Path) -> list[WaveFile]:
    """The survey exports of a study folder: responses/*wave<N>*.csv, by wave."""
    found = [
        WaveFile(path, int(match[1]))
        for path in sorted((folder / RESPONSES).glob("*.csv"))
        if (match := _WAVE.search(path.stem))
    ]
    return sorted(found, key=lambda file: file.wave)


def _beside(path: Path, name: str) -> Path | None:
    beside = path.parent / name
    return beside if beside.exists() else None
