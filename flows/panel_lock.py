"""The lock of the plan for a panel from elsewhere: a file beside its study file.

No warehouse is there that could tell when the data came. So a lock registers a hash of
the plan, of the panel file if it is there, and of the time: whoever registers that hash
where others can date it (a preregistration, an e-mail) proves the rest. A lock with the
panel file is post hoc, as the data were there; for a lock without it the times of the
answers decide, if the panel has them, and else it cannot be known.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from panelstream.analysis.panel.external import PanelFile
from panelstream.analysis.verdicts import preregistration
from panelstream.analysis.verdicts.preregistration import Lock, PlanStatus
from panelstream.models.config_file import Document
from panelstream.models.errors import FileError
from panelstream.models.study.load import STUDY_FILE, load_panel_study
from panelstream.models.study.study import PanelStudy
from panelstream.models.timestamps import Clock, utc_now

LOCK_FILE = "plan.lock.json"
_PARTS = ("hash", "data_hash", "locked_at", "study_version")
"""What the registered hash is of."""
_REMEDY = "restore the file from a backup, or remove it and lock the plan again"


def lock_panel_plan(
    folder: Path, panel_file: PanelFile, clock: Clock = utc_now
) -> PlanStatus:
    """Lock the plan of `folder` for a panel file, which need not be there yet.

    A plan that is locked for the same file stays as it is. Raises `FileError` if the
    plan has nothing confirmatory, or an earlier lock is damaged.
    """
    document = load_panel_study(folder)
    rows = _read_rows(folder)
    frozen = preregistration.freeze_plan(document.value)
    if not frozen:
        problem = "the plan has nothing confirmatory to lock"
        raise FileError(folder / STUDY_FILE, "", problem)
    path = panel_file.path
    row = {
        "hash": preregistration.hash_plan(frozen),
        "frozen": frozen,
        "text": document.text,
        "study_version": _digest(document.text.encode()),
        "data_hash": _digest(path.read_bytes()) if path.exists() else "",
        "locked_at": clock().isoformat(),
    }
    if not rows or any(rows[-1][key] != row[key] for key in ("hash", "data_hash")):
        rows = [*rows, {**row, "registered": _register(row)}]
        text = json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
        (folder / LOCK_FILE).write_text(text, encoding="utf-8")
    return _compare(document, rows, None)


def read_panel_plan(
    folder: Path,
    document: Document[PanelStudy],
    panel_file: PanelFile,
    panel: pd.DataFrame | None = None,
) -> PlanStatus:
    """The plan compared with the locks of its folder, and these with the answers.

    `panel`: its rows, for the times of the answers. Raises `FileError` for a lock that
    is damaged, and for a panel file that is not the one that was locked.
    """
    rows = _read_rows(folder)
    if rows and rows[-1]["data_hash"] and panel_file.path.exists():
        content = _digest(panel_file.path.read_bytes())
        if content != rows[-1]["data_hash"]:
            problem = f"not the file that was locked ({rows[-1]['data_hash']})"
            remedy = "analyse that one, or lock the plan for this one"
            raise FileError(panel_file.path, "", f"{problem}; {remedy}")
    first = None if panel is None else _first_answers(document, panel_file, panel)
    return _compare(document, rows, first)


def _compare(
    document: Document[PanelStudy],
    rows: Sequence[Mapping[str, Any]],
    first_answers: Mapping[str, datetime] | None,
) -> PlanStatus:
    locks = [
        Lock(
            row["hash"],
            row["frozen"],
            datetime.fromisoformat(row["locked_at"]),
            0,
            row["study_version"],
            registered=row["registered"],
            after_data=bool(row["data_hash"]),
        )
        for row in rows
    ]
    return preregistration.compare_with_locks(document.value, (), locks, first_answers)


def _first_answers(
    document: Document[PanelStudy], panel_file: PanelFile, panel: pd.DataFrame
) -> dict[str, datetime] | None:
    """By outcome when the first answer was given; None without a column of times."""
    if not panel_file.answered:
        return None
    name, path = panel_file.answered, panel_file.path
    if name not in panel:
        raise FileError(path, "", f"no column '{name}'; name it with --answered")
    times = pd.to_datetime(panel[name], utc=True, errors="coerce")
    wrong = (times.isna() & panel[name].notna()).to_numpy()
    if wrong.any():
        place = f"row {int(wrong.argmax()) + 1}, column {name}"
        raise FileError(path, place, "not a time; write it as 2027-01-31T09:00:00Z")
    outcomes = {
        outcome
        for planned in document.value.plan.confirmatory
        for outcome in planned.outcomes
        if outcome in panel
    }
    first = {outcome: times[panel[outcome].notna()].min() for outcome in outcomes}
    return {
        outcome: at.to_pydatetime() for outcome, at in first.items() if pd.notna(at)
    }


def _read_rows(folder: Path) -> list[dict[str, Any]]:
    """The locks of the file, if there is one; each with the hash that was registered."""
    path = folder / LOCK_FILE
    if not path.exists():
        return []
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return [_checked(path, number, row) for number, row in enumerate(rows, 1)]
    except (ValueError, KeyError, TypeError):
        raise FileError(path, "", f"not readable as locks; {_REMEDY}") from None


def _checked(path: Path, number: int, row: dict[str, Any]) -> dict[str, Any]:
    place = f"version {number}"
    if not row["text"]:
        raise FileError(path, place, f"its study file is gone; {_REMEDY}")
    if preregistration.hash_plan(row["frozen"]) != row["hash"]:
        problem = f"its plan does not have the hash {row['hash']}"
        raise FileError(path, place, f"{problem}; {_REMEDY}")
    if _register(row) != row["registered"]:
        problem = f"it does not have the registered hash {row['registered']}"
        raise FileError(path, place, f"{problem}; {_REMEDY}")
    return row


def _register(row: Mapping[str, Any]) -> str:
    return _digest("\n".join(row[part] for part in _PARTS).encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
