"""Versions of a study: the texts that it was read from, kept, and read again.

Whatever builds a panel, imports answers or locks the plan records the version that it
uses. A panel as of an earlier instant takes the version that held then.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from panelstream.flows.workspace import Workspace
from panelstream.ingest.surveys.mapping import SurveyMapping
from panelstream.models.errors import FileError, UsageError
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.load import load_study
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse.store import TICK, Store, in_utc
from panelstream.models.warehouse.study_records import (
    record_study_texts,
    record_study_use,
    record_study_version,
)

_TABLE = "the warehouse's study_texts"


@dataclass(frozen=True)
class VersionInUse:
    """The workspace with a version of its study; its locks are those until `locked_by`.

    `is_present`: it is the version of the study's present files. `line` says what was
    taken, where that is another one or cannot be told.
    """

    workspace: Workspace
    locked_by: datetime = LATEST
    is_present: bool = True
    line: str = ""


@dataclass(frozen=True)
class _Use:
    """A version, and from when until when it held."""

    version: str
    start: datetime
    end: datetime


def record_version(workspace: Workspace) -> None:
    """Keep the texts of the study as it is, if another version was used last."""
    store, folder = workspace.store, workspace.folder
    uses = _read_uses(store)
    if uses and uses[-1].version == folder.version:
        return
    record_study_version(store, folder.version, folder.text)
    record_study_texts(store, folder.version, folder.texts)
    record_study_use(store, folder.version)


def take_version(
    workspace: Workspace, as_of: datetime | None, version: str | None = None
) -> VersionInUse:
    """The workspace with the version that held at `as_of`, or with `version`.

    The present files where neither is given, and where nothing was recorded until then.
    Raises `UsageError` for a version that was never used, `FileError` for one whose
    texts are gone or are not what was recorded.
    """
    uses, present = _read_uses(workspace.store), workspace.folder.version
    use = _find_use(uses, as_of, version)
    if version and use is None and version != present:
        raise UsageError(
            f"the warehouse has no study version '{version}'; the manifest of results "
            "has it as study_version"
        )
    if as_of and use is None and not version:
        line = f"no study version was recorded until {as_of.isoformat()}: the present "
        return VersionInUse(workspace, line=f"{line}study files are used")
    if use is None or use.version == present:
        return VersionInUse(workspace)
    line = f"study version {use.version} of {use.start.isoformat()} is used, not the "
    return VersionInUse(
        _with_version(workspace, use.version),
        use.end - TICK,
        False,
        f"{line}present one ({present})",
    )


def dump_texts(folder: StudyFolder) -> str:
    """The texts of a study, as results keep them."""
    rows = [
        {"kind": kind, "name": name, "text": text}
        for (kind, name), text in sorted(folder.texts.items())
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def load_texts(path: Path, folder: StudyFolder, version: str) -> StudyFolder:
    """The study that results in `path` were made with, from its own `dump_texts`.

    Raises `FileError` where that is not `version`.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        texts = {(row["kind"], row["name"]): row["text"] for row in rows}
    except (ValueError, KeyError, TypeError):
        raise FileError(path, "", "not readable; analyse again") from None
    loaded = load_study(folder.path, texts)
    if loaded.version != version:
        problem = f"not the study version {version} of the manifest; analyse again"
        raise FileError(path, "", problem)
    return loaded


def _find_use(
    uses: Sequence[_Use], as_of: datetime | None, version: str | None
) -> _Use | None:
    """The last use of the version, or the one that held at the instant."""
    fitting = [
        use
        for use in uses
        if (use.version == version if version else as_of and use.start <= as_of)
    ]
    return fitting[-1] if fitting else None


def _read_uses(store: Store) -> list[_Use]:
    rows = store.query("study_uses").to_pylist()
    starts = [in_utc(row["used_at"]) for row in rows]
    return [
        _Use(row["version"], start, end)
        for row, (start, end) in zip(rows, pairwise([*starts, LATEST]), strict=True)
    ]


def _with_version(workspace: Workspace, version: str) -> Workspace:
    """The workspace with the study as it was; its store reads clocks as that says."""
    texts = dict(_stored_texts(workspace.store, version))
    folder = load_study(workspace.folder.path, texts)
    if folder.catalogue.clocks != workspace.store.clocks:
        if workspace.store.clustered:
            problem = "has other clock_corrections, which a cluster's views cannot read"
            raise UsageError(
                f"study version {version} {problem}; restore its study file"
            )
        workspace.store.correct_clocks(folder.catalogue.clocks)
    return replace(workspace, folder=folder)


def _stored_texts(store: Store, version: str) -> Iterator[tuple[tuple[str, str], str]]:
    rows = store.query("study_texts", version=version).to_pylist()
    remedy = "restore the warehouse from a backup"
    if not rows:
        raise FileError(_TABLE, "", f"study version {version} has no texts; {remedy}")
    for row in rows:
        if sha256(row["text"].encode()).hexdigest() != row["sha256"]:
            problem = f"{row['name']} of study version {version} is not what was stored"
            raise FileError(_TABLE, "", f"{problem}; {remedy}")
        yield (row["kind"], row["name"]), row["text"]


def record_mapping(store: Store, mapping: SurveyMapping) -> None:
    """Keep what a mapping says, as JSON, under the hash that imports have."""
    texts = {("mapping", "mapping"): mapping.model_dump_json()}
    record_study_texts(store, mapping.hash, texts)
