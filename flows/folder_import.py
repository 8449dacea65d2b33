"""What lies in a study folder, brought into its warehouse."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from panelstream.flows import imports, survey_imports
from panelstream.flows.import_lines import import_lines, question_lines
from panelstream.flows.imports import EVENTS, RESPONSES, ROSTER, Progress
from panelstream.flows.survey_imports import LINKS, MAPPING, WaveImport
from panelstream.flows.workspace import Workspace
from panelstream.ingest.roster.roster_revision import RosterRevision
from panelstream.ingest.surveys.formats.redcap_dictionary import DICTIONARY
from panelstream.ingest.surveys.revisions import read_sources
from panelstream.ingest.surveys.sources import with_source
from panelstream.models.errors import FileError

ENDINGS = (".csv", ".tsv", ".xlsx", ".sav", ".zsav", ".dta", ".zip")
"""Of survey exports; what they are, their first bytes say."""

_WAVE = re.compile(r"wave[_ -]?(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class WaveFile:
    """A survey export of the study folder, and the wave that its name tells.

    None: the rows tell, by the mapping's rule.
    """

    path: Path
    wave: int | None


@dataclass(frozen=True)
class FolderImport:
    """What a study folder held: roster, events, exports, and files passed over.

    `withheld`: exports that were not stored, as something in them is doubtful.
    """

    roster: RosterRevision | None
    events: imports.EventImport
    exports: tuple[WaveImport, ...]
    withheld: tuple[WaveImport, ...]
    passed_over: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """A summary for people, a line each."""
        counts = self.events.counts
        if self.roster:
            yield f"{ROSTER}: {imports.roster_summary(self.roster)}"
            yield from question_lines(self.roster.questions)
        yield f"events: {counts.accepted} accepted, {counts.rejected} rejected, {counts.refused} refused"
        for error in self.events.damaged:
            yield f"{EVENTS}/{error}"
        for export in (*self.exports, *self.withheld):
            yield from import_lines(export)
        for export in self.withheld:
            yield f"{export.imported.summary.origin}: not stored; {export.doubts}"
        for name in self.passed_over:
            yield f"{name}: passed over; its name is not *.ndjson or *wave<number>* with the ending of an export"


def import_folder(
    workspace: Workspace,
    progress: Progress = lambda *_: None,
    events: bool = True,
    strict: bool = False,
) -> FolderImport:
    """Import the roster, all `events` and all survey exports of the study folder.

    Importing a folder again adds only what is new. With `strict`, an export in which
    something is set apart or odd is not stored, unless it changes nothing. Raises
    `FileError` for two exports of one form: their names must not say which is newer.
    """
    folder = workspace.folder.path
    path = folder / ROSTER
    people = imports.import_roster(workspace, path) if path.exists() else None
    sources = imports.event_files(folder) if events else []
    imported = imports.import_events(workspace, sources, progress)
    files = wave_files(folder, partial(_tells_waves, workspace))
    planned = _plan_exports(workspace, files)
    withheld = [plan for plan in planned if strict and _is_withheld(plan)]
    accepted = [plan for plan in planned if not (strict and _is_withheld(plan))]
    exports = [
        survey_imports.store_import(workspace, plan) if _is_new(plan) else plan
        for plan in accepted
    ]
    return FolderImport(
        people,
        imported,
        tuple(exports),
        tuple(withheld),
        tuple(passed_over(folder, files)),
    )


def wave_files(
    folder: Path, tells_waves: Callable[[Path], bool] = lambda _: False
) -> list[WaveFile]:
    """The survey exports of a study folder, by wave: responses/*wave<N>*.csv and so on.

    Without a wave in its name, a file of which `tells_waves` says that its rows do.
    """
    if not (folder / RESPONSES).is_dir():
        return []
    exports = [
        path
        for path in sorted((folder / RESPONSES).iterdir())
        if path.suffix.lower() in ENDINGS and path.name not in (LINKS, DICTIONARY)
    ]
    files = [
        WaveFile(path, int(match[1]) if match else None)
        for path in exports
        if (match := _WAVE.search(path.stem)) or tells_waves(path)
    ]
    return sorted(files, key=lambda file: file.wave or 0)


def passed_over(folder: Path, files: Sequence[WaveFile]) -> Iterator[str]:
    """Files of events/ and responses/ whose names do not say what they are."""
    expected = {file.path for file in files}
    expected |= {folder / RESPONSES / name for name in (MAPPING, LINKS, DICTIONARY)}
    expected |= set((folder / RESPONSES).glob(f"*.{MAPPING}"))
    expected |= set((folder / EVENTS).glob("*.ndjson*"))
    for name in (EVENTS, RESPONSES):
        for path in sorted((folder / name).glob("*")):
            if path not in expected:
                yield f"{name}/{path.name}"


def _tells_waves(workspace: Workspace, path: Path) -> bool:
    return survey_imports.find_mapping(workspace, path).tells_waves


def _plan_exports(workspace: Workspace, files: Sequence[WaveFile]) -> list[WaveImport]:
    """All exports of the folder, each compared with what the others will have stored."""
    standing, planned = read_sources(workspace.store), list[WaveImport]()
    for file in files:
        plan = survey_imports.plan_import(workspace, file.path, file.wave, standing)
        _refuse_second(file.path, plan, planned)
        planned.append(plan)
        standing = with_source(standing, plan.revision.source)
    return planned


def _refuse_second(path: Path, plan: WaveImport, earlier: Sequence[WaveImport]) -> None:
    for other in earlier:
        same_source = plan.revision.source.key == other.revision.source.key
        selections = {plan.revision.selection, other.revision.selection}
        if same_source and (len(selections) == 1 or 0 in selections):
            problem = (
                f"is an export of the same form as {other.imported.summary.origin}; "
                "keep only the newest in the folder, or write parts: true in the "
                "mapping if each file is a part"
            )
            raise FileError(path, "source", problem)


def _is_new(plan: WaveImport) -> bool:
    """Whether it says anything: an export that lies there unchanged is no new import."""
    revision = plan.revision
    return revision.is_news or revision.replaces is None or plan.links.is_news


def _is_withheld(plan: WaveImport) -> bool:
    return plan.revision.is_news and bool(plan.doubts)
