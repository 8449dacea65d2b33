"""Survey exports, brought into the warehouse: read, compared, then stored."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from panelstream.flows.people import (
    LinkedPeople,
    Population,
    find_linked_people,
    state_links,
    withdraw_links,
)
from panelstream.flows.study_versions import record_mapping, record_version
from panelstream.flows.workspace import Workspace
from panelstream.ingest.questions import Question
from panelstream.ingest.surveys import import_questions, mapping_draft
from panelstream.ingest.surveys.import_questions import StudyComparison
from panelstream.ingest.surveys.links import read_links
from panelstream.ingest.surveys.mapping import SurveyMapping, read_mapping
from panelstream.ingest.surveys.read_export import items_by_column
from panelstream.ingest.surveys.responses import (
    ImportedResponses,
    read_responses,
    study_context,
)
from panelstream.ingest.surveys.revisions import (
    ResponseRevision,
    consent_statements,
    derive_withdrawn,
    plan_response_revision,
    read_sources,
    store_response_revision,
)
from panelstream.ingest.surveys.sheets import Sheet
from panelstream.ingest.surveys.sources import Source
from panelstream.models.errors import FileError, InputRejected, UsageError
from panelstream.models.instruments.consent_question import CONSENT_QUESTION
from panelstream.models.instruments.instrument import shipped_instruments
from panelstream.models.settings.environment import Settings
from panelstream.models.study import windows
from panelstream.models.study.consent import (
    consent_scopes,
    revoked_scopes,
)
from panelstream.models.study.load import load_study
from panelstream.models.study.study import Study
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse import reads
from panelstream.models.warehouse.ledger import retract_import
from panelstream.models.warehouse.merges import read_merges

MAPPING, LINKS = "mapping.yaml", "links.csv"
"""Beside an export: how its headers relate to items, and its ids to people."""


@dataclass(frozen=True)
class WaveImport:
    """A survey export: what it held, and what of it is new, untimely or of strangers."""

    imported: ImportedResponses
    revision: ResponseRevision
    comparison: StudyComparison
    questions: tuple[Question, ...]
    """What a person should look at."""
    import_id: str = ""
    """Empty where nothing was stored."""
    links: LinkedPeople = field(default_factory=LinkedPeople)
    """Linked ids that have events of their own."""
    mapping: SurveyMapping = field(default_factory=SurveyMapping)

    @property
    def doubts(self) -> str:
        """What was set apart or is odd, in a line; empty: nothing."""
        number, questions = len(self.imported.set_apart), self.questions
        parts = [f"{number} cells or rows would be set apart"] if number else []
        parts += [f"{question.place}: {question.problem}" for question in questions[:1]]
        more = [f"{len(questions) - 1} more questions"] if len(questions) > 1 else []
        return "; ".join([*parts, *more])


def import_responses(
    workspace: Workspace,
    path: Path,
    wave: int | None,
    mapping: Path | None = None,
    links: Path | None = None,
    strict: bool = False,
    dry_run: bool = False,
) -> WaveImport:
    """Import a survey export; its mapping and links.csv beside it are found.

    `wave`: None where the file tells the wave of each row. Raises `UsageError` for a
    wave the study does not have, `FileError` for a file that cannot be understood,
    `InputRejected` under `strict` when anything would be set apart or is odd.
    """
    standing = read_sources(workspace.store)
    planned = plan_import(workspace, path, wave, standing, mapping, links)
    if strict and planned.doubts:
        raise InputRejected(f"{path}: {planned.doubts}")
    return planned if dry_run else store_import(workspace, planned)


def plan_import(
    workspace: Workspace,
    path: Path,
    wave: int | None,
    standing: Sequence[Source],
    mapping: Path | None = None,
    links: Path | None = None,
) -> WaveImport:
    """Read an export and compare it with the sources that hold something; stores nothing."""
    study = workspace.folder.study
    mapped = find_mapping(workspace, path, mapping)
    imported = _read(workspace, path, wave, mapped, links)
    _require_wave(study, path, wave, imported)
    consents = reads.read_consent_statements(workspace.store, LATEST)
    merges = read_merges(workspace.store)
    withdrawn = derive_withdrawn(imported, consents, study.zone, merges)
    selection = wave or 0 if imported.told_by_file else 0
    revision = plan_response_revision(
        path, imported, selection, mapped, standing, withdrawn
    )
    people = reads.select_people(workspace.store, study, LATEST, consents).enrolled
    population = Population(people, consents, merges)
    compared = _compare_with_study(workspace, path, imported, revision, population)
    linked = _links(path, links)
    people_linked = find_linked_people(workspace, linked, population)
    return replace(compared, links=people_linked, mapping=mapped)


def store_import(workspace: Workspace, planned: WaveImport) -> WaveImport:
    """Store what was planned, with the study and the mapping that it rests on."""
    record_version(workspace)
    record_mapping(workspace.store, planned.mapping)
    import_id = store_response_revision(
        planned.imported, planned.revision, workspace.store
    )
    state_links(workspace, planned.links, planned.imported.summary.origin)
    return replace(planned, import_id=import_id)


def find_mapping(
    workspace: Workspace, path: Path, mapping: Path | None = None
) -> SurveyMapping:
    """The mapping of an export: as given, else `<name>.mapping.yaml` or mapping.yaml beside it."""
    own = path.with_name(f"{path.stem}.{MAPPING}")
    beside = own if own.exists() else _beside(path, MAPPING)
    instruments = [*workspace.folder.instruments, CONSENT_QUESTION]
    scopes = consent_scopes(workspace.folder.study)
    return read_mapping(mapping or beside, instruments, scopes)


def retract_wave_import(workspace: Workspace, import_id: str) -> int:
    """Retract an import; returns how many responses it stated.

    What another import states stays; the reading before it holds again. Raises
    `UsageError` for an import that the warehouse does not have.
    """
    counts = workspace.store.query("import_responses", import_id=import_id)
    if not counts.num_rows:
        raise UsageError(f"no import {import_id}; 'panelstream status' lists them")
    retract_import(workspace.store, import_id)
    withdraw_links(workspace, import_id)
    return int(counts["responses"][0].as_py())


def _read(
    workspace: Workspace,
    path: Path,
    wave: int | None,
    mapping: SurveyMapping,
    links: Path | None,
) -> ImportedResponses:
    instruments = workspace.folder.instruments
    questions = [*instruments, CONSENT_QUESTION] if mapping.consent else instruments
    study = workspace.folder.study
    context = study_context(questions, workspace.pseudonyms, study.zone, study.waves)
    return read_responses(path, wave, context, mapping, _links(path, links))


def _links(path: Path, links: Path | None) -> Mapping[str, str] | None:
    link_file = links or _beside(path, LINKS)
    return read_links(link_file) if link_file else None


def _require_wave(
    study: Study, path: Path, wave: int | None, imported: ImportedResponses
) -> None:
    numbers = [planned.wave for planned in study.waves]
    if wave is None and not imported.told_by_file:
        raise UsageError(f"{path}: name the wave, with --wave {numbers[0]}")
    for number in {*imported.waves, *([wave] if wave is not None else [])}:
        if number not in numbers:
            raise UsageError(
                f"the study has no wave {number}; it has {numbers[0]} to {numbers[-1]}"
            )


def _compare_with_study(
    workspace: Workspace,
    path: Path,
    imported: ImportedResponses,
    revision: ResponseRevision,
    population: Population,
) -> WaveImport:
    """Set an import against the roster and the days of the waves."""
    study, people = workspace.folder.study, population.enrolled
    sent = population.by_person(imported.response_times())
    timing = windows.timing(study, people, sent)
    is_enrolled = sent["participant_id"].isin(people["participant_id"])
    strangers = sent.loc[~is_enrolled & (study.enrolment != "activity"), "row"]
    _refuse_contradicting_moves(
        path,
        revision,
        lambda times: windows.timing(study, people, population.by_person(times)),
    )
    comparison = StudyComparison(
        early=int((timing == "early").sum()),
        late=int((timing == "late").sum()),
        not_enrolled=tuple(sorted(map(int, strangers))),
        nearly_enrolled=tuple(_nearly_enrolled(workspace, imported, population)),
        revoked=tuple(_revoked(study, imported, population)),
    )
    questions = (
        *imported.summary.questions,
        *import_questions.ask(imported, revision, comparison),
    )
    return WaveImport(imported, revision, comparison, questions)


def _revoked(
    study: Study, imported: ImportedResponses, population: Population
) -> list[int]:
    """Rows of a no to what the person had agreed to."""
    return sorted(
        imported.file_rows[sheet.key]
        for sheet in imported.sheets
        for refusal in consent_statements(sheet.rows)
        if revoked_scopes(study, refusal, population.statements(sheet.participant_id))
    )


def _nearly_enrolled(
    workspace: Workspace, imported: ImportedResponses, population: Population
) -> list[int]:
    """Rows of people who are not enrolled, but whose id is nearly that of one who is."""
    sent, people = imported.response_times(), population.enrolled
    enrolled = set(people["participant_id"])
    stored = reads.read_similar_ids(workspace.store)
    of_enrolled = stored.loc[stored["person"].isin(enrolled), "similar_id"]
    similar = set(map(bytes.fromhex, of_enrolled))
    by_person = zip(sent["participant_id"], sent["row"], strict=True)
    rows = {int(row): bytes.fromhex(person) for person, row in by_person}
    return sorted(
        row
        for row, person in rows.items()
        if population.merges.person(person).hex() not in enrolled
        and imported.similar_ids[person] in similar
    )


def _refuse_contradicting_moves(
    path: Path, revision: ResponseRevision, timing: Callable[[pd.DataFrame], Any]
) -> None:
    """Answers sent while their wave was open do not move to one that was not.

    One form for all waves, imported wave by wave, would take the first wave along.
    """
    changes = revision.wave_changes
    was_in_time = timing(_times(change.previous for change in changes)) == "in_time"
    is_in_time = timing(_times(change.current for change in changes)) == "in_time"
    contradicting = int((was_in_time & ~is_in_time).sum())
    if revision.replaces is None or not contradicting:
        return
    waves = sorted({change.previous.wave for change in changes})
    problem = (
        f"{contradicting} of its responses are in wave {', '.join(map(str, waves))} "
        f"already ({revision.replaces.origin}), and were sent while that was open; if "
        "this file holds several waves, write in its mapping which rows are which, for "
        "example waves: day; if the earlier import was wrong, retract it first"
    )
    raise FileError(path, "wave", problem)


def _times(sheets: Iterable[Sheet]) -> pd.DataFrame:
    rows = [
        (sheet.participant_id.hex(), sheet.wave, sheet.responded_at) for sheet in sheets
    ]
    names = pd.Index(["participant_id", "wave", "responded_at"])
    times = pd.DataFrame(rows, columns=names)
    return times.astype({"wave": int, "responded_at": "datetime64[us, UTC]"})


def draft_mapping(path: Path, settings: Settings) -> str:
    """A mapping file for an export, for a person to complete; stores nothing."""
    loaded = load_study(settings.study)
    items = items_by_column(loaded.instruments)
    return mapping_draft.draft_mapping_text(path, items, shipped_instruments())


def _beside(path: Path, name: str) -> Path | None:
    neighbour = path.parent / name
    return neighbour if neighbour.exists() else None
