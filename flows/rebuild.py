"""Derived tables, rebuilt while readers see the old version."""

from collections.abc import Callable, Sequence
from itertools import count

from panelstream.flows.code_hash import code_hash
from panelstream.flows.panels import Snapshot, keep_panel_view
from panelstream.flows.workspace import Workspace
from panelstream.models.errors import UsageError
from panelstream.models.warehouse import projections
from panelstream.models.warehouse.projections import Basis, Build
from panelstream.models.warehouse.settling import await_settled


def rebuild_projections(
    workspace: Workspace,
    projection: str | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Build]:
    """Rebuild one projection, or all of them; returns the builds that readers now see.

    If it is interrupted at any point, the next call continues. `progress` receives the
    chunks done and their number. Raises `UsageError` for an unknown projection.
    """
    builds = _open_builds(workspace, _names(projection), say)
    snapshot = Snapshot(workspace, builds[0].basis.as_of)
    parts = [(build, snapshot.chunks(build.projection)) for build in builds]
    done, total = count(1), sum(len(chunks) for _, chunks in parts)
    for build, chunks in parts:
        projections.write_chunks(
            workspace.store, build, chunks, lambda: progress(next(done), total)
        )
    if projections.PANEL in {build.projection for build in builds}:
        keep_panel_view(workspace, snapshot)
    projections.drop_superseded(workspace.store)
    return builds


def _names(projection: str | None) -> Sequence[str]:
    names = list(projections.TABLES)
    if projection is None:
        return names
    if projection not in names:
        raise UsageError(f"no projection '{projection}'; known: {', '.join(names)}")
    return [projection]


def _open_builds(
    workspace: Workspace, names: Sequence[str], say: Callable[[str], None]
) -> list[Build]:
    """The builds that were interrupted, if any; else new ones, of the present data."""
    store, version, code = workspace.store, workspace.folder.version, code_hash()
    interrupted = [
        build
        for name in names
        for build in projections.unfinished_builds(projections.list_builds(store, name))
        if (build.basis.study_version, build.basis.code_hash) == (version, code)
    ]
    if interrupted:
        as_of = max(build.basis.as_of for build in interrupted)
        return [build for build in interrupted if build.basis.as_of == as_of]
    basis = Basis(version, code, await_settled(store, None, say))
    return [projections.begin_build(store, name, basis) for name in names]
