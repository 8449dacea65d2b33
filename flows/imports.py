"""Files of events and rosters, brought into the warehouse."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from panelstream.flows.study_versions import record_version
from panelstream.flows.workspace import Workspace
from panelstream.ingest.dead_letters import list_replaced_letters
from panelstream.ingest.events import files
from panelstream.ingest.events.files import Source as EventSource
from panelstream.ingest.roster.roster_file import RosterRules, read_roster
from panelstream.ingest.roster.roster_revision import (
    RosterRevision,
    plan_roster_revision,
    store_roster_revision,
)
from panelstream.models.errors import FileError, join_file_errors
from panelstream.models.events.event import Counts
from panelstream.models.study.consent import (
    consent_scopes,
    required_scopes,
)
from panelstream.models.warehouse.ledger import resolve_dead_letters
from panelstream.models.warehouse.settling import settle

EVENTS, RESPONSES = "events", "responses"
ROSTER = "roster.csv"
"""Of a study folder: its folders of files, and its roster."""

Progress = Callable[[EventSource, int], None]


def event_files(folder: Path) -> list[EventSource]:
    """The event files of a study folder, in order of name; there may be none."""
    has_events = any((folder / EVENTS).glob("*.ndjson*"))
    return files.find_event_files([str(folder / EVENTS)]) if has_events else []


@dataclass(frozen=True)
class EventImport:
    """What became of the events of files, and the files that could not be read whole.

    `settled`: dead letters of an earlier file that these files replace.
    """

    counts: Counts
    damaged: tuple[FileError, ...] = ()
    settled: int = 0

    def raise_damaged(self) -> None:
        """Raises `FileError` that names every damaged file, if there are any."""
        if self.damaged:
            raise join_file_errors(self.damaged, " (what could be read is stored)")


def import_events(
    workspace: Workspace,
    sources: Sequence[EventSource],
    progress: Progress = lambda *_: None,
    replaces: str = "",
) -> EventImport:
    """Import event files; `progress` is told the bytes read of each.

    A file that is damaged or cannot be read does not keep the others from being read.
    `replaces`: the earlier file that these are, repaired. What no line could tell of it
    is settled, unless a file is damaged. Raises `UsageError` if that file is not clear.
    """
    store = workspace.store
    record_version(workspace)
    replaced = list_replaced_letters(store, replaces, sources) if replaces else ()
    pipeline, counts, damaged = workspace.pipeline, Counts(), list[FileError]()
    for source in sources:
        try:
            for arrived in files.ingest_file(
                source, pipeline, partial(progress, source)
            ):
                counts += arrived
        except FileError as error:
            damaged.append(error)
    if damaged or not replaced:
        return EventImport(counts, tuple(damaged))
    resolve_dead_letters(store, replaced)
    return EventImport(counts, settled=len(replaced))


@dataclass(frozen=True)
class ArrivalReport:
    """An ingest's own counts and rejections, and the settled counts of the warehouse."""

    arrived: Counts
    warehouse: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        arrived = asdict(self.arrived)
        del arrived["rejections"]
        return {
            "arrived": {"received": self.arrived.received, **arrived},
            "warehouse": dict(self.warehouse),
            "rejections": [entry.as_dict() for entry in self.arrived.rejections],
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
    record_version(workspace)
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
