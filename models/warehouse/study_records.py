"""What the warehouse keeps of the study itself: versions of its file, locked plans."""

import hashlib
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from panelstream.models.warehouse.store import Store

_LOCK = pa.schema(
    {
        **dict.fromkeys(
            ("hash", "frozen", "study_version", "text", "conditions"), pa.string()
        ),
        "responses": pa.uint64(),
        "locked_at": pa.timestamp("us", "UTC"),
    }
)


def record_study_version(store: Store, version: str, text: str) -> None:
    """Keep a version of the study file."""
    row = {"version": [version], "text": [text], "recorded_at": [store.now()]}
    store.insert("study_versions", pa.table(row))


def record_study_texts(
    store: Store, version: str, texts: Mapping[tuple[str, str], str]
) -> None:
    """Keep the texts of a version, by kind and name."""
    now = store.now()
    rows = [
        {
            "version": version,
            "kind": kind,
            "name": name,
            "text": text,
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
            "recorded_at": now,
        }
        for (kind, name), text in texts.items()
    ]
    store.insert("study_texts", pa.Table.from_pylist(rows))


def record_study_use(store: Store, version: str) -> None:
    """State that a version holds from now on."""
    row = {"version": [version], "used_at": [store.now()]}
    store.insert("study_uses", pa.table(row))


def record_plan_lock(store: Store, lock: Mapping[str, Any]) -> None:
    """Record a lock: the columns of `plan_locks` but for `locked_at`."""
    row = {**lock, "locked_at": store.next_instant()}
    store.insert("plan_locks", pa.Table.from_pylist([row], schema=_LOCK))
