"""Locking the plan, and how it stands beside its locks."""

import json

from analysis import lock
from analysis.lock import Lock, Standing
from flows.workspace import Workspace
from models.errors import FileError
from models.store import Store
from models.study import FILE


def read(workspace: Workspace) -> Standing:
    """The study's plan beside everything that was locked."""
    return lock.stand(workspace.folder, read_locks(workspace.store))


def read_locks(store: Store) -> list[Lock]:
    """Every lock, the earliest first."""
    return [
        Lock(**{**one, "frozen": json.loads(one["frozen"])})
        for one in store.query("plan_locks").to_pylist()
    ]


def freeze(workspace: Workspace) -> Standing:
    """Lock the plan as it is, as a new version; the one that is locked stays as it is.

    Raises `FileError` if the plan has nothing confirmatory.
    """
    folder, store = workspace.folder, workspace.store
    standing = read(workspace)
    if standing.locked:
        return standing
    frozen = lock.freeze(folder)
    if not frozen:
        raise FileError(
            folder.path / FILE, "", "the plan has nothing confirmatory to lock"
        )
    [held] = store.query("responses_held").to_pylist()
    store.keep_study(folder.version, folder.text)
    store.lock_plan(
        {
            "hash": standing.hash,
            "frozen": json.dumps(frozen, ensure_ascii=False),
            "study_version": folder.version,
            "text": folder.text,
            "responses": held["responses"],
        }
    )
    return read(workspace)
