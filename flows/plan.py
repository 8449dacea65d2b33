"""The plan: its locks, and what has changed since the last."""

import json

from panelstream.analysis.verdicts import preregistration
from panelstream.analysis.verdicts.preregistration import Lock, PlanStatus
from panelstream.flows.workspace import Workspace
from panelstream.models.errors import FileError
from panelstream.models.study.load import STUDY_FILE
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse.store import Store
from panelstream.models.warehouse.study_records import (
    record_plan_lock,
    record_study_version,
)


def read_plan(workspace: Workspace) -> PlanStatus:
    """The study's plan compared with every lock."""
    return preregistration.compare_with_locks(
        workspace.folder, read_locks(workspace.store)
    )


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
