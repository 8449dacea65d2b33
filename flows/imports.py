"""What lies in a study folder, brought into its warehouse."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from panelstream.flows.import_lines import import_lines
from panelstream.flows.workspace import Workspace
from panelstream.ingest.events import files
from panelstream.ingest.events.files import Source
from panelstream.ingest.roster.roster_file import RosterRules, read_roster
from panelstream.ingest.roster.roster_revision import (
    RosterRevision,
    plan_roster_revision,
    store_roster_revision,
)
from panelstream.ingest.surveys import mapping_draft
from panelstream.ingest.surveys.formats.redcap_dictionary import DICTIONARY
from panelstream.ingest.surveys.mapping import read_mapping
from panelstream.ingest.surveys.read_export import items_by_column
from panelstream.ingest.surveys.responses import (
    ImportedResponses,
    read_links,
    read_responses,
    study_context,
)
from panelstream.ingest.surveys.revisions import (
    ResponseRevision,
    plan_response_revision,
    store_response_revision,
)
from panelstream.models.errors import InputRejected, UsageError
from panelstream.models.events.event import Counts
from panelstream.models.instruments.consent_question import CONSENT_QUESTION
from panelstream.models.instruments.instrument import shipped_instruments
from panelstream.models.settings.environment import Settings
from panelstream.models.study import windows
from panelstream.models.study.consent import consent_scopes, required_scopes
from panelstream.models.study.load import load_study
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse import reads
from panelstream.models.warehouse.ledger import retract_import
from panelstream.models.warehouse.settling import settle

EVENTS, RESPONSES = "events", "responses"
ROSTER, MAPPING, LINKS = "roster.csv", "mapping.yaml", "links.csv"
ENDINGS = (".csv", ".tsv", ".xlsx", ".sav", ".zsav", ".dta", ".zip")
"""Of survey exports; what they are, their first bytes say."""

_WAVE = re.compile(r"wave[_ -]?(\d+)", re.IGNORECASE)

Progress = Callable[[Source, int], None]


@dataclass(frozen=True)
class WaveFile:
    """A survey export of the study folder and the wave that its name tells."""

    path: Path
    wave: int


@dataclass(frozen=True)
class WaveImport:
    """A survey export: what it held, and what of it is new, untimely or of strangers."""

    imported: ImportedResponses
    revision: ResponseRevision
    early: int
    late: int
    not_enrolled: tuple[int, ...]
    """Rows of people who are not enrolled: a mistyped id, or a roster that is to come."""
    import_id: str
    """Empty where nothing was stored."""

    @property
    def outside(self) -> int:
        """Responses that were sent while the wave was not open."""
        return self.early + self.late


@dataclass(frozen=True)
class FolderImport:
    """What a study folder held: roster, events, exports, and files passed over."""

    roster: RosterRevision | None
    counts: Counts
    exports: tuple[WaveImport, ...]
    passed_over: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """A summary for people, a line each."""
        counts = self.counts
        if self.roster:
            yield f"{ROSTER}: {roster_summary(self.roster)}"
        yield f"events: {counts.accepted} accepted, {counts.rejected} rejected, {counts.refused} refused"
        for export in self.exports:
            yield from import_lines(export)
        for name in self.passed_over:
            yield f"{name}: passed over; its name is not *.ndjson or *wave<number>* with the ending of an export"


def import_folder(
    workspace: Workspace, progress: Progress = lambda *_: None, events: bool = True
) -> FolderImport:
    """Import the roster, all `events` and all survey exports of the study folder.

    Importing a folder again adds only what is new.
    """
    folder = workspace.folder.path
    path = folder / ROSTER
    people = import_roster(workspace, path) if path.exists() else None
    sources = event_files(folder) if events else []
    counts = import_events(workspace, sources, progress)
    exports = tuple(
        import_responses(workspace, file.path, file.wave) for file in wave_files(folder)
    )
    return FolderImport(people, counts, exports, tuple(passed_over(folder)))


def passed_over(folder: Path) -> Iterator[str]:
    """Files of events/ and responses/ whose names do not say what they are."""
    expected = {file.path for file in wave_files(folder)}
    expected |= {folder / RESPONSES / name for name in (MAPPING, LINKS, DICTIONARY)}
    expected |= set((folder / EVENTS).glob("*.ndjson*"))
    for name in (EVENTS, RESPONSES):
        for path in sorted((folder / name).glob("*")):
            if path not in expected:
                yield f"{name}/{path.name}"


def event_files(folder: Path) -> list[Source]:
    """The event files of a study folder, in order of name; there may be none."""
    has_events = any((folder / EVENTS).glob("*.ndjson*"))
    return files.find_event_files([str(folder / EVENTS)]) if has_events else []


def import_events(
    workspace: Workspace,
    sources: Sequence[Source],
    progress: Progress = lambda *_: None,
) -> Counts:
    """Import event files; `progress` is told the bytes read of each."""
    pipeline, counts = workspace.pipeline, Counts()
    for source in sources:
        counts += files.ingest_file(source, pipeline, partial(progress, source))
    return counts


@dataclass(frozen=True)
class ArrivalReport:
    """An ingest's own counts and rejections, and the settled counts of the warehouse."""

    arrived: Counts
    warehouse: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        arrived = asdict(self.arrived)
        rejections = arrived.pop("rejections")
        return {
            "arrived": {"received": self.arrived.received, **arrived},
            "warehouse": dict(self.warehouse),
            "rejections": [row | row.pop("position") for row in rejections],
        }


def report_arrival(workspace: Workspace, arrived: Counts) -> ArrivalReport:
    """Settle, and read what became of the events that arrived."""
    settle(workspace.store)
    [counts] = workspace.store.query(
        "arrival_counts", as_of=workspace.store.next_instant()
    ).to_pylist()
    return ArrivalReport(arrived, counts)


def import_roster(workspace: Workspace, path: Path) -> RosterRevision:
    """Import a roster file; only what is new or has changed is stored.

    Raises `FileError` with the places of all that is wrong.
    """
    folder = workspace.folder
    study = folder.study
    scopes = consent_scopes(study)
    rules = RosterRules(folder.catalogue, study.zone, workspace.clock(), scopes)
    revision = plan_roster_revision(
        read_roster(path, rules),
        workspace.pseudonyms,
        workspace.store,
        required_scopes(study),
    )
    store_roster_revision(revision, workspace.store)
    return revision


def roster_summary(people: RosterRevision) -> str:
    """The counts of a roster, in a line."""
    entries = people.people.values()
    enrolled = sum(bool(entry.enrolled) for entry in entries)
    number = sum(entry.account != "participant" for entry in entries)
    accounts = f", {number} accounts of testers or staff" if number else ""
    return (
        f"{len(entries)} people: {people.added} new, {people.changed} changed, "
        f"{people.unchanged} unchanged; {enrolled} enrolled, {people.agreed} agreed{accounts}"
    )


def import_responses(
    workspace: Workspace,
    path: Path,
    wave: int,
    mapping: Path | None = None,
    links: Path | None = None,
    strict: bool = False,
    dry_run: bool = False,
) -> WaveImport:
    """Import a survey export; mapping.yaml and links.csv beside it are found.

    Raises `UsageError` for a wave the study does not have, `InputRejected` under
    `strict` when anything would be set apart.
    """
    study = workspace.folder.study
    numbers = [planned.wave for planned in study.waves]
    if wave not in numbers:
        raise UsageError(
            f"the study has no wave {wave}; it has {numbers[0]} to {numbers[-1]}"
        )
    instruments = workspace.folder.instruments
    mapped = read_mapping(
        mapping or _beside(path, MAPPING), [*instruments, CONSENT_QUESTION]
    )
    questions = [*instruments, CONSENT_QUESTION] if mapped.consent else instruments
    context = study_context(questions, workspace.pseudonyms, study.zone, study.waves)
    link_file = links or _beside(path, LINKS)
    linked = read_links(link_file) if link_file else None
    imported = read_responses(path, wave, context, mapped, linked)
    if strict and imported.set_apart:
        raise InputRejected(
            f"{path}: {len(imported.set_apart)} cells or rows would be set apart"
        )
    revision = plan_response_revision(imported, workspace.store, study.zone)
    stored = (
        "" if dry_run else store_response_revision(imported, revision, workspace.store)
    )
    return _compare_with_roster(workspace, imported, revision, stored)


def retract_wave_import(workspace: Workspace, import_id: str) -> int:
    """Retract an import; returns how many answers it had brought.

    Raises `UsageError` for an import that the warehouse does not have.
    """
    [counts] = workspace.store.query("import_answers", import_id=import_id).to_pylist()
    if not counts["imports"]:
        raise UsageError(f"no import {import_id}; 'panelstream status' lists them")
    retract_import(workspace.store, import_id)
    return int(counts["answers"])


def _compare_with_roster(
    workspace: Workspace,
    imported: ImportedResponses,
    revision: ResponseRevision,
    stored: str,
) -> WaveImport:
    """Set an import against the roster and the wave's days."""
    study = workspace.folder.study
    people = reads.read_people(workspace.store, study, LATEST).enrolled
    sent = imported.response_times()
    timing = windows.timing(study, people, sent)
    is_enrolled = sent["participant_id"].isin(people["participant_id"])
    strangers = sent.loc[~is_enrolled & (study.enrolment != "activity"), "row"]
    early, late = (int((timing == when).sum()) for when in ("early", "late"))
    rows = tuple(sorted(int(row) for row in strangers))
    return WaveImport(imported, revision, early, late, rows, stored)


def draft_mapping(path: Path, settings: Settings) -> str:
    """A mapping file for an export, for a person to complete; stores nothing."""
    loaded = load_study(settings.study)
    items = items_by_column(loaded.instruments)
    return mapping_draft.draft_mapping_text(path, items, shipped_instruments())


def wave_files(folder: Path) -> list[WaveFile]:
    """The survey exports of a study folder: responses/*wave<N>*.csv and so on, by wave."""
    if not (folder / RESPONSES).is_dir():
        return []
    exports = [
        WaveFile(path, int(match[1]))
        for path in sorted((folder / RESPONSES).iterdir())
        if path.suffix.lower() in ENDINGS and (match := _WAVE.search(path.stem))
    ]
    return sorted(exports, key=lambda file: file.wave)


def _beside(path: Path, name: str) -> Path | None:
    neighbour = path.parent / name
    return neighbour if neighbour.exists() else None
