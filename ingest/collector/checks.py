"""Event by event: what is taken from a source, and what is rejected and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from panelstream.ingest.events.pipeline import RawEvents
from panelstream.ingest.events.splitting import without_bom
from panelstream.ingest.events.strict_decoder import ATTRIBUTES, Decoder, without_nulls
from panelstream.models.events.catalogue import Catalogue
from panelstream.models.events.event import Position, Rejection


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
            (rejection.reason, rejection.field) == ("invalid_data", "source")
            for rejection in self.rejections
        )


def of_source(catalogue: Catalogue, source: str) -> Catalogue:
    """The catalogue as one sender may use it: no other source is taken from it."""
    sources = tuple(entry for entry in catalogue.sources if entry == source)
    return catalogue.model_copy(update={"sources": sources})


def check(raw: RawEvents, catalogue: Catalogue, received_at: datetime) -> Checked:
    """Decide what of a request may be written, by the same rules as everywhere.

    One by one: whole columns would take memory for every name that a sender makes up.
    """
    decoder = Decoder(catalogue, received_at)
    lines: list[bytes] = []
    places: list[Position] = []
    rejections = list(raw.rejections)
    for row, line in enumerate(raw.payload.split(b"\n") if raw.payload else ()):
        place = raw.position(row)
        [outcome] = decoder.decode(line, place)
        if isinstance(outcome, Rejection):
            rejections.append(outcome)
        else:
            lines.append(known(line))
            places.append(place)
    taken = RawEvents(raw.origin, 1, b"\n".join(lines), _Places(places), rejections)
    return Checked(taken, lines)


def known(line: bytes) -> bytes:
    """An accepted event without what is not stored: other attributes, and nulls.

    What comes after us, which decodes by columns, meets no name but ours.
    """
    attributes = msgspec.json.decode(without_bom(line))
    kept = {name: attributes[name] for name in ATTRIBUTES if name in attributes}
    if isinstance(kept.get("data"), dict):
        kept["data"] = without_nulls(kept["data"])
    return msgspec.json.encode(without_nulls(kept))


@dataclass(frozen=True)
class _Places:
    places: Sequence[Position]

    def __call__(self, row: int) -> Position:
        return self.places[row]
