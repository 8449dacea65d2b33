"""What the warehouse keeps of the study itself: versions of its file, locked plans."""

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


def record_plan_lock(store: Store, lock: Mapping[str, Any]) -> None:
    """Record a lock: the columns of `plan_locks` but for `locked_at`."""
    row = {**lock, "locked_at": store.next_instant()}
    store.insert("plan_locks", pa.Table.from_pylist([row], schema=_LOCK))
