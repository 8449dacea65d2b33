"""Builds of what is derived and kept for readers: begun, written by chunks, finished.

Rows carry the name of their build, and readers see one finished build only: a new one
disturbs nobody until it is complete, and one that was broken off goes on after its
last chunk. Writing a chunk twice changes nothing.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from panelstream.models.timestamps import EARLIEST
from panelstream.models.warehouse.store import Store

WINDOWS, FACTS = "exposure_windows", "fact_exposure"
COVERAGE, PERSON_COVERAGE = "coverage", "coverage_of_people"
PARTICIPANTS, PANEL, ITEMS, WAVES = "participants", "panel", "items", "waves"
TABLES: Mapping[str, str] = {
    WINDOWS: "exposure_windows",
    COVERAGE: "coverage_intervals",
    PERSON_COVERAGE: "person_coverage_intervals",
    FACTS: "exposure_facts",
    PARTICIPANTS: "study_participants",
    PANEL: "panel_rows",
    ITEMS: "instrument_items",
    WAVES: "study_waves",
}
"""Every projection, in the order in which they are derived, and the table of its rows."""

NEVER = EARLIEST
"""What `finished_at` holds of a build that is not finished."""
_READING, _WRITING = timedelta(hours=1), timedelta(days=1)
"""How long somebody else may still be reading a build, or writing one."""


@dataclass(frozen=True)
class Basis:
    """What rows are derived from: of the same, the same rows."""

    study_version: str
    code_hash: str
    as_of: datetime


@dataclass(frozen=True)
class Build:
    """One derivation of a projection, complete or under way."""

    projection: str
    name: str
    basis: Basis
    started_at: datetime
    finished_at: datetime = NEVER

    @property
    def finished(self) -> bool:
        """Whether all its rows are there."""
        return self.finished_at > NEVER


@dataclass(frozen=True)
class Chunk:
    """A part of a projection, and what derives its rows for a build."""

    name: str
    rows: Callable[[Build], pa.Table]


def ensure_build(
    store: Store, projection: str, basis: Basis, chunks: Iterable[Chunk]
) -> Build:
    """The build of `basis`: that which is finished, else one that is finished now."""
    same_basis = [
        build for build in list_builds(store, projection) if build.basis == basis
    ]
    finished = [build for build in same_basis if build.finished]
    if finished:
        return finished[-1]
    build = same_basis[-1] if same_basis else begin_build(store, projection, basis)
    write_chunks(store, build, chunks)
    return build


def keep_build(
    store: Store, projection: str, basis: Basis, chunks: Iterable[Chunk]
) -> None:
    """The same for readers, who never see less than they saw: the past is not kept."""
    holding = newest_build(list_builds(store, projection))
    if holding is None or holding.basis.as_of <= basis.as_of:
        ensure_build(store, projection, basis, chunks)


def begin_build(store: Store, projection: str, basis: Basis) -> Build:
    """Begin a build."""
    build = Build(projection, secrets.token_hex(8), basis, store.next_instant())
    _record(store, build, NEVER)
    return build


def write_chunks(
    store: Store,
    build: Build,
    chunks: Iterable[Chunk],
    progress: Callable[[], None] = lambda: None,
) -> None:
    """Write the chunks that are not there yet, and finish the build."""
    written = store.query(
        "projection_chunks", projection=build.projection, build=build.name
    )
    done = set(written["chunk"].to_pylist())
    for chunk in chunks:
        if chunk.name not in done:
            _write_chunk(store, build, chunk)
        progress()
    _record(store, build, store.next_instant())


def list_builds(store: Store, projection: str) -> list[Build]:
    """The builds of a projection, in the order in which they were begun."""
    rows = store.query("projection_builds", projection=projection).to_pylist()
    return [_build(row) for row in rows]


def newest_build(candidates: Iterable[Build]) -> Build | None:
    """The build that readers see."""
    finished = (build for build in candidates if build.finished)
    return max(finished, key=_age, default=None)


def unfinished_builds(candidates: Sequence[Build]) -> list[Build]:
    """The builds that were begun, not finished, and would not be older than the newest."""
    holding = newest_build(candidates)
    newest_as_of = holding.basis.as_of if holding else NEVER
    return [
        build
        for build in candidates
        if not build.finished and build.basis.as_of >= newest_as_of
    ]


def superseded_builds(
    candidates: Sequence[Build], finished_before: datetime, begun_before: datetime
) -> list[Build]:
    """The builds that nobody reads or writes any more.

    Those finished before an instant, but for the newest of them, and those that were
    begun before an instant, not finished, and know less than the newest.
    """
    settled = [build for build in candidates if build.finished_at <= finished_before]
    holding = newest_build(settled)
    if holding is None:
        return []
    replaced = [build for build in settled if build.finished and build != holding]
    abandoned = [
        build
        for build in candidates
        if not build.finished
        and build.started_at <= begun_before
        and build.basis.as_of < holding.basis.as_of
    ]
    return [*replaced, *abandoned]


def drop_superseded(store: Store) -> None:
    """Drop the builds that are superseded; where others may read, only after a while."""
    now, shared = store.next_instant(), int(store.shared)
    limits = now - shared * _READING, now - shared * _WRITING
    old = [
        build
        for projection in TABLES
        for build in superseded_builds(list_builds(store, projection), *limits)
    ]
    names = [build.name for build in old]
    for projection in {build.projection: None for build in old}:
        store.execute(f"changes/drop_{projection}", builds=names)
    if old:
        # After their rows: broken off in between, the next one does it again.
        store.execute("changes/forget_chunks", builds=names)
        store.execute("changes/forget_builds", builds=names)


def _age(build: Build) -> tuple[datetime, datetime]:
    return build.basis.as_of, build.finished_at


def _write_chunk(store: Store, build: Build, chunk: Chunk) -> None:
    rows = chunk.rows(build)
    if rows.num_rows:
        store.insert(TABLES[build.projection], rows)
    written = {
        "projection": [build.projection],
        "build": [build.name],
        "chunk": [chunk.name],
        "written_at": _instants([store.now()]),
    }
    store.insert("projection_chunks", pa.table(written))


def _record(store: Store, build: Build, finished_at: datetime) -> None:
    basis = build.basis
    row = {
        "projection": [build.projection],
        "build": [build.name],
        "study_version": [basis.study_version],
        "code_hash": [basis.code_hash],
        "as_of": _instants([basis.as_of]),
        "started_at": _instants([build.started_at]),
        "finished_at": _instants([finished_at]),
    }
    store.insert("projection_builds", pa.table(row))


def _build(row: Mapping[str, Any]) -> Build:
    basis = Basis(row["study_version"], row["code_hash"], row["as_of"])
    times = row["started_at"], row["finished_at"]
    return Build(row["projection"], row["build"], basis, *times)


def _instants(values: list[datetime]) -> pa.Array:
    return pa.array(values, pa.timestamp("us", "UTC"))
