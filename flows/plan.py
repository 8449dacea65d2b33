"""The plan: its locks, and what has changed since."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from panelstream.analysis.verdicts import preregistration
from panelstream.analysis.verdicts.conditions import (
    Condition,
    Conditions,
    describe_wave,
    list_conditions,
)
from panelstream.analysis.verdicts.preregistration import Lock, PlanStatus, WaveTimes
from panelstream.flows.study_versions import record_version
from panelstream.flows.workspace import Workspace
from panelstream.models.errors import FileError
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.load import STUDY_FILE
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse.store import Store, in_utc
from panelstream.models.warehouse.study_records import record_plan_lock

FirstAnswers = Mapping[tuple[int, str], datetime]
"""By wave and instrument: when the first answer was given, by anybody."""


def read_plan(
    workspace: Workspace, as_of: datetime = LATEST, locked_by: datetime = LATEST
) -> PlanStatus:
    """The study's plan compared with the locks until `locked_by`.

    These are compared with the answers that are known as of `as_of`. Raises `FileError`
    for a lock that is damaged.
    """
    folder, store = workspace.folder, workspace.store
    answers = read_first_answers(store, folder, as_of)
    locks = [
        replace(lock, given=_responses_given(store, as_of, lock.locked_at))
        for lock in read_locks(store, locked_by)
    ]
    status = preregistration.compare_with_locks(
        folder.study,
        folder.instruments,
        locks,
        _by_outcome(folder, answers),
        list_conditions(folder),
    )
    return replace(status, waves=tuple(_wave_times(folder, answers)))


def read_locks(store: Store, locked_by: datetime = LATEST) -> list[Lock]:
    """Every lock, the earliest first; raises `FileError` for one that is damaged."""
    return [
        read_lock(row, "the warehouse's plan_locks")
        for row in store.query("plan_locks", as_of=locked_by).to_pylist()
    ]


def read_lock(row: Mapping[str, Any], place: str) -> Lock:
    """A lock as it was recorded; raises `FileError` if it is not what was locked."""
    locked_at = in_utc(row["locked_at"])
    problem = f"the lock of {locked_at.isoformat()} "
    remedy = "restore it from a backup, or lock the plan again"
    try:
        frozen, conditions = json.loads(row["frozen"]), _conditions(row["conditions"])
    except (ValueError, KeyError, TypeError):
        raise FileError(place, "", f"{problem}has no readable plan; {remedy}") from None
    if not row["text"]:
        raise FileError(place, "", f"{problem}has lost its study file; {remedy}")
    if preregistration.hash_plan(frozen) != row["hash"]:
        problem += f"does not have the hash {row['hash']} that was locked"
        raise FileError(place, "", f"{problem}; {remedy}")
    return Lock(
        row["hash"],
        frozen,
        locked_at,
        row["responses"],
        row["study_version"],
        conditions,
    )


def _conditions(text: str) -> Conditions | None:
    if not text:
        return None
    return {key: Condition.from_dict(part) for key, part in json.loads(text).items()}


def read_first_answers(
    store: Store, folder: StudyFolder, as_of: datetime
) -> FirstAnswers:
    """When the first answer to each instrument was given in each wave of the study."""
    waves = {wave.wave for wave in folder.study.waves}
    return {
        (row["wave"], row["instrument"]): in_utc(row["first_answer"])
        for row in store.query("first_answers", as_of=as_of).to_pylist()
        if row["wave"] in waves
    }


def _by_outcome(folder: StudyFolder, answers: FirstAnswers) -> dict[str, datetime]:
    """By score the first answer to its instrument, in any wave."""
    first = {
        instrument.instrument: [
            at for (_, name), at in answers.items() if name == instrument.instrument
        ]
        for instrument in folder.instruments
    }
    return {
        score: min(first[instrument.instrument])
        for instrument in folder.instruments
        for score in instrument.score_columns
        if first[instrument.instrument]
    }


def _wave_times(folder: StudyFolder, answers: FirstAnswers) -> Iterator[WaveTimes]:
    for wave in folder.study.waves:
        given = [at for (number, _), at in answers.items() if number == wave.wave]
        yield WaveTimes(wave.wave, describe_wave(wave), min(given, default=None))


def _responses_given(
    store: Store, as_of: datetime, given_before: datetime
) -> dict[int, int]:
    rows = store.query("responses_given", as_of=as_of, given_before=given_before)
    return {row["wave"]: row["responses"] for row in rows.to_pylist()}


def lock_plan(workspace: Workspace) -> PlanStatus:
    """Lock the plan as a new version; a plan that is locked already stays as it is.

    Raises `FileError` if the plan has nothing confirmatory.
    """
    folder, store = workspace.folder, workspace.store
    plan_status = read_plan(workspace)
    if plan_status.locked:
        return plan_status
    frozen = preregistration.freeze_plan(folder.study, folder.instruments)
    if not frozen:
        raise FileError(
            folder.path / STUDY_FILE, "", "the plan has nothing confirmatory to lock"
        )
    [counts] = store.query("responses_held", as_of=LATEST).to_pylist()
    record_version(workspace)
    record_plan_lock(
        store,
        {
            "hash": plan_status.hash,
            "frozen": json.dumps(frozen, ensure_ascii=False),
            "study_version": folder.version,
            "text": folder.text,
            "conditions": dump_conditions(list_conditions(folder)),
            "responses": counts["responses"],
        },
    )
    return read_plan(workspace)


def dump_conditions(conditions: Conditions) -> str:
    """As a lock records them."""
    parts = {key: asdict(condition) for key, condition in conditions.items()}
    return json.dumps(parts, ensure_ascii=False)
