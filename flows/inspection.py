"""Looking at what a warehouse holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.workspace import Workspace
from models.events import Counts


@dataclass(frozen=True)
class ArrivalReport:
    """An ingest's own counts, the settled counts of the warehouse, and what was rejected."""

    arrived: Counts
    warehouse: Mapping[str, int]
    dead_letters: Sequence[Mapping[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "arrived": {"received": self.arrived.received, **vars(self.arrived)},
            "warehouse": dict(self.warehouse),
            "dead_letters": [dict(one) for one in self.dead_letters],
        }


def after_ingest(
    workspace: Workspace, arrived: Counts, origins: list[str]
) -> ArrivalReport:
    """Settle, and read what became of the events of some files."""
    workspace.store.settle()
    [counts] = workspace.store.query(
        "arrival_counts", as_of=workspace.store.next_instant()
    ).to_pylist()
    letters = workspace.store.query("dead_letters", origins=origins).to_pylist()
    return ArrivalReport(arrived, counts, letters)
