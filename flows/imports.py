"""What lies in a study folder, brought into its warehouse."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flows.workspace import Workspace
from ingest import files, responses, roster
from ingest.files import Source
from ingest.importers import mapping as mappings
from ingest.responses import Imported
from models.errors import InputRejected, UsageError
from models.events import Counts

EVENTS, RESPONSES = "events", "responses"
ROSTER, MAPPING, LINKS = "roster.csv", "mapping.yaml", "links.csv"

_WAVE = re.compile(r"wave[_ -]?(\d+)", re.IGNORECASE)

Progress = Callable[[Source, int], None]


@dataclass(frozen=True)
class WaveFile:
    """A survey export of the study folder and the wave that its name tells."""

    path: Path
    wave: int


@dataclass(frozen=True)
class FolderImport:
    """What a study folder held: events, survey exports, and files passed over."""

    counts: Counts
    exports: tuple[Imported, ...]
    passed_over: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """What a person should know of it, a line each."""
        counts = self.counts
        yield f"events: {counts.accepted} accepted, {counts.rejected} rejected, {counts.refused} refused"
        for one in self.exports:
            apart = f", {len(one.set_apart)} set apart" if one.set_apart else ""
            yield f"{one.origin}: {one.responses} responses for wave {one.wave}{apart}"
        for name in self.passed_over:
            yield f"{name}: passed over; its name is not *.ndjson or *wave<number>*.csv"


def import_folder(
    workspace: Workspace, progress: Progress = lambda *_: None, events: bool = True
) -> FolderImport:
    """Import the roster, all `events` and all survey exports of the study folder.

    Importing a folder again adds only what is new.
    """
    folder = workspace.folder.path
    counts = Counts()
    if (folder / ROSTER).exists():
        counts += import_roster(workspace, folder / ROSTER)
    if events:
        counts += import_events(workspace, event_files(folder), progress)
    exports = tuple(
        import_responses(workspace, file.path, file.wave) for file in wave_files(folder)
    )
    return FolderImport(counts, exports, tuple(passed_over(folder)))


def passed_over(folder: Path) -> Iterator[str]:
    """Files of events/ and responses/ whose names do not say what they are."""
    known = {file.path for file in wave_files(folder)}
    known |= {folder / RESPONSES / name for name in (MAPPING, LINKS)}
    known |= set((folder / EVENTS).glob("*.ndjson*"))
    for name in (EVENTS, RESPONSES):
        for path in sorted((folder / name).glob("*")):
            if path not in known:
                yield f"{name}/{path.name}"


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
    return roster.ingest(path, workspace.roster_pipeline, workspace.pseudonyms, zone)


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
    mapped = mappings.read(
        mapping or _beside(path, MAPPING), workspace.folder.instruments
    )
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
