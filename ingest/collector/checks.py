"""Event by event: what is taken from a source, and what is rejected and why."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ingest import pipeline
from ingest.pipeline import RawEvents
from models.catalogue import Catalogue
from models.events import Position, Rejection


@dataclass(frozen=True)
class Checked:
    """Events that may be written: `raw` holds their lines, and what was rejected."""

    raw: RawEvents
    lines: Sequence[bytes]

    @property
    def rejections(self) -> Sequence[Rejection]:
        """What was rejected."""
        return self.raw.rejections

    @property
    def received(self) -> int:
        """Events that arrived."""
        return len(self.lines) + len(self.rejections)

    @property
    def foreign(self) -> bool:
        """Whether everything that arrived names another source than it may."""
        return bool(self.rejections) and all(
            one.field == "source" for one in self.rejections
        )


def of_source(catalogue: Catalogue, source: str) -> Catalogue:
    """The catalogue as one sender may use it: no other source is taken from it."""
    sources = tuple(one for one in catalogue.sources if one == source)
    return catalogue.model_copy(update={"sources": sources})


def check(raw: RawEvents, catalogue: Catalogue, received_at: datetime) -> Checked:
    """Decide what of a request may be written, by the same rules as everywhere."""
    decoded = pipeline.decode(raw, catalogue, received_at)
    rejections = [*raw.rejections, *decoded.rejections]
    lines = raw.payload.split(b"\n") if raw.payload else []
    if rejections:
        bad = {one.position for one in rejections}
        rows = [n for n in range(len(lines)) if raw.position(n) not in bad]
        places = [raw.position(row) for row in rows]
        lines = [lines[row] for row in rows]
        raw = replace(raw, payload=b"\n".join(lines), place=_Places(places))
    return Checked(replace(raw, rejections=rejections), lines)


@dataclass(frozen=True)
class _Places:
    places: Sequence[Position]

    def __call__(self, row: int) -> Position:
        return self.places[row]
