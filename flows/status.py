"""The coordinator's view: people who answered, are missing, and agreed to what."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from panelstream.analysis.panel import participation
from panelstream.analysis.panel.participation import Participation, StudyPopulation
from panelstream.analysis.panel.selected_responses import response_sheets
from panelstream.flows.workspace import Workspace
from panelstream.ingest.surveys.file_types.export_file import (
    read_export_file,
    require_column,
)
from panelstream.models.errors import FileError, UsageError
from panelstream.models.study import consent, windows
from panelstream.models.study.consent import ConsentStatements
from panelstream.models.study.study import Study
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse import reads
from panelstream.models.warehouse.reads import People
from panelstream.models.warehouse.settling import settle

Import = Mapping[str, Any]

T = TypeVar("T", int, str)


@dataclass(frozen=True)
class Status:
    """A study as it stands: `waves` in order, `people` by what is known of them."""

    study: str
    waves: Sequence[Participation]
    set_apart: Mapping[int, int]
    """Rows and cells of the newest import of each file, by wave."""
    enrolled: int
    agreed: int
    """Enrolled people whose consent to all that is required holds today."""
    scopes: Mapping[str, int]
    versions: Mapping[int, int]
    withdrawn: Mapping[str, int]
    accounts: Mapping[str, int]
    not_enrolled: Mapping[int, int]
    """Responses of people who are not enrolled, by wave."""
    imports: Sequence[Import]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`: counts only, nobody's pseudonym."""
        return asdict(self)


def read_status(workspace: Workspace) -> Status:
    """Count a study as it is now."""
    settle(workspace.store)
    store, study = workspace.store, workspace.folder.study
    statements = reads.read_consent_statements(store, LATEST)
    people = reads.read_people(store, study, LATEST)
    raw = store.query("answers", as_of=LATEST).to_pandas()
    names = [instrument.instrument for instrument in workspace.folder.instruments]
    raw = raw[raw["instrument"].isin(names)]
    accounts = store.query("accounts", as_of=LATEST).to_pylist()
    enrolled = set(people.enrolled["participant_id"])
    known_people = enrolled | {account["participant_id"] for account in accounts}
    imports = store.query("imports").to_pylist()
    of_enrolled = [statements.get(person, ()) for person in enrolled]
    today = workspace.clock().astimezone(study.zone).date()
    agreements = [consent.current_consent(of_person) for of_person in of_enrolled]
    levels = Counter(
        consent.withdrawal_level(of_person) for of_person in statements.values()
    )
    return Status(
        study=study.study,
        waves=participation.count_participation(
            study, read_participation(workspace, people, statements, raw)
        ),
        set_apart=_set_apart(imports),
        enrolled=len(enrolled),
        agreed=_on(people.consents.consented, today),
        scopes=_sorted_counts(scope for _, scopes in agreements for scope in scopes),
        versions=_sorted_counts(version for version, _ in agreements if version),
        withdrawn={
            level: levels[level] for level in ("contact", *consent.ENDING_LEVELS)
        },
        accounts=_sorted_counts(account["account"] for account in accounts),
        not_enrolled=_responses(raw[~raw["participant_id"].isin(known_people)]),
        imports=imports,
    )


def list_due(workspace: Workspace, wave: int, ids: Path) -> list[str]:
    """Of the platform ids in a file those who may still answer a wave and have not.

    They are enrolled, have agreed, did not say that they want no letters, the wave is
    open for them today, and they have no complete response. Nothing is stored.
    Raises `UsageError` for a wave the study does not have, `FileError` for the file.
    """
    study = workspace.folder.study
    if wave not in [planned.wave for planned in study.waves]:
        raise UsageError(f"the study has no wave {wave}")
    platform_ids = _platform_ids(ids)
    settle(workspace.store)
    statements = reads.read_consent_statements(workspace.store, LATEST)
    people = reads.read_people(workspace.store, study, LATEST)
    raw = reads.read_raw_answers(workspace.store, workspace.folder, people, LATEST)
    open_to = _open(workspace, people, wave)
    no_contact = {
        person
        for person, of_person in statements.items()
        if consent.withdrawal_level(of_person)
    }
    waiting = open_to - no_contact - _complete(raw[raw["wave"] == wave])
    pseudonyms = workspace.pseudonyms
    return [
        platform_id
        for platform_id in platform_ids
        if pseudonyms.participant_id(platform_id).hex() in waiting
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
    keys = participation.PERSON_WAVE
    invited = workspace.store.query("invitations", as_of=LATEST).to_pandas()
    accounts = workspace.store.query("accounts", as_of=LATEST)["participant_id"]
    invited = invited[~invited["participant_id"].isin(accounts.to_pylist())]
    answers = raw[raw["participant_id"].isin(enrolled)]
    permitted = windows.permitted(study, people.consents, answers)
    return StudyPopulation(
        eligible=eligible.loc[eligible["opens_on"] <= today, keys],
        consented=consented.loc[consented["opens_on"] <= today, keys],
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


def _complete(raw: pd.DataFrame) -> set[str]:
    """People with a complete response in every instrument of the wave."""
    sheets = response_sheets(raw)
    complete = sheets[sheets["is_selected"] & sheets["complete"]]
    done = complete.groupby("participant_id")["instrument"].nunique()
    return set(done[done == raw["instrument"].nunique()].index)


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
    responses = raw[["participant_id", "wave", "responded_at"]].drop_duplicates()
    return _sorted_counts(responses["wave"].tolist())


def _set_apart(imports: Iterable[Import]) -> dict[int, int]:
    """By wave, of the newest import of each file; the list begins with the newest."""
    newest: dict[tuple[str, int], int] = {}
    for record in imports:
        if not record["retracted"]:
            key = (record["origin"], record["wave"])
            newest.setdefault(key, record["set_apart"])
    counts: Counter[int] = Counter()
    for (_, wave), number in newest.items():
        counts[wave] += number
    return dict(sorted(counts.items()))
