"""Settling: up to which instant the log is complete and free of conflicts."""

from collections.abc import Callable
from datetime import datetime, timedelta
from time import sleep

from panelstream.models.errors import UsageError
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse.statements import statement_names
from panelstream.models.warehouse.store import Store, in_utc

SETTLING = timedelta(seconds=10)
"""How long nothing is settled where several write (`queries/settled_at.sql`)."""


def settle(store: Store) -> datetime:
    """Move events that conflict with an earlier one of the same (source, id) apart.

    Returns the settled instant: nothing that is recorded later can be of that time or
    before. Can be repeated and interrupted at any point.
    """
    now = store.now()
    [bounds] = store.query("settled_at", now=now, shared=store.shared).to_pylist()
    if bounds["due"]:
        for step in statement_names("settle"):
            store.execute(f"settle/{step}", **bounds, now=now)
    return in_utc(bounds["settled"])


def newest_instant(store: Store, limit: datetime = LATEST) -> datetime:
    """The newest `recorded_at` that is present, up to `limit`."""
    [row] = store.query("newest_recorded_at", as_of=limit).to_pylist()
    return in_utc(row["newest"])


def await_settled(
    store: Store, as_of: datetime | None, say: Callable[[str], None]
) -> datetime:
    """Settle the log; `as_of`, or the newest instant that is present and settled.

    Where others write, what is newer than `SETTLING` is waited for; `say` is called
    with the reason. Raises `UsageError` for an `as_of` that is not settled yet.
    """
    if as_of is not None:
        return _checked(as_of, settle(store))
    newest = newest_instant(store)
    wait = (newest + SETTLING - store.now()) if store.shared else timedelta(0)
    if wait > timedelta(0):
        seconds = min(wait, SETTLING).total_seconds()
        say(f"waiting {seconds:.0f} s, until no insert can precede the newest one")
        sleep(seconds)
    at = newest_instant(store, settle(store))
    if at < newest:
        say(
            f"as of {at.isoformat()}: what was recorded later is left out, as an insert "
            f"that was begun before it has not ended"
        )
    return at


def _checked(as_of: datetime, settled_at: datetime) -> datetime:
    if as_of > settled_at:
        raise UsageError(
            f"--as-of {as_of.isoformat()} is not settled yet; the latest that is: "
            f"{settled_at.isoformat()}"
        )
    return as_of
