"""What is derived, derived anew while readers keep the old."""

from collections.abc import Callable, Sequence
from itertools import count

from panelstream.flows.code_hash import code_hash
from panelstream.flows.panels import Snapshot
from panelstream.flows.workspace import Workspace
from panelstream.models.errors import UsageError
from panelstream.models.warehouse import projections
from panelstream.models.warehouse.projections import Basis, Build
from panelstream.models.warehouse.settling import await_settled


def rebuild(
    workspace: Workspace,
    projection: str | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Build]:
    """Derive one projection anew, or all of them; returns the builds that now hold.

    Broken off at any point, the next call goes on where it stood. `progress` is told
    chunks done and their number. Raises `UsageError` for a projection there is not.
    """
    begun = _begun(workspace, _names(projection), say)
    snapshot = Snapshot(workspace, begun[0].basis.as_of)
    parts = [(build, snapshot.chunks(build.projection)) for build in begun]
    done, total = count(1), sum(len(chunks) for _, chunks in parts)
    for build, chunks in parts:
        projections.write_chunks(
            workspace.store, build, chunks, lambda: progress(next(done), total)
        )
    projections.drop_superseded(workspace.store)
    return begun


def _names(projection: str | None) -> Sequence[str]:
    known = list(projections.TABLES)
    if projection is None:
        return known
    if projection not in known:
        raise UsageError(f"no projection '{projection}'; known: {', '.join(known)}")
    return [projection]


def _begun(
    workspace: Workspace, names: Sequence[str], say: Callable[[str], None]
) -> list[Build]:
    """The builds that were broken off, if any; else new ones, of what is known now."""
    store, version, code = workspace.store, workspace.folder.version, code_hash()
    left = [
        one
        for name in names
        for one in projections.unfinished_builds(projections.list_builds(store, name))
        if (one.basis.study_version, one.basis.code_hash) == (version, code)
    ]
    if left:
        as_of = max(one.basis.as_of for one in left)
        return [one for one in left if one.basis.as_of == as_of]
    basis = Basis(version, code, await_settled(store, None, say))
    return [projections.begin_build(store, name, basis) for name in names]
