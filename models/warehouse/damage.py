"""Whether an embedded warehouse is whole: the engine opens what is left of one in silence.

Parts that it cannot read it sets aside, and tables that are gone it does not miss. A
count of what is left would pass for a count of what there was.
"""

from pathlib import Path

from panelstream.models.errors import Unreachable
from panelstream.models.warehouse.store import Store

_DATA = "data/default"
_NEW = 1
"""Tables of a warehouse whose first migration was broken off: the list of migrations."""


def refuse_damaged(store: Store, path: Path) -> None:
    """Raise `Unreachable` where the embedded warehouse of the folder `path` is damaged.

    Before any migration runs: afterwards what is missing is there again, empty.
    """
    [state] = store.query("damage").to_pylist()
    if state["broken"]:
        damage = f"unreadable parts of {', '.join(state['broken'])}"
    elif not state["migrated"] and _count_tables(path) > _NEW:
        damage = "tables without what was in them"
    else:
        return
    raise Unreachable(
        f"the warehouse {path} is damaged ({damage}): restore it from a backup, or import "
        f"everything into a new one"
    )


def _count_tables(path: Path) -> int:
    """Tables that were there at some time, by the folder that the engine makes for each."""
    tables = path / _DATA
    return len(list(tables.iterdir())) if tables.is_dir() else 0
