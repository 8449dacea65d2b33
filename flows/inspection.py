"""Looking at what a warehouse holds."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from panelstream.flows.workspace import Workspace
from panelstream.models.events.event import Counts
from panelstream.models.warehouse.settling import settle


@dataclass(frozen=True)
class ArrivalReport:
    """An ingest's own counts and rejections, and the settled counts of the warehouse."""

    arrived: Counts
    warehouse: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        arrived = asdict(self.arrived)
        rejections = arrived.pop("rejections")
        return {
            "arrived": {"received": self.arrived.received, **arrived},
            "warehouse": dict(self.warehouse),
            "rejections": [one | one.pop("position") for one in rejections],
        }


def after_ingest(workspace: Workspace, arrived: Counts) -> ArrivalReport:
    """Settle, and read what became of the events that arrived."""
    settle(workspace.store)
    [counts] = workspace.store.query(
        "arrival_counts", as_of=workspace.store.next_instant()
    ).to_pylist()
    return ArrivalReport(arrived, counts)
