"""The coordinator's view: people who answered, are missing, and agreed to what."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from panelstream.analysis.panel import participation
from panelstream.analysis.panel.participation import Participation, StudyPopulation
from panelstream.analysis.panel.selected_responses import (
    PERSON_WAVE,
    RESPONSE_KEYS,
    items_not_asked,
    response_sheets,
)
from panelstream.flows.clocks import CorrectedClock, read_corrected_clocks
from panelstream.flows.panels import Snapshot
from panelstream.flows.workspace import Workspace
from panelstream.ingest.surveys.file_types.export_file import (
    read_export_file,
    require_column,
)
from panelstream.models.errors import FileError, UsageError
from panelstream.models.study import consent, windows
from panelstream.models.study.consent import ConsentStatements
from panelstream.models.study.coverage import LogTime
from panelstream.models.study.coverage_summary import CoverageSummary
from panelstream.models.study.study import Study, Wave
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse import reads
from panelstream.models.warehouse.merges import read_merges
from panelstream.models.warehouse.reads import People
from panelstream.models.warehouse.settling import settle
from panelstream.models.warehouse.store import Store

Import = Mapping[str, Any]

T = TypeVar("T", int, str)


@dataclass(frozen=True)
class WaveDates:
    """When a wave opens and closes, in study days; None where days count from enrolment.

    `days_left`: after today; 0 on its last day, None while it is not open.
    """

    wave: int
    opens_on: date | None
    closes_on: date | None
    days_left: int | None


@dataclass(frozen=True)
class Status:
    """A study as it stands: `waves` in order, `people` by what is known of them."""

    study: str
    waves: Sequence[Participation]
    dates: Sequence[WaveDates]
    """Of the waves, in order."""
    not_asked: Mapping[int, Sequence[str]]
    """By wave the items that no response holds, though it holds others of the instrument."""
    set_apart: Mapping[int, int]
    """Rows and cells of the newest import of each form, by wave; 0: of all its waves."""
    enrolled: int
    agreed: int
    """Enrolled people whose consent to all that is required holds today."""
    declined: int
    """Enrolled people whose last statement on some scope is a no."""
    scopes: Mapping[str, int]
    versions: Mapping[int, int]
    withdrawn: Mapping[str, int]
    accounts: Mapping[str, int]
    not_enrolled: Mapping[int, int]
    """Responses of people who are not enrolled, by wave."""
    without_event: int
    """Enrolled people of whom no act on the platform is in the log."""
    events_not_enrolled: int
    """People with acts in the log who are not enrolled, test and staff accounts aside."""
    nearly_enrolled: int
    """Those of them whose id differs only by case, blanks, hyphens or leading zeros from
    the id of an enrolled person."""
    events_before_opening: int
    """Acts whose time is before the platform's first day."""
    imports: Sequence[Import]
    newest_event: datetime | None
    """Time of the newest event of the platform; None: there is none."""
    covered_until: Mapping[str, datetime]
    """By function, until when heartbeats say that the log is complete."""
    coverage: CoverageSummary
    """What makes use unknown."""
    clocks: Sequence[CorrectedClock] = ()
    """Clocks that the study corrects."""

    def as_dict(self) -> dict[str, Any]:
        """For `--json`: counts only, nobody's pseudonym."""
        return asdict(self)


def read_status(workspace: Workspace) -> Status:
    """Count a study as it is now."""
    settle(workspace.store)
    store, folder = workspace.store, workspace.folder
    statements = reads.read_consent_statements(store, LATEST)
    snapshot = Snapshot(workspace, LATEST)
    people = snapshot.people
    raw = store.query("answers", as_of=LATEST).to_pandas()
    raw = raw[raw["instrument"].isin([i.instrument for i in folder.instruments])]
    population = read_participation(workspace, people, statements, raw)
    counted = population.answers[population.answers["counts"]]
    accounts = store.query("accounts", as_of=LATEST).to_pylist()
    enrolled = set(people.enrolled["participant_id"])
    known_people = enrolled | {account["participant_id"] for account in accounts}
    with_events = store.query("people_with_events", as_of=LATEST)["participant_id"]
    active = set(with_events.to_pylist())
    imports = store.query("imports").to_pylist()
    today = workspace.clock().astimezone(folder.study.zone).date()
    return Status(
        study=folder.study.study,
        waves=participation.count_participation(
            folder.study, folder.instruments, population
        ),
        dates=[_dates(wave, today) for wave in folder.study.waves],
        not_asked=items_not_asked(counted, folder.instruments),
        set_apart=_set_apart(imports),
        enrolled=len(enrolled),
        agreed=_on(people.consents.consented, today),
        **_consent_counts(statements, enrolled),
        accounts=_sorted_counts(account["account"] for account in accounts),
        not_enrolled=_responses(raw[~raw["participant_id"].isin(known_people)]),
        without_event=len(enrolled - active),
        events_not_enrolled=len(active - known_people),
        nearly_enrolled=_nearly_enrolled(store, active - known_people, enrolled),
        events_before_opening=_early(store, folder.study),
        imports=imports,
        coverage=snapshot.coverage_summary,
        clocks=read_corrected_clocks(store, folder.study, LATEST),
        newest_event=store.query("newest_event", as_of=LATEST)["newest"][0].as_py(),
        covered_until=_covered_until(snapshot.statements.heartbeats),
    )


def list_due(workspace: Workspace, wave: int, ids: Path) -> list[str]:
    """Of the platform ids in a file those who may still answer a wave and have not.

    They are enrolled, have agreed, did not say that they want no letters, and the wave
    is open for them today. Not those who have, of each instrument that the wave
    requires, a complete response, or one with a usable answer that the export does not
    call unfinished: what they skipped they may have skipped on purpose. Nothing is stored.
    Raises `UsageError` for a wave the study does not have, `FileError` for the file.
    """
    study = workspace.folder.study
    if wave not in [planned.wave for planned in study.waves]:
        raise UsageError(f"the study has no wave {wave}")
    platform_ids = _platform_ids(ids)
    settle(workspace.store)
    statements = reads.read_consent_statements(workspace.store, LATEST)
    people = reads.select_people(workspace.store, study, LATEST, statements)
    raw = reads.read_raw_answers(workspace.store, workspace.folder, people, LATEST)
    open_to = _open(workspace, people, wave)
    no_contact = {
        person
        for person, of_person in statements.items()
        if consent.withdrawal_level(of_person)
    }
    sheets = response_sheets(raw[raw["wave"] == wave], workspace.folder.instruments)
    waiting = open_to - no_contact - _done(workspace, sheets)
    pseudonyms, merges = workspace.pseudonyms, read_merges(workspace.store)
    return [
        platform_id
        for platform_id in platform_ids
        if merges.person(pseudonyms.participant_id(platform_id)).hex() in waiting
    ]


def read_participation(
    workspace: Workspace,
    people: People,
    statements: ConsentStatements,
    raw: pd.DataFrame,
) -> StudyPopulation:
    """What `analysis.panel.participation` counts: people by wave, and their answers."""
    study = workspace.folder.study
    today = pd.Timestamp(workspace.clock().astimezone(study.zone).date())
    enrolled = people.enrolled["participant_id"].unique()
    without_consent = consent.derive_consents(
        study.model_copy(update={"consent": "external"}), enrolled, statements
    )
    eligible = windows.eligible(study, people.enrolled, without_consent)
    consented = windows.eligible(study, people.enrolled, people.consents)
    invited = workspace.store.query("invitations", as_of=LATEST).to_pandas()
    accounts = workspace.store.query("accounts", as_of=LATEST)["participant_id"]
    invited = invited[~invited["participant_id"].isin(accounts.to_pylist())]
    answers = raw[raw["participant_id"].isin(enrolled)]
    permitted = windows.permitted(study, people.consents, answers)
    return StudyPopulation(
        eligible=eligible.loc[eligible["opens_on"] <= today, PERSON_WAVE],
        consented=consented.loc[consented["opens_on"] <= today, PERSON_WAVE],
        invited=invited,
        answers=answers.assign(
            counts=answers.index.isin(permitted.index),
            timing=windows.timing(study, people.enrolled, answers),
        ),
    )


def _open(workspace: Workspace, people: People, wave: int) -> set[str]:
    """People who have agreed and may answer a wave today."""
    study: Study = workspace.folder.study
    today = workspace.clock().astimezone(study.zone).date()
    rows = windows.eligible(study, people.enrolled, people.consents)
    at = pd.Timestamp(today)
    rows = rows[(rows["wave"] == wave) & (rows["opens_on"] <= at)]
    rows = rows[rows["closes_before"] > at]
    agreed = people.consents.consented
    now = agreed[(agreed["from_on"] <= at) & (agreed["until_on"] > at)]
    return set(rows["participant_id"]) & set(now["participant_id"])


def _done(workspace: Workspace, sheets: pd.DataFrame) -> set[str]:
    """People who need no reminder of the wave that the sheets are of."""
    folder = workspace.folder
    sheets = sheets.assign(
        is_required=participation.is_required(folder.study, folder.instruments, sheets),
        is_done=sheets["complete"] | (sheets["usable"] & ~sheets["unfinished"]),
    )
    done = participation.has_all_required(sheets, "is_done")
    return set(done[done].index.get_level_values("participant_id"))


def _consent_counts(
    statements: ConsentStatements, enrolled: Iterable[str]
) -> dict[str, Any]:
    """Of enrolled people what they agreed to and declined; of all who withdrew."""
    of_enrolled = [statements.get(person, ()) for person in enrolled]
    agreements = [consent.current_consent(of_person) for of_person in of_enrolled]
    levels = Counter(map(consent.withdrawal_level, statements.values()))
    return {
        "declined": sum(map(bool, map(consent.declined_scopes, of_enrolled))),
        "scopes": _sorted_counts(scope for _, scopes in agreements for scope in scopes),
        "versions": _sorted_counts(version for version, _ in agreements if version),
        "withdrawn": {
            level: levels[level] for level in ("contact", *consent.ENDING_LEVELS)
        },
    }


def _covered_until(heartbeats: Iterable[LogTime]) -> dict[str, datetime]:
    """By function, the end of the last heartbeat."""
    ends: dict[str, datetime] = {}
    for stated in heartbeats:
        ends[stated.function] = max(stated.end, ends.get(stated.function, stated.end))
    return dict(sorted(ends.items()))


def _nearly_enrolled(store: Store, people: Set[str], enrolled: Set[str]) -> int:
    """How many people have an id that is similar to one of an enrolled person."""
    similar_ids = reads.read_similar_ids(store)
    similar = similar_ids.loc[similar_ids["person"].isin(enrolled), "similar_id"]
    is_similar = similar_ids["similar_id"].isin(similar)
    return len(people & {*similar_ids.loc[is_similar, "person"]})


def _early(store: Store, study: Study) -> int:
    [row] = store.query(
        "events_before",
        as_of=LATEST,
        zone=study.timezone,
        opened=study.platform_opened,
    ).to_pylist()
    return int(row["early"])


def _dates(wave: Wave, today: date) -> WaveDates:
    opens, closes = wave.opens_on, wave.closes_on
    is_open = opens is not None and closes is not None and opens <= today <= closes
    days_left = (closes - today).days if is_open and closes else None
    return WaveDates(wave.wave, opens, closes, days_left)


def _platform_ids(path: Path) -> list[str]:
    """The ids in a CSV file with a column `platform_id`."""
    export = read_export_file(path)
    place = require_column(export, "platform_id", "people")
    ids = [record[place].strip() for _, record in export.rows()]
    if not all(ids):
        raise FileError(path, "column platform_id", "a row has no id")
    return list(dict.fromkeys(ids))


def _on(agreed: pd.DataFrame, today: date) -> int:
    at = pd.Timestamp(today)
    now = agreed[(agreed["from_on"] <= at) & (agreed["until_on"] > at)]
    return int(now["participant_id"].nunique())


def _sorted_counts(values: Iterable[T]) -> dict[T, int]:
    """How often each value occurs, in the order of the values."""
    return dict(sorted(Counter(values).items()))


def _responses(raw: pd.DataFrame) -> dict[int, int]:
    responses = raw[RESPONSE_KEYS].drop_duplicates()
    return _sorted_counts(responses["wave"].tolist())


def _set_apart(imports: Iterable[Import]) -> dict[int, int]:
    """By wave, of the readings that hold; the list begins with the newest.

    Under 0 those of files that tell the wave of each row.
    """
    whole: set[str] = set()
    newest: dict[tuple[str, int], Import] = {}
    for record in imports:
        source, selection = record["source"], record["selection"]
        if not record["retracted"] and source not in whole:
            newest.setdefault((source, selection), record)
            whole |= {source} if selection == 0 else set()
    counts: Counter[int] = Counter()
    for record in newest.values():
        counts[record["selection"] or record["wave"]] += record["set_apart"]
    return dict(sorted(counts.items()))
