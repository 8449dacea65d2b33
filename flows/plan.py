"""The plan: its locks, and what has changed since the last."""

import json
from datetime import datetime

from panelstream.analysis.verdicts import preregistration
from panelstream.analysis.verdicts.preregistration import Lock, PlanStatus
from panelstream.flows.workspace import Workspace
from panelstream.models.errors import FileError
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.load import STUDY_FILE
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse.store import Store, in_utc
from panelstream.models.warehouse.study_records import (
    record_plan_lock,
    record_study_version,
)


def read_plan(workspace: Workspace, as_of: datetime = LATEST) -> PlanStatus:
    """The study's plan compared with every lock, and these with the first answers."""
    folder, store = workspace.folder, workspace.store
    first_answers = read_first_answers(store, folder, as_of)
    return preregistration.compare_with_locks(folder, read_locks(store), first_answers)


def read_first_answers(
    store: Store, folder: StudyFolder, as_of: datetime
) -> dict[str, datetime]:
    """When the first answer to each outcome was given, by anybody in any wave."""
    waves = {wave.wave for wave in folder.study.waves}
    first: dict[str, datetime] = {}
    for row in store.query("first_answers", as_of=as_of).to_pylist():
        if row["wave"] in waves:
            given_at = in_utc(row["first_answer"])
            instrument = row["instrument"]
            first[instrument] = min(given_at, first.get(instrument, given_at))
    return {
        score: first[instrument.instrument]
        for instrument in folder.instruments
        for score in instrument.score_columns
        if instrument.instrument in first
    }


def read_locks(store: Store) -> list[Lock]:
    """Every lock, the earliest first."""
    return [
        Lock(**{**row, "frozen": json.loads(row["frozen"])})
        for row in store.query("plan_locks").to_pylist()
    ]


def lock_plan(workspace: Workspace) -> PlanStatus:
    """Lock the plan as a new version; a plan that is locked already stays as it is.

    Raises `FileError` if the plan has nothing confirmatory.
    """
    folder, store = workspace.folder, workspace.store
    plan_status = read_plan(workspace)
    if plan_status.locked:
        return plan_status
    frozen = preregistration.freeze_plan(folder)
    if not frozen:
        raise FileError(
            folder.path / STUDY_FILE, "", "the plan has nothing confirmatory to lock"
        )
    [counts] = store.query("responses_held", as_of=LATEST).to_pylist()
    record_study_version(store, folder.version, folder.text)
    record_plan_lock(
        store,
        {
            "hash": plan_status.hash,
            "frozen": json.dumps(frozen, ensure_ascii=False),
            "study_version": folder.version,
            "text": folder.text,
            "responses": counts["responses"],
        },
    )
    return read_plan(workspace)
