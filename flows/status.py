"""Who answered, who is missing, and who agreed to what: the coordinator's view."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

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
    """Read how the study stands, as known now."""
    settle(workspace.store)
    store, study = workspace.store, workspace.folder.study
    said = reads.read_consent_statements(store, LATEST)
    people = reads.read_people(store, study, LATEST)
    raw = store.query("answers", as_of=LATEST).to_pandas()
    asked = [one.instrument for one in workspace.folder.instruments]
    raw = raw[raw["instrument"].isin(asked)]
    accounts = store.query("accounts", as_of=LATEST).to_pylist()
    enrolled = set(people.enrolled["participant_id"])
    strangers = raw[
        ~raw["participant_id"].isin(
            enrolled | {one["participant_id"] for one in accounts}
        )
    ]
    imports = store.query("imports").to_pylist()
    here = {who: said.get(who, ()) for who in enrolled}
    today = workspace.clock().astimezone(study.zone).date()
    agreements = [consent.current_consent(theirs) for theirs in here.values()]
    levels = Counter(consent.withdrawal_level(theirs) for theirs in said.values())
    return Status(
        study=study.study,
        waves=participation.count_participation(
            study, known(workspace, people, said, raw)
        ),
        set_apart=_set_apart(imports),
        enrolled=len(enrolled),
        agreed=_on(people.consents.consented, today),
        scopes=dict(sorted(Counter(s for _, all_ in agreements for s in all_).items())),
        versions=dict(sorted(Counter(v for v, _ in agreements if v).items())),
        withdrawn={one: levels[one] for one in ("contact", *consent.ENDING_LEVELS)},
        accounts=dict(sorted(Counter(one["account"] for one in accounts).items())),
        not_enrolled=_responses(strangers),
        imports=imports,
    )


def list_due(workspace: Workspace, wave: int, ids: Path) -> list[str]:
    """Of the platform ids in a file those who may still answer a wave and have not.

    They are enrolled, have agreed, did not say that they want no letters, the wave is
    open for them today, and they have no complete response. Nothing is stored.
    Raises `UsageError` for a wave the study does not have, `FileError` for the file.
    """
    study = workspace.folder.study
    if wave not in [one.wave for one in study.waves]:
        raise UsageError(f"the study has no wave {wave}")
    named = _platform_ids(ids)
    settle(workspace.store)
    said = reads.read_consent_statements(workspace.store, LATEST)
    people = reads.read_people(workspace.store, study, LATEST)
    raw = reads.read_raw_answers(workspace.store, workspace.folder, people, LATEST)
    open_to = _open(workspace, people, wave)
    silent = {who for who, theirs in said.items() if consent.withdrawal_level(theirs)}
    waiting = open_to - silent - _complete(raw[raw["wave"] == wave])
    pseudonyms = workspace.pseudonyms
    return [one for one in named if pseudonyms.participant_id(one).hex() in waiting]


def known(
    workspace: Workspace, people: People, said: ConsentStatements, raw: pd.DataFrame
) -> StudyPopulation:
    """What `analysis.participation` counts: people by wave, and their answers."""
    study = workspace.folder.study
    today = pd.Timestamp(workspace.clock().astimezone(study.zone).date())
    enrolled = people.enrolled["participant_id"].unique()
    anybody = consent.derive_consents(
        study.model_copy(update={"consent": "external"}), enrolled, said
    )
    eligible = windows.eligible(study, people.enrolled, anybody)
    consented = windows.eligible(study, people.enrolled, people.consents)
    keys = participation.PERSON_WAVE
    invited = workspace.store.query("invitations", as_of=LATEST).to_pandas()
    apart = workspace.store.query("accounts", as_of=LATEST)["participant_id"]
    invited = invited[~invited["participant_id"].isin(apart.to_pylist())]
    mine = raw[raw["participant_id"].isin(enrolled)]
    permitted = windows.permitted(study, people.consents, mine)
    return StudyPopulation(
        eligible=eligible.loc[eligible["opens_on"] <= today, keys],
        consented=consented.loc[consented["opens_on"] <= today, keys],
        invited=invited,
        answers=mine.assign(
            counts=mine.index.isin(permitted.index),
            timing=windows.timing(study, people.enrolled, mine),
        ),
    )


def _open(workspace: Workspace, people: People, wave: int) -> set[str]:
    """Who has agreed and may answer a wave today."""
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
    """Who has a complete response in every instrument that the wave asks."""
    held = response_sheets(raw)
    held = held[held["is_selected"] & held["complete"]]
    done = held.groupby("participant_id")["instrument"].nunique()
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


def _responses(raw: pd.DataFrame) -> dict[int, int]:
    each = raw[["participant_id", "wave", "responded_at"]].drop_duplicates()
    return dict(sorted(Counter(each["wave"].tolist()).items()))


def _set_apart(imports: Iterable[Import]) -> dict[int, int]:
    """By wave, of the newest import of each file; the list begins with the newest."""
    newest: dict[tuple[str, int], int] = {}
    for one in imports:
        if not one["retracted"]:
            newest.setdefault((one["origin"], one["wave"]), one["set_apart"])
    counts: Counter[int] = Counter()
    for (_, wave), number in newest.items():
        counts[wave] += number
    return dict(sorted(counts.items()))
